"""Routers: who gets a message, what comes back, and what happens when routees are down."""

from __future__ import annotations

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    ChildSpec,
    DeadLetter,
    Down,
    MailboxFull,
    MailboxOptions,
    SpawnOptions,
    Start,
    Started,
)
from regrow.actors.patterns import (
    AddRoutee,
    Broadcast,
    ConsistentHash,
    GetRoutees,
    NoAnswer,
    NoRoutee,
    RandomPick,
    RemoveRoutee,
    Router,
    RouterActor,
    ScatterGather,
    TailChopping,
)
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, PuppetError, crash, hang


@pytest.fixture
def refs(system: ActorSystem) -> list[ActorRef]:
    return [system.spawn(Puppet, options=SpawnOptions(name=name)) for name in "abc"]


def seen(refs: list[ActorRef]) -> list[list[object]]:
    return [ref.ask(lambda puppet: list(puppet.seen)) for ref in refs]


def name(puppet: Puppet) -> str:
    return puppet.name


def test_messages_go_round(refs: list[ActorRef]) -> None:
    router = Router(refs)
    for number in range(6):
        router.tell(number)
    assert seen(refs) == [[0, 3], [1, 4], [2, 5]]
    assert [router.ask(name) for _ in range(4)] == ["a", "b", "c", "a"]


def test_an_ask_can_be_left_for_later(refs: list[ActorRef]) -> None:
    assert Router(refs).ask(name, block=False).get(timeout=5.0) == "a"


def test_who_is_down_is_passed_over_and_used_again_in_its_next_life(
    system: ActorSystem, refs: list[ActorRef], probe: Probe
) -> None:
    router = Router(refs)
    refs[1].stop()
    assert [router.ask(name) for _ in range(4)] == ["a", "c", "c", "a"]
    spec = ChildSpec(id="b", start=Start(Puppet), name="b")
    system.begin(spec, parent=probe.ref, ref=refs[1], on_outcome=probe.outcome)
    probe.expect(Started)
    assert {router.ask(name) for _ in range(3)} == {"a", "b", "c"}


class Zombie(ActorRef):
    """Has ended between the look at it and the message."""

    def is_alive(self) -> bool:
        return True


def test_who_ends_in_this_very_moment_is_passed_over_too(system: ActorSystem, refs: list[ActorRef]) -> None:
    router = Router([Zombie(system, name="zombie", actor_class=Puppet), refs[0]])
    assert [router.ask(name) for _ in range(2)] == ["a", "a"]
    for _ in range(2):
        router.tell("told")
    assert seen(refs[:1]) == [["told", "told"]]
    assert router.broadcast("all") == 1


def test_without_anybody_alive_there_is_no_routee(refs: list[ActorRef]) -> None:
    for ref in refs:
        ref.stop()
    router = Router(refs, name="workers")
    with pytest.raises(NoRoutee, match="workers: expected a routee that is alive, got 3 of which none is"):
        router.tell(1)
    for strategy in (RandomPick(), Broadcast(), ScatterGather(), TailChopping(1.0)):
        with pytest.raises(NoRoutee):
            Router(refs, strategy).ask(1)
    with pytest.raises(NoRoutee):
        Router([], Broadcast()).tell(1)
    assert router.broadcast(1) == 0


def test_routees_come_and_go(refs: list[ActorRef]) -> None:
    router = Router(refs[:2])
    assert not router.add(refs[0])
    assert router.add(refs[2])
    assert router.remove(refs[0])
    assert not router.remove(refs[0])
    assert router.routees == (refs[1], refs[2])
    router.resize(refs)
    refs[0].stop()
    assert router.prune() == (refs[0],)
    assert router.routees == (refs[1], refs[2])


def test_routees_can_be_what_a_function_gives_at_the_moment(refs: list[ActorRef]) -> None:
    group = refs[:1]
    router = Router(lambda: group)
    assert {router.ask(name) for _ in range(3)} == {"a"}
    group.extend(refs[1:])
    assert {router.ask(name) for _ in range(3)} == {"a", "b", "c"}
    with pytest.raises(ValueError, match="whose routees are what a function gives"):
        router.add(refs[0])


def test_the_members_of_a_group_are_routed_to(system: ActorSystem, refs: list[ActorRef]) -> None:
    router = Router(lambda: system.groups.members("workers"), ConsistentHash(lambda _message: "key"))
    with pytest.raises(NoRoutee):
        router.tell(1)
    system.groups.join("workers", *refs)
    first = router.ask(name)
    next(ref for ref in refs if ref.name == first).stop()
    assert len(router.routees) == 2
    assert router.ask(name) != first


def test_names_can_be_routed_to_and_keep_their_keys(system: ActorSystem, refs: list[ActorRef]) -> None:
    router = Router([system.named(ref.name) for ref in refs], ConsistentHash(lambda _message: "key"))
    owner = router.ask(name)
    assert isinstance(owner, str)
    next(ref for ref in refs if ref.name == owner).stop()
    assert router.ask(name) != owner
    system.spawn(Puppet, options=SpawnOptions(name=owner))
    assert router.ask(name) == owner


def test_a_key_leads_to_one_routee_and_to_another_while_that_is_down(refs: list[ActorRef]) -> None:
    router = Router(refs, ConsistentHash(lambda message: str(type(message))))
    owner = router.ask(name)
    assert {router.ask(name) for _ in range(5)} == {owner}
    next(ref for ref in refs if ref.name == owner).stop()
    second = router.ask(name)
    assert second != owner
    assert {router.ask(name) for _ in range(5)} == {second}


def test_a_full_mailbox_is_the_senders_affair_but_not_in_a_broadcast(system: ActorSystem, refs: list[ActorRef]) -> None:
    letters = system.bus.collect(DeadLetter)
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    full.tell(hang(hold))
    hold.wait_reached()
    full.tell("waits")
    with pytest.raises(MailboxFull):
        Router([full]).tell(1)
    assert Router([full, *refs]).broadcast(2) == 3
    hold.release()
    letter = letters.get()
    assert isinstance(letter, DeadLetter)
    assert (letter.to, letter.message) == (full, 2)


def test_a_broadcast_reaches_all_and_its_answer_is_all_answers(refs: list[ActorRef]) -> None:
    router = Router(refs, Broadcast())
    router.tell("all")
    assert seen(refs) == [["all"]] * 3
    assert router.ask(name) == ["a", "b", "c"]
    refs[1].stop()
    assert router.ask(name) == ["a", "c"]


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_the_answer_of_scatter_and_gather_is_the_first(refs: list[ActorRef]) -> None:
    hold = Hold()

    def only_b_is_fast(puppet: Puppet) -> str:
        return "fast" if puppet.name == "b" else hold()

    router = Router(refs, ScatterGather())
    assert router.ask(only_b_is_fast) == "fast"
    hold.release()
    router.tell("all")
    assert [each[-1] for each in seen(refs)] == ["all"] * 3


def test_nobody_waits_for_itself_through_a_router(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    for strategy in (RandomPick(), Broadcast(), ScatterGather(), TailChopping(1.0)):
        router = Router([ref], strategy)

        def ask_router(_puppet: Puppet, router: Router = router) -> str:
            with pytest.raises(CallingSelf):
                router.ask(1)
            return "refused"

        assert ref.ask(ask_router) == "refused"


# Tail chopping.


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_another_one_is_asked_when_the_first_is_slow(refs: list[ActorRef], clock: ManualClock) -> None:
    hold = Hold()
    asked: list[str] = []

    def first_is_slow(puppet: Puppet) -> str:
        asked.append(puppet.name)
        return hold() if len(asked) == 1 else puppet.name

    answer = Router(refs, TailChopping(0.5)).ask(first_is_slow, block=False)
    hold.wait_reached()
    clock.advance(0.4)
    assert len(asked) == 1
    clock.advance(0.1)
    assert answer.get(timeout=5.0) in {"a", "b", "c"}
    assert len(asked) == 2
    assert clock.next_due() is None
    hold.release()


def test_another_one_is_asked_at_once_when_the_first_fails(refs: list[ActorRef], clock: ManualClock) -> None:
    asked: list[str] = []

    def first_crashes(puppet: Puppet) -> object:
        asked.append(puppet.name)
        return crash()(puppet) if len(asked) == 1 else puppet.name

    assert Router(refs, TailChopping(0.5)).ask(first_crashes) in {"a", "b", "c"}
    assert clock.now() == 0.0


def test_if_all_fail_all_errors_are_told(refs: list[ActorRef]) -> None:
    with pytest.raises(NoAnswer) as caught:
        Router(refs, TailChopping(0.5)).ask(crash())
    assert [type(error) for error in caught.value.errors] == [PuppetError] * 3


def test_after_some_time_nobody_else_is_asked(refs: list[ActorRef], clock: ManualClock) -> None:
    hold = Hold()
    asked: list[str] = []

    def slow(puppet: Puppet) -> str:
        asked.append(puppet.name)
        return hold()

    answer = Router(refs, TailChopping(1.0, within=0.5)).ask(slow, block=False)
    hold.wait_reached()
    clock.advance(5)
    assert len(asked) == 1
    with pytest.raises(AskTimeout):
        answer.get(timeout=0.05)
    hold.release()
    assert answer.get(timeout=5.0) == "released"


def test_when_the_time_is_over_and_all_that_were_asked_have_failed_that_is_the_answer(
    refs: list[ActorRef], clock: ManualClock
) -> None:
    hold = Hold()

    def fail_late(puppet: Puppet) -> object:
        hold()
        return crash()(puppet)

    answer = Router(refs, TailChopping(10.0, within=0.5)).ask(fail_late, block=False)
    hold.wait_reached()
    clock.advance(1)
    hold.release()
    with pytest.raises(NoAnswer) as caught:
        answer.get(timeout=5.0)
    assert len(caught.value.errors) == 1


# The actor.


def test_a_router_can_be_an_actor_with_a_name(system: ActorSystem, refs: list[ActorRef]) -> None:
    system.spawn(RouterActor, refs, options=SpawnOptions(name="workers"))
    workers = system.whereis("workers")
    assert workers is not None
    assert [workers.ask(name, timeout=5.0) for _ in range(4)] == ["a", "b", "c", "a"]
    workers.tell("told")
    assert workers.ask(name, timeout=5.0) == "c"
    assert seen(refs) == [[], ["told"], []]


def test_it_does_not_wait_for_its_routees(system: ActorSystem, refs: list[ActorRef]) -> None:
    hold = Hold()
    router = system.spawn(RouterActor, refs)
    slow = router.ask(hang(hold), block=False)
    hold.wait_reached()
    assert router.ask(name, timeout=5.0) == "b"
    hold.release()
    assert slow.get(timeout=5.0) == "released"


def test_its_askers_get_the_errors_of_routees(system: ActorSystem, refs: list[ActorRef]) -> None:
    router = system.spawn(RouterActor, refs)
    with pytest.raises(PuppetError):
        router.ask(crash(), timeout=5.0)
    assert router.ask(name, timeout=5.0) == "b"


def test_it_is_told_of_routees(system: ActorSystem, refs: list[ActorRef]) -> None:
    router = system.spawn(RouterActor, refs[:1], Broadcast())
    assert router.ask(AddRoutee(refs[1])) is True
    assert router.ask(AddRoutee(refs[1])) is False
    assert router.ask(name, timeout=5.0) == ["a", "b"]
    assert router.ask(RemoveRoutee(refs[0])) is True
    assert router.ask(GetRoutees()) == (refs[1],)


def test_routees_that_end_leave_if_it_is_set_so(system: ActorSystem, refs: list[ActorRef], probe: Probe) -> None:
    router = system.spawn(RouterActor, refs[:2], drop_ended=True)
    router.ask(AddRoutee(refs[2]))
    for ref in (refs[0], refs[2]):
        probe.monitor(ref)
        ref.stop()
        probe.expect(Down)
        probe.sync(router)
    assert router.ask(GetRoutees()) == (refs[1],)


def test_without_a_routee_askers_hear_of_it_and_the_rest_are_dead_letters(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    router = system.spawn(RouterActor, [])
    with pytest.raises(NoRoutee):
        router.ask(1, timeout=5.0)
    router.tell("lost")
    letter = letters.get()
    assert isinstance(letter, DeadLetter)
    assert (letter.to, letter.message) == (router, "lost")
    assert router.is_alive()


def test_an_asker_hears_of_the_end_of_the_router(system: ActorSystem, refs: list[ActorRef]) -> None:
    hold = Hold()
    router = system.spawn(RouterActor, refs)
    answer = router.ask(hang(hold), block=False)
    hold.wait_reached()
    router.stop()
    with pytest.raises(ActorDeadError):
        answer.get(timeout=5.0)
    hold.release()
