"""The judge, look by look: each row of the diagnosis table, what adds up to an end, and what is nobody's fault."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from regrow.actors import Limits
from regrow.actors.hosting.hang import (
    CALM,
    DEADLINE,
    STRIKES,
    DumpStacks,
    EndHung,
    HangCommand,
    Judge,
    Need,
    Recovered,
    Sample,
    Suspect,
    beat_seconds,
)
from regrow.actors.hosting.verdicts import ProcessFacts, ThreadFacts, Verdict

NO_LIMITS = Limits(stopped_seconds=None, hang_limit=None, busy_limit=None)
LOOK = 0.75  # seconds; a beat is one


@dataclass
class Life:
    """A process as its watcher sees it. What it does between two looks is said in words."""

    limits: Limits = NO_LIMITS
    now: float = 0.0
    sample: Sample = field(default_factory=lambda: Sample(beats=1))
    process: ProcessFacts = field(
        default_factory=lambda: ProcessFacts(state="S", threads={1: ThreadFacts(0, 0), 2: ThreadFacts(0, 0)})
    )
    said: list[HangCommand] = field(default_factory=list)
    asked: list[Need] = field(default_factory=list)
    kernel: bool = True

    def __post_init__(self) -> None:
        self.judge = Judge(self.limits, 1.0, self.now)
        self.look()

    def look(self, *, beats: bool = True, loop: bool = False, run: float = 0.0, delay: float = 0.0) -> Verdict:
        """One look later. `run`, `delay`: parts of the time that its second thread spent so."""
        self.now += LOOK
        self.sample = replace(
            self.sample, beats=self.sample.beats + beats, loop_beats=self.sample.loop_beats + loop, process=None
        )
        threads = dict(self.process.threads or {})
        ns = int(LOOK * 1e9)
        threads[2] = replace(
            threads[2], run_ns=threads[2].run_ns + int(run * ns), delay_ns=threads[2].delay_ns + int(delay * ns)
        )
        self.process = replace(self.process, threads=threads, cpu_ns=self.process.cpu_ns + int(run * ns))
        need = self.judge.needs(self.sample, self.now)
        self.asked.append(need)
        seen = self.process if need is Need.THREADS else replace(self.process, threads=None)
        told = self.sample if need is Need.NOTHING or not self.kernel else replace(self.sample, process=seen)
        self.said += self.judge.receive(told, self.now)
        return self.judge.verdict

    def looks(self, seconds: float, **what: float) -> Verdict:
        """Look for so long."""
        for _ in range(round(seconds / LOOK)):
            self.look(**what)  # type: ignore[arg-type]
        return self.judge.verdict

    def take(self, number: int = 1) -> None:
        """Have a message in hand."""
        self.sample = replace(self.sample, message=number)

    def be(self, **facts: object) -> None:
        """Be so, as the kernel says."""
        self.process = replace(self.process, **facts)  # type: ignore[arg-type]

    def lock_up(self) -> None:
        """Have all threads wait for each other."""
        self.be(threads={tid: replace(facts, endless=True) for tid, facts in (self.process.threads or {}).items()})

    def ends(self) -> list[EndHung]:
        return [command for command in self.said if isinstance(command, EndHung)]

    def suspicions(self) -> list[Suspect]:
        return [command for command in self.said if isinstance(command, Suspect)]


# The rows of the diagnosis table.


def test_row_1_a_fresh_loop_is_healthy_whatever_else() -> None:
    idle = Life()
    assert idle.looks(60.0) is Verdict.HEALTHY
    loop = Life()
    loop.take()
    assert loop.looks(60.0, beats=False, loop=True) is Verdict.HEALTHY
    busy = Life()
    for number in range(1, 80):
        busy.take(number)
        assert busy.look(beats=False, run=1.0) is Verdict.HEALTHY


def test_row_2_a_stale_loop_with_a_fresh_thread_is_blocked_or_busy_with_python_code() -> None:
    waits = Life()
    waits.take()
    assert waits.looks(10.0) is Verdict.BLOCKED
    computes = Life()
    computes.take()
    assert computes.looks(10.0, run=0.9) is Verdict.BUSY
    event_loop = Life()
    event_loop.look(loop=True)
    assert event_loop.looks(10.0) is Verdict.BLOCKED  # nothing in hand, but its loop stands still


def test_row_3_both_stale_while_run_time_grows_is_c_code_with_the_gil() -> None:
    life = Life()
    life.take()
    assert life.looks(10.0, beats=False, run=1.0) is Verdict.BUSY


def test_row_4_both_stale_while_only_the_delay_grows_is_starved() -> None:
    life = Life()
    life.take()
    assert life.looks(10.0, beats=False, run=0.02, delay=0.9) is Verdict.STARVED


def test_row_5_both_stale_and_flat_is_deadlocked() -> None:
    life = Life()
    life.take()
    assert life.looks(10.0, beats=False) is Verdict.DEADLOCKED
    idle = Life()  # nothing in hand, and yet no message could be taken
    assert idle.looks(10.0, beats=False) is Verdict.DEADLOCKED


def test_row_6_stopped_or_traced() -> None:
    life = Life()
    life.be(state="T")
    assert life.look(beats=False) is Verdict.STOPPED
    life.be(state="t", traced=True)
    assert life.look(beats=False) is Verdict.TRACED
    life.be(state="T", traced=True)
    assert life.look(beats=False) is Verdict.TRACED


def test_locks_that_nobody_will_release_are_a_deadlock_also_while_the_main_thread_beats() -> None:
    life = Life()
    life.take()
    life.lock_up()
    assert life.looks(10.0) is Verdict.DEADLOCKED
    waits = Life(sample=Sample(beats=1, waits=True))  # for the answer of an actor, which comes from elsewhere
    waits.take()
    waits.lock_up()
    assert waits.looks(10.0) is Verdict.BLOCKED


def test_where_the_kernel_says_nothing_nobody_is_called_deadlocked() -> None:
    life = Life(Limits(), kernel=False)
    life.take()
    assert life.looks(500.0, beats=False) is Verdict.BUSY
    assert life.ends() == []


# What the kernel is asked.


def test_the_kernel_is_not_asked_about_one_that_beats() -> None:
    life = Life()
    life.looks(20.0)
    assert set(life.asked) == {Need.NOTHING}


def test_one_that_has_not_beaten_since_the_last_look_is_looked_at_at_once_and_closely_when_it_is_stale() -> None:
    life = Life()
    life.look(beats=False)
    assert life.asked[-1] is Need.STATE
    life.looks(3.0, beats=False)
    assert life.asked[-1] is Need.THREADS


def test_one_that_is_in_trouble_for_long_is_looked_at_closely_only_now_and_then() -> None:
    life = Life()
    life.take()
    life.looks(60.0, run=1.0)
    late = life.asked[-40:]
    assert late.count(Need.THREADS) == 10
    assert late.count(Need.STATE) == 30
    assert life.judge.verdict is Verdict.BUSY
    life.be(state="T")
    assert life.look(beats=False) is Verdict.STOPPED


# Strikes.


def test_one_look_is_no_verdict() -> None:
    life = Life()
    life.take()
    life.looks(6.0, run=1.0)
    assert life.judge.verdict is Verdict.BUSY
    for _ in range(STRIKES - 1):
        assert life.look() is Verdict.BUSY
    assert life.look() is Verdict.BLOCKED


def test_a_verdict_needs_looks_in_a_row() -> None:
    life = Life()
    life.take()
    life.looks(6.0, run=1.0)
    for _ in range(3):
        assert life.look() is Verdict.BUSY
        assert life.look(delay=1.0) is Verdict.BUSY


def test_a_single_beat_makes_it_healthy_at_once() -> None:
    life = Life()
    assert life.looks(10.0, beats=False) is Verdict.DEADLOCKED
    assert life.look() is Verdict.HEALTHY


# The rungs.


def test_a_deadlock_is_told_at_half_of_its_limit_dumped_and_ended_at_the_limit() -> None:
    life = Life(Limits(hang_limit=30.0))
    life.looks(60.0, beats=False)
    told, dump, end = life.said
    assert isinstance(told, Suspect)
    assert (told.verdict, told.limit) == (Verdict.DEADLOCKED, 30.0)
    assert told.seconds == pytest.approx(15.0, abs=LOOK)
    assert dump == DumpStacks()
    assert isinstance(end, EndHung)
    assert (end.why, end.verdict, end.limit) == ("deadlocked", Verdict.DEADLOCKED, 30.0)
    assert end.seconds == pytest.approx(30.0, abs=LOOK)


def test_nothing_is_said_any_more_once_it_is_ended() -> None:
    life = Life(Limits(hang_limit=10.0))
    life.looks(120.0, beats=False)
    assert len(life.ends()) == 1
    assert isinstance(life.said[-1], EndHung)


def test_c_code_that_holds_the_gil_is_ended_at_the_busy_limit() -> None:
    life = Life(Limits(busy_limit=120.0))
    life.take()
    life.looks(100.0, beats=False, run=1.0)
    assert [(told.verdict, told.limit) for told in life.suspicions()] == [(Verdict.BUSY, 120.0)]
    assert life.ends() == []
    life.looks(40.0, beats=False, run=1.0)
    assert [end.why for end in life.ends()] == ["busy"]


def test_python_code_may_compute_for_as_long_as_it_likes_and_is_told_of_once() -> None:
    life = Life(Limits())
    life.take()
    life.looks(4000.0, run=1.0)
    assert [(told.verdict, told.limit) for told in life.suspicions()] == [(Verdict.BUSY, None)]
    assert life.ends() == []


def test_time_in_python_code_does_not_count_for_c_code_that_follows() -> None:
    life = Life(Limits(busy_limit=120.0))
    life.take()
    life.looks(600.0, run=1.0)
    life.looks(110.0, beats=False, run=1.0)
    assert life.ends() == []


def test_a_handler_that_waits_is_told_of_and_never_ended() -> None:
    life = Life(Limits())
    life.take()
    life.looks(4000.0)
    assert [(told.verdict, told.limit) for told in life.suspicions()] == [(Verdict.BLOCKED, None)]
    assert life.ends() == []


def test_one_that_is_stopped_is_ended_at_its_limit() -> None:
    life = Life(Limits(stopped_seconds=10.0))
    life.be(state="T")
    life.looks(9.0, beats=False)
    assert life.ends() == []
    life.looks(3.0, beats=False)
    assert [end.why for end in life.ends()] == ["stopped"]
    assert DumpStacks() not in life.said  # it could not write


def test_one_that_goes_on_after_it_was_stopped_starts_from_nothing() -> None:
    life = Life(Limits(stopped_seconds=10.0))
    for _ in range(5):
        life.be(state="T")
        life.looks(8.0, beats=False)
        life.be(state="S")
        life.look()
    assert life.ends() == []


@pytest.mark.parametrize("limits", [NO_LIMITS])
def test_none_switches_off_all_of_it(limits: Limits) -> None:
    for what in ({"beats": False}, {"beats": False, "run": 1.0}, {}):
        life = Life(limits)
        life.take()
        life.looks(4000.0, **what)
        assert life.said == []
    life = Life(limits)
    life.be(state="T")
    life.looks(4000.0, beats=False)
    assert life.said == []


# Whose fault it is not.


def test_a_starved_process_is_told_of_and_never_ended() -> None:
    life = Life(Limits(hang_limit=10.0, busy_limit=20.0, deadline=30.0, stopped_seconds=10.0))
    life.take()
    life.looks(4000.0, beats=False, run=0.01, delay=0.95)
    assert [(told.verdict, told.limit) for told in life.suspicions()] == [(Verdict.STARVED, None)]
    assert life.ends() == []


def test_a_traced_process_is_never_ended() -> None:
    for state in ("t", "T", "S"):
        life = Life(Limits(hang_limit=10.0, busy_limit=20.0, deadline=30.0, stopped_seconds=10.0))
        life.take()
        life.be(state=state, traced=True)
        life.looks(4000.0, beats=False)
        assert life.said == []
        assert life.judge.verdict is Verdict.TRACED


def test_the_time_in_which_it_starves_counts_for_nothing() -> None:
    life = Life(Limits(busy_limit=100.0))
    life.take()
    life.looks(80.0, beats=False, run=1.0)
    life.looks(1000.0, beats=False, delay=1.0)
    assert life.ends() == []
    life.looks(30.0, beats=False, run=1.0)
    assert [end.why for end in life.ends()] == ["busy"]


def test_one_look_that_says_starved_does_not_save_a_deadlock() -> None:
    life = Life(Limits(hang_limit=30.0))
    for _ in range(8):
        life.looks(6.0, beats=False)
        life.look(beats=False, delay=1.0)
    assert [end.why for end in life.ends()] == ["deadlocked"]


def test_before_it_is_ready_only_a_stop_counts() -> None:
    life = Life(Limits(hang_limit=10.0, stopped_seconds=10.0), sample=Sample(beats=0, begun=False))
    assert life.looks(100.0, beats=False) is Verdict.HEALTHY
    life.be(state="T")
    life.looks(15.0, beats=False)
    assert [end.why for end in life.ends()] == ["stopped"]


def test_the_time_before_it_is_ready_is_no_silence() -> None:
    life = Life(Limits(hang_limit=10.0), sample=Sample(beats=0, begun=False))
    life.looks(100.0, beats=False)
    life.sample = replace(life.sample, begun=True)
    life.looks(2.0, beats=False)
    assert life.judge.verdict is Verdict.HEALTHY


# Deadlines of messages.


@pytest.mark.parametrize(
    "what", [{"run": 1.0}, {}, {"beats": False, "run": 1.0}], ids=["python", "waits", "holds the GIL"]
)
def test_a_message_that_is_in_hand_for_too_long_ends_the_process(what: dict[str, float]) -> None:
    life = Life(Limits(deadline=20.0))
    life.take()
    life.looks(19.0, **what)
    assert life.ends() == []
    life.looks(3.0, **what)
    (end,) = life.ends()
    assert end.why == DEADLINE
    assert end.limit == 20.0


def test_a_coroutine_that_awaits_for_too_long_does_as_well_although_its_loop_is_fresh() -> None:
    life = Life(Limits(deadline=20.0))
    life.take()
    life.looks(25.0, loop=True)
    (end,) = life.ends()
    assert (end.why, end.verdict) == (DEADLINE, Verdict.HEALTHY)


def test_each_message_has_its_own_time() -> None:
    life = Life(Limits(deadline=20.0))
    for number in range(1, 20):
        life.take(number)
        life.looks(15.0, run=1.0)
    assert life.ends() == []


def test_one_with_a_deadline_has_no_other_limit_for_being_busy() -> None:
    life = Life(Limits(busy_limit=10.0, deadline=100.0))
    life.take()
    life.looks(90.0, beats=False, run=1.0)
    assert life.ends() == []


def test_a_short_deadline_waits_for_the_answer_whether_it_starves() -> None:
    life = Life(Limits(deadline=4.0))
    life.take()
    life.looks(60.0, beats=False, delay=1.0)
    assert life.ends() == []


# Hysteresis.


def test_what_comes_and_goes_is_told_once() -> None:
    life = Life(Limits(hang_limit=20.0))
    for _ in range(10):
        life.looks(15.0, beats=False)
        life.look()
    assert [told.verdict for told in life.suspicions()] == [Verdict.DEADLOCKED]
    assert life.ends() == []
    for _ in range(CALM):
        life.look()
    assert isinstance(life.said[-1], Recovered)
    assert life.said[-1].verdict is Verdict.DEADLOCKED


def test_after_it_has_recovered_it_is_told_of_anew() -> None:
    life = Life(Limits(hang_limit=20.0))
    for _ in range(2):
        life.looks(15.0, beats=False)
        life.looks(10.0)
    assert [type(command) for command in life.said] == 2 * [Suspect, DumpStacks, Recovered]


def test_each_verdict_is_told_of_by_itself() -> None:
    life = Life(Limits())
    life.take()
    life.looks(70.0, run=1.0)
    life.looks(70.0)
    assert [told.verdict for told in life.suspicions()] == [Verdict.BUSY, Verdict.BLOCKED]


# Beats.


@pytest.mark.parametrize(
    ("limits", "beat"),
    [
        (Limits(), 1.0),
        (NO_LIMITS, 1.0),
        (Limits(stopped_seconds=0.4), 0.1),
        (Limits(hang_limit=2.0), 0.5),
        (Limits(busy_limit=1.0), 0.25),
        (Limits(deadline=0.2), 0.05),
    ],
)
def test_it_beats_at_least_four_times_within_the_shortest_of_its_limits(limits: Limits, beat: float) -> None:
    assert beat_seconds(limits) == pytest.approx(beat)
