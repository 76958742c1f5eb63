"""Counters in hosted processes: read without asking them, and right whoever is killed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, settle

from benchmarks.process_remains import shared_memory
from regrow.actors import ActorExited, Blob, Counters, StartFailed
from regrow.actors.hosting import HostedRef

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks that end with their process are Linux's")


def killed(bench: Bench, ref: HostedRef) -> None:
    ref.kill()
    bench.events.wait(ActorExited, lambda event: event.ref is ref)


def theirs(ref: HostedRef) -> int:
    return len(list(Path(f"/proc/{ref.pid}/fd").iterdir()))


def test_many_processes_add_and_one_reads_without_asking_them(bench: Bench) -> None:
    with Counters("done", "failed") as counters:
        refs = [bench.start() for _ in range(3)]
        for ref in refs:
            ref.tell(Order("count", (counters, "done", 1000)))
        assert not counters.closed
        counters.add("failed")
        settle(lambda: counters.read() == {"done": 3000, "failed": 1})


def test_what_a_killed_process_has_counted_stays_and_the_next_one_goes_on(bench: Bench) -> None:
    with Counters("done", rows=2) as counters:
        counters.add("done")
        ref = None
        for life in range(1, 4):
            outcomes = bench.begin(bench.spec(kwargs={}), ref=ref)
            outcomes.get(timeout=WAIT)
            ref = next(one for one in bench.system.roots if isinstance(one, HostedRef))
            assert ref.ask(Order("count", (counters, "done", 10)), timeout=WAIT) == 1 + 10 * life
            killed(bench, ref)
        assert counters.read() == {"done": 31}


def test_they_are_in_the_arguments_of_a_start_at_each_restart(bench: Bench) -> None:
    with Counters("done", rows=1) as counters:
        spec = bench.spec("counts", {"in": counters})
        ref = None
        for life in range(1, 3):
            bench.begin(spec, ref=ref).get(timeout=WAIT)
            ref = next(one for one in bench.system.roots if isinstance(one, HostedRef))
            assert ref.ask(Order("count_own", "done"), timeout=WAIT) == life
            killed(bench, ref)


def test_those_that_are_closed_and_what_only_one_can_have_are_no_arguments_of_a_start(bench: Bench) -> None:
    counters = Counters("done")
    counters.close()
    with Blob(b"") as blob:
        for argument, why in ((counters, "counters that are still here"), (blob, "nothing that is handed over")):
            outcome = bench.outcome(argument)
            assert isinstance(outcome, StartFailed)
            assert why in str(outcome.error)


def test_a_process_that_gets_them_again_and_again_has_them_once(bench: Bench) -> None:
    with Counters("done") as counters:
        ref = bench.start()
        ref.ask(Order("count", (counters, "done", 1)), timeout=WAIT)
        before = theirs(ref)
        for _ in range(20):
            ref.ask(Order("count", (counters, "done", 1)), timeout=WAIT)
        assert theirs(ref) == before
        back = ref.ask(Order("echo", [counters]), timeout=WAIT)
        assert back == [counters]
        assert counters.read() == {"done": 21}


def test_a_broadcast_shares_them(bench: Bench) -> None:
    with Counters("done") as counters:
        refs = [bench.start() for _ in range(2)]
        assert bench.system.hosting.broadcast(refs, Order("count", (counters, "done", 5))).sent == 2
        settle(lambda: counters.read() == {"done": 10})


def test_nothing_is_left_of_them(bench: Bench) -> None:
    here, shm = [], shared_memory()
    for _ in range(2):  # the first life opens what the host keeps
        ref = bench.start()
        with Counters("done") as counters:
            ref.ask(Order("count", (counters, "done", 1)), timeout=WAIT)
        killed(bench, ref)
        here.append(len(list(Path("/proc/self/fd").iterdir())))
    settle(lambda: len(list(Path("/proc/self/fd").iterdir())) <= here[0])  # a launcher may be about to start
    assert shared_memory() == shm
