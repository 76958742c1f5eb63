"""What a user may set and see of the zygote of a system; where there is none (macOS) it changes nothing.

What lives here: the properties of `Hosting` that are about it. What must not: what is launched how (`host.py`).
"""

from __future__ import annotations

import faulthandler
from math import inf
from typing import Final

from ..clock import Clock
from .host_pulse import HostPulse
from .loop import IoLoop
from .spares import SPARES_MAX
from .statistics import HostingStatistics, private_bytes
from .zygote_launcher import ZygoteLauncher

__all__ = ("ZygoteSettings",)

WATCHDOG_MIN_SECONDS: Final = 1.0  # a collection of much garbage, or the load of a large module, takes that long


class ZygoteSettings:
    """A part of `Hosting`. Runs in: any thread."""

    def __init__(self, zygote: ZygoteLauncher | None, clock: Clock, loop: IoLoop) -> None:
        self._zygote: Final = zygote
        self._clock: Final = clock
        self._loop: Final = loop
        self._watchdog_seconds: float | None = None

    @property
    def zygote_pid(self) -> int | None:
        """The zygote's number, None while there is none."""
        return None if self._zygote is None else self._zygote.pid

    @property
    def zygote_pids(self) -> tuple[int, ...]:
        """The numbers of all zygotes, also of those that only see their forks to their end."""
        return () if self._zygote is None else self._zygote.pids

    @property
    def spare_pids(self) -> tuple[int, ...]:
        """The numbers of the forks that wait to become somebody."""
        return () if self._zygote is None else self._zygote.spares.pids()

    def preload(self, *modules: str) -> None:
        """Have the zygote import these, so that children need not: `preload("sqlite3", "websockets.sync.client")`.

        Starts wait for that. One that starts a thread while it is imported is left out, with a `HostingWarning`. The
        modules of targets need not be named: see `share_modules`.
        """
        if self._zygote is not None:
            self._zygote.preload(*modules)

    def reload(self) -> None:
        """Take modules from disk anew: what starts from now on runs the code that is there now. Blocks for some ms.

        Running children go on with the code that they have, and the zygote that forked them sees them to their end.
        Children that are executed (`launcher="exec"`) import everything anew anyway. Not for this process's own code.

        Errors: TimeoutError if the I/O thread does not get to it within 5 s: a subscriber holds it up. It still will.
        """
        if self._zygote is not None:
            self._zygote.reload()

    @property
    def share_modules(self) -> bool:
        """Whether the zygote imports the modules of targets, too, once it has nothing else to do (default).

        Not those of scripts, and none that leaves something behind when it is imported: threads, descriptors, a changed
        environment. What an import reads of the environment is that of the first start. Set it before the first start.
        """
        return self._zygote is not None and self._zygote.share_modules

    @share_modules.setter
    def share_modules(self, share: bool) -> None:
        if self._zygote is not None:
            self._zygote.share_modules = share

    @property
    def spares(self) -> int:
        """How many forks are kept ready for the next start: 1; 0 if that is not worth some 4 MB. At most 16.

        Errors: ValueError for another number.
        """
        return 0 if self._zygote is None else self._zygote.spares.wanted

    @spares.setter
    def spares(self, wanted: int) -> None:
        if isinstance(wanted, bool) or not 0 <= wanted <= SPARES_MAX:
            raise ValueError(f"Hosting.spares: expected an integer from 0 to {SPARES_MAX}, got {wanted!r}")
        if self._zygote is not None:
            self._zygote.keep_spares(wanted)

    @property
    def watchdog_seconds(self) -> float | None:
        """After how many seconds in which this process does not get on its zygote ends it: never (None), or 1 or more.

        For the case that it is itself the one that hangs: C code that never lets go of the GIL, a subscriber that
        blocks the I/O thread for ever. The zygote says so on stderr at half of the time; then it ends it with SIGABRT,
        so that all stacks are written to stderr, and what it hosts ends with it. Somebody else has to start it again.
        Time does not count in which it is stopped, traced, or in which the machine does not let it run.

        Errors: ValueError for another value; RuntimeError after the system has shut down; TimeoutError if the I/O
        thread is held up for so long; it does so as soon as it can.
        """
        return self._watchdog_seconds

    @watchdog_seconds.setter
    def watchdog_seconds(self, limit: float | None) -> None:
        if limit is not None and (isinstance(limit, bool) or not WATCHDOG_MIN_SECONDS <= limit < inf):
            raise ValueError(
                f"Hosting.watchdog_seconds: expected {WATCHDOG_MIN_SECONDS:g} seconds or more, or None, got {limit!r}"
            )
        if self._loop.closed:
            raise RuntimeError("Hosting.watchdog_seconds: the system has shut down")
        if self._zygote is not None:
            if limit is not None and not faulthandler.is_enabled():
                faulthandler.enable()  # or nobody would ever know what it did
            pulse = None if limit is None else HostPulse(limit, self._clock, self._loop)
            self._zygote.watch_host(pulse)
            self._watchdog_seconds = limit

    def statistics(self) -> HostingStatistics:
        """Look at what is held. Takes about a millisecond for each spare."""
        zygote = self._zygote
        if zygote is None:
            return HostingStatistics(None, 0, 0, (), 0, 0, 0, 0, (), ())
        pids = zygote.spares.pids()
        return HostingStatistics(
            zygote_pid=zygote.pid,
            zygotes=zygote.zygotes,
            zygotes_lost=zygote.zygotes_lost,
            spares=pids,
            spare_bytes=private_bytes(pids),
            spares_lost=zygote.spares.lost,
            started_from_spares=zygote.spares.taken,
            started_cold=zygote.cold,
            shared=tuple(sorted(zygote.shared)),
            unshared=tuple(sorted(zygote.unshared.items())),
        )
