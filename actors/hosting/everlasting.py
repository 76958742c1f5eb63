"""Makes what a zygote holds immortal, so that its forks no longer write to the reference counts of what they share.

Each such write makes a fork copy a page of 4 KiB; without them it copies half as many. CPython skips the counts of
immortal objects since 3.12, which is what that was made for, but has no call that makes one. So the count that `None`
has is written to the others: only if it is found where it is expected to be, and only in a zygote, whose objects nobody
frees in any case. Forks end without finalizing the interpreter, and so does a zygote that did this.
Source: PEP 683, Immortal Objects, Using a Fixed Refcount.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, FunctionType
from typing import Final

__all__ = ("make_everlasting",)

_COUNT_MIN: Final = 1 << 30  # no object is referenced so often; None's count is above it if it is not counted at all
_COUNTED: Final = 0xFFFFFFFF  # the half of the word in which that shows


def make_everlasting() -> int:
    """Make what the collector knows, and code, immortal; give how many objects that were. 0 where Python cannot do it.

    Takes about 0.1 s for the 60,000 objects of a zygote. Call it in the only thread, after a collection.
    """
    count = sys.getrefcount(None)
    if sys.implementation.name != "cpython" or count < _COUNT_MIN:
        return 0
    import ctypes

    if ctypes.c_ssize_t.from_address(id(None)).value & _COUNTED != count & _COUNTED:
        return 0  # a build that counts differently: without the GIL, or with 32 bits
    gc.unfreeze()
    objects: list[object] = gc.get_objects()
    codes = [one.__code__ for one in objects if type(one) is FunctionType]
    objects += gc.get_referents(*objects)  # also what the collector does not track: names, numbers, flat tuples
    while codes:
        objects += codes
        objects += [part for code in codes for part in (*code.co_consts, code.co_consts, *code.co_names)]
        codes = [part for code in codes for part in code.co_consts if type(part) is CodeType]
    addresses = {*map(id, objects)}
    for counted in map(ctypes.c_uint32.from_address, addresses):
        counted.value = count & _COUNTED
    return len(addresses)
