"""Every way in which a hosted process can come to an end, or misbehave until it does, for both launchers.

Each row ends with the same questions: is the reason right, is it told once, do those who ask know, is a sibling
untouched, is nobody left behind. Hangs have a file of their own (`test_hang_detection.py`), so has the death of the
host (`test_orphans.py`).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from dying_actors import FOR_LONG, Doomed
from hosted_actors import Order
from hosting_bench import WAIT, Bench
from programs import gone

from regrow.actors import ActorDeadError, ActorExited, ExitReport, Limits, OutputCaptured
from regrow.actors.hosting import HostedRef
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash, ExitReason, ExitStatus, Shutdown, Signaled

SOON = 5.0  # seconds in which a death has to be known that is not to be waited for


class Ward:
    """One that is to die, and a sibling that is not."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ref: HostedRef
        self.sibling = bench.start(target=Doomed)

    def start(self, **options: object) -> HostedRef:
        self.ref = self.bench.start(target=Doomed, **options)
        return self.ref

    def end(self) -> tuple[ExitReason, ExitReport]:
        """Wait for its end, and see that it was a proper one."""
        pid = self.ref.pid
        event = self.bench.events.wait(ActorExited, lambda event: event.ref is self.ref)
        assert event.report is not None
        assert event.report.pid == pid or pid is None
        assert not self.ref.is_alive()
        with pytest.raises(ActorDeadError) as caught:
            self.ref.ask("anybody?", timeout=WAIT)
        assert (caught.value.reason, caught.value.report) == (event.reason, event.report)
        assert self.sibling.ask("well?", timeout=WAIT) == "well?"
        assert event.report.pid is not None
        assert not Path(f"/proc/{event.report.pid}").exists()  # and it was reaped
        again = [e for e in self.bench.events.all() if isinstance(e, ActorExited) and e.ref is self.ref]
        assert again == [event]
        return event.reason, event.report


@pytest.fixture
def ward(bench: Bench) -> Ward:
    return Ward(bench)


# It exits.


@pytest.mark.parametrize("how", ["sys_exit", "os_exit", "c_exit"])
@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_an_exit_that_nobody_asked_for_is_its_status(ward: Ward, how: str, code: int) -> None:
    ref = ward.start()
    asked = ref.ask(Order(how, code), block=False)
    reason, report = ward.end()
    assert reason == ExitStatus(code)
    assert (report.status, report.signal) == (code, None)
    with pytest.raises(Exception, match=r"not found|SystemExit"):
        asked.get(timeout=WAIT)


# It is ended by a signal.

FATAL = ("SEGV", "BUS", "FPE", "ILL", "ABRT", "SYS", "TRAP", "KILL", "HUP", "QUIT", "ALRM", "USR2", "XCPU", "VTALRM")

WITH_STACKS = {
    "SEGV": "Segmentation fault",
    "BUS": "Bus error",
    "FPE": "Floating",
    "ILL": "Illegal instruction",
    "ABRT": "Aborted",
}


@pytest.mark.parametrize("name", FATAL)
def test_every_fatal_signal_is_the_reason(ward: Ward, name: str) -> None:
    ref = ward.start()
    signo = signal.Signals[f"SIG{name}"]
    os.kill(ref.pid or 0, signo)
    reason, report = ward.end()
    assert isinstance(reason, Signaled)
    with_stacks = name in WITH_STACKS
    assert (report.stack_dump is not None) is with_stacks
    if with_stacks and reason.signo == signal.SIGSEGV != signo:
        # To write down the stacks of threads that run may fail in its turn, once in a hundred times.
        assert WITH_STACKS[name] in "".join(report.stderr_tail)
        return
    assert reason.signo == signo
    assert (report.signal, report.status) == (f"SIG{name}", None)


@pytest.mark.parametrize("name", ["INT", "PIPE", "USR1", "CHLD", "WINCH", "CONT", "URG"])
def test_signals_that_are_not_for_it_do_nothing(ward: Ward, name: str) -> None:
    ref = ward.start()
    os.kill(ref.pid or 0, signal.Signals[f"SIG{name}"])
    assert ref.ask("still here?", timeout=WAIT) == "still here?"


def test_sigterm_asks_it_to_stop(ward: Ward) -> None:
    ref = ward.start()
    os.kill(ref.pid or 0, signal.SIGTERM)
    reason, report = ward.end()
    assert reason == Shutdown("SIGTERM")
    assert report.status == 0


def test_a_kill_while_it_handles_a_message_fails_the_asks_at_once(ward: Ward) -> None:
    ref = ward.start()
    waiting = [ref.ask(Order("block", FOR_LONG), block=False) for _ in range(3)]
    began = time.monotonic()
    os.kill(ref.pid or 0, signal.SIGKILL)
    for future in waiting:
        with pytest.raises(ActorDeadError, match="SIGKILL"):
            future.get(timeout=WAIT)
    assert time.monotonic() - began < SOON
    assert ward.end()[1].in_hand in {"Order", None}  # it may not have come to it


# It is stopped.


def test_one_that_is_stopped_can_be_killed_and_asked_to_end(ward: Ward) -> None:
    ref = ward.start()
    os.kill(ref.pid or 0, signal.SIGSTOP)
    began = time.monotonic()
    ref.shutdown(deadline=ward.bench.system.clock.now() + 0.5)
    assert ward.end()[0] == KILLED
    assert time.monotonic() - began < SOON
    ref = ward.start()
    os.kill(ref.pid or 0, signal.SIGSTOP)
    ref.kill()
    assert ward.end()[0] == KILLED


def test_one_that_goes_on_after_a_stop_has_lost_nothing(ward: Ward) -> None:
    ref = ward.start(limits=Limits(stopped_seconds=FOR_LONG))
    os.kill(ref.pid or 0, signal.SIGSTOP)
    asked = [ref.ask(number, block=False) for number in range(100)]
    os.kill(ref.pid or 0, signal.SIGCONT)
    assert [future.get(timeout=WAIT) for future in asked] == list(range(100))


# It runs out of something.


def test_memory_that_its_limit_refuses_is_an_exception_and_not_a_kill(ward: Ward) -> None:
    ref = ward.start(limits=Limits(memory_bytes=1 << 30))
    ref.tell(Order("grow", 3 << 30))
    reason, report = ward.end()
    assert isinstance(reason, Crash)
    assert reason.type == "MemoryError"
    assert report.oom == "unlikely"
    assert report.in_hand == "Order"


def test_files_that_its_limit_refuses_are_an_exception(ward: Ward) -> None:
    ref = ward.start(limits=Limits(open_files=64))
    ref.tell(Order("open_files", 100))
    reason, _ = ward.end()
    assert isinstance(reason, Crash)
    assert "Too many open files" in reason.text


# C code holds its GIL.


@pytest.mark.parametrize("how", ["kill", "shutdown", "sigkill"])
def test_c_code_that_holds_the_gil_keeps_nobody_from_ending_it(ward: Ward, how: str) -> None:
    ref = ward.start()
    asked = ref.ask(Order("hold_gil", FOR_LONG), block=False)
    wait_in_hand(ref)
    began = time.monotonic()
    if how == "kill":
        ref.kill()
    elif how == "sigkill":
        os.kill(ref.pid or 0, signal.SIGKILL)
    else:
        ref.shutdown(deadline=ward.bench.system.clock.now() + 0.5)
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)
    assert time.monotonic() - began < SOON
    reason, report = ward.end()
    assert reason == (Signaled(signal.SIGKILL) if how == "sigkill" else KILLED)
    assert report.in_hand == "Order"


# Its socket is full.


@pytest.mark.parametrize("how", ["kill", "shutdown"])
def test_a_full_socket_keeps_nobody_from_ending_it(ward: Ward, how: str) -> None:
    ref = ward.start()
    ref.tell(Order("hold_gil", FOR_LONG))
    wait_in_hand(ref)
    for _ in range(200):
        ref.tell(b"x" * 100_000)  # far more than a socket takes
    began = time.monotonic()
    if how == "kill":
        ref.kill()
    else:
        ref.shutdown(deadline=ward.bench.system.clock.now() + 0.5)
    assert ward.end()[0] == KILLED
    assert time.monotonic() - began < SOON


def test_all_that_it_said_before_it_crashed_comes_before_its_end(ward: Ward) -> None:
    to, inbox = ward.bench.mailbox()
    ref = ward.start()
    ref.tell(Order("tell_many", (to, 5000)))
    reason, _ = ward.end()
    assert isinstance(reason, Crash)
    assert [inbox.get(timeout=WAIT)[0] for _ in range(5000)] == list(range(5000))  # type: ignore[index]


def test_full_pipes_hold_nobody_up(ward: Ward) -> None:
    hold = threading.Event()
    ward.bench.system.bus.subscribe(lambda _event: hold.wait(WAIT), OutputCaptured)  # in the thread that reads them
    ref = ward.start()
    asked = ref.ask(Order("flood", 1000), block=False)
    time.sleep(0.3)
    hold.set()
    assert asked.get(timeout=WAIT) == 1000
    ref.tell(Order("os_exit", 5))
    reason, report = ward.end()
    assert reason == ExitStatus(5)
    assert report.stderr_tail[-1].startswith("999 ")


# It breaks the link.


@pytest.mark.parametrize("kind", ["text", "noise", "huge", "unknown", "undecodable"])
def test_garbage_on_the_socket_ends_that_one_alone(ward: Ward, kind: str) -> None:
    ref = ward.start()
    asked = ref.ask(Order("write_garbage", kind), block=False)
    reason, _ = ward.end()
    assert isinstance(reason, Crash)
    assert "protocol" in reason.type
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)


def test_half_a_frame_is_no_garbage_if_it_dies_over_it(ward: Ward) -> None:
    ward.start().tell(Order("half_a_frame"))
    assert ward.end()[0] == ExitStatus(6)


@pytest.mark.parametrize("how", ["close_link", "close_all"])
def test_one_that_cannot_be_talked_to_any_more_is_ended_and_the_reason_says_so(ward: Ward, how: str) -> None:
    ref = ward.start()
    asked = ref.ask(Order(how), block=False)
    reason, report = ward.end()
    if how == "close_link" or reason != Signaled(signal.SIGKILL):  # unless its own I/O thread was just looking
        assert isinstance(reason, Crash)
        assert reason.type.endswith("LinkLost")
    assert report.in_hand == "Order"
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)


def test_one_whose_link_has_ended_takes_its_host_for_dead_and_ends_itself(ward: Ward) -> None:
    ref = ward.start()
    asked = ref.ask(Order("shut_link"), block=False)
    assert ward.end()[0] == Signaled(signal.SIGKILL)
    with pytest.raises(ActorDeadError):
        asked.get(timeout=WAIT)


def test_one_without_output_lives_on(ward: Ward) -> None:
    ref = ward.start()
    pid = ref.ask(Order("close_output"), timeout=WAIT)
    assert ref.ask(Order("pid"), timeout=WAIT) == pid
    ref.tell(Order("os_exit", 4))
    assert ward.end()[0] == ExitStatus(4)


# It leaves others behind.


@pytest.mark.parametrize("leave", ["", "group", "session"])
def test_whom_it_has_started_holds_up_nobody(ward: Ward, leave: str) -> None:
    ref = ward.start()
    pid = ref.ask(Order("fork", leave), timeout=WAIT)
    began = time.monotonic()
    ref.tell(Order("os_exit", 1))
    assert ward.end()[0] == ExitStatus(1)
    assert time.monotonic() - began < SOON  # although it holds both pipes and, forked, the socket
    if leave:
        assert Path(f"/proc/{pid}").exists()  # it has left the group on purpose: it is nobody's any more
        os.kill(pid, signal.SIGKILL)
    assert gone(pid)


def test_one_that_it_has_started_twice_removed_dies_with_its_group(ward: Ward) -> None:
    ref = ward.start()
    pid = ref.ask(Order("fork_twice"), timeout=WAIT)
    ref.kill()
    assert ward.end()[0] == KILLED
    assert gone(pid)


# Its number is somebody else's.


def test_a_signal_for_the_dead_reaches_nobody_who_has_its_number(ward: Ward) -> None:
    last = Path("/proc/sys/kernel/ns_last_pid")
    ref = ward.start()
    process = ref.process
    assert process is not None
    launched, pid = process._process, ref.pid or 0
    assert launched is not None
    kept = os.dup(launched.death_fd)
    try:
        os.kill(pid, signal.SIGKILL)
        ward.end()
        heir = fork_as(pid, last)
        try:
            assert not launched.send_signal(signal.SIGKILL)
            assert not launched.signal_group(signal.SIGKILL)
            ref.kill()
            ref.shutdown(deadline=ward.bench.system.clock.now())
            with pytest.raises(ProcessLookupError):
                signal.pidfd_send_signal(kept, signal.SIGKILL)
            ward.bench.look(ward.sibling)  # the thread that would have done it has been round
            assert os.waitid(os.P_PID, heir, os.WEXITED | os.WNOHANG) is None
        finally:
            os.kill(heir, signal.SIGKILL)
            os.waitpid(heir, 0)
    finally:
        os.close(kept)


def fork_as(pid: int, last: Path) -> int:
    """Start a process with this number, in a group of its own; skip the test where that cannot be had."""
    for _ in range(50):
        try:
            last.write_text(str(pid - 1))
        except OSError as error:
            pytest.skip(f"no say in the numbers of processes: {error}")
        made = os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, setpgroup=0)
        if made == pid:
            return made
        os.kill(made, signal.SIGKILL)
        os.waitpid(made, 0)
    pytest.skip("somebody else got the number each time")


# Somebody else takes its status away.


def test_a_status_that_somebody_else_in_the_host_has_collected_is_known_all_the_same(ward: Ward) -> None:
    ref = ward.start()
    kernel_keeps_it = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 15)
    thief = threading.Thread(target=collect, args=(ref.pid,))
    thief.start()
    ref.tell(Order("os_exit", 7))
    reason, _ = ward.end()
    thief.join(WAIT)
    assert reason == ExitStatus(7 if kernel_keeps_it else 255)


def collect(pid: int) -> None:
    """Wait for it as somebody who waits for any child would."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # the zygote's child, or too late


# It is stopped while it does not listen, or not at all.


def test_a_stop_of_one_that_takes_its_time_is_clean_within_it(ward: Ward) -> None:
    ref = ward.start()
    ref.ask(Order("stop_slowly", 0.3), timeout=WAIT)
    ref.shutdown(SHUTDOWN, deadline=ward.bench.system.clock.now() + WAIT)
    reason, report = ward.end()
    assert reason == SHUTDOWN
    assert report.status == 0


def wait_in_hand(ref: HostedRef) -> None:
    deadline = time.monotonic() + WAIT
    while ref.black_box is None or ref.black_box.in_hand is None:
        assert time.monotonic() < deadline, "the message was never taken"
        time.sleep(0.005)
    time.sleep(0.1)  # from the note in the black box to the C call
