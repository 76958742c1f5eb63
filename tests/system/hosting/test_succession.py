"""Processes that are worn out and replaced behind their ref: nothing is lost, doubled or out of order."""

from __future__ import annotations

import os
import queue
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, stop_process
from wearing_actors import Asking, Stubborn, Wearing, tree_start

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorStarted,
    Describe,
    Down,
    Exit,
    Limits,
)
from regrow.actors.hosting import HostedRef, OutboxFull, ProcessReplaced, ReplacementFailed
from regrow.actors.hosting.conception import ProcessState
from regrow.actors.hosting.succession import RETRY_SECONDS
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitStatus, Shutdown, Signaled
from regrow.supervision import ChildStarted, RestartIntensity, RestartScheduled, SupervisorHandle, SupervisorSpec

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


def start(bench: Bench, folder: str, *, parent: ActorRef | None = None, **limits: object) -> HostedRef:
    return bench.start(folder, target=Wearing, parent=parent, limits=Limits(**limits))  # type: ignore[arg-type]


def replaced(bench: Bench) -> ProcessReplaced:
    return bench.events.wait(ProcessReplaced)


def wait_for(what: Path) -> None:
    deadline = time.monotonic() + WAIT
    while not what.exists():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.01)


# What happens to messages.


def test_every_ask_is_answered_once_and_by_one_process_at_a_time(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=20)
    pids = [ref.ask(Order("pid"), timeout=WAIT) for _ in range(19)]
    asked = []
    while ref.incarnation == 1:
        asked += [ref.ask(Order("pid"), block=False) for _ in range(10)]
        time.sleep(0.001)
    asked += [ref.ask(Order("pid"), block=False) for _ in range(50)]
    pids += [future.get(timeout=WAIT) for future in asked]
    event = replaced(bench)
    assert (event.ref, event.incarnation, event.why, event.old) == (ref, 2, "max_messages", 1)
    assert (event.reason, event.report.pid) == (NORMAL, pids[0])
    assert len(set(pids)) >= 2
    assert sorted(pids, key=pids.index) == pids  # each has had its time, and none has come back


def test_messages_keep_their_order_and_none_is_lost_or_handled_twice(bench: Bench, folder: str) -> None:
    inbox_ref, inbox = bench.mailbox()
    ref = start(bench, folder, max_messages=300)
    names = ("a", "b", "c")
    with ThreadPoolExecutor(len(names)) as tellers:
        told = [tellers.submit(tell_beyond_a_replacement, ref, inbox_ref, name) for name in names]
        counts = [count.result(timeout=60) for count in told]
    got = [inbox.get(timeout=WAIT) for _ in range(sum(counts))]
    for name, count in zip(names, counts, strict=True):
        assert [number for who, number in got if who == name] == list(range(count))  # type: ignore[misc]
    assert inbox.empty()
    assert not [event for event in bench.events.all() if isinstance(event, ActorExited)]


def tell_beyond_a_replacement(ref: ActorRef, to: ActorRef, name: str) -> int:
    """Tell numbers until another process has them, and some more; say how many."""
    number, last = 0, None
    while number != last:
        ref.tell(Order("forward", (to, (name, number))))
        number += 1
        if last is None and ref.incarnation >= 2:
            last = number + 300
        if number % 10 == 0:
            time.sleep(0.002)
    return number


def test_what_is_in_hand_and_waits_is_finished_by_the_old_one_and_what_comes_then_by_the_new_one(
    bench: Bench, folder: str
) -> None:
    ref = start(bench, folder, max_messages=3)
    old = ref.pid
    first = ref.ask(Order("block", 1.5), block=False)
    waiting = [ref.ask(Order("pid"), block=False) for _ in range(2)]  # the last of them is one too many
    wait_until(lambda: ref.incarnation == 2)
    after = [ref.ask(Order("pid"), block=False) for _ in range(3)]
    assert first.get(timeout=WAIT) == old
    assert [future.get(timeout=WAIT) for future in waiting] == [old, old]
    new = ref.pid
    assert new != old
    assert [future.get(timeout=WAIT) for future in after] == [new] * 3


def wait_until(true: object) -> None:
    deadline = time.monotonic() + WAIT
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_heir_that_asks_at_home_before_it_is_ready_is_answered(bench: Bench) -> None:
    home, _ = bench.mailbox()
    ref = bench.start(home, target=Asking, limits=Limits(max_messages=1))
    (answer, old) = ref.ask("hello", timeout=WAIT)
    replaced(bench)
    assert answer == ("got", "who am I?")
    (answer, new) = ref.ask("hello", timeout=WAIT)
    assert answer == ("got", "who am I?")
    assert new != old


@pytest.mark.parametrize("reason", [Crash("boom", "somebody else's"), SHUTDOWN], ids=["abnormal", "shutdown"])
def test_an_exit_signal_that_the_old_one_dies_of_after_the_take_over_ends_the_child(
    bench: Bench, folder: str, reason: Crash | Shutdown
) -> None:
    ref = start(bench, folder, max_messages=1)
    (Path(folder) / "slow").touch()  # from now on they take a second to start
    held = ref.ask(Order("wait_for", "go"), block=False)
    wait_until(lambda: ref.black_box is not None and ref.black_box.in_hand is not None)
    ref.exit(reason)  # to the old one, which cannot hear it yet
    wait_until(lambda: ref.incarnation == 2)
    (Path(folder) / "go").touch()
    held.get(timeout=WAIT)
    assert bench.events.wait(ActorExited).reason == reason
    assert not ref.is_alive()


# When a process is worn out.


def test_its_age_wears_it_out_though_nobody_sends_anything(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_age=0.3, max_age_variance=0.2)
    first = ref.pid
    event = replaced(bench)
    assert event.why == "max_age"
    assert event.report.uptime is not None
    assert event.report.uptime >= 0.3
    assert event.report.pid == first
    assert replaced(bench).old == 2  # and so on


@pytest.mark.parametrize("limit", ["max_growth_bytes", "resident_soft_bytes"])
def test_memory_wears_it_out_after_the_message_in_hand(bench: Bench, folder: str, limit: str) -> None:
    ref = start(bench, folder, **{limit: 100 * MIB})
    first = ref.ask(Order("grow", 20 * MIB), timeout=WAIT)
    bench.look(ref)
    assert ref.ask(Order("grow", 150 * MIB), timeout=WAIT) == first
    event = replaced(bench)
    assert (event.why, event.reason) == (limit, NORMAL)
    assert event.report.resident_bytes is not None
    assert event.report.resident_bytes > 150 * MIB
    assert ref.ask(Order("pid"), timeout=WAIT) != first
    assert ref.ask(Order("count"), timeout=WAIT) == 2  # a fresh one


# What others notice.


def test_a_replacement_is_no_restart_for_the_supervisor(bench: Bench, folder: str) -> None:
    child = bench.spec(folder, target=Wearing, limits=Limits(max_messages=2))
    spec = SupervisorSpec(children=(child,), intensity=RestartIntensity(0, 3600.0))
    handle = SupervisorHandle.start(bench.system, spec)
    ref = handle.which_children()[0].ref
    assert ref is not None
    for _ in range(3):
        ref.ask(Order("pid"), timeout=WAIT)
        ref.ask(Order("pid"), timeout=WAIT)
        replaced(bench)
    (info,) = handle.which_children()
    assert (info.restarts, info.restarting, info.ref) == (0, False, ref)
    assert ref.incarnation == 4
    seen = bench.events.all()
    assert len([event for event in seen if isinstance(event, ChildStarted)]) == 1
    assert not [event for event in seen if isinstance(event, RestartScheduled)]
    started = [event for event in seen if isinstance(event, ActorStarted) and event.ref is ref]
    assert [event.incarnation for event in started] == [1]
    handle.stop(timeout=WAIT)


def test_a_crash_of_one_that_has_taken_over_is_restarted_as_any_other(bench: Bench, folder: str) -> None:
    child = bench.spec(folder, target=Wearing, limits=Limits(max_messages=2))
    handle = SupervisorHandle.start(bench.system, SupervisorSpec(children=(child,)))
    ref = handle.which_children()[0].ref
    assert ref is not None
    bench.events.wait(ChildStarted)
    ref.tell(Order("pid"))
    ref.tell(Order("pid"))
    replaced(bench)
    ref.tell(Order("die", 5))
    end = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert (end.incarnation, end.reason) == (2, ExitStatus(5))
    assert end.report is not None
    assert (end.report.incarnation, end.report.begun_as) == (2, 1)
    again = bench.events.wait(ChildStarted)
    assert again.restarts == 1
    assert ref.ask(Order("count"), timeout=WAIT) == 1
    handle.stop(timeout=WAIT)


def test_names_links_and_monitors_stay_and_tell_of_the_end_of_the_child_alone(bench: Bench, folder: str) -> None:
    watcher, watched = bench.mailbox()
    friend, heard = bench.mailbox(trap=True)
    ref = start(bench, folder, max_messages=4)
    number = bench.system.monitor(watcher, ref)
    bench.system.link(friend, ref)
    another, _ = bench.mailbox()
    first = ref.ask(Order("befriend", another), timeout=WAIT)
    for _ in range(3):
        ref.ask(Order("pid"), timeout=WAIT)
    replaced(bench)
    assert ref.ask(Order("pid"), timeout=WAIT) != first
    assert watched.empty()
    assert heard.empty()
    assert set(bench.system.relations.links(ref)) >= {friend, another}
    ref.tell(Order("die", 3))
    assert watched.get(timeout=WAIT) == Down(number, ref, ExitStatus(3), 2)
    end = heard.get(timeout=WAIT)
    assert isinstance(end, Exit)
    assert (end.sender, end.reason) == (ref, ExitStatus(3))
    assert heard.empty()


def test_whom_the_old_one_was_linked_to_the_new_one_is_linked_to(bench: Bench, folder: str) -> None:
    friend, _ = bench.mailbox()
    ref = start(bench, folder, max_messages=2)
    ref.ask(Order("befriend", friend), timeout=WAIT)
    ref.ask(Order("pid"), timeout=WAIT)
    replaced(bench)
    ref.ask(Order("pid"), timeout=WAIT)  # it has heard of the link by now
    friend.exit(Crash("Boom", "friend"))
    end = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert (end.reason, end.incarnation) == (Crash("Boom", "friend"), 2)


def test_a_whole_tree_is_replaced(bench: Bench, folder: str) -> None:
    ref = bench.start(folder, target=tree_start, limits=Limits(max_messages=1))
    first = ref.pid
    assert ref.ask(Describe(), timeout=WAIT).children
    event = replaced(bench)
    assert event.reason in {NORMAL, SHUTDOWN}
    assert ref.pid != first
    assert ref.ask(Describe(), timeout=WAIT).children


# When it goes wrong.


def test_an_heir_that_does_not_start_changes_nothing(
    bench: Bench, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrow.actors.hosting.succession.RETRY_SECONDS", 0.5)
    assert RETRY_SECONDS > 1
    ref = start(bench, folder, max_messages=2)
    refuses = Path(folder, "refuses")
    refuses.touch()
    first = ref.ask(Order("pid"), timeout=WAIT)
    ref.ask(Order("pid"), timeout=WAIT)
    event = bench.events.wait(ReplacementFailed)
    assert (event.ref, event.incarnation, event.why) == (ref, 1, "max_messages")
    assert isinstance(event.reason, Crash)
    assert event.reason.text == "not today"
    assert ref.ask(Order("pid"), timeout=WAIT) == first
    refuses.unlink()
    assert replaced(bench).old == 1  # tried again
    assert ref.ask(Order("pid"), timeout=WAIT) != first


def test_a_crash_while_the_heir_starts_is_the_end_of_the_child_and_of_the_heir(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=1)
    Path(folder, "slow").touch()
    ref.tell(Order("pid"))
    heir = heir_of(ref)
    os.kill(ref.pid or 0, signal.SIGKILL)
    end = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert (end.reason, end.incarnation) == (Signaled(signal.SIGKILL), 1)
    wait_gone(heir)
    Path(folder, "slow").unlink()
    bench.begin(bench.spec(folder, target=Wearing), ref=ref).get(timeout=WAIT)
    assert ref.ask(Order("count"), timeout=WAIT) == 1


def heir_of(ref: HostedRef) -> int:
    """Give the process of the heir, which nobody else is told."""
    succession = ref.process.succession if ref.process is not None else None
    assert succession is not None
    wait_until(lambda: succession._heir is not None and succession._heir.pid is not None)
    heir = succession._heir
    assert heir is not None
    return heir.pid or 0


def wait_gone(pid: int) -> None:
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_an_end_of_the_new_one_waits_for_that_of_the_old_one(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=1)
    old = ref.pid or 0
    ref.tell(Order("block", 60.0))
    wait_until(lambda: ref.incarnation == 2)
    asked = ref.ask(Order("pid"), block=False)
    os.kill(ref.pid or 0, signal.SIGKILL)
    with pytest.raises(ActorDeadError, match="SIGKILL"):
        asked.get(timeout=WAIT)
    end = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert (end.reason, end.incarnation) == (Signaled(signal.SIGKILL), 2)
    assert not Path(f"/proc/{old}").exists()
    assert [event.old for event in bench.events.seen if isinstance(event, ProcessReplaced)] == [1]


def test_an_old_one_that_dies_of_what_it_had_to_finish_is_told_of_and_the_new_one_goes_on(
    bench: Bench, folder: str
) -> None:
    ref = start(bench, folder, max_messages=2)
    blocked = ref.ask(Order("wait_for", "go on"), block=False)
    lost = ref.ask(Order("die", 9), block=False)
    wait_until(lambda: ref.incarnation == 2)
    Path(folder, "go on").touch()
    kept = ref.ask(Order("count"), block=False)
    blocked.get(timeout=WAIT)
    with pytest.raises(ActorDeadError, match="exit status 9"):
        lost.get(timeout=WAIT)
    event = replaced(bench)
    assert (event.reason, event.report.in_hand) == (ExitStatus(9), "Order")
    assert kept.get(timeout=WAIT) == 1


@pytest.mark.parametrize("how", ["shutdown", "kill", "parent"])
@pytest.mark.parametrize("when", ["starts", "finishes"])
def test_a_stop_or_kill_ends_all_of_them(bench: Bench, folder: str, how: str, when: str) -> None:
    parent, _ = bench.mailbox()
    ref = start(bench, folder, parent=parent, max_messages=1)
    first = ref.pid or 0
    if when == "starts":
        Path(folder, "slow").touch()
        ref.tell(Order("pid"))
        other = heir_of(ref)
    else:
        ref.tell(Order("block", 60.0))
        wait_until(lambda: ref.incarnation == 2)
        other = ref.pid or 0
    if how == "shutdown":
        ref.shutdown(deadline=bench.system.clock.now() + 1.0)
    elif how == "kill":
        ref.kill()
    else:
        parent.kill()
    end = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert end.reason in {KILLED, SHUTDOWN}
    wait_gone(first)
    wait_gone(other)
    assert not ref.is_alive()
    assert len([e for e in bench.events.all() if isinstance(e, ActorExited) and e.ref is ref]) == 1


def test_a_stop_gives_the_one_that_finishes_as_long_as_the_new_one_which_ends_before(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=1)
    old = ref.process
    ref.tell(Order("wait_for", "go on"))
    wait_until(lambda: ref.incarnation == 2)
    succession = ref.process.succession if ref.process is not None else None
    assert succession is not None
    assert old is not None
    bench.system.hosting.orphan_grace = 0.0  # what one gets whose successor has died
    deadline = bench.system.clock.now() + 6 * WAIT
    ref.shutdown(Shutdown("enough"), deadline=deadline)
    wait_until(lambda: succession._announce is not None)
    assert old._stop_deadline == deadline
    Path(folder, "go on").touch()
    event = replaced(bench)
    assert (event.reason, event.report.signal) == (Shutdown("enough"), None)
    assert bench.events.wait(ActorExited).reason == Shutdown("enough")


@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_who_ends_the_child_at_the_moment_of_a_replacement_ends_it_all_the_same(
    bench: Bench, folder: str, how: str
) -> None:
    ref = start(bench, folder, max_messages=1)
    before = ref.process  # whom somebody has found behind the ref, and does not turn to yet
    assert before is not None
    ref.tell(Order("block", 60.0))
    wait_until(lambda: ref.incarnation == 2)
    pids = (before.pid or 0, ref.pid or 0)
    if how == "kill":
        before.kill()
    else:
        before.stop_request(SHUTDOWN, bench.system.clock.now() + 1.0)
    assert bench.events.wait(ActorExited, lambda event: event.ref is ref).reason in {KILLED, SHUTDOWN}
    for pid in pids:
        wait_gone(pid)


def test_one_that_reads_nothing_is_replaced_when_it_reads_again(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_age=3600.0)
    first, loop = ref.pid or 0, bench.system.hosting.loop
    stop_process(first)
    for size in (8 * MIB, MIB, 64 * 1024, 1024, 0):  # until not even the word to end has room
        with pytest.raises(OutboxFull):
            while True:
                ref.tell(b"x" * size)
    succession = ref.process.succession if ref.process is not None else None
    assert succession is not None
    assert loop.run(lambda: succession._replace("max_age"), WAIT)
    heir = succession._heir
    assert heir is not None
    wait_until(lambda: heir.state is ProcessState.READY)
    assert loop.run(lambda: None, WAIT)  # what follows from that has been done
    assert ref.pid == first
    os.kill(first, signal.SIGCONT)
    event = replaced(bench)
    assert (event.old, event.reason) == (1, NORMAL)
    assert ref.ask(Order("pid"), timeout=WAIT) == heir.pid


def test_pykkas_stop_is_not_taken_for_a_replacement(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=3)
    Path(folder, "slow").touch()
    for _ in range(3):
        ref.tell(Order("pid"))
    assert ref.stop(timeout=WAIT)
    assert bench.events.wait(ActorExited, lambda event: event.ref is ref).reason == NORMAL
    assert not ref.is_alive()


def test_a_system_that_shuts_down_in_the_middle_leaves_nobody(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=1)
    first = ref.pid or 0
    ref.tell(Order("block", 60.0))
    wait_until(lambda: ref.incarnation == 2)
    other = ref.pid or 0
    assert bench.system.shutdown(timeout=3.0) == ()
    wait_gone(first)
    wait_gone(other)


def test_a_clean_stop_after_a_replacement_is_clean(bench: Bench) -> None:
    ref = bench.start(target=Stubborn, limits=Limits(max_messages=1))
    ref.ask("hello", timeout=WAIT)
    replaced(bench)
    ref.shutdown(Shutdown("enough"), deadline=bench.system.clock.now() + WAIT)
    assert bench.events.wait(ActorExited).reason == Shutdown("enough")


# What is left behind.


def test_nothing_is_left_of_those_that_were_replaced(bench: Bench, folder: str) -> None:
    ref = start(bench, folder, max_messages=2)
    pids: queue.SimpleQueue[int] = queue.SimpleQueue()
    ref.ask(Order("pid"), timeout=WAIT)
    ref.ask(Order("pid"), timeout=WAIT)
    replaced(bench)
    before = len(list(Path("/proc/self/fd").iterdir()))
    inside = ref.ask(Order("descriptors"), timeout=WAIT)
    for _ in range(5):
        pids.put(ref.ask(Order("pid"), timeout=WAIT))
        replaced(bench)
        assert ref.ask(Order("descriptors"), timeout=WAIT) == inside
    wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before + 2)
    while not pids.empty():
        assert not Path(f"/proc/{pids.get()}").exists()
    stopped = Path(folder, "stopped").read_text().split()
    assert len(stopped) == len(set(stopped)) == ref.incarnation - 1  # each had its on_stop
