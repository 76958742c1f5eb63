"""Links, monitors and exit signals between living actors: the rules of OTP, row by row."""

from __future__ import annotations

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    ChildSpec,
    Down,
    Exit,
    Started,
    StartFailed,
)
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash, exit_with, hang
from regrow.protocol.exits import KILLED, NOPROC, NORMAL, SHUTDOWN, Crash, ExitReason, NoProc, Shutdown

CRASHED = Crash("T", "text")


def spawn(system: ActorSystem, script: Script | None = None) -> ActorRef[Puppet]:
    return system.spawn(Puppet, script)


LINKED = [
    # reason, peer traps, peer ends with (None: lives)
    (NORMAL, False, None),
    (SHUTDOWN, False, SHUTDOWN),
    (Shutdown("d"), False, Shutdown("d")),
    (CRASHED, False, CRASHED),
    (KILLED, False, KILLED),
    (NOPROC, False, NOPROC),
    (NORMAL, True, None),
    (SHUTDOWN, True, None),
    (CRASHED, True, None),
    (KILLED, True, None),
]


@pytest.mark.parametrize(("reason", "traps", "ends_with"), LINKED)
def test_an_end_reaches_linked_peers(
    system: ActorSystem, probe: Probe, reason: ExitReason, traps: bool, ends_with: ExitReason | None
) -> None:
    one, peer = spawn(system), spawn(system, Script(trap_exit=traps))
    system.link(one, peer)
    probe.monitor(peer)
    system.monitor(peer, one)  # exit and down come over one lane, so that one barrier is enough
    gone = Probe(system)
    gone.monitor(one)  # the last to be told; who asks for one that has gone hears of it while others are still told
    one.tell(exit_with(reason))
    if ends_with is not None:
        assert probe.expect(Down).reason == ends_with
        return
    gone.expect(Down)
    seen = [type(message) for message in peer.ask(lambda puppet: list(puppet.seen))]
    assert seen == ([Exit, Down] if traps else [Down])


EXIT_CALLS = [
    # reason, target traps, by itself, ends with (None: lives), what it sees
    (NORMAL, False, False, None, 0),
    (NORMAL, True, False, None, 1),
    (NORMAL, False, True, NORMAL, 0),
    (SHUTDOWN, False, False, SHUTDOWN, 0),
    (SHUTDOWN, True, False, None, 1),
    (KILLED, True, False, None, 1),
    (CRASHED, False, True, CRASHED, 0),
]


@pytest.mark.parametrize(("reason", "traps", "by_itself", "ends_with", "sees"), EXIT_CALLS)
def test_exit_signals_on_purpose(
    system: ActorSystem,
    probe: Probe,
    reason: ExitReason,
    traps: bool,
    by_itself: bool,
    ends_with: ExitReason | None,
    sees: int,
) -> None:
    ref = spawn(system, Script(trap_exit=traps))
    probe.monitor(ref)
    if by_itself:
        ref.tell(lambda puppet: puppet.ref.exit(reason))
    else:
        ref.exit(reason)
    if ends_with is not None:
        assert probe.expect(Down).reason == ends_with
    else:
        assert ref.ask(lambda puppet: [m.reason for m in puppet.seen]) == [reason] * sees


def test_an_exit_message_says_who_and_which_life(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    probe.link(ref)
    ref.tell(crash())
    exit_message = probe.expect(Exit)
    assert exit_message.sender is ref
    assert exit_message.incarnation == 1
    assert exit_message.report is not None
    assert exit_message.report.uptime == 0.0


def test_exit_names_its_sender(system: ActorSystem) -> None:
    one, other = spawn(system), spawn(system, Script(trap_exit=True))
    one.ask(lambda _puppet: other.exit(SHUTDOWN))
    other.exit(SHUTDOWN)
    assert other.ask(lambda puppet: [m.sender for m in puppet.seen]) == [one, None]


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_unlinked_peers_do_not_share_fate_and_the_exit_that_waits_is_dropped(system: ActorSystem) -> None:
    one, peer = spawn(system), spawn(system, Script(trap_exit=True))
    system.link(one, peer)
    hold = Hold()

    def command(puppet: Puppet) -> None:
        hold(puppet)
        puppet.unlink(one)

    peer.tell(command)
    hold.wait_reached()
    one.stop()
    hold.release()
    assert peer.ask(lambda puppet: list(puppet.seen)) == []


def test_linking_the_dead_gives_noproc(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    ref.stop()
    probe.link(ref)
    signal = probe.expect(Exit)
    assert (signal.sender, signal.reason) == (ref, NOPROC)


def test_linking_oneself_is_nothing(system: ActorSystem) -> None:
    ref = spawn(system)
    ref.ask(lambda puppet: puppet.link(puppet.ref))
    assert system.relations.links(ref) == ()


def test_a_parents_exit_asks_a_trapping_child_to_stop(system: ActorSystem, probe: Probe) -> None:
    parent = spawn(system)
    script = Script(trap_exit=True)
    child = system.begin(ChildSpec(id="c", start=script.start), parent=parent, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    probe.monitor(child)
    parent.stop()
    assert probe.expect(Down).reason == NORMAL
    assert script.hooks() == ("on_start", "on_stop_request", "on_stop")


def test_a_child_of_a_dead_parent_ends(system: ActorSystem, probe: Probe) -> None:
    parent = spawn(system)
    parent.stop()
    exits = system.bus.collect(ActorExited)
    system.begin(ChildSpec(id="c", start=Script().start), parent=parent, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    event = exits.get()
    assert isinstance(event, ActorExited)
    assert isinstance(event.reason, NoProc)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_failed_start_gives_the_parent_its_outcome_and_no_exit(system: ActorSystem, probe: Probe) -> None:
    watcher = Probe(system)
    hold = Hold()

    def wait_and_crash(puppet: Puppet) -> None:
        hold(puppet)
        raise ValueError("start")

    spec = ChildSpec(id="c", start=Script(on_start=wait_and_crash).start)
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    hold.wait_reached()
    watcher.monitor(ref)
    hold.release()
    failed = probe.expect(StartFailed)
    assert isinstance(failed.reason, Crash)
    assert watcher.expect(Down).reason == failed.reason
    probe.expect_nothing()


def test_a_monitor_fires_exactly_once_per_monitor(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    numbers = {probe.monitor(ref), probe.monitor(ref)}
    ref.stop()
    downs = [probe.expect(Down), probe.expect(Down)]
    assert {down.monitor for down in downs} == numbers
    assert {(down.ref, down.reason, down.incarnation) for down in downs} == {(ref, NORMAL, 1)}
    probe.expect_nothing()


def test_monitoring_the_dead_gives_noproc_at_once(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    ref.stop()
    number = probe.monitor(ref)
    assert probe.expect(Down) == Down(number, ref, NOPROC, 1)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_demonitor_takes_back_a_down_that_waits(system: ActorSystem) -> None:
    subject, watcher = spawn(system), spawn(system)
    hold = Hold()
    found: list[bool] = []

    def command(puppet: Puppet) -> None:
        number = puppet.monitor(subject)
        hold(puppet)
        found.append(puppet.demonitor(number))

    watcher.tell(command)
    hold.wait_reached()
    subject.stop()
    hold.release()
    assert watcher.ask(lambda puppet: list(puppet.seen)) == []
    assert found == [False]


def test_demonitor_before_the_end_says_so(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    number = probe.monitor(ref)
    assert system.demonitor(number)
    assert not system.demonitor(number)
    ref.stop()
    probe.expect_nothing()


def test_names_are_free_when_the_exit_is_announced(system: ActorSystem) -> None:
    from regrow.actors import SpawnOptions

    ref = system.spawn(Puppet, options=SpawnOptions(name="n"))
    free: list[object] = []
    system.bus.subscribe(lambda _event: free.append((system.whereis("n"), dict(system.registry.names()))), ActorExited)
    ref.stop()
    assert free == [(None, {})]


def test_signals_to_the_dead_are_nothing(system: ActorSystem) -> None:
    ref = spawn(system)
    ref.stop()
    ref.exit(SHUTDOWN)
    ref.shutdown()
    ref.kill()
    with pytest.raises(ActorDeadError):
        ref.tell("x")


def test_a_link_to_a_busy_one_is_kept_until_it_ends(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = spawn(system, Script(on_stop=hang(hold)))
    ref.stop(block=False)
    hold.wait_reached()
    probe.link(ref)
    probe.monitor(ref)
    probe.expect_nothing()
    hold.release()
    assert (probe.expect(Exit).reason, probe.expect(Down).reason) == (NORMAL, NORMAL)


def test_nobody_cuts_the_link_between_a_supervisor_and_its_child(system: ActorSystem, probe: Probe) -> None:
    spec = ChildSpec(id="a", start=Script().start)
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    ref.ask(lambda puppet: puppet.unlink(puppet.parent))
    assert not system.unlink(probe.ref, ref)
    assert system.relations.links(ref) == (probe.ref,)
    ref.tell(crash())
    assert probe.expect(Exit).sender is ref
    assert system.relations.links(probe.ref) == ()


def test_a_link_to_a_starter_that_is_no_supervisor_can_be_taken_back(system: ActorSystem, probe: Probe) -> None:
    from regrow.actors import SpawnOptions

    ref = system.spawn(Puppet, options=SpawnOptions(link=probe.ref))
    assert system.unlink(ref, probe.ref)
    ref.stop()
    probe.expect_nothing()


def test_whoever_lives_below_a_dead_supervisor_does_not_stay_and_its_name_can_be_taken(
    system: ActorSystem, probe: Probe
) -> None:
    from regrow.actors import NameTaken, SpawnOptions

    hold = Hold()
    supervisor = system.spawn(Puppet)
    spec = ChildSpec(id="a", start=Script(on_stop=hang(hold)).start, name="n")
    child = system.begin(spec, parent=supervisor, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    grandchild = system.begin(ChildSpec(id="b", start=Script().start), parent=child, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    assert system.relations.is_staying(grandchild)
    with pytest.raises(NameTaken):
        system.spawn(Puppet, options=SpawnOptions(name="n"))
    supervisor.kill()
    hold.wait_reached()
    assert system.relations.is_living(child)
    assert not system.relations.is_staying(child)
    assert not system.relations.is_staying(grandchild)
    heir = system.spawn(Puppet, options=SpawnOptions(name="n"))
    assert system.whereis("n") is heir
    hold.release()
    probe.monitor(child)
    probe.fish(Down)
    assert system.whereis("n") is heir


def test_a_child_that_is_begun_below_a_dead_supervisor_does_not_stay(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    supervisor = system.spawn(Puppet)
    supervisor.kill()
    spec = ChildSpec(id="a", start=Script(on_start=hang(hold)).start)
    child = system.begin(spec, parent=supervisor, ref=None, on_outcome=probe.outcome)
    hold.wait_reached()
    assert system.relations.is_living(child)
    assert not system.relations.is_staying(child)
    hold.release()
    probe.expect(Started)
    probe.monitor(child)
    assert probe.expect(Down).reason == NOPROC


def test_one_that_was_killed_before_it_was_tied_leaves_no_tie(system: ActorSystem) -> None:
    child, supervisor = system.spawn(Puppet), system.spawn(Puppet)
    child.kill()
    system.relations.tie(child, supervisor)
    assert not system.relations.tied(child, supervisor)
    assert system.relations.links(supervisor) == ()
