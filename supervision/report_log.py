"""What supervisors tell the standard library's logging, `regrow.supervision`: one line a fact, and never a flood.

What lives here: the words and the levels. What must not: handlers and formats, which are the program's.
Progress is at debug (a dynamic child a second would drown all else), what the supervisor does by itself at warning,
what it cannot make good at error. The event bus gets every event; only these lines are limited.
Source: OTP's supervisor reports; the levels of progress reports since OTP 25.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, get_args

from ..actors.log_limit import LimitedLog
from ..protocol.exits import ExitReason, is_abnormal
from .events import (
    BackoffWasReset,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartScheduled,
    ShutdownError,
    ShutdownErrors,
    SignificantChildEnded,
    SupervisionEvent,
    SupervisorLeftDown,
    SupervisorReconfigured,
    SupervisorStarted,
    Unstopped,
)
from .results import Reconfigured

if TYPE_CHECKING:
    from ..actors.system import ActorSystem

__all__ = ("level_of", "log_reports", "text_of")

REASON_MAX_CHARS: Final = 300
"""Of a reason's text on one line; the whole of it is in the event, its traceback in the log of `regrow.actors`."""

NAMES_MAX: Final = 8
"""Of the children in one line; all of them are in the event."""

_logger: Final = logging.getLogger("regrow.supervision")


def log_reports(system: ActorSystem) -> LimitedLog:
    """Log the reports of all supervisors of a system; for `system.part`, as one such log is enough."""
    log = LimitedLog(_logger, system.clock, "reports")

    def hear(event: object) -> None:
        level = level_of(event)
        if not _logger.isEnabledFor(level):
            return  # before anything is spelled out: most are progress, which hardly anybody logs
        path: str = getattr(event, "supervisor", "")
        child = getattr(event, "child_id", None)
        log.write(level, path if child is None else f"{path}/{child}", path, "%s", _Line(event))

    system.bus.subscribe(hear, *get_args(SupervisionEvent))
    return log


def level_of(event: object) -> int:
    """Give the level that an event is logged at."""
    if isinstance(event, ChildTerminated):
        return logging.INFO if is_abnormal(event.reason) and not event.expected else logging.DEBUG
    if isinstance(event, SupervisorReconfigured):
        return logging.WARNING if event.result.failed or event.result.refused else logging.INFO
    return _LEVELS[type(event)]


def text_of(event: object) -> str:  # noqa: C901 - one flat case an event
    """Give the words for an event, on one line.

    >>> text_of(SupervisorStarted(supervisor="root/pool"))
    'root/pool: all children are started'
    """
    match event:
        case SupervisorStarted(supervisor=at):
            return f"{at}: all children are started"
        case SupervisorReconfigured(supervisor=at, result=result):
            return f"{at}: follows a new spec: {_done(result)}"
        case ChildStarted(supervisor=at, child_id=child, life=life, restarts=restarts):
            return f"{at}/{child}: running, life {life}, restarts so far: {restarts}"
        case BackoffWasReset(supervisor=at, child_id=child, life=life):
            return f"{at}/{child}: stable in life {life}, its next failure counts as the first"
        case ChildTerminated(supervisor=at, child_id=child, life=life, reason=reason, expected=expected):
            return f"{at}/{child}: {'stopped' if expected else 'ended on its own'} in life {life}: {_short(reason)}"
        case ChildStartFailed(supervisor=at, child_id=child, life=life, reason=reason):
            return f"{at}/{child}: did not start, life {life}: {_short(reason)}"
        case RestartScheduled():
            return _restart(event)
        case SignificantChildEnded(supervisor=at, child_id=child, reason=reason):
            return f"{at}/{child}: significant, so {at} ends with it: {_short(reason)}"
        case SupervisorLeftDown(supervisor=at, child_id=child, life=life, restart=restart):
            return f"{at}/{child}: gave up in life {life} and stays down with all below it, as it is {restart}"
        case ShutdownError(supervisor=at, child_id=child, life=life, reason=reason):
            return f"{at}/{child}: was to stop in life {life} and ended otherwise: {_short(reason)}"
        case ShutdownErrors(supervisor=at, children=children, reason=reason):
            return f"{at}: {children} children were to stop and ended otherwise: {_short(reason)}"
        case Unstopped(supervisor=at, child_id=child, life=life):
            return f"{at}/{child}: killed in life {life}, but it still runs and is given up"
        case IntensityReached(supervisor=at, child_id=child, reason=reason):
            allowed = event.intensity.allowance
            why = "" if reason is None else f", life {event.life} ended with {_short(reason)}"
            return f"{at}: gives up, {child} was one restart too many (allowed: {allowed}){why}"
        case _:
            raise AssertionError(f"expected an event of a supervisor, got {event!r}")


class _Line:
    """The words of an event, spelled out when a handler wants them."""

    def __init__(self, event: object) -> None:
        self._event = event

    def __str__(self) -> str:
        return text_of(self._event)


def _restart(event: RestartScheduled) -> str:
    when = f"in {event.delay:.3g} s" if event.delay else "now"
    others = [child for child in event.group if child != event.child_id]
    group = "" if not others else f" with {others[0]}" if len(others) == 1 else f" with {len(others)} others"
    why = "" if event.reason is None else f": life {event.life} ended with {_short(event.reason)}"
    return f"{event.supervisor}/{event.child_id}: restarts {when}{group}, failure {event.failures} in a row{why}"


def _done(result: Reconfigured) -> str:
    words = {
        "new": result.own,
        "new policy of": result.changed,
        "restarted": result.restarted,
        "added": result.added,
        "removed": result.removed,
        "changed below": tuple(result.inside),
        "refused by": tuple(result.refused),
    }
    parts = [f"{word} {_few(names)}" for word, names in words.items() if names]
    return "; ".join([*parts, "new order"] if result.reordered else parts)


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMES_MAX
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:NAMES_MAX])} and {more} more"


def _short(reason: ExitReason) -> str:
    line = " ".join(str(reason).split())
    return line if len(line) <= REASON_MAX_CHARS else f"{line[:REASON_MAX_CHARS]}..."


_LEVELS: Final[dict[type[object], int]] = {
    SupervisorStarted: logging.DEBUG,
    ChildStarted: logging.DEBUG,
    BackoffWasReset: logging.DEBUG,
    SignificantChildEnded: logging.INFO,
    ChildStartFailed: logging.WARNING,
    SupervisorLeftDown: logging.WARNING,
    RestartScheduled: logging.WARNING,
    ShutdownError: logging.ERROR,
    ShutdownErrors: logging.ERROR,
    Unstopped: logging.ERROR,
    IntensityReached: logging.ERROR,
}
