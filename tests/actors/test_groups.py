"""Groups: joining, leaving, watching."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    Broadcast,
    ChildSpec,
    DeadLetter,
    Down,
    Envelope,
    ExitReport,
    GroupJoined,
    GroupLeft,
    Groups,
    MailboxFull,
    MailboxOptions,
    SpawnOptions,
    Started,
)
from regrow.actors.group_monitors import GroupMonitor, GroupMonitors
from regrow.actors.hosting.hosted_ref import HostedRef
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash
from regrow.protocol.exits import NORMAL, ExitReason


def test_who_joins_twice_is_in_twice_and_leaves_twice(system: ActorSystem) -> None:
    ref, other = system.spawn(Puppet), system.spawn(Puppet)
    system.groups.join("g", ref)
    system.groups.join("g", other)
    system.groups.join("g", ref)
    assert sorted(map(id, system.groups.members("g"))) == sorted(map(id, (ref, ref, other)))
    assert system.groups.leave("g", ref)
    assert set(system.groups.members("g")) == {ref, other}
    assert system.groups.leave("g", ref)
    assert not system.groups.leave("g", ref)
    assert system.groups.members("g") == (other,)


def test_a_group_is_there_while_it_has_members(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    assert system.groups.which_groups() == ()
    system.groups.join("g", ref)
    system.groups.join(("any", 1), ref)
    assert system.groups.which_groups() == system.groups.which_groups(ref) == ("g", ("any", 1))
    assert repr(system.groups) == "<Groups: 2 groups, 2 memberships>"
    ref.stop()
    assert system.groups.which_groups() == ()
    assert system.groups.members("g") == ()


def test_the_calling_actor_joins_and_leaves_for_itself(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    ref.ask(lambda puppet: puppet.system.groups.join("g"))
    assert system.groups.members("g") == (ref,)
    assert ref.ask(lambda puppet: puppet.system.groups.leave("g"))
    assert system.groups.members("g") == ()
    with pytest.raises(ValueError, match="expected to be called by an actor"):
        system.groups.join("g")


def test_many_join_together_or_not_at_all(system: ActorSystem) -> None:
    one, dead = system.spawn(Puppet), system.spawn(Puppet)
    dead.stop()
    with pytest.raises(ActorDeadError):
        system.groups.join("g", one, dead)
    assert system.groups.members("g") == ()
    other = system.spawn(Puppet)
    system.groups.join("g", one, other)
    assert system.groups.members("g") == (one, other)


def test_a_member_has_left_before_its_exit_is_announced(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    system.groups.join("g", ref)
    seen: list[object] = []
    unsubscribe = system.bus.subscribe(lambda _event: seen.append(system.groups.which_groups()), ActorExited)
    number, members = system.groups.monitor("g", owner=probe.ref)
    probe.monitor(ref)
    ref.kill()
    unsubscribe()
    assert members == (ref,)
    assert seen == [()]
    assert probe.expect(GroupLeft) == GroupLeft(number, "g", (ref,))
    assert probe.expect(Down).ref is ref


def test_the_next_life_is_not_a_member(system: ActorSystem, probe: Probe) -> None:
    script = Script()
    spec = ChildSpec(id="a", start=script.start)
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    system.groups.join("g", ref)
    ref.tell(crash())
    probe.fish(object, match=lambda message: getattr(message, "sender", None) is ref)
    system.begin(spec, parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
    assert system.groups.members("g") == ()


def test_a_monitor_gets_the_members_and_every_change_after_that(system: ActorSystem, probe: Probe) -> None:
    one, two = system.spawn(Puppet), system.spawn(Puppet)
    system.groups.join("g", one)
    number, members = system.groups.monitor("g", owner=probe.ref)
    assert members == (one,)
    system.groups.join("g", two, two)
    system.groups.join("other", two)
    system.groups.leave("g", two)
    system.groups.leave("g", one)
    assert probe.expect(GroupJoined) == GroupJoined(number, "g", (two, two))
    assert probe.expect(GroupLeft) == GroupLeft(number, "g", (two,))
    assert probe.expect(GroupLeft) == GroupLeft(number, "g", (one,))
    probe.expect_nothing()


def test_the_end_of_one_who_has_joined_twice_names_it_twice(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    system.groups.join("g", ref, ref)
    number, members = system.groups.monitor("g", owner=probe.ref)
    assert members == (ref, ref)
    ref.stop()
    assert probe.expect(GroupLeft) == GroupLeft(number, "g", (ref, ref))
    probe.expect_nothing()


def test_a_monitor_of_the_whole_scope_gets_all_groups(system: ActorSystem, probe: Probe) -> None:
    one = system.spawn(Puppet)
    system.groups.join("g", one)
    number, groups = system.groups.monitor_all(owner=probe.ref)
    assert groups == {"g": (one,)}
    system.groups.join("h", one)
    assert probe.expect(GroupJoined) == GroupJoined(number, "h", (one,))
    one.stop()
    assert {probe.expect(GroupLeft).group, probe.expect(GroupLeft).group} == {"g", "h"}


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_demonitor_takes_back_what_waits_too(system: ActorSystem) -> None:
    watcher, member = system.spawn(Puppet), system.spawn(Puppet)
    hold = Hold()

    def watch(puppet: Puppet) -> tuple[bool, bool]:
        number, _ = puppet.system.groups.monitor("g")
        hold(puppet)
        return puppet.system.groups.demonitor(number), puppet.system.groups.demonitor(number)

    answer = watcher.ask(watch, block=False)
    hold.wait_reached()
    system.groups.join("g", member)
    hold.release()
    assert answer.get(timeout=5) == (True, False)
    assert watcher.ask(lambda puppet: list(puppet.seen)) == []


def test_monitors_end_with_their_owner_and_make_no_dead_letters(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    watcher, member = system.spawn(Puppet), system.spawn(Puppet)
    hold = Hold()
    number, _ = system.groups.monitor("g", owner=watcher)
    watcher.tell(hold)
    hold.wait_reached()
    system.groups.join("g", member)
    watcher.kill()
    hold.release()
    assert not system.groups.demonitor(number)
    system.groups.leave("g", member)
    assert letters.drain() == ()
    with pytest.raises(ActorDeadError):
        system.groups.monitor("g", owner=watcher)


def test_no_change_is_missed_or_told_twice_while_members_come_and_go(system: ActorSystem) -> None:
    """Each watcher's first members and what it is told later add up to who is there in the end."""
    refs = [system.spawn(Puppet) for _ in range(6)]
    start = threading.Barrier(len(refs) + 1)

    def come_and_go(ref: ActorRef) -> None:
        start.wait(5)
        for _ in range(60):
            system.groups.join("g", ref)
            system.groups.leave("g", ref)
        system.groups.join("g", ref)

    threads = [threading.Thread(target=come_and_go, args=(ref,)) for ref in refs]
    for thread in threads:
        thread.start()
    start.wait(5)
    watchers = [Probe(system) for _ in range(4)]
    firsts = [system.groups.monitor("g", owner=watcher.ref)[1] for watcher in watchers]
    for thread in threads:
        thread.join(10)
    for watcher, first in zip(watchers, firsts, strict=True):
        watcher.sync(watcher.ref)
        counts = {ref: first.count(ref) for ref in refs}
        for message in watcher.received():
            assert isinstance(message, GroupJoined | GroupLeft)
            for ref in message.refs:
                counts[ref] += 1 if isinstance(message, GroupJoined) else -1
                assert counts[ref] in (0, 1)
        assert counts == dict.fromkeys(refs, 1)


def test_tell_all_reports_who_did_not_get_it_and_tells_the_others(system: ActorSystem) -> None:
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    full.tell(hold)
    hold.wait_reached()
    full.tell("waits")
    well = system.spawn(Puppet)
    system.groups.join("g", full, well, well)
    result = system.groups.tell_all("g", "hello")
    hold.release()
    assert not result
    assert result.sent == 1
    assert [failure.ref for failure in result.failures] == [full]
    assert isinstance(result.failures[0].error, MailboxFull)
    assert well.ask(lambda puppet: list(puppet.seen)) == ["hello"]
    assert system.groups.tell_all("nobody", "x") == Broadcast(0)


def test_scopes_share_nothing_and_forget_all_when_closed(system: ActorSystem, probe: Probe) -> None:
    mine = Groups(system)
    ref = system.spawn(Puppet)
    mine.join("g", ref)
    mine.monitor("g", owner=probe.ref)
    assert system.groups.which_groups() == ()
    mine.close()
    assert mine.which_groups() == ()
    with pytest.raises(ValueError, match="expected an open scope"):
        mine.join("g", ref)
    gone = weakref.ref(mine)
    del mine
    gc.collect()
    assert gone() is None  # the system has forgotten it too
    ref.stop()
    probe.expect_nothing()


def test_a_member_that_is_cleaning_up_is_in_but_not_handed_out(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = system.spawn(Puppet, Script(on_stop=hold))
    system.groups.join("g", ref)
    stopping = ref.stop(block=False)
    hold.wait_reached()
    number, members = system.groups.monitor("g", owner=probe.ref)
    assert (members, system.groups.members("g")) == ((ref,), ())
    hold.release()
    stopping.get(timeout=5)
    assert probe.expect(GroupLeft) == GroupLeft(number, "g", (ref,))


class Listening:
    """A life that does something of its own when it is sent anything."""

    incarnation = 1
    parent: ActorRef | None = None
    alive = True

    def __init__(self, heard: Callable[[object], object]) -> None:
        self._heard = heard

    def put(self, envelope: Envelope) -> None:
        self._heard(envelope.message)

    def exit_signal(
        self, sender: ActorRef | None, reason: ExitReason, *, incarnation: int = 0, report: ExitReport | None = None
    ) -> None:
        raise AssertionError("expected no signal")

    def down_signal(self, down: Down) -> None:
        raise AssertionError("expected no signal")

    def withdraw_down(self, monitor: int) -> None:
        raise AssertionError("expected no monitor of its own to be taken back")

    def stop_request(self, reason: ExitReason, deadline: float | None) -> None:
        raise AssertionError("expected not to be stopped")

    def kill(self) -> None:
        raise AssertionError("expected not to be killed")


def test_news_on_their_way_to_a_monitor_that_is_taken_back_do_not_arrive(system: ActorSystem, probe: Probe) -> None:
    first = ActorRef(system, name="first", actor_class=Puppet)
    system.enroll(first, cell=Listening(lambda _news: system.groups.demonitor(numbers[1])))
    numbers = [system.groups.monitor("g", owner=owner)[0] for owner in (first, probe.ref)]
    system.groups.join("g", system.spawn(Puppet))
    system.announce_exit(first, 1, NORMAL)
    probe.expect_nothing()


def test_the_table_of_monitors_keeps_nothing_of_those_taken_back(system: ActorSystem) -> None:
    table, owner = GroupMonitors(), system.spawn(Puppet)
    table.add(GroupMonitor(1, owner, "g"))
    table.add(GroupMonitor(2, owner, whole=True))
    assert [monitor.number for monitor in table.of("g")] == [1, 2]
    assert (len(table), 2 in table, table.owns(owner)) == (2, True, True)
    table.drop_owner(owner)
    assert (table.of("g"), len(table), table.owns(owner), table.remove(1)) == ((), 0, False, None)


def test_a_watcher_in_another_process_is_refused(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="expected an actor of this process as the owner"):
        system.groups.monitor("g", owner=HostedRef(system, name="far", actor_class=Actor))


def test_a_member_in_another_process_is_refused(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="groups: join: expected an actor of this process, whose end is seen here"):
        system.groups.join("g", Far(system, name="far", actor_class=Puppet))


class Far(ActorRef[Puppet]):
    """One that lives elsewhere."""

    @property
    def lives_elsewhere(self) -> bool:
        return True
