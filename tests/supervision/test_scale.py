"""What one child costs does not depend on how many others there are."""

from __future__ import annotations

import weakref
from functools import partial

from regrow.actors.child_spec import ChildSpec, Restart, Start
from tests.supervision.effort import Crowd, steps


def test_a_start_a_crash_and_an_end_cost_the_same_among_ten_thousand() -> None:
    crowds = [Crowd(size, Restart.TRANSIENT) for size in (10, 10_000)]
    for deed in (Crowd.start, Crowd.crash, Crowd.terminate, Crowd.finish):
        few, many = (steps(partial(deed, crowd)) for crowd in crowds)
        assert abs(many - few) <= 0.01 * few, deed


def test_the_end_of_ten_times_as_many_costs_ten_times_as_much() -> None:
    few, many = (steps(Crowd(size).stop) for size in (100, 1000))
    assert 9.0 < many / few < 11.0


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
    assert not crowd.core._state._by_urn, "its ref is kept"
