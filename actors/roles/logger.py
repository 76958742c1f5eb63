"""The logger that user functions get: `regrow.logger`, `regrow.invocation().logger`, and a handler for stdlib logging.

What lives here: the faces. Where a record goes is decided by the sink behind them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Final

from ...protocol.exits import Crash, crash_of
from .invocation import current_or_none
from .log_sender import LEVELS, said_by

__all__ = ("LogSink", "Logger", "StdlibHandler", "logger", "set_process_sink")

LogSink = Callable[[str, str, Mapping[str, object], "Crash | None"], None]
"""level, text, context, exception."""


class Logger:
    """Structured logging: `logger.info("parsed {}", path, rows=3)`. Positional arguments are formatted as str.format
    does.

    Runs in: any thread. Never blocks and never raises for what is logged.
    """

    def __init__(self, sink: LogSink, context: Mapping[str, object] | None = None) -> None:
        self._sink = sink
        self._context: Mapping[str, object] = context or {}

    def bind(self, **context: object) -> Logger:
        """Give a logger that adds this context to everything."""
        return Logger(self._sink, {**self._context, **context})

    def log(self, level: str, message: object, *args: object, **context: object) -> None:
        """Log at a level given by name."""
        self._sink(level.lower(), _format(message, args), {**self._context, **context}, None)

    def debug(self, message: object, *args: object, **context: object) -> None:
        """Log something for those who look for a fault."""
        self.log("debug", message, *args, **context)

    def info(self, message: object, *args: object, **context: object) -> None:
        """Log something that happened as it should."""
        self.log("info", message, *args, **context)

    def warning(self, message: object, *args: object, **context: object) -> None:
        """Log something that somebody should look at."""
        self.log("warning", message, *args, **context)

    def error(self, message: object, *args: object, **context: object) -> None:
        """Log something that went wrong."""
        self.log("error", message, *args, **context)

    def critical(self, message: object, *args: object, **context: object) -> None:
        """Log something that stops the show."""
        self.log("critical", message, *args, **context)

    def exception(self, message: object, *args: object, **context: object) -> None:
        """Log an error with the exception that is being handled."""
        current = sys.exception()
        crash = crash_of(current) if current is not None else None
        self._sink("error", _format(message, args), {**self._context, **context}, crash)


class StdlibHandler(logging.Handler):
    """Sends what user code logs with `logging` the same way home."""

    def __init__(self, target: Logger, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on. Faults of its formatting are logging's own business (`handleError`)."""
        said = said_by(self, record)
        if said is None:
            return
        text, crash = said
        level = record.levelname.lower()
        context = {"logger": record.name, **self._target._context}
        self._target._sink(level if level in LEVELS else "info", text, context, crash)


def _format(message: object, args: tuple[object, ...]) -> str:
    try:
        text = message if isinstance(message, str) else str(message)
        return text.format(*args) if args else text
    except Exception as error:  # noqa: BLE001 - whatever a user's __str__ or __format__ raises
        return (
            f"{message if isinstance(message, str) else type(message).__qualname__} {len(args)} arguments ({error!r})"
        )


def _to_loguru(level: str, text: str, context: Mapping[str, object], exception: Crash | None) -> None:
    from .log_sinks import loguru_sink

    loguru_sink()(level, text, context, exception)


_process_sink: LogSink = _to_loguru


def set_process_sink(sink: LogSink | None) -> None:
    """Say where `regrow.logger` goes in this process outside of an invocation; None: to loguru.

    Called once by a hosted process for itself. It is of the process, as loguru's and logging's own loggers are.
    """
    global _process_sink
    _process_sink = sink or _to_loguru


def _to_current(level: str, text: str, context: Mapping[str, object], exception: Crash | None) -> None:
    current = current_or_none()
    if current is None:
        _process_sink(level, text, context, exception)
    else:
        bound = current.logger
        bound._sink(level, text, {**bound._context, **context}, exception)


logger: Final = Logger(_to_current)
