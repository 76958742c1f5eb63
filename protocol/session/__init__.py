"""What a worker, a client and a gateway say to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..lazy import lazily

if TYPE_CHECKING:
    from .messages import SUBPROTOCOL as SUBPROTOCOL
    from .messages import Message as Message
    from .protocol import Intervals as Intervals
    from .protocol import SessionProtocol as SessionProtocol
    from .states import Phase as Phase
    from .states import Role as Role
    from .wire import decode_message as decode_message
    from .wire import encode_message as encode_message

_HOMES: Final = {
    "Intervals": "protocol",
    "Message": "messages",
    "Phase": "states",
    "Role": "states",
    "SUBPROTOCOL": "messages",
    "SessionProtocol": "protocol",
    "decode_message": "wire",
    "encode_message": "wire",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
