"""A very large piece of memory that is handed from process to process: what is written into it, and looked at.

Imports nothing but the goods: peers' children have it, too.
"""

from __future__ import annotations

from benchmarks.process_goods import KINDS, MEBIBYTE, stamp

__all__ = ("filled", "look")

_PLACES = KINDS  # where a stamp is: at both ends, and between


def filled(memory: memoryview) -> list[str]:
    """Write all of it; give what whoever looks at it has to see."""
    for begin in range(0, len(memory), MEBIBYTE):
        memory[begin : begin + MEBIBYTE] = b"." * min(MEBIBYTE, len(memory) - begin)
    for kind in range(_PLACES):
        at = _at(kind, len(memory))
        memory[at : at + len(stamp(kind))] = stamp(kind)
    return look(memory)


def look(memory: memoryview) -> list[str]:
    """Read the stamps, and how much there is."""
    ends = [(_at(kind, len(memory)), len(stamp(kind))) for kind in range(_PLACES)]
    return [str(len(memory)), *(bytes(memory[at : at + size]).decode() for at, size in ends)]


def _at(kind: int, size: int) -> int:
    return (size - len(stamp(kind))) * kind // (_PLACES - 1)
