"""The diagnosis table, and how two looks at what the kernel says are compared."""

from __future__ import annotations

import pytest

from regrow.actors.hosting.verdicts import Cpu, ProcessFacts, ThreadFacts, Verdict, cpu_between, verdict_of

MS = 1_000_000  # nanoseconds


@pytest.mark.parametrize(
    ("thread_beats", "cpu", "locked", "verdict"),
    [
        (True, Cpu.GROWS, False, Verdict.BUSY),
        (True, Cpu.DELAYED, False, Verdict.STARVED),
        (True, Cpu.FLAT, False, Verdict.BLOCKED),
        (True, Cpu.FLAT, True, Verdict.DEADLOCKED),
        (True, Cpu.GROWS, True, Verdict.BUSY),  # its threads change places
        (True, Cpu.UNKNOWN, False, Verdict.BLOCKED),
        (False, Cpu.GROWS, False, Verdict.BUSY),
        (False, Cpu.DELAYED, True, Verdict.STARVED),
        (False, Cpu.FLAT, False, Verdict.DEADLOCKED),
        (False, Cpu.UNKNOWN, False, Verdict.BUSY),
    ],
)
def test_the_table_of_those_whose_root_does_not_get_on(
    thread_beats: bool, cpu: Cpu, locked: bool, verdict: Verdict
) -> None:
    assert verdict_of(thread_beats=thread_beats, cpu=cpu, locked=locked) is verdict


def facts(*threads: ThreadFacts, cpu_ms: int = 0, faults: int = 0) -> ProcessFacts:
    return ProcessFacts(state="S", cpu_ns=cpu_ms * MS, faults=faults, threads=dict(enumerate(threads)))


def thread(run_ms: int = 0, delay_ms: int = 0, *, endless: bool = False, runnable: bool = False) -> ThreadFacts:
    return ThreadFacts(run_ms * MS, delay_ms * MS, endless, runnable)


ASLEEP = thread()


@pytest.mark.parametrize(
    ("after", "cpu"),
    [
        (facts(ASLEEP, ASLEEP, cpu_ms=200), Cpu.GROWS),
        (facts(ASLEEP, thread(50)), Cpu.GROWS),
        (facts(ASLEEP, thread(400, 600)), Cpu.GROWS),  # another one has half of the processor
        (facts(ASLEEP, thread(150, 300)), Cpu.GROWS),
        (facts(ASLEEP, ASLEEP), Cpu.FLAT),
        (facts(thread(6), ASLEEP), Cpu.FLAT),  # it asks for the GIL, again and again
        (facts(*(thread(6) for _ in range(30)), cpu_ms=180), Cpu.FLAT),  # thirty do
        (facts(ASLEEP, thread(0, 900)), Cpu.DELAYED),
        (facts(ASLEEP, thread(90, 900)), Cpu.DELAYED),
        (facts(thread(6, 20), thread(100, 850)), Cpu.DELAYED),
        (facts(ASLEEP, thread(runnable=True)), Cpu.DELAYED),  # it waits still, so nothing is counted yet
        (facts(ASLEEP, thread(60, runnable=True)), Cpu.DELAYED),
        (facts(ASLEEP, thread(120, runnable=True)), Cpu.GROWS),
        (facts(ASLEEP, ASLEEP, faults=1), Cpu.DELAYED),
        (facts(ASLEEP, ASLEEP, cpu_ms=300, faults=1), Cpu.GROWS),
        (ProcessFacts(state="S"), Cpu.UNKNOWN),  # its threads were not looked at
        (facts(), Cpu.UNKNOWN),  # or may not be
        (None, Cpu.UNKNOWN),
    ],
)
def test_what_a_process_did_with_the_processor_in_one_second(after: ProcessFacts | None, cpu: Cpu) -> None:
    before = facts(*(ASLEEP for _ in range(30)))
    assert cpu_between(before, after, 1.0) is cpu


def test_a_first_look_has_nothing_to_be_compared_with() -> None:
    assert cpu_between(None, facts(ASLEEP), 1.0) is Cpu.UNKNOWN
    assert cpu_between(facts(ASLEEP), facts(ASLEEP), 0.0) is Cpu.UNKNOWN


def test_threads_are_locked_if_each_of_them_waits_without_a_limit_of_time() -> None:
    stuck, ours = thread(endless=True), ThreadFacts(0, 0, ours=True)
    assert facts(stuck, stuck).locked
    assert facts(stuck, ours).locked
    assert not facts(ours).locked
    assert not facts(stuck, thread()).locked
    assert not facts().locked
    assert not ProcessFacts(state="S").locked
