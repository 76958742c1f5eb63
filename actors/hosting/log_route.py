"""What a hosted process logs with `logging`, sent home: a handler of its root logger, and the levels that home wants.

What lives here: the child's end. What must not: who reads it at home (`roles/logger_proxy.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..roles.log_sender import LEVELS, said_by, sayable

if TYPE_CHECKING:
    from .home import Home

__all__ = ("HomeHandler", "LogRoute")

_USUAL: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_USUAL_COUNT: Final = len(logging.makeLogRecord({}).__dict__)
_NAMES: Final = {number: name for name, number in LEVELS.items()}


class HomeHandler(logging.Handler):
    """Gives each record to the lane. Without the lock of its base class, since the lane has its own.

    Runs in: any thread; never blocks.
    """

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def handle(self, record: logging.LogRecord) -> bool:
        """Take one, unless a filter refuses it."""
        if self.filters and not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Send one. Faults of its formatting are logging's own business (`handleError`)."""
        spoken = said_by(self, record)
        if spoken is None:
            return
        text, crash = spoken
        number = record.levelno
        context: dict[str, object] = {
            "logger": record.name,
            "pathname": record.pathname,
            "lineno": record.lineno,
            "funcName": record.funcName,
            "threadName": record.threadName,
        }
        said = record.__dict__
        if len(said) > _USUAL_COUNT:  # a tenth of the cost of looking at each
            context.update((key, sayable(said[key])) for key in said.keys() - _USUAL)
        if record.stack_info:
            text += "\n" + record.stack_info
        self._home.say(
            _NAMES.get(number) or _level_below(number),
            text,
            record.created,
            context,
            exception=crash,
            at_once=number >= logging.WARNING,
        )


class LogRoute:
    """Has the levels that home wants on the loggers of this process, and the handler on the root while there are any.

    Runs in: whichever thread hears of it; not shared. `levels` are numbers by the names of loggers, "" is the root.
    """

    def __init__(self, home: Home) -> None:
        self._handler = HomeHandler(home)
        self._before: dict[str, int] = {}  # what the loggers had that we gave another level

    def apply(self, levels: Mapping[str, int]) -> None:
        """Have these levels, and no others, of those that home has named."""
        for name in self._before.keys() - levels.keys():
            logging.getLogger(name or None).setLevel(self._before.pop(name))
        for name, level in levels.items():
            logger = logging.getLogger(name or None)
            self._before.setdefault(name, logger.level)
            logger.setLevel(level)
        if levels:
            logging.getLogger().addHandler(self._handler)  # once, however often it is added
        else:
            logging.getLogger().removeHandler(self._handler)


def _level_below(number: int) -> str:
    """Name a level that has no name here: the next one below it.

    >>> _level_below(35), _level_below(1)
    ('warning', 'trace')
    """
    return _NAMES[max((known for known in _NAMES if known <= number), default=LEVELS["trace"])]
