"""The user's own logger, of any kind, behind one call.

What lives here: loguru, stdlib logging and "any object with .info and friends" as sinks of records; the record keeps
the time, the level and the place it was made at.
"""

from __future__ import annotations

import datetime as dt
import inspect
import logging
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from ...protocol.exits import Crash
from ...protocol.host.messages import LogRecord
from ..clock import SystemClock
from .log_sender import level_number

if TYPE_CHECKING:
    import loguru

__all__ = ("RecordSink", "loguru_sink", "record_sink")

RecordSink = Callable[[LogRecord], None]

_FALLBACKS: Final = {
    "trace": ("debug",),
    "success": ("info",),
    "warning": ("warn",),
    "critical": ("fatal", "error"),
    "debug": ("info",),
}


def record_sink(logger: object | None) -> RecordSink:
    """Give the function that hands a record to this logger; None stands for loguru's.

    Errors: TypeError for an object that has none of the usual methods.
    """
    if logger is None:
        from loguru import logger as default

        return _LoguruSink(default)
    if isinstance(logger, logging.LoggerAdapter):
        return _StdlibSink(logger.logger, logger.extra or {})
    if isinstance(logger, logging.Logger):
        return _StdlibSink(logger, {})
    if type(logger).__module__.partition(".")[0] == "loguru":
        return _LoguruSink(logger)  # type: ignore[arg-type]  # recognized by its module, so that loguru stays unimported
    if not callable(getattr(logger, "info", None)):
        raise TypeError(
            f"logger: expected loguru's, a logging.Logger or an object with .debug/.info/.warning/.error, "
            f"got {logger!r}"
        )
    return _MethodSink(logger)


def loguru_sink() -> Callable[[str, str, Mapping[str, object], Crash | None], None]:
    """Give a sink for records made here and now, to loguru's logger."""
    from loguru import logger as default

    sink = _LoguruSink(default)
    clock = SystemClock()

    def log(level: str, text: str, context: Mapping[str, object], exception: Crash | None) -> None:
        sink(
            LogRecord(
                level=level,
                text=text,
                context=dict(context),
                at=clock.epoch(),
                sequence=0,
                source="",
                exception=exception,
                pid=0,
                incarnation=0,
            )
        )

    return log


def _text(record: LogRecord) -> str:
    if record.exception is None:
        return record.text
    return f"{record.text}\n{record.exception.traceback or record.exception}".rstrip()


def _context(record: LogRecord) -> dict[str, object]:
    return {**record.context, **({"source": record.source, "source_pid": record.pid} if record.source else {})}


def _say(logger: Any, level: object, text: str) -> None:
    logger.log(level, text)


# What is handed on here is the user's, so `loguru.disable("regrow")` must not silence it: loguru looks at the module
# name of the calling frame, and this frame has one of its own.
_say_as_user: Final = FunctionType(_say.__code__, {"__name__": "worker", "__builtins__": __builtins__})


class _LoguruSink:
    def __init__(self, logger: loguru.Logger) -> None:
        self._logger = logger

    def __call__(self, record: LogRecord) -> None:
        def as_logged_there(made: Any) -> None:
            zone = made["time"].tzinfo
            made["time"] = type(made["time"]).fromtimestamp(record.at, tz=zone or dt.UTC)
            made["name"] = str(record.context.get("function") or record.source or made["name"])

        level: str | int = record.level.upper()
        try:
            self._logger.level(str(level))
        except ValueError:  # a level that this loguru has not been told of
            level = level_number(record.level)
        _say_as_user(self._logger.bind(**_context(record)).patch(as_logged_there), level, _text(record))


class _StdlibSink:
    def __init__(self, logger: logging.Logger, extra: Mapping[str, object]) -> None:
        self._logger = logger
        self._extra = dict(extra)

    def __call__(self, record: LogRecord) -> None:
        number = level_number(record.level)
        logger = self._logger
        if logger is logger.root:  # then each goes to the logger of the name that it was logged with
            logger = logging.getLogger(str(record.context.get("logger") or "") or None)
        if not logger.isEnabledFor(number):
            return
        where, line = record.context.get("pathname"), record.context.get("lineno")
        made = logger.makeRecord(
            logger.name,
            number,
            where if isinstance(where, str) else record.source or "regrow",
            line if isinstance(line, int) else 0,
            record.text,
            (),
            None,
            str(record.context.get("funcName") or "") or None,
        )
        made.process, made.processName = record.pid or made.process, record.source or made.processName
        made.threadName = str(record.context.get("threadName") or made.threadName)
        made.created = record.at
        made.msecs = int((record.at % 1) * 1000)
        if record.exception is not None:
            made.exc_text = record.exception.traceback or str(record.exception)
        context = {**self._extra, **_context(record)}
        made.context = context
        for key, value in context.items():
            if not hasattr(made, key):  # never over one of logging's own attributes
                setattr(made, key, value)
        logger.handle(made)


class _MethodSink:
    """An object with .info and friends: context as keywords if its methods take any, else behind the text."""

    def __init__(self, logger: object) -> None:
        self._logger = logger
        self._methods: dict[str, tuple[Callable[..., object], bool]] = {}

    def __call__(self, record: LogRecord) -> None:
        method, takes_keywords = self._method(record.level.lower())
        context = _context(record)
        text = _text(record)
        if takes_keywords:
            method(text, **context)
        else:
            method(" ".join([text, *(f"{key}={value!r}" for key, value in context.items())]))

    def _method(self, level: str) -> tuple[Callable[..., object], bool]:
        known = self._methods.get(level)
        if known is None:
            names = (level, *_FALLBACKS.get(level, ()), "info")
            found = next(m for name in names if callable(m := getattr(self._logger, name, None)))
            known = self._methods[level] = (found, _takes_keywords(found))
        return known


def _takes_keywords(method: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return False
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
