"""What is known of a process that has died, and who gets to know it: real deaths, both launchers."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench

from regrow.actors import ActorDeadError, ActorExited, DeadLetter, ExitReport
from regrow.actors.hosting import HostedRef
from regrow.actors.hosting.hosted_process import HostedProcess
from regrow.protocol.exits import KILLED, Crash, ExitReason, ExitStatus, Signaled


def report_of(bench: Bench, ref: HostedRef) -> tuple[ExitReason, ExitReport]:
    event = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert event.report is not None
    return event.reason, event.report


def test_a_segmentation_fault_is_reported_with_all_that_is_known(bench: Bench) -> None:
    ref = bench.start()
    pid = ref.pid
    ref.tell(Order("print_error", "about to fall"))
    ref.tell(Order("segfault"))
    reason, report = report_of(bench, ref)
    assert isinstance(reason, Signaled)
    assert (report.signal, report.status, report.pid, report.incarnation) == ("SIGSEGV", None, pid, 1)
    assert report.core_dumped is reason.core_dumped
    assert report.in_hand == "Order"
    assert report.stderr_tail[0] == "about to fall"
    assert report.stack_dump is not None
    assert report.stack_dump.startswith("Fatal Python error: Segmentation fault")
    assert "do_segfault" in report.stack_dump
    assert report.traceback is None
    assert report.oom == "unlikely"
    assert report.uptime is not None
    assert 0 <= report.uptime < WAIT
    assert report.resident_bytes is not None
    assert report.max_rss_bytes is not None
    assert 1_000_000 < report.resident_bytes <= report.max_rss_bytes


def test_an_exit_status_is_reported_beside_the_reason(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("stderr_and_exit", "out of cheese"))
    reason, report = report_of(bench, ref)
    assert reason == ExitStatus(9)
    assert (report.status, report.signal, report.core_dumped) == (9, None, False)
    assert report.stack_dump is None


def test_an_exception_is_reported_with_its_traceback(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("raise", "five"))
    reason, report = report_of(bench, ref)
    assert isinstance(reason, Crash)
    assert report.traceback == reason.traceback
    assert "do_raise" in report.traceback
    assert report.status == 1


def test_who_waits_for_an_answer_gets_the_report_and_so_does_who_comes_later(bench: Bench) -> None:
    ref, sibling = bench.start(), bench.start()
    kept = sibling.ask(Order("sleep", 0.5), block=False)
    waiting = [ref.ask(Order("sleep", 60.0), block=False), ref.ask(Order("echo", 1), block=False)]
    os.kill(ref.pid or 0, signal.SIGKILL)
    for future in waiting:
        with pytest.raises(ActorDeadError) as caught:
            future.get(timeout=WAIT)
        assert caught.value.reason == Signaled(signal.SIGKILL)
        assert caught.value.report is not None
        assert caught.value.report.signal == "SIGKILL"
    assert report_of(bench, ref)[1] == caught.value.report
    for send in (lambda: ref.tell("late"), lambda: ref.ask("late", timeout=WAIT)):
        with pytest.raises(ActorDeadError, match="SIGKILL") as caught:
            send()
        assert caught.value.report is not None
    assert kept.get(timeout=WAIT) is None
    assert sibling.ask(Order("echo", "untouched"), timeout=WAIT) == "untouched"


def test_the_second_life_reports_as_the_second(bench: Bench) -> None:
    ref = bench.start()
    ref.kill()
    assert report_of(bench, ref)[0] == KILLED
    bench.begin(bench.spec(), ref=ref).get(timeout=WAIT)
    ref.tell(Order("os_exit", 3))
    assert report_of(bench, ref)[1].incarnation == 2


def test_of_a_flood_on_stderr_the_last_64_kib_are_kept_as_whole_lines(bench: Bench) -> None:
    ref = bench.start()
    text = "".join(f"line {number:06} {'x' * 50}\n" for number in range(4000))
    ref.tell(Order("stderr_and_exit", text))
    _, report = report_of(bench, ref)
    assert sum(len(line) + 1 for line in report.stderr_tail) <= 64 * 1024
    assert len(report.stderr_tail) > 900
    assert all(line.startswith("line ") and line.endswith("x") for line in report.stderr_tail)
    assert report.stderr_tail[-1].startswith("line 003999")


def test_what_was_told_to_one_that_never_heard_is_a_dead_letter(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HostedProcess, "_open_up", lambda _process: None)  # a spare may hear sooner than it is told
    bench.begin(bench.spec())
    ref = bench.system.relations.living()[0]
    ref.tell("to whom it may concern")
    ref.kill()
    letter = bench.events.wait(DeadLetter)
    assert (letter.to, letter.message) == (ref, "to whom it may concern")


NAME = f"regrow-test-{os.getpid()}"


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A memory group of version 1 or 2 with a limit; skips the test where this process may not make one."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            group, key = Path("/sys/fs/cgroup/memory") / path.lstrip("/") / NAME, "memory.limit_in_bytes"
            break
    else:
        group, key = Path("/sys/fs/cgroup") / path.lstrip("/") / NAME, "memory.max"
    try:
        group.mkdir()
        (group / key).write_text(str(limit))
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no memory group for the test: {error}")
    try:
        yield group
    finally:
        group.rmdir()


def test_one_that_the_kernel_kills_for_want_of_memory_is_reported_so(bench: Bench) -> None:
    with memory_group(80 << 20) as group:
        ref = bench.start()
        (group / "cgroup.procs").write_text(str(ref.pid))
        bench.look(ref)
        ref.tell(Order("grow", 300 << 20))
        reason, report = report_of(bench, ref)
        assert reason == Signaled(signal.SIGKILL)
        assert report.oom == "likely"


def test_one_that_somebody_kills_is_not_taken_for_it(bench: Bench) -> None:
    with memory_group(500 << 20) as group:
        ref = bench.start()
        (group / "cgroup.procs").write_text(str(ref.pid))
        bench.look(ref)
        os.kill(ref.pid or 0, signal.SIGKILL)
        assert report_of(bench, ref)[1].oom == "unlikely"
