"""The lines of keys, which tomllib does not give."""

from __future__ import annotations

import tomllib

import pytest

from regrow.supervision.policy.mistakes import KeyPath
from regrow.supervision.policy.positions import Positions

TEXT = '''\
# a comment with [brackets] and = signs
title = "x # not a comment"
a.b."c.d" = 1
many = [
  1, # one
  [2, 3],
  { id = "in line", more = { deep = true } },
]
text = """
[not.a.table]
key = "no" \\"" still text"""
more = """ends with quotes"""""
raw = \'\'\'it's [no] table\'\'\'
when = 2026-01-01 07:30:00
[tree]
strategy = \'one_for_one\'
  [[tree.child]]
  id = "first"
    [[tree.child.child]]
    id = "first.first"
    [[tree.child.child]]
    id = "first.second"
    limits.nice = 3
  [[tree.child]] # with a comment
  id = "second"
  [tree.child.kwargs]
  port = 1
[policy . "a/*/[x]"]
restart = "permanent"
'''


def keys_of(value: object, path: KeyPath = ()) -> set[KeyPath]:
    found = {path}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= keys_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= keys_of(inner, (*path, index))
    return found


def test_exactly_the_keys_that_tomllib_sees_are_found() -> None:
    assert Positions(TEXT).paths() == keys_of(tomllib.loads(TEXT))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a", "b", "c.d"), 3),
        (("many",), 4),
        (("many", 1, 1), 6),
        (("many", 2, "more", "deep"), 7),
        (("when",), 14),
        (("tree", "child", 0, "id"), 18),
        (("tree", "child", 0, "child", 1, "id"), 22),
        (("tree", "child", 0, "child", 1, "limits", "nice"), 23),
        (("tree", "child", 1), 24),
        (("tree", "child", 1, "id"), 25),
        (("tree", "child", 1, "kwargs", "port"), 27),
        (("policy", "a/*/[x]", "restart"), 29),
    ],
)
def test_each_key_has_its_line(path: KeyPath, line: int) -> None:
    assert Positions(TEXT).line(path) == line


def test_a_missing_key_has_the_line_of_its_table() -> None:
    assert Positions(TEXT).line(("tree", "child", 1, "start")) == 24


def test_windows_line_ends_do_not_move_the_lines() -> None:
    assert Positions(TEXT.replace("\n", "\r\n")).line(("tree", "child", 1, "id")) == 25
