"""How long starts may take: of a child, and of a supervisor with all that is below it.

What lives here: sums of limits. What must not: the runtime; a policy is read and shown without it.
"""

from __future__ import annotations

import math
from typing import Final

from ..actors.child_spec import Isolation, Start
from .spec import SupervisorSpec

__all__ = ("boot_timeout", "start_seconds")

BOOT_MARGIN: Final = 10.0
"""Seconds that the boot of a supervisor in a process of its own may take beyond the start_timeouts of its children:
for starting the process, and for stopping them if one fails."""


def boot_timeout(spec: SupervisorSpec, isolation: Isolation = Isolation.THREAD) -> float:
    """Seconds after which a supervisor that is not ready never will be; none in this process, as in OTP.

    Here each child has a limit of its own, and a sum of them would fail trees that are only deep, or whose limits are
    changed below it. Differs from OTP: another process may hang before it has read its spec, so there it is that sum.
    Shape: O(size of the tree), iterative.
    """
    if isolation is Isolation.THREAD:
        return math.inf
    seconds = 0.0
    inside: list[object] = [spec]
    while inside:
        seconds += BOOT_MARGIN
        children: object = getattr(inside.pop(), "children", ())
        for child in children if isinstance(children, tuple) else ():
            start: object = getattr(child, "start", None)
            below = start.args[0] if isinstance(start, Start) and start.args else None
            if isinstance(below, SupervisorSpec):
                inside.append(below)
            else:
                seconds += start_seconds(child)
    return seconds


def start_seconds(spec: object) -> float:
    """Seconds that a child gets to start; 0 if its spec is so wrong that nobody will start it."""
    seconds: object = getattr(spec, "start_timeout", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0
