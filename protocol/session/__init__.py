"""What a worker, a client and a gateway say to each other."""

from .messages import SUBPROTOCOL as SUBPROTOCOL
from .messages import Message as Message
from .protocol import Intervals as Intervals
from .protocol import SessionProtocol as SessionProtocol
from .states import Phase as Phase
from .states import Role as Role
from .wire import decode_message as decode_message
from .wire import encode_message as encode_message
