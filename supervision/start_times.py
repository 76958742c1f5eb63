"""How long starts may take: of a child, and of a supervisor with all that is below it.

What lives here: sums of limits. What must not: the runtime; a policy is read and shown without it.
"""

from __future__ import annotations

import math
from typing import Final

from ..actors.child_spec import Isolation, Start
from .dynamic_spec import DynamicSpec
from .partition_spec import PartitionSpec
from .spec import SupervisorSpec

__all__ = ("boot_timeout", "start_seconds")

BOOT_MARGIN: Final = 10.0
"""Seconds that the boot of a supervisor in a process of its own may take beyond the start_timeouts of its children:
for starting the process, and for stopping them if one fails."""


def boot_timeout(spec: SupervisorSpec | DynamicSpec | PartitionSpec, isolation: Isolation = Isolation.THREAD) -> float:
    """Seconds after which a supervisor that is not ready never will be; none in this process, as in OTP.

    Here each child has a limit of its own, and a sum of them would fail trees that are only deep, or whose limits are
    changed below it. Differs from OTP: another process may hang before it has read its spec, so there it is that sum.
    Shape: O(size of the tree), iterative.
    """
    if isolation is Isolation.THREAD:
        return math.inf
    seconds = 0.0
    inside: list[tuple[object, int]] = [(spec, 1)]  # and how many there will be of it
    while inside:
        here, times = inside.pop()
        seconds += BOOT_MARGIN * times
        children: object = getattr(here, "children", ())
        if isinstance(here, PartitionSpec):
            copies: object = here.partitions
            times *= here.size if copies is None or isinstance(copies, int) else 1
            children = (here.child,)
        for child in children if isinstance(children, tuple) else ():
            start: object = getattr(child, "start", None)
            below = start.args[0] if isinstance(start, Start) and start.args else None
            if isinstance(below, SupervisorSpec | DynamicSpec | PartitionSpec):
                inside.append((below, times))
            else:
                seconds += start_seconds(child) * times
    return seconds


def start_seconds(spec: object) -> float:
    """Seconds that a child gets to start; 0 if its spec is so wrong that nobody will start it."""
    seconds: object = getattr(spec, "start_timeout", 0.0)
    return float(seconds) if isinstance(seconds, int | float) else 0.0
