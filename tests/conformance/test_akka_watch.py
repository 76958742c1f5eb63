"""What Akka's suite says of death watch, said of monitors and links."""

from __future__ import annotations

from regrow.actors import ActorSystem, Down
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash
from regrow.protocol.exits import NOPROC, NORMAL, Crash, Killed
from regrow.supervision import ChildStarted, ChildTerminated
from tests.conformance.case import case
from tests.conformance.tree import BOOM, crash_child, lives, puppet, ref_of, start
from tests.supervision.facts import Facts


@case("A-45")
def test_a_45_a_stop_is_told_once(system: ActorSystem) -> None:
    probe, subject = Probe(system), system.spawn(Puppet)
    number = probe.monitor(subject)
    subject.stop()
    assert probe.expect(Down) == Down(number, subject, NORMAL, 1)
    probe.expect_nothing()


@case("A-46")
def test_a_46_the_dead_are_told_at_once(system: ActorSystem) -> None:
    probe, subject = Probe(system), system.spawn(Puppet)
    subject.stop()
    number = probe.monitor(subject)
    assert probe.expect(Down) == Down(number, subject, NOPROC, 1)


@case("A-47", "A-48")
def test_a_47_every_monitor_is_told_and_nobody_who_has_taken_his_back(system: ActorSystem) -> None:
    probes, subject = [Probe(system) for _ in range(3)], system.spawn(Puppet)
    numbers = [probe.monitor(subject) for probe in probes]
    assert system.demonitor(numbers[1], owner=probes[1].ref)
    subject.stop()
    assert [probe.expect(Down).monitor for probe in (probes[0], probes[2])] == [numbers[0], numbers[2]]
    probes[1].expect_nothing()


@case("A-49")
def test_a_49_a_monitor_is_of_one_life_and_a_restart_is_told_once(system: ActorSystem, facts: Facts) -> None:
    probe, handle = Probe(system), start(system, puppet("a"))
    ref = ref_of(handle, "a")
    probe.monitor(ref)
    crash_child(handle, facts, "a")
    assert probe.expect(Down).incarnation == 1
    crash_child(handle, facts, "a")
    probe.expect_nothing()
    probe.monitor(ref)
    handle.terminate_child("a")
    assert probe.expect(Down).incarnation == 3


@case("A-50", "A-137")
def test_a_50_who_is_linked_and_does_not_trap_dies_too_and_is_restarted(system: ActorSystem, facts: Facts) -> None:
    subject, handle = system.spawn(Puppet), start(system, puppet("watcher"))
    ref_of(handle, "watcher").ask(lambda puppet: puppet.link(subject), timeout=5.0)
    subject.tell(crash(ValueError("fatal for two")))
    ended = facts.wait(ChildTerminated, child_id="watcher")
    assert isinstance(ended.reason, Crash)
    assert ended.reason.text == "fatal for two"
    facts.wait(ChildStarted, child_id="watcher", times=2)
    assert ref_of(handle, "watcher").ask("ping", timeout=5.0) == "ping"


@case("A-52")
def test_a_52_a_supervisor_pays_no_heed_to_the_end_of_a_stranger(system: ActorSystem, facts: Facts) -> None:
    handle, stranger, probe = start(system, puppet("a")), system.spawn(Puppet), Probe(system)
    system.link(stranger, handle.ref)
    stranger.tell(crash())
    handle.ref.tell(Down(4711, stranger, BOOM))
    probe.sync(handle.ref)
    assert lives(handle) == {"a": 1}
    assert facts.all(ChildTerminated) == []


@case("A-53")
def test_a_53_a_notice_that_waits_when_its_monitor_is_taken_back_is_dropped(system: ActorSystem) -> None:
    watcher, subject, hold = system.spawn(Puppet), system.spawn(Puppet), Hold()
    number: int = watcher.ask(lambda puppet: puppet.monitor(subject), timeout=5.0)

    def take_it_back(puppet: Puppet) -> bool:
        hold()
        return puppet.demonitor(number)

    answer = watcher.ask(take_it_back, block=False)
    hold.wait_reached()
    subject.kill()
    hold.release()
    assert answer.get(timeout=5.0) is False  # it has fired already, and the notice is gone all the same
    assert watcher.ask(lambda puppet: list(puppet.seen), timeout=5.0) == []


@case("A-54")
def test_a_54_a_notice_carries_the_number_of_its_monitor(system: ActorSystem) -> None:
    probe, subjects = Probe(system), [system.spawn(Puppet) for _ in range(3)]
    meaning = {probe.monitor(subject): f"subject {index}" for index, subject in enumerate(subjects)}
    for subject in reversed(subjects):
        subject.kill()
    told = [probe.expect(Down) for _ in subjects]
    assert [meaning[down.monitor] for down in told] == ["subject 2", "subject 1", "subject 0"]
    assert all(isinstance(down.reason, Killed) for down in told)


@case("A-55")
def test_a_55_a_notice_goes_ahead_of_what_waits(system: ActorSystem) -> None:
    watcher, subject, hold = system.spawn(Puppet, Script()), system.spawn(Puppet), Hold()
    number: int = watcher.ask(lambda puppet: puppet.monitor(subject), timeout=5.0)
    watcher.tell(hold)
    hold.wait_reached()
    watcher.tell("waits")
    subject.kill()
    hold.release()
    seen: list[object] = watcher.ask(lambda puppet: list(puppet.seen), timeout=5.0)
    assert [getattr(message, "monitor", message) for message in seen] == [number, "waits"]
