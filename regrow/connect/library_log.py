"""What the service itself logs: silent unless the program asks for it, as a library has to be.

What lives here: the switch, thrown when this is imported, and the way of what the WebSocket library logs to loguru: one
line each, since a bad handshake is the peer's fault.
"""

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


def _silence_unless_asked_for() -> None:
    """Disable what regrow says of itself, once, unless the program has said `logger.enable("regrow")` before.

    `import regrow` does not import this, so that may well have been so. loguru has no public way to ask.
    """
    known = getattr(getattr(logger, "_core", None), "activation_list", ())
    if not any(name == "regrow." for name, _ in known):
        logger.disable("regrow")


_silence_unless_asked_for()
