"""Under a supervisor with an order, too, an event costs what it is about, not how many children there are.

Cost is counted as in test_scale.py: in steps of the interpreter, which are the same in every run.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

import pytest

from regrow.protocol.exits import SHUTDOWN, ExitReason
from regrow.supervision import NO_BACKOFF, ChildState, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from tests.supervision.effort import steps
from tests.supervision.stage import BOOM, Stage, child

FEW, MANY = 30, 300
STRATEGIES = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


class Row:
    """Children that start and stop at once, and nothing else that would cost anything."""

    def __init__(self, size: int, strategy: Strategy = Strategy.ONE_FOR_ONE, hangs: str = "") -> None:
        children = [child(str(number)) for number in range(size)]
        spec = SupervisorSpec(strategy, children, RestartIntensity(10, 0.5), NO_BACKOFF)
        self.core = SupervisorCore(spec, random.Random(0))
        self.lives: dict[str, int] = {}
        self.hangs = hangs
        self.now = 0.0

    def boot(self) -> Row:
        self.feed(ev.Booted())
        return self

    def feed(self, event: ev.CoreEvent) -> None:
        self.now += 1.0
        events = deque([event])
        while events:
            for command in self.core.receive(events.popleft(), self.now):
                match command:
                    case do.StartLife(child_id, life):
                        self.lives[child_id] = life
                        events.append(ev.LifeReady(child_id, life))
                    case do.StopLife(child_id, life) if child_id != self.hangs:
                        events.append(ev.LifeEnded(child_id, life, SHUTDOWN))

    def end(self, child_id: str, reason: ExitReason = BOOM) -> None:
        self.feed(ev.LifeEnded(child_id, self.lives[child_id], reason))

    def stop(self) -> None:
        self.feed(ev.StopRequested())
        assert self.core.ended


def cost(work: Callable[[Row], object], strategy: Strategy = Strategy.ONE_FOR_ONE) -> tuple[int, int]:
    """The steps of this among few and among many children."""
    few, many = Row(FEW, strategy).boot(), Row(MANY, strategy).boot()
    return steps(lambda: work(few)), steps(lambda: work(many))


def assert_same(few: int, many: int) -> None:
    assert abs(many - few) <= 0.01 * few


def assert_in_proportion(few: int, many: int) -> None:
    assert many / few < 1.1 * MANY / FEW


def test_a_boot_of_ten_times_as_many_costs_ten_times_as_much() -> None:
    few, many = Row(FEW), Row(MANY)
    assert_in_proportion(steps(few.boot), steps(many.boot))
    assert many.core.phase == "running"


def test_a_stop_of_ten_times_as_many_costs_ten_times_as_much() -> None:
    assert_in_proportion(*cost(Row.stop))


@pytest.mark.parametrize("child_id", ["0", str(FEW - 1)])
def test_a_crash_under_one_for_one_costs_the_same_among_ten_times_as_many(child_id: str) -> None:
    assert_same(*cost(lambda row: row.end(child_id)))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_group_restart_of_ten_times_as_many_costs_ten_times_as_much(strategy: Strategy) -> None:
    def crash_the_first(row: Row) -> None:
        lives = dict(row.lives)
        row.end("0")
        assert all(row.lives[child_id] > life for child_id, life in lives.items())

    assert_in_proportion(*cost(crash_the_first, strategy))


def test_a_crash_that_widens_a_group_costs_as_much_as_the_group() -> None:
    """While the others stop, the one before them fails: the group is formed anew, from that one on."""
    counts = []
    for size in (FEW, MANY):
        row = Row(size, Strategy.REST_FOR_ONE, hangs="2").boot()
        row.end("1")
        assert row.core.phase == "restarting"
        counts.append(steps(lambda row=row: row.end("0")))  # type: ignore[misc]
        row.end("2", SHUTDOWN)
        assert row.core.phase == "running"
    assert_in_proportion(*counts)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_end_in_a_group_that_stops_costs_the_same_among_ten_times_as_many(strategy: Strategy) -> None:
    counts = []
    for size in (FEW, MANY):
        row = Row(size, strategy, hangs="20").boot()
        row.end("1")
        counts.append(steps(lambda row=row: row.end("10")))  # type: ignore[misc]
        assert row.core.phase == "restarting"
    assert_same(*counts)


@pytest.mark.parametrize(
    "request_", [ask.TerminateChild("0"), ask.GetChildSpec("0"), ask.StartChild(child("new")), ask.DeleteChild("0")]
)
def test_a_request_about_one_child_costs_the_same_among_ten_times_as_many(request_: ask.Request) -> None:
    assert_same(*cost(lambda row: row.feed(ev.Requested(request_, 1))))


def test_a_member_that_is_started_by_hand_while_its_group_stops_is_stopped_with_it() -> None:
    """It had been passed by, as it was down; the search for who still lives has to come back to it."""
    stage = Stage(child("a"), child("b"), child("c"), strategy=Strategy.ONE_FOR_ALL).boot()
    stage.stops["b"] = "hang"
    stage.crash("a")
    stage.ask(ask.TerminateChild("c"))
    stage.take_log()
    asked = stage.request(ask.RestartChild("c"))
    assert stage.take_log()[:2] == ["start c", "stop c"]
    stage.finish("b", SHUTDOWN)
    assert [info.state for info in stage.core.children(stage.now)] == [ChildState.RUNNING] * 3
    assert asked in stage.answers
