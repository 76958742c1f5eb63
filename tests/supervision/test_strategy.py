from __future__ import annotations

import pytest

from regrow.supervision.strategy import Strategy, affected

IDS = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("strategy", "failed", "expected"),
    [
        (Strategy.ONE_FOR_ONE, "b", ("b",)),
        (Strategy.ONE_FOR_ALL, "a", ("a", "b", "c")),
        (Strategy.ONE_FOR_ALL, "c", ("a", "b", "c")),
        (Strategy.REST_FOR_ONE, "a", ("a", "b", "c")),
        (Strategy.REST_FOR_ONE, "b", ("b", "c")),
        (Strategy.REST_FOR_ONE, "c", ("c",)),
    ],
)
def test_who_shares_the_fate_of_a_failed_child(strategy: Strategy, failed: str, expected: tuple[str, ...]) -> None:
    assert affected(strategy, IDS, failed) == expected


def test_an_unknown_child_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="x"):
        affected(Strategy.ONE_FOR_ALL, IDS, "x")
