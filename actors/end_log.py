"""What the standard library's logging is told without being asked for: no crash is silent, whoever subscribes.

What lives here: one subscriber, on the bus of every system from the start. What must not: handlers, levels, formats;
those are the program's. Without any, Python writes these lines to stderr.
Source: OTP's crash reports, which the default logger handler shows; pykka's "Unhandled exception in ...".
"""

from __future__ import annotations

import logging

from ..protocol.exits import Crash, ExitReason, Killed, NoProc, is_abnormal
from .bus import EventBus, SubscriberFailed
from .clock import Clock
from .events import ActorAbandoned, ActorExited, CallbackFailed, HandlerStuck, HookFailed
from .life import Life
from .log_limit import LimitedLog
from .outcome import StartWaiter
from .ref import ActorRef

__all__ = ("log_ends",)

_logger = logging.getLogger("regrow.actors")


def log_ends(bus: EventBus, clock: Clock) -> LimitedLog:
    """Log every abnormal end, and what else would be swallowed. To silence it: `logging.getLogger("regrow.actors")`.

    Of an actor that ends again and again the first lines are written, and then how many more there were. Gives the log,
    which is to be closed, so that it says the last of that.
    """
    last: ExitReason | None = None
    log = LimitedLog(_logger, clock, "ends")

    def write(level: int, ref: ActorRef, text: str, *arguments: object) -> None:
        above, _, name = ref.path.rpartition("/")
        log.write(level, ref.path if above else str(ref), above or name, text, ref, *arguments)

    def hear(event: object) -> None:
        nonlocal last
        match event:
            case ActorExited(ref, incarnation, reason):
                if _is_news(event):
                    # A link hands on the reason itself: its traceback is shown once, with whom it came from.
                    told = _Told(reason, brief=reason is last or _is_refusal(event))
                    write(logging.ERROR, ref, "%s ended in life %d: %s", incarnation, told)
                    last = reason
            case HookFailed(ref, incarnation, hook, reason) if not _is_told(ref):
                write(logging.ERROR, ref, "%s raised in %s of life %d: %s", hook, incarnation, _Told(reason))
            case ActorAbandoned(ref, incarnation):
                text = "%s was ended in life %d while its code ran; its thread runs on"
                write(logging.WARNING, ref, text, incarnation)
            case HandlerStuck(ref, incarnation, seconds, stack):
                text = "%s has been in one handler of life %d for %.1f seconds:\n%s"
                write(logging.WARNING, ref, text, incarnation, seconds, stack.rstrip())
            case CallbackFailed(reason):
                text = "a callback of the clock or of a start raised: %s"
                log.write(logging.ERROR, "callbacks", "callbacks", text, _Told(reason))
            case SubscriberFailed(subscriber, _, error):
                _logger.error("subscriber %r raised (told once)", subscriber, exc_info=error)

    bus.subscribe(hear, ActorExited, HookFailed, ActorAbandoned, HandlerStuck, CallbackFailed, SubscriberFailed)
    return log


def _is_news(event: ActorExited) -> bool:
    if not is_abnormal(event.reason) or isinstance(event.reason, Killed | NoProc):
        return False  # somebody wanted that, or it only tells that somebody else had ended
    cell = event.ref.cell
    if not isinstance(cell, Life):
        return True
    if _is_told(event.ref):
        return False
    if cell.parent is not None and cell.parent.lives_elsewhere:
        return False  # the root of a hosted process: the one that hosts it tells
    return cell.ready or not isinstance(cell.on_outcome, StartWaiter)  # else spawn() raises it


def _is_refusal(event: ActorExited) -> bool:
    """Say whether it has failed its own start in words: a supervisor of what has not started, whose end is told too."""
    cell = event.ref.cell
    return isinstance(cell, Life) and cell.start_refused


def _is_told(ref: ActorRef) -> bool:
    cell = ref.cell
    return isinstance(cell, Life) and cell.actor is not None and cell.actor._end_told


class _Told:
    """A reason as the text that it is once a handler wants it; a flood that is left out costs no text."""

    def __init__(self, reason: ExitReason, *, brief: bool = False) -> None:
        self._reason = reason
        self._brief = brief

    def __str__(self) -> str:
        reason = self._reason
        if isinstance(reason, Crash) and reason.traceback and not self._brief:
            return reason.traceback.rstrip()
        return str(reason)
