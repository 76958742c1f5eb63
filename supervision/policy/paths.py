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
    return _matches(pattern.split("/"), path.split("/"))


def may_match_below(pattern: str, path: str) -> bool:
    """Say whether a pattern could match something strictly below a path whose children are not known here.

    >>> may_match_below("root/link/heartbeat", "root/link"), may_match_below("root/*", "root/link")
    (True, False)
    """
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
    if not pattern:
        return not path
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        least = 0 if rest else 1
        return any(_matches(rest, path[skip:]) for skip in range(least, len(path) + 1))
    return bool(path) and fnmatchcase(path[0], first) and _matches(rest, path[1:])


def _may_match_below(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return False
    if pattern[0] == "**" or not path:
        return True
    return fnmatchcase(path[0], pattern[0]) and _may_match_below(pattern[1:], path[1:])
