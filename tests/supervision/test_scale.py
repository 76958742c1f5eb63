"""What one child costs does not depend on how many others there are.

Cost is counted in steps of the Python interpreter, which are the same in every run, not in seconds.
"""

from __future__ import annotations

import random
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from regrow.actors.child_spec import ChildSpec, Grace, Restart, Start
from regrow.protocol.exits import SHUTDOWN
from regrow.supervision import NO_BACKOFF, RestartIntensity, SupervisorSpec
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from tests.supervision.dynamic_stage import FakeRef
from tests.supervision.stage import BOOM


class Crowd:
    """Many children of one core, each ready."""

    def __init__(self, size: int, restart: Restart = Restart.PERMANENT) -> None:
        self.core = DynamicCore(DynamicSpec(RestartIntensity(10**6, 0.5), NO_BACKOFF), random.Random(0))
        self.now = 0.0
        self.lives: dict[str, int] = {}
        self.spec = ChildSpec(id="w", start=Start(object), restart=restart, shutdown=Grace(1.0))
        self.feed(ev.Booted())
        for _ in range(size):
            self.start()

    def feed(self, event: ev.CoreEvent) -> list[do.Command]:
        self.now += 1.0
        commands = self.core.receive(event, self.now)
        for command in commands:
            if isinstance(command, do.StartLife):
                self.lives[command.child_id] = command.life
        return commands

    def begin(self, child_id: str) -> None:
        life = self.lives[child_id]
        ref: Any = FakeRef(f"urn:{child_id}")
        self.feed(ev.LifeBegun(child_id, life, ref, 1))
        self.feed(ev.LifeReady(child_id, life))

    def start(self) -> str:
        [command] = self.feed(ev.Requested(ask.StartChild(self.spec), 1))
        assert isinstance(command, do.StartLife)
        self.begin(command.child_id)
        return command.child_id

    def crash(self) -> None:
        child_id = next(reversed(self.lives))
        self.feed(ev.LifeEnded(child_id, self.lives[child_id], BOOM))
        self.begin(child_id)

    def terminate(self) -> None:
        child_id, life = next(reversed(self.lives.items()))
        ref: Any = FakeRef(f"urn:{child_id}")
        self.feed(ev.Requested(ask.TerminateChild(ref), 2))
        self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))

    def finish(self) -> None:
        child_id, life = next(reversed(self.lives.items()))
        self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))

    def stop(self) -> None:
        self.feed(ev.StopRequested())
        for child_id, life in self.lives.items():
            self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))
        assert self.core.ended


def steps(work: Callable[[], object]) -> int:
    """Count what the interpreter does."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("deed", [Crowd.start, Crowd.crash, Crowd.terminate, Crowd.finish])
def test_a_start_a_crash_and_an_end_cost_the_same_among_ten_thousand(deed: Callable[[Crowd], object]) -> None:
    few, many = (steps(partial(deed, crowd)) for crowd in crowds((10, 10_000)))
    assert abs(many - few) <= 0.01 * few


def test_the_end_of_ten_times_as_many_costs_ten_times_as_much() -> None:
    few, many = (steps(crowd.stop) for crowd in crowds((300, 3000)))
    assert 9.0 < many / few < 11.0


def test_the_end_of_ten_times_as_many_in_a_row_costs_ten_times_as_much() -> None:
    few, many = (steps(partial(row_stops, size)) for size in (100, 1000))
    assert 9.0 < many / few < 11.0


def row_stops(size: int) -> None:
    children = [ChildSpec(id=str(index), start=Start(object)) for index in range(size)]
    core = SupervisorCore(SupervisorSpec(children=children), random.Random(0))
    commands = deque(core.receive(ev.Booted(), 0.0))
    while commands:
        match commands.popleft():
            case do.StartLife(child_id, life):
                commands += core.receive(ev.LifeReady(child_id, life), 0.0)
            case do.ConfirmStart():
                commands += core.receive(ev.StopRequested(), 0.0)
            case do.StopLife(child_id, life):
                commands += core.receive(ev.LifeEnded(child_id, life, SHUTDOWN), 0.0)
    assert core.ended


def crowds(sizes: Iterable[int]) -> list[Crowd]:
    return [Crowd(size, Restart.TRANSIENT) for size in sizes]


def test_nothing_of_a_temporary_child_is_kept() -> None:
    class Large:
        pass

    large = Large()
    gone = weakref.ref(large)
    crowd = Crowd(0)
    crowd.spec = ChildSpec(id="w", start=Start(object, (large,), {"again": large}), restart=Restart.TEMPORARY)
    crowd.start()
    crowd.spec, large = Crowd(0).spec, Large()
    assert gone() is None, "its arguments are kept while it runs"
    crowd.finish()
    assert crowd.core.children(0.0) == ()
