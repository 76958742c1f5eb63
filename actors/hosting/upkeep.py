"""The looks at the memory of one hosted process, and what follows from them: a kill, a replacement, a line in a report.

Runs in: the I/O thread, but for `sent`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .conception import ProcessState
from .vitals import Vitals
from .wear import Wear, look_seconds

if TYPE_CHECKING:
    from .hosted_process import HostedProcess

__all__ = ("Upkeep",)


class Upkeep:
    """Of one life. `end`: kills it, for this reason."""

    def __init__(self, life: HostedProcess, end: Callable[[Exception], None]) -> None:
        self.vitals = Vitals()
        self._wear = Wear(life.limits, life.system.rng)
        self._life = life
        self._end = end

    def look(self) -> None:
        """Look at its memory, and again later, until its alarms are closed: a look that fails is no sign of an end."""
        life = self._life
        now, pid = life.system.clock.now(), life.pid
        resident = None if pid is None else self.vitals.look(pid, now)
        exceeded = None if resident is None else self._wear.exceeded(resident)
        if exceeded is not None:
            self._end(exceeded)
        elif life.succession is not None and life.state is ProcessState.READY:
            life.succession.check()
        life.alarms.set("look", now + look_seconds(life.limits), self.look)

    def ready(self, now: float) -> None:
        """Note what it has in memory when it is ready, if anybody wants to know."""
        pid = None if self._life.limits.max_growth_bytes is None else self._life.pid
        self._wear.ready(None if pid is None else self.vitals.look(pid, now), now)

    def sent(self) -> bool:
        """Count a message that was sent to its root; say whether it has had its share. Not in two threads at once."""
        return self._wear.sent()

    def worn(self, now: float) -> str | None:
        """Say why it is to be replaced, if it is."""
        return self._wear.worn(self.vitals.resident, now)

    @property
    def due(self) -> float | None:
        """When it will be too old; None if never."""
        return self._wear.due
