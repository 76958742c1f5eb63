"""When a supervisor ends because a child that matters has ended.

What lives here: `AutoShutdown` and the rule of which ends count. Source: OTP 24 auto_shutdown, significant children.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ..actors.child_spec import ChildSpec, Restart
from ..protocol.exits import ExitReason, is_abnormal

__all__ = ("AutoShutdown", "is_significant_end", "wants_shutdown")


class AutoShutdown(StrEnum):
    """Whether the end of a significant child ends the supervisor: never, of any one, of the last one."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


def is_significant_end(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether this end, which the child came to on its own, counts: transient and clean, or temporary and any.

    Ends that a supervisor or an operator asked for never count, and a transient crash is restarted instead.
    """
    if not spec.significant:
        return False
    if spec.restart is Restart.TEMPORARY:
        return True
    return spec.restart is Restart.TRANSIENT and not is_abnormal(reason)


def wants_shutdown(mode: AutoShutdown, others_alive: Iterable[bool]) -> bool:
    """Say whether the supervisor ends after a significant end.

    Shape: others_alive: for every other significant child, whether it lives or is about to (a restarting one does).
    """
    if mode is AutoShutdown.ANY_SIGNIFICANT:
        return True
    return mode is AutoShutdown.ALL_SIGNIFICANT and not any(others_alive)
