"""What the standard library's logging is told without being asked for: no crash is silent, whoever subscribes.

What lives here: one subscriber, on the bus of every system from the start. What must not: handlers, levels, formats;
those are the program's. Without any, Python writes these lines to stderr.
Source: OTP's crash reports, which the default logger handler shows; pykka's "Unhandled exception in ...".
"""

from __future__ import annotations

import logging

from ..protocol.exits import Crash, ExitReason, Killed, NoProc, is_abnormal
from .bus import EventBus, SubscriberFailed
from .events import ActorAbandoned, ActorExited, CallbackFailed, HookFailed
from .life import Life
from .outcome import StartWaiter

__all__ = ("log_ends",)

_logger = logging.getLogger("regrow.actors")


def log_ends(bus: EventBus) -> None:
    """Log every abnormal end, and what else would be swallowed. To silence it: `logging.getLogger("regrow.actors")`."""
    last: ExitReason | None = None

    def hear(event: object) -> None:
        nonlocal last
        match event:
            case ActorExited(ref, incarnation, reason):
                if _is_news(event):
                    # A link hands on the reason itself: its traceback is shown once, with whom it came from.
                    _logger.error("%s ended in life %d: %s", ref, incarnation, _told(reason, brief=reason is last))
                    last = reason
            case HookFailed(ref, incarnation, hook, reason):
                _logger.error("%s raised in %s of life %d: %s", ref, hook, incarnation, _told(reason))
            case ActorAbandoned(ref, incarnation):
                _logger.warning("%s was ended in life %d while its code ran; its thread runs on", ref, incarnation)
            case CallbackFailed(reason):
                _logger.error("a callback of the clock or of a start raised: %s", _told(reason))
            case SubscriberFailed(subscriber, _, error):
                _logger.error("subscriber %r raised (told once)", subscriber, exc_info=error)

    bus.subscribe(hear, ActorExited, HookFailed, ActorAbandoned, CallbackFailed, SubscriberFailed)


def _is_news(event: ActorExited) -> bool:
    if not is_abnormal(event.reason) or isinstance(event.reason, Killed | NoProc):
        return False  # somebody wanted that, or it only tells that somebody else had ended
    cell = event.ref.cell
    if not isinstance(cell, Life):
        return True
    if cell.birth.parent is not None and cell.birth.parent.lives_elsewhere:
        return False  # the root of a hosted process: the one that hosts it tells
    return cell.ready or not isinstance(cell.birth.on_outcome, StartWaiter)  # else spawn() raises it


def _told(reason: ExitReason, *, brief: bool = False) -> str:
    if isinstance(reason, Crash) and reason.traceback and not brief:
        return reason.traceback.rstrip()
    return str(reason)
