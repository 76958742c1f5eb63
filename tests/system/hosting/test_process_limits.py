"""Limits of hosted processes, in force: those that the system refuses by, and those that the host looks after."""

from __future__ import annotations

import os
import signal

import pytest
from dying_actors import Doomed
from hosted_actors import Order
from hosting_bench import WAIT, Bench

from regrow.actors import ActorExited, ExitReport, Limits
from regrow.actors.hosting import HostedRef
from regrow.protocol.exits import Crash, ExitReason, Signaled

MIB = 1 << 20


def end_of(bench: Bench, ref: HostedRef) -> tuple[ExitReason, ExitReport]:
    event = bench.events.wait(ActorExited, lambda event: event.ref is ref)
    assert event.report is not None
    return event.reason, event.report


def test_data_beyond_its_limit_is_refused_and_what_is_only_mapped_is_not(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(data_bytes=400 * MIB))
    assert ref.ask(Order("map_shared", 1000 * MIB), timeout=WAIT) == 1000 * MIB
    ref.tell(Order("grow", 800 * MIB))
    reason, _ = end_of(bench, ref)
    assert isinstance(reason, Crash)
    assert reason.type == "MemoryError"


def test_processor_time_beyond_its_limit_ends_it(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(cpu_seconds=2))
    ref.tell(Order("spin", 60.0))
    reason, report = end_of(bench, ref)
    assert isinstance(reason, Signaled)
    assert (reason.signo, report.signal) == (signal.SIGXCPU, "SIGXCPU")
    assert report.in_hand == "Order"


def test_time_in_which_it_waits_is_not_processor_time(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(cpu_seconds=2))
    ref.ask(Order("block", 0.2), timeout=WAIT)
    assert ref.ask("still here?", timeout=WAIT) == "still here?"


def test_more_in_memory_than_it_may_ends_it_and_the_reason_says_so(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(resident_bytes=300 * MIB))
    assert ref.ask(Order("grow", 150 * MIB), timeout=WAIT)
    bench.look(ref)
    assert ref.ask("still here?", timeout=WAIT) == "still here?"
    ref.tell(Order("grow_and_wait", 400 * MIB))
    reason, report = end_of(bench, ref)
    assert isinstance(reason, Crash)
    assert reason.type.endswith("LimitExceeded")
    assert reason.text.startswith("resident_bytes: 300.0 MiB are allowed, it had ")
    assert report.resident_bytes is not None
    assert report.resident_bytes > 300 * MIB
    assert (report.signal, report.oom, report.in_hand) == ("SIGKILL", "unlikely", "Order")


def test_what_it_shares_with_others_is_not_its_own(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(resident_bytes=300 * MIB))
    assert ref.ask(Order("fill_shared", 400 * MIB), timeout=WAIT)
    bench.look(ref)
    assert ref.ask("still here?", timeout=WAIT) == "still here?"


@pytest.mark.parametrize("nice", [0, 4])
def test_it_is_as_nice_as_it_was_told_to_be(bench: Bench, nice: int) -> None:
    ref = bench.start(target=Doomed, limits=Limits(nice=nice))
    assert os.getpriority(os.PRIO_PROCESS, ref.pid or 0) == os.getpriority(os.PRIO_PROCESS, 0) + nice
