"""Paths in a supervision tree and the globs that match them.

What lives here: pure matching and the order of rules. What must not: specs, TOML.

A path is made of child ids, from the root on: "root/pool/worker-3". In a pattern `*`, `?` and `[abc]` stand for
characters of one segment; a segment `**` stands for any number of segments, at the end for at least one (as in
.gitignore: "root/**" is everything below root, not root itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

__all__ = ("matches", "may_match_below", "specificity")

_WILD: Final = frozenset("*?[")


def matches(pattern: str, path: str) -> bool:
    """Say whether a pattern matches a whole path.

    >>> matches("root/*/link", "root/a/link"), matches("root/**", "root/a/link"), matches("root/*", "root/a/link")
    (True, True, False)
    """
    if not _WILD.intersection(pattern):
        return pattern == path
    last = pattern.rpartition("/")[2]
    if last != "**" and not fnmatchcase(path.rpartition("/")[2], last):
        return False  # most are told by their ends, without a look at the whole way
    return _matches(pattern.split("/"), path.split("/"))


def may_match_below(pattern: str, path: str) -> bool:
    """Say whether a pattern could match something strictly below a path whose children are not known here.

    >>> may_match_below("root/link/heartbeat", "root/link"), may_match_below("root/*", "root/link")
    (True, False)
    """
    if not _WILD.intersection(pattern):
        return pattern.startswith(f"{path}/")
    return _may_match_below(pattern.split("/"), path.split("/"))


def specificity(pattern: str) -> tuple[int, int, int]:
    """Order patterns from general to special: no wildcard at all, more plain segments, more plain characters.

    >>> sorted(["root/a", "**", "root/*", "root/a*"], key=specificity)
    ['**', 'root/*', 'root/a*', 'root/a']
    """
    segments = pattern.split("/")
    plain = [segment for segment in segments if not _WILD.intersection(segment)]
    characters = sum(char not in "*?[]" for segment in segments for char in segment)
    return int(len(plain) == len(segments)), len(plain), characters


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Follow all ways at once: how much of the path each part of the pattern may have taken. O(pattern * path)."""
    taken = {0}
    for position, part in enumerate(pattern):
        if part == "**":
            least = 1 if position == len(pattern) - 1 else 0
            taken = set(range(min(taken) + least, len(path) + 1))
        else:
            taken = {index + 1 for index in taken if index < len(path) and fnmatchcase(path[index], part)}
        if not taken:
            return False
    return len(path) in taken


def _may_match_below(pattern: Sequence[str], path: Sequence[str]) -> bool:
    for position, part in enumerate(pattern):
        if part == "**" or position == len(path):
            return True
        if not fnmatchcase(path[position], part):
            return False
    return False
