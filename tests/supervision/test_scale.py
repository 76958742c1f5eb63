"""What one child costs does not depend on how many others there are."""

from __future__ import annotations

import random
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from regrow.actors.child_spec import ChildSpec, Restart, Start
from regrow.protocol.exits import SHUTDOWN
from regrow.supervision import SupervisorSpec
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision.core import SupervisorCore
from tests.supervision.effort import Crowd, steps


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
