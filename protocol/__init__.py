"""What is said between the parts of regrow: exit reasons, errors, bounds, codecs, and two protocols without I/O.

Imports nothing of ours and, of third parties, msgpack alone.
Everything here is imported when it is first asked for: exit reasons must not cost those who send nothing a codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .lazy import lazily

if TYPE_CHECKING:
    from .codec import decode as decode
    from .codec import encode as encode
    from .errors import CodecError as CodecError
    from .errors import FrameTooLarge as FrameTooLarge
    from .errors import GarbageReceived as GarbageReceived
    from .errors import LocalProtocolError as LocalProtocolError
    from .errors import ProtocolError as ProtocolError
    from .errors import RegrowError as RegrowError
    from .errors import RemoteProtocolError as RemoteProtocolError
    from .exits import KILLED as KILLED
    from .exits import NOPROC as NOPROC
    from .exits import NORMAL as NORMAL
    from .exits import SHUTDOWN as SHUTDOWN
    from .exits import Crash as Crash
    from .exits import ExitReason as ExitReason
    from .exits import ExitStatus as ExitStatus
    from .exits import Hang as Hang
    from .exits import Killed as Killed
    from .exits import NoProc as NoProc
    from .exits import Normal as Normal
    from .exits import Shutdown as Shutdown
    from .exits import Signaled as Signaled
    from .exits import crash_of as crash_of
    from .exits import is_abnormal as is_abnormal
    from .frames import Frame as Frame
    from .frames import FrameReader as FrameReader
    from .frames import encode_frame as encode_frame
    from .parts import decode_parts as decode_parts
    from .parts import encode_parts as encode_parts
    from .records import record as record
    from .ref_token import RefToken as RefToken
    from .remote_error import RemoteError as RemoteError

_HOMES: Final = {
    "CodecError": "errors",
    "Crash": "exits",
    "ExitReason": "exits",
    "ExitStatus": "exits",
    "Frame": "frames",
    "FrameReader": "frames",
    "FrameTooLarge": "errors",
    "GarbageReceived": "errors",
    "Hang": "exits",
    "KILLED": "exits",
    "Killed": "exits",
    "LocalProtocolError": "errors",
    "NOPROC": "exits",
    "NORMAL": "exits",
    "NoProc": "exits",
    "Normal": "exits",
    "ProtocolError": "errors",
    "RefToken": "ref_token",
    "RegrowError": "errors",
    "RemoteError": "remote_error",
    "RemoteProtocolError": "errors",
    "SHUTDOWN": "exits",
    "Shutdown": "exits",
    "Signaled": "exits",
    "crash_of": "exits",
    "decode": "codec",
    "decode_parts": "parts",
    "encode": "codec",
    "encode_frame": "frames",
    "encode_parts": "parts",
    "is_abnormal": "exits",
    "record": "records",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
