"""The errors of what is said between the parts, and the root of every error of regrow.

    RegrowError
    └── ProtocolError(what, expected, got)
        ├── LocalProtocolError      you asked for something that the protocol does not allow
        │   ├── CodecError(path)      a value that cannot be said; `path` leads to it inside the message
        │   └── FrameTooLarge         your frame is over the limit
        └── RemoteProtocolError     the peer broke the protocol
            └── GarbageReceived       what came is not even a frame; `head` keeps the first bytes of it

Classes carry fields and make their text in `__str__`: what, where, expected, got.
"""

from __future__ import annotations

import reprlib

__all__ = (
    "CodecError",
    "FrameTooLarge",
    "GarbageReceived",
    "LocalProtocolError",
    "ProtocolError",
    "RegrowError",
    "RemoteProtocolError",
    "shown",
)

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120


def shown(value: object) -> str:
    """Show a value in few characters, whatever its `__repr__` does."""
    try:
        return _SHORT.repr(value)
    except Exception as error:  # noqa: BLE001  # a report must not fail on what it reports
        return f"<{type(value).__qualname__}, __repr__ raised {type(error).__name__}>"


class RegrowError(Exception):
    """Root of all errors that regrow raises."""


class ProtocolError(RegrowError):
    """Something said is against the rules; `what` names the place, `expected` and `got` the difference."""

    def __init__(self, what: str, *, expected: str = "", got: object = None) -> None:
        super().__init__(what, expected, got)
        self.what = what
        self.expected = expected
        self.got = got

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"  # `got` may be anything, also too deep for repr

    def __str__(self) -> str:
        if not self.expected:
            return self.what
        return f"{self.what}: expected {self.expected}, got {shown(self.got)}"


class LocalProtocolError(ProtocolError):
    """This side asked for something that the protocol does not allow."""


class CodecError(LocalProtocolError):
    """A value that cannot be said. `path` leads to it inside the message, as in `message.jobs[3].callback`."""

    def __init__(self, path: str, *, expected: str, got: object) -> None:
        super().__init__(path, expected=expected, got=got)
        self.path = path

    def __str__(self) -> str:
        kind = type(self.got)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        return f"cannot encode {self.path}: expected {self.expected}, got {name} {shown(self.got)}"


class FrameTooLarge(LocalProtocolError):  # says more than FrameTooLargeError
    """A frame of this side is over the limit that both sides agreed on."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol."""


class GarbageReceived(RemoteProtocolError):  # as above
    """What came is not even a frame; `head` keeps its first bytes for the report."""

    def __init__(self, what: str, *, expected: str, head: bytes) -> None:
        super().__init__(what, expected=expected, got=head)
        self.head = head
