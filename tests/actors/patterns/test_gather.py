"""Many asks under one deadline, and the first answer of many."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors import ActorDeadError, ActorSystem, AskFuture, AskTimeout, CallingSelf, MailboxOptions, SpawnOptions
from regrow.actors.patterns import NoAnswer, ask_all, ask_all_async, ask_first, ask_first_async, gather
from regrow.actors.patterns.gather import all_of, first_of
from regrow.actors.testing import Hold, Probe, Puppet, PuppetError, crash, hang, refuse
from regrow.actors.testing.puppet import Command

SHORT = 0.05


def answers(value: object) -> Command:
    return lambda puppet: (puppet.name, value)


def test_answers_come_in_the_order_of_the_refs(system: ActorSystem) -> None:
    refs = [system.spawn(Puppet, options=SpawnOptions(name=name)) for name in "abc"]
    assert ask_all(refs, answers(1)) == [("a", 1), ("b", 1), ("c", 1)]
    assert ask_all([], "nobody") == []


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_they_are_asked_at_once_and_not_one_after_the_other(system: ActorSystem) -> None:
    first, second = system.spawn(Puppet), system.spawn(Puppet)
    hold = Hold()

    def meet(puppet: Puppet) -> str:
        if puppet.ref is first:
            return hold()
        hold.wait_reached()
        hold.release()
        return "released the other"

    assert ask_all([first, second], meet) == ["released", "released the other"]


def test_one_deadline_counts_for_all(system: ActorSystem) -> None:
    hold = Hold()
    refs = [system.spawn(Puppet) for _ in range(3)]
    with pytest.raises(AskTimeout, match=rf"no answer from .* within {SHORT} seconds"):
        ask_all(refs, hang(hold), timeout=SHORT)
    hold.release()


def test_what_the_first_has_used_up_the_others_do_not_get(system: ActorSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold()
    times = iter((0.0, 1_000.0, 1_000.0))
    monkeypatch.setattr(gather, "monotonic", lambda: next(times))
    refs = [system.spawn(Puppet) for _ in range(2)]
    found = ask_all(refs, hang(hold), timeout=1_000.0, return_errors=True)
    hold.release()
    assert [type(error) for error in found] == [AskTimeout, AskTimeout]


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_partial_results_hold_errors_in_the_places_of_answers(system: ActorSystem) -> None:
    hold = Hold()
    fine, late, dead, dies = (system.spawn(Puppet) for _ in range(4))
    dead.stop()

    def by_who(puppet: Puppet) -> object:
        if puppet.ref is late:
            return hold()
        return crash()(puppet) if puppet.ref is dies else "fine"

    found = ask_all([late, fine, dead, dies], by_who, timeout=SHORT, return_errors=True)
    hold.release()
    assert isinstance(found[0], AskTimeout)
    assert found[0].timeout == SHORT
    assert found[1] == "fine"
    assert isinstance(found[2], ActorDeadError)
    assert isinstance(found[3], PuppetError)


def test_without_them_the_first_error_in_order_is_raised(system: ActorSystem) -> None:
    fine, refuses = system.spawn(Puppet), system.spawn(Puppet)

    def by_who(puppet: Puppet) -> object:
        return refuse(KeyError("no"))(puppet) if puppet.ref is refuses else 1

    with pytest.raises(KeyError):
        ask_all([fine, refuses], by_who)


def test_a_full_mailbox_of_one_does_not_keep_the_others_from_answering(system: ActorSystem) -> None:
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    fine = system.spawn(Puppet)
    full.tell(hang(hold))
    hold.wait_reached()
    full.tell("waits")
    found = ask_all([full, fine], 1, return_errors=True)
    hold.release()
    assert found[1] == 1
    assert type(found[0]).__name__ == "MailboxFull"


def test_an_actor_that_asks_itself_among_others_hears_of_it(system: ActorSystem) -> None:
    me, other = system.spawn(Puppet), system.spawn(Puppet)

    def ask_both(how: object) -> Command:
        def command(puppet: Puppet) -> object:
            with pytest.raises(CallingSelf):
                (ask_all if how == "all" else ask_first)([other, puppet.ref], 1)
            return how

        return command

    assert me.ask(ask_both("all")) == "all"
    assert me.ask(ask_both("first")) == "first"


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_the_first_answer_wins_and_a_failure_is_none(system: ActorSystem) -> None:
    hold = Hold()
    slow, fast, dies, dead = (system.spawn(Puppet) for _ in range(4))
    dead.stop()

    def by_who(puppet: Puppet) -> object:
        if puppet.ref is slow:
            return hold()
        return crash()(puppet) if puppet.ref is dies else "fast"

    assert ask_first([dead, slow, dies, fast], by_who) == "fast"
    hold.release()


def test_if_all_fail_all_errors_are_told(system: ActorSystem) -> None:
    dead, dies = system.spawn(Puppet), system.spawn(Puppet)
    dead.stop()
    with pytest.raises(NoAnswer, match=r"all 2 that were asked have failed: ActorDeadError: .*; PuppetError") as caught:
        ask_first([dead, dies], crash())
    assert [type(error) for error in caught.value.errors] == [ActorDeadError, PuppetError]
    with pytest.raises(NoAnswer, match="nobody was asked"):
        ask_first([], 1)


def test_the_first_answer_has_a_deadline(system: ActorSystem) -> None:
    hold = Hold()
    with pytest.raises(AskTimeout):
        ask_first([system.spawn(Puppet)], hang(hold), timeout=SHORT)
    hold.release()


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_all_of_it_can_be_awaited(system: ActorSystem) -> None:
    hold = Hold()
    slow, fast = system.spawn(Puppet), system.spawn(Puppet)

    def by_who(puppet: Puppet) -> object:
        return hold() if puppet.ref is slow else "fast"

    async def run() -> None:
        assert await ask_all_async([fast, fast], 1) == [1, 1]
        assert await ask_first_async([slow, fast], by_who) == "fast"
        with pytest.raises(AskTimeout):
            await ask_first_async([slow], 1, timeout=SHORT)
        with pytest.raises(AskTimeout, match=str(slow.name)):
            await ask_all_async([fast, slow], 1, timeout=SHORT)
        found = await ask_all_async([fast, slow], 1, timeout=SHORT, return_errors=True)
        assert found[0] == 1
        assert isinstance(found[1], AskTimeout)
        with pytest.raises(PuppetError):
            await ask_all_async([fast], crash(), timeout=5.0)
        assert isinstance((await ask_all_async([fast], 1, return_errors=True))[0], ActorDeadError)

    asyncio.run(run())
    hold.release()


def test_a_timeout_that_is_an_answer_is_not_taken_for_ours(system: ActorSystem) -> None:
    hold = Hold()
    slow, fast = system.spawn(Puppet), system.spawn(Puppet)

    def by_who(puppet: Puppet) -> object:
        return hold(puppet) if puppet.ref is slow else refuse(TimeoutError("of its own"))(puppet)

    async def run() -> None:
        with pytest.raises(TimeoutError, match="of its own"):
            await ask_all_async([fast, slow], by_who, timeout=5.0)
        found = await ask_all_async([fast], by_who, return_errors=True)
        assert [type(error) for error in found] == [TimeoutError]

    asyncio.run(run())
    hold.release()


def test_an_answer_that_comes_too_late_reaches_nobody_and_nothing_is_left(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)
    found = ask_all([ref], hang(hold), timeout=SHORT, return_errors=True)
    hold.release()
    probe.sync(ref)
    assert isinstance(found[0], AskTimeout)
    probe.expect_nothing()


@given(st.permutations(range(4)), st.lists(st.booleans(), min_size=4, max_size=4))
def test_in_whatever_order_answers_come_the_first_good_one_is_first_and_all_are_all(
    order: list[int], good: list[bool]
) -> None:
    futures: list[AskFuture[object]] = [AskFuture() for _ in order]
    first, together = first_of(futures), all_of(futures)
    for number in order:
        if good[number]:
            futures[number].try_set(number)
        else:
            futures[number].try_fail(KeyError(number))
    expected = next((number for number in order if good[number]), None)
    if expected is None:
        assert isinstance(first.error, NoAnswer)
        assert len(first.error.errors) == 4
    else:
        assert first.get(timeout=0) == expected
    if all(good):
        assert together.get(timeout=0) == [0, 1, 2, 3]
    else:
        bad = next(number for number in order if not good[number])
        assert isinstance(together.error, KeyError)
        assert together.error.args == (bad,)
