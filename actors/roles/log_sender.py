"""The sending end of logging: a record is made where the code runs and handed to whoever carries it home.

What lives here: level filter, sequence numbers, loss count, and making context values sayable. What must not: the
user's logger, which stays where the user made it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...protocol.codec import encode
from ...protocol.errors import CodecError
from ...protocol.exits import Crash, crash_of
from ...protocol.host.messages import LogRecord

if TYPE_CHECKING:
    import logging

__all__ = ("LEVELS", "LogSender", "SenderStatistics", "level_number", "refuse_record", "said_by", "sayable")

LEVELS: Final = {"trace": 5, "debug": 10, "info": 20, "success": 25, "warning": 30, "error": 40, "critical": 50}
"""Level names and their numbers, as loguru and the standard library rank them."""

_REPR_MAX_CHARS: Final = 1024  # of a context value that cannot be said as it is
_TEXT_MAX_CHARS: Final = 64 * 1024  # of one log text: a record must never fill the lane by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderStatistics:
    """Counts since the sender was made; `lost` were numbered but not taken by the carrier."""

    sent: int
    filtered: int
    lost: int


def refuse_record(_record: LogRecord) -> bool:
    """Stand in for a carrier that is not there: every record counts as lost."""
    return False


class LogSender:
    """Makes records and hands them to `emit`, which must not block; False from it means that it had no room.

    Runs in: any thread. Never blocks, never raises for what the user logs.
    """

    def __init__(
        self,
        emit: Callable[[LogRecord], object],
        *,
        source: str,
        epoch: Callable[[], float],
        level: str = "debug",
        pid: int = 0,
        incarnation: int = 0,
    ) -> None:
        self._emit = emit
        self._epoch = epoch
        self._lock = threading.Lock()
        self._sequence = 0
        self._sent = self._filtered = self._lost = 0
        self.source = source
        self.level = level
        self._threshold = level_number(level)
        self.pid = pid
        self.incarnation = incarnation

    def log(self, level: str, text: str, context: Mapping[str, object], exception: Crash | None = None) -> None:
        """Send one record, unless its level is below the threshold."""
        if level_number(level) < self._threshold:
            self._filtered += 1
            return
        said = {str(key): sayable(value) for key, value in context.items()}
        with self._lock:  # the order of the numbers is the order on the lane
            self._sequence += 1
            record = LogRecord(
                level=level,
                text=text if len(text) <= _TEXT_MAX_CHARS else text[:_TEXT_MAX_CHARS] + "...",
                context=said,
                at=self._epoch(),
                sequence=self._sequence,
                source=self.source,
                exception=exception,
                pid=self.pid,
                incarnation=self.incarnation,
            )
            if self._emit(record) is False:
                self._lost += 1
            else:
                self._sent += 1

    def statistics(self) -> SenderStatistics:
        """Give the counts."""
        return SenderStatistics(sent=self._sent, filtered=self._filtered, lost=self._lost)


def level_number(level: str) -> int:
    """Rank a level by name; an unknown one ranks as info.

    >>> level_number("WARNING") > level_number("info")
    True
    """
    return LEVELS.get(level.lower(), LEVELS["info"])


def said_by(handler: logging.Handler, record: logging.LogRecord) -> tuple[str, Crash | None] | None:
    """Give what a record of `logging` says; None if its arguments do not fit, which is its own business."""
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the message
        handler.handleError(record)
        return None
    error = record.exc_info[1] if record.exc_info else None
    return text, None if error is None else crash_of(error)


def sayable(value: object) -> object:
    """Give the value if a message can carry it, else its repr. Never raises."""
    if value is None or isinstance(value, bool | int | float | str):
        return value if not isinstance(value, str) else value[:_TEXT_MAX_CHARS]
    try:
        encode(value)
    except CodecError:
        try:
            return repr(value)[:_REPR_MAX_CHARS]
        except Exception as error:  # noqa: BLE001 - a user's __repr__ may raise anything
            return f"<{type(value).__qualname__}: __repr__ raised {type(error).__name__}>"
    return value
