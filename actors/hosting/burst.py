"""Tells that were added one by one, taken together: those of a burst to the same actor, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...protocol.frames import Buffer

__all__ = ("taken",)


def taken(tells: deque[tuple[str, Buffer]]) -> Iterable[tuple[str, Sequence[Buffer]]]:
    """Take all that are there, while others may be added: each urn, with what it is to be told one after the other.

    Not in two threads at once.
    >>> waiting = deque([("a", b"1"), ("a", b"2"), ("b", b"3"), ("a", b"4")])
    >>> list(taken(waiting)), len(waiting)
    ([('a', (b'1', b'2')), ('b', (b'3',)), ('a', (b'4',))], 0)
    """
    take = tells.popleft
    burst = [take() for _ in range(len(tells))]
    urns, bodies = zip(*burst, strict=True)
    if urns.count(urns[0]) == len(urns):  # nearly always
        return ((urns[0], bodies),)
    return ((urn, tuple(body for _, body in group)) for urn, group in groupby(burst, itemgetter(0)))
