"""Plans are pure: same seed, same plan; every injection inside the loud part of the run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.chaos import Freeze, Kill, Plan, PlanError

FAULTS = (("link", Kill()), ("executor", Freeze()), ("gateway", Kill()))


def test_the_same_seed_gives_the_same_plan() -> None:
    assert Plan.spread(FAULTS, seconds=20, seed=7) == Plan.spread(FAULTS, seconds=20, seed=7)


def test_another_seed_gives_another_plan() -> None:
    assert Plan.spread(FAULTS, seconds=20, seed=7) != Plan.spread(FAULTS, seconds=20, seed=8)


@given(seconds=st.floats(0.1, 1e4), seed=st.integers(), quiet=st.floats(0, 0.49))
def test_faults_keep_their_order_and_stay_out_of_the_quiet_ends(seconds: float, seed: int, quiet: float) -> None:
    plan = Plan.spread(FAULTS, seconds=seconds, seed=seed, quiet=quiet)
    times = [injection.at for injection in plan.injections]
    assert [injection.target for injection in plan.injections] == [target for target, _ in FAULTS]
    assert times == sorted(times)
    assert all(seconds * quiet - 1e-3 <= at <= seconds * (1 - quiet) + 1e-3 for at in times)


def test_due_gives_only_what_is_due_and_not_done() -> None:
    plan = Plan.spread(FAULTS, seconds=20, seed=7)
    assert plan.due(0.0, 0) == ()
    assert plan.due(20.0, 0) == plan.injections
    assert plan.due(20.0, 2) == plan.injections[2:]


@pytest.mark.parametrize(("seconds", "quiet"), [(0, 0.1), (-1, 0.1), (10, 0.5), (10, -0.1)])
def test_a_plan_without_room_is_refused(seconds: float, quiet: float) -> None:
    with pytest.raises(PlanError, match="expected seconds > 0"):
        Plan.spread(FAULTS, seconds=seconds, seed=1, quiet=quiet)
