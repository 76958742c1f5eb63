"""Globs over paths in a tree."""

from __future__ import annotations

import pytest

from regrow.supervision.policy.paths import matches, may_match_below, specificity


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("worker/executor/*", "worker/executor/p-1", True),
        ("worker/executor/*", "worker/executor", False),
        ("worker/executor/*", "worker/executor/p/q", False),
        ("worker/executor/p-?", "worker/executor/p-1", True),
        ("worker/executor/p-[12]", "worker/executor/p-3", False),
        ("**", "worker", True),
        ("**", "worker/link/heartbeat", True),
        ("worker/**", "worker/link/heartbeat", True),
        ("worker/**", "worker", False),
        ("**/heartbeat", "worker/link/heartbeat", True),
        ("**/heartbeat", "heartbeat", True),
        ("worker/**/heartbeat", "worker/heartbeat", True),
        ("worker/**/heartbeat", "other/heartbeat", False),
        ("worker", "worker", True),
        ("Worker", "worker", False),
    ],
)
def test_patterns_match_whole_paths_segment_by_segment(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("worker/link/heartbeat", "worker/link", True),
        ("worker/link", "worker/link", False),
        ("worker/*", "worker/link", False),
        ("**", "worker/link", True),
        ("other/link/x", "worker/link", False),
    ],
)
def test_patterns_know_whether_they_could_reach_below(pattern: str, path: str, expected: bool) -> None:
    assert may_match_below(pattern, path) is expected


def test_plain_paths_are_more_special_than_globs_and_longer_globs_than_shorter_ones() -> None:
    patterns = ["**", "root/**", "root/a*", "root/*/x", "root/a"]
    assert sorted(sorted(patterns), key=specificity) == patterns
