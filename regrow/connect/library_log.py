"""What the WebSocket library logs, passed on to loguru: one line each, since a bad handshake is the peer's fault."""

from __future__ import annotations

import logging

from loguru import logger

__all__ = ("library_logger",)


class _ToLoguru(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        cause = f": {record.exc_info[1]!r}" if record.exc_info else ""
        logger.log("WARNING" if record.levelno >= logging.ERROR else "DEBUG", "{}{}", record.getMessage(), cause)


def library_logger() -> logging.Logger:
    """Make a logger for one server. It is not registered, so that nothing global changes."""
    library = logging.Logger("regrow.connect.websockets", logging.WARNING)  # noqa: LOG001  # see above
    library.addHandler(_ToLoguru())
    return library
