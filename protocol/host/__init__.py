"""What a host and its hosted process say to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily

if TYPE_CHECKING:
    from .messages import LINK_VERSION as LINK_VERSION
    from .messages import LinkMessage as LinkMessage
    from .messages import LogRecord as LogRecord
    from .protocol import LinkProtocol as LinkProtocol
    from .states import Side as Side
    from .states import State as State

_HOMES: Final = {
    "LINK_VERSION": "messages",
    "LinkMessage": "messages",
    "LinkProtocol": "protocol",
    "LogRecord": "messages",
    "Side": "states",
    "State": "states",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
