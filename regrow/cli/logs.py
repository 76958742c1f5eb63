"""The log of the command: loguru, configured here and nowhere else in regrow.

What lives here: sinks for a program that runs in the foreground. What must not: which events are logged.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from loguru import logger

from regrow.cli.options import LOG_LEVELS

if TYPE_CHECKING:
    from loguru import Message

__all__ = ("LogFormat", "configure_log")

LogFormat: TypeAlias = Literal["text", "json"]
_TEXT: Final = "<green>{time:HH:mm:ss.SSS}</green> <level>{level: <7}</level> {message}"


def configure_log(level: str, form: LogFormat, *, own_events: bool = True) -> Callable[[], None]:
    """Log to stderr, the standard library's logging included; give the function that ends it.

    Colors only on a terminal, and never with NO_COLOR set. Without `own_events` what regrow tells the standard
    library's logging of crashes is left out: `attach_logger` says it, at its rate.
    """
    logger.remove()
    logger.enable("regrow")
    if form == "json":
        sink = logger.add(_write_json, level=level, format="{message}")
    else:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        sink = logger.add(sys.stderr, level=level, format=_TEXT, colorize=colors, backtrace=False, diagnose=False)
    bridge = _Bridge()
    if not own_events:
        bridge.addFilter(lambda record: not record.name.startswith("regrow."))
    root = logging.getLogger()
    before = root.level
    root.addHandler(bridge)
    root.setLevel(logging.INFO)

    def end() -> None:
        root.removeHandler(bridge)
        root.setLevel(before)
        logger.remove(sink)
        logger.disable("regrow")

    return end


def _write_json(message: Message) -> None:
    record = message.record
    facts: dict[str, object] = {
        "at": record["time"].isoformat(),
        "level": record["level"].name,
        "message": record["message"],
        **record["extra"],
    }
    error = record["exception"]
    if error is not None and error.type is not None:
        facts["error"] = f"{error.type.__name__}: {error.value}"
    sys.stderr.write(json.dumps(facts, default=str) + "\n")


class _Bridge(logging.Handler):
    """Hands what libraries and users log with the standard library to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        known = record.levelname in LOG_LEVELS
        logger.opt(exception=record.exc_info).log(
            record.levelname if known else record.levelno, "[{}] {}", record.name, record.getMessage()
        )
