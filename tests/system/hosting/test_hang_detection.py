"""Processes that do not get on, for real: what each is judged to be, what is written down, and who is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hanging_actors import FOR_LONG, AsyncHanger, Hanger
from hosted_actors import Order
from hosting_bench import WAIT, Bench

from regrow.actors import ActorExited, Limits
from regrow.actors.hosting import HangEnded, HangRecovered, HangSuspected, HostedRef, StacksDumped, Verdict
from regrow.protocol.exits import KILLED, Hang

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="without /proc nothing is known of a process")

QUICK = 0.8  # seconds, of a limit; so it beats five times a second


def limits(**given: float | None) -> Limits:
    """Beat often, and end for nothing but what is given."""
    return Limits(**{"stopped_seconds": None, "hang_limit": None, "busy_limit": None, "deadline": None} | given)  # type: ignore[arg-type]


def wait_for(condition: Callable[[], bool], why: str) -> float:
    """Wait until it is true; say how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 2 * WAIT, why
        time.sleep(0.01)
    return time.monotonic() - began


def wait_verdict(ref: HostedRef, verdict: Verdict) -> float:
    return wait_for(lambda: ref.verdict is verdict, f"it was never judged {verdict}, but is {ref.verdict}")


def wait_idle(ref: HostedRef) -> None:
    wait_for(lambda: ref.verdict is Verdict.HEALTHY, "it does not get on")


def end_of(bench: Bench, ref: HostedRef) -> ActorExited:
    return bench.events.wait(ActorExited, lambda event: event.ref is ref)


def hanger(bench: Bench, given: Limits, target: object = Hanger) -> HostedRef:
    ref = bench.start(target=target, limits=given)
    assert ref.ask("awake?", timeout=WAIT) == "awake?"
    return ref


# Stopped and traced.


def test_one_that_is_stopped_is_judged_so_within_two_beats_and_recovers(bench: Bench) -> None:
    ref = hanger(bench, Limits())
    assert ref.pid is not None
    beats = ref.black_box
    wait_for(lambda: ref.black_box != beats, "it does not beat")  # once after it was ready, so that all is settled
    os.kill(ref.pid, signal.SIGSTOP)
    assert wait_verdict(ref, Verdict.STOPPED) < 2.0 + 0.25  # the rest is ours: this thread, and the two others
    assert bench.system.hosting.verdicts() == {ref: Verdict.STOPPED}
    os.kill(ref.pid, signal.SIGCONT)
    wait_idle(ref)


def test_one_that_stays_stopped_is_told_of_and_killed(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(stopped_seconds=QUICK))
    assert ref.pid is not None
    os.kill(ref.pid, signal.SIGSTOP)
    told = zygote_bench.events.wait(HangSuspected)
    assert (told.ref, told.verdict, told.limit) == (ref, "stopped", QUICK)
    event = end_of(zygote_bench, ref)
    assert event.reason == Hang("stopped")
    assert event.report is not None
    assert event.report.stack_dump is None


def test_one_that_a_debugger_holds_is_never_killed(zygote_bench: Bench) -> None:
    bench = zygote_bench
    ref = hanger(bench, limits(stopped_seconds=QUICK, hang_limit=QUICK, deadline=QUICK))
    tracer = ref.ask(Order("be_traced"), timeout=WAIT)
    if not tracer:
        pytest.skip("processes may not trace others here")
    assert ref.pid is not None
    ref.tell(Order("lock_twice"))
    wait_verdict(ref, Verdict.TRACED)
    os.kill(ref.pid, signal.SIGSTOP)  # and also while it stands still
    time.sleep(3 * QUICK)
    assert ref.verdict is Verdict.TRACED
    assert not [event for event in bench.events.all() if isinstance(event, HangSuspected | HangEnded)]
    os.kill(tracer, signal.SIGKILL)
    assert end_of(bench, ref).reason in {Hang("deadlocked"), Hang("stopped"), Hang("deadline")}


# Starved.


def test_one_that_the_machine_does_not_let_run_is_starved_and_never_killed(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(stopped_seconds=QUICK, hang_limit=QUICK, busy_limit=QUICK, deadline=2 * QUICK))
    assert ref.pid is not None
    cpu = min(os.sched_getaffinity(0))
    rival = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    assert rival.stdout is not None
    try:
        os.sched_setaffinity(rival.pid, {cpu})
        rival.stdout.readline()
        for task in Path(f"/proc/{ref.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {cpu})
            os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError):  # where sessions share the processor evenly, whatever is in them
            Path(f"/proc/{ref.pid}/autogroup").write_text("19")
        ref.tell(Order("burn_python", FOR_LONG))
        wait_verdict(ref, Verdict.STARVED)
        time.sleep(5 * QUICK)
        assert [event for event in zygote_bench.events.all() if isinstance(event, HangEnded)] == []
        ref.kill()
        assert end_of(zygote_bench, ref).reason == KILLED
    finally:
        rival.kill()
        rival.wait()
        rival.stdout.close()


# The GIL.


def test_c_code_that_waits_with_the_gil_is_a_deadlock_and_its_stack_is_known_while_it_holds_it(bench: Bench) -> None:
    ref = hanger(bench, limits(hang_limit=QUICK))
    ref.tell(Order("hold_gil", FOR_LONG))
    told = bench.events.wait(HangSuspected)
    assert (told.verdict, told.in_hand) == ("deadlocked", "Order")
    dumped = bench.events.wait(StacksDumped)
    assert dumped.ref is ref
    assert "in hold_gil" in dumped.stacks
    event = end_of(bench, ref)
    assert event.reason == Hang("deadlocked")
    assert event.report is not None
    assert event.report.in_hand == "Order"
    assert event.report.stack_dump is not None
    assert "in hold_gil" in event.report.stack_dump
    assert event.report.stderr_tail == ()


def test_c_code_that_computes_with_the_gil_is_busy_and_killed_at_its_own_limit(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK, busy_limit=3 * QUICK))
    ref.tell(Order("burn_gil", 10**12))
    wait_verdict(ref, Verdict.BUSY)
    ended = zygote_bench.events.wait(HangEnded)
    assert (ended.why, ended.limit) == ("busy", 3 * QUICK)
    event = end_of(zygote_bench, ref)
    assert event.reason == Hang("busy")
    assert event.report is not None
    assert event.report.stack_dump is not None
    assert "in burn_gil" in event.report.stack_dump


# Python code.


def test_a_python_loop_is_busy_told_of_and_never_killed(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK, busy_limit=3 * QUICK))
    answer = ref.ask(Order("burn_python", 6 * QUICK), block=False)
    told = zygote_bench.events.wait(HangSuspected)
    assert (told.verdict, told.limit) == ("busy", None)
    assert "in burn_python" in zygote_bench.events.wait(StacksDumped).stacks
    answer.get(timeout=2 * WAIT)
    recovered = zygote_bench.events.wait(HangRecovered)
    assert recovered.ref is ref
    assert ref.verdict is Verdict.HEALTHY


def test_a_handler_that_waits_for_something_outside_is_blocked_and_never_killed(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK))
    answer = ref.ask(Order("block", 4 * QUICK), block=False)
    told = zygote_bench.events.wait(HangSuspected)
    assert (told.verdict, told.limit) == ("blocked", None)
    answer.get(timeout=2 * WAIT)


def test_one_that_waits_for_a_thread_that_waits_for_something_outside_is_blocked(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK))
    answer = ref.ask(Order("wait_for_helper", 4 * QUICK), block=False)
    assert zygote_bench.events.wait(HangSuspected).verdict == "blocked"
    answer.get(timeout=2 * WAIT)


def test_one_that_waits_for_the_answer_of_an_actor_is_blocked(zygote_bench: Bench) -> None:
    asked = hanger(zygote_bench, limits())
    ref = hanger(zygote_bench, limits(hang_limit=QUICK))
    ref.tell(Order("wait_for_answer", asked))
    assert zygote_bench.events.wait(HangSuspected).verdict == "blocked"
    time.sleep(2 * QUICK)
    assert ref.verdict is Verdict.BLOCKED
    asked.kill()  # which answers
    end_of(zygote_bench, ref)


@pytest.mark.parametrize("how", ["lock_twice", "lock_crosswise"])
def test_locks_that_nobody_releases_are_a_deadlock_and_the_process_is_killed(zygote_bench: Bench, how: str) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK))
    ref.tell(Order(how))
    assert zygote_bench.events.wait(HangSuspected).verdict == "deadlocked"
    event = end_of(zygote_bench, ref)
    assert event.reason == Hang("deadlocked")
    assert event.report is not None
    assert event.report.stack_dump is not None
    assert f"in {how}" in event.report.stack_dump


# Deadlines.


@pytest.mark.parametrize(("how", "value"), [("burn_python", FOR_LONG), ("block", FOR_LONG), ("burn_gil", 10**12)])
def test_a_message_over_its_deadline_ends_the_process_with_a_report_that_names_it(
    zygote_bench: Bench, how: str, value: object
) -> None:
    ref = hanger(zygote_bench, limits(deadline=QUICK))
    ref.tell(Order(how, value))
    event = end_of(zygote_bench, ref)
    assert event.reason == Hang("deadline")
    assert event.report is not None
    assert event.report.in_hand == "Order"
    assert event.report.stack_dump is not None
    assert f"in {how}" in event.report.stack_dump


def test_messages_that_are_each_in_time_may_take_as_long_as_they_like_together(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(deadline=QUICK))
    for _ in range(6):
        ref.ask(Order("block", QUICK / 2), timeout=WAIT)
    assert ref.is_alive()


# Event loops.


def test_a_coroutine_that_awaits_is_healthy_and_one_that_blocks_its_loop_is_not(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK), AsyncHanger)
    answer = ref.ask(Order("wait_on_loop", 4 * QUICK), block=False)
    answer.get(timeout=2 * WAIT)
    assert not [event for event in zygote_bench.events.all() if isinstance(event, HangSuspected)]
    ref.tell(Order("block", 4 * QUICK))
    assert zygote_bench.events.wait(HangSuspected).verdict == "blocked"


def test_a_coroutine_that_awaits_for_too_long_is_over_its_deadline(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(deadline=QUICK), AsyncHanger)
    ref.tell(Order("wait_on_loop", FOR_LONG))
    event = end_of(zygote_bench, ref)
    assert event.reason == Hang("deadline")
    assert event.report is not None
    assert event.report.in_hand == "Order"


# What else.


def test_an_idle_process_is_healthy_for_ever_and_a_killed_one_leaves_the_watch(zygote_bench: Bench) -> None:
    ref = hanger(zygote_bench, limits(hang_limit=QUICK, deadline=QUICK, busy_limit=QUICK, stopped_seconds=QUICK))
    time.sleep(4 * QUICK)
    assert ref.verdict is Verdict.HEALTHY
    ref.kill()
    assert end_of(zygote_bench, ref).reason == KILLED
    assert zygote_bench.system.hosting.verdicts() == {}
