from __future__ import annotations

import pytest

from regrow.supervision.states import ALIVE, TRANSITIONS, ChildState, Step, next_state


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(ChildState)


@pytest.mark.parametrize("state", ChildState)
@pytest.mark.parametrize("step", Step)
def test_every_pair_either_leads_somewhere_or_is_refused(state: ChildState, step: Step) -> None:
    expected = TRANSITIONS[state].get(step)
    if expected is not None:
        assert next_state(state, step) is expected
    else:
        with pytest.raises(AssertionError, match=f"a child cannot {step} while it is {state}"):
            next_state(state, step)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {target for row in TRANSITIONS.values() for target in row.values()}
    assert reached == set(ChildState)
    assert all(row for row in TRANSITIONS.values())


def test_a_life_begins_only_where_none_is() -> None:
    assert not [state for state in ALIVE if Step.BEGIN in TRANSITIONS[state]]
