"""What a host and its hosted process say to each other."""

from .messages import LINK_VERSION as LINK_VERSION
from .messages import LinkMessage as LinkMessage
from .messages import LogRecord as LogRecord
from .protocol import LinkProtocol as LinkProtocol
from .states import Side as Side
from .states import State as State
