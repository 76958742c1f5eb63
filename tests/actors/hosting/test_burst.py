"""A burst is taken together: nothing is lost, and everybody's messages stay in their order."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.hosting.burst import taken
from regrow.protocol.frames import Buffer


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=3)), min_size=1))
def test_everything_is_taken_in_its_order_and_neighbours_to_the_same_one_together(
    told: list[tuple[str, bytes]],
) -> None:
    waiting: deque[tuple[str, Buffer]] = deque(told)
    groups = list(taken(waiting))
    assert [(urn, body) for urn, bodies in groups for body in bodies] == told
    assert all(before != after for (before, _), (after, _) in pairwise(groups))
    assert not waiting
