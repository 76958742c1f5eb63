"""The life of one end of a port, as its table says."""

from __future__ import annotations

import itertools

from regrow.actors.hosting.port_states import TABLE, Act, PortState, Step

USED_UP = (PortState.CLOSED, PortState.LOST, PortState.MOVED)


def lives(length: int) -> list[tuple[PortState, list[Act]]]:
    """Give where every allowed sequence of so many steps ends, and what was done on the way."""
    found = []
    for steps in itertools.product(Step, repeat=length):
        state, acts = PortState.HELD, []
        for step in steps:
            if step not in TABLE[state]:
                break
            state, act = TABLE[state][step]
            acts.append(act)
        else:
            found.append((state, acts))
    return found


def test_every_state_has_a_row() -> None:
    assert set(TABLE) == set(PortState)


def test_closing_is_allowed_in_every_state() -> None:
    assert all(Step.CLOSED_HERE in row for row in TABLE.values())


def test_it_is_opened_or_lent_only_while_it_is_held_and_handed_over_only_when_it_was_lent() -> None:
    for step in (Step.OPENED, Step.LENT):
        assert [state for state, row in TABLE.items() if step in row] == [PortState.HELD]
    leading = [state for state, row in TABLE.items() if row.get(Step.HANDED_OVER, (None,))[0] is PortState.MOVED]
    assert leading == [PortState.LENT]


def test_whatever_may_happen_to_a_link_is_allowed_as_long_as_it_is_there_and_afterwards() -> None:
    for state in (PortState.OPEN, PortState.LEAVING, PortState.CLOSED, PortState.LOST):
        assert Step.CLOSED_THERE in TABLE[state]


def test_the_actor_is_told_of_the_end_at_most_once_and_never_after_it_has_closed_it_itself() -> None:
    for _, acts in lives(5):
        told = [act for act in acts if act in (Act.ANNOUNCE, Act.SAY_CLOSED)]
        assert len(told) <= 1


def test_what_an_end_has_is_let_go_of_once_and_in_the_end() -> None:
    for state, acts in lives(5):
        let_go = [act for act in acts if act in (Act.RELEASE, Act.ANNOUNCE, Act.LEAVE)]
        assert len(let_go) == (state in USED_UP)
