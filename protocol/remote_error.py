"""An exception that came in a message: data about it, never the object itself."""

from __future__ import annotations

from .errors import RegrowError
from .exits import Crash

__all__ = ("RemoteError",)


class RemoteError(RegrowError):
    """An exception that was raised somewhere else.

    `crash` holds its type name, text and traceback; `arguments` its `args`, of which those that cannot be said are
    replaced by their repr. Rebuilding the class would mean to run code that the peer names, so it is never done.
    """

    def __init__(self, crash: Crash, arguments: tuple[object, ...] = ()) -> None:
        super().__init__(crash, arguments)
        self.crash = crash
        self.arguments = arguments

    def __str__(self) -> str:
        return f"{self.crash.type}: {self.crash.text}" if self.crash.text else self.crash.type
