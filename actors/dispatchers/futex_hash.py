"""Room in the kernel for the waits of many threads.

Since 6.16 Linux keeps the waiting threads of a process in a table of its own, sized by the number of CPUs: 16 chains
on two of them. Among 10,000 idle actors every wait and every wake then walks a chain of hundreds, and a restart takes
ten times as long as among 100. The table can be made larger (`prctl(2)`, PR_FUTEX_HASH), which costs 64 bytes a chain.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

__all__ = ("CHAINS_MAX", "ENOUGH_THREADS", "FutexHash", "chains_for")

ENOUGH_THREADS: Final = 256
"""Up to here the kernel's own choice is as good."""

CHAINS_MAX: Final = 65_536
"""4 MiB of the kernel's memory; there are no more threads to be had in a process than about half as many."""

_PR_FUTEX_HASH: Final = 78
_SET_SLOTS: Final = 1
_GET_SLOTS: Final = 2


def chains_for(threads: int) -> int:
    """Give the size of a table in which so many threads, and as many again, wait nearly alone: a power of two.

    >>> chains_for(257), chains_for(10_000), chains_for(10**6)
    (1024, 32768, 65536)
    """
    return min(CHAINS_MAX, 1 << (2 * threads - 1).bit_length())


def _prctl(option: int, operation: int, value: int) -> int:
    import ctypes  # here, because few processes have so many threads

    return int(ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, (operation, value, 0, 0))))


class FutexHash:
    """Keeps the table as large as the threads need it. Runs in: any thread; races only make it ask twice."""

    def __init__(self, prctl: Callable[[int, int, int], int] = _prctl, *, platform: str = sys.platform) -> None:
        self._prctl: Final = prctl
        self._threads = ENOUGH_THREADS  # for so many there is room, as far as we have cared
        self._offered = platform == "linux"

    def make_room(self, threads: int) -> None:
        """Enlarge the table if there are more threads than there was room for; never make it smaller.

        A kernel that has no such table refuses once and is not asked again; nothing else depends on it.
        """
        if threads <= self._threads or not self._offered:
            return
        chains = chains_for(threads)
        self._threads = chains // 2 if chains < CHAINS_MAX else sys.maxsize
        present = self._prctl(_PR_FUTEX_HASH, _GET_SLOTS, 0)
        if present < 0:
            self._offered = False
        elif present < chains:
            self._offered = self._prctl(_PR_FUTEX_HASH, _SET_SLOTS, chains) == 0
