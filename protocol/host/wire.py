"""Link messages as frame payloads and back.

Tell, Ask and Reply are the traffic, so they have layouts of their own, in which the body is never copied into anything:
u16 length of `to`, `to`, body; u32 ask_id, u8 waits before that for Ask; u32 ask_id, u8 kind, body for Reply. All
others are maps of their fields in the codec's encoding. Tells that share a frame: u16 length of `to`, `to`, u32 how
many, u32 length of each, then their bodies. A Parcel: u8 how many descriptors,
u8 frame type of the message, its payload.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from struct import Struct
from typing import Final

from ..codec import decode, encode
from ..errors import CodecError, LocalProtocolError, RemoteProtocolError
from ..exits import Crash, exit_from_wire, exit_to_wire
from ..frames import Buffer, Frame
from ..limits import DESCRIPTORS_MAX, FRAME_MAX_BYTES
from ..packing import pack_plain, unpack_plain
from ..schema import Schema, snake_case
from .messages import (
    MISSING,
    Acknowledge,
    Ask,
    ClosePort,
    DemonitorRequest,
    DownSignal,
    Exited,
    ExitSignal,
    Hello,
    Init,
    InitFailed,
    InitIgnored,
    KillRequest,
    LinkMessage,
    LinkRequest,
    LogLevels,
    Logs,
    MonitorRequest,
    Parcel,
    Ready,
    Reply,
    Stop,
    StopRequest,
    Tell,
    Tells,
    UnlinkRequest,
    Window,
)

__all__ = ("KINDS", "NUMBERS", "decode_link_message", "encode_link_message", "join_tells", "tell_head")

NUMBERS: Final[dict[type[LinkMessage], int]] = {
    Hello: 1,
    Init: 2,
    Ready: 3,
    InitIgnored: 4,
    InitFailed: 5,
    Stop: 6,
    Exited: 7,
    Acknowledge: 8,
    Window: 9,
    Tell: 16,
    Ask: 17,
    Reply: 18,
    StopRequest: 24,
    KillRequest: 25,
    LinkRequest: 26,
    UnlinkRequest: 27,
    MonitorRequest: 28,
    DemonitorRequest: 29,
    ExitSignal: 30,
    DownSignal: 31,
    LogLevels: 32,
    ClosePort: 40,
    Tells: 64,
    Logs: 65,
    Parcel: 96,
}
"""Frame types. 64 to 95 are for batches of the traffic, 96 to 127 for what descriptors travel beside."""

KINDS: Final[dict[type[LinkMessage], str]] = {cls: snake_case(cls.__name__) for cls in NUMBERS}

_TYPES: Final = {number: cls for cls, number in NUMBERS.items()}
_SCHEMAS: Final[dict[type[LinkMessage], Schema[LinkMessage]]] = {
    cls: Schema(cls, kind) for cls, kind in KINDS.items() if cls not in (Tell, Tells, Ask, Reply, Parcel)
}

_CARRIED: Final = frozenset((NUMBERS[Tell], NUMBERS[Ask], NUMBERS[Reply], NUMBERS[Init]))
_TO: Final = Struct("<H")
_LENGTH: Final = Struct("<I")
_ASK: Final = Struct("<I?H")
_REPLY: Final = Struct("<IB")
_PARCEL: Final = Struct("<BB")
_FAILED, _OK, _CRASHED = range(3)
_ASK_ID_MAX: Final = 0xFFFFFFFF


def encode_link_message(message: LinkMessage) -> tuple[bytes, Buffer]:
    """Give the payload in two pieces: a small head, and the body as it is.

    Errors: CodecError with the path of a field that cannot be said, or is too long; LocalProtocolError for an id that
    is out of bounds.
    """
    if isinstance(message, Tell):
        return tell_head(message.to), message.body
    if isinstance(message, Tells):
        return join_tells(tell_head(message.to), message.bodies), b""
    if isinstance(message, Parcel):
        inner, inner_body = encode_link_message(message.message)
        count = len(message.descriptors)
        if not 1 <= count <= DESCRIPTORS_MAX:
            raise LocalProtocolError("descriptors of a message", expected=f"1 to {DESCRIPTORS_MAX}", got=count)
        return _PARCEL.pack(count, NUMBERS[type(message.message)]) + inner, inner_body
    if isinstance(message, Ask):
        to = message.to.encode()
        head = _ASK.pack(_checked_id(message.ask_id), message.waits, _checked_length(to))
        return head + to, message.body
    if isinstance(message, Reply):
        ask_id, body = _checked_id(message.ask_id), message.body
        if isinstance(body, Crash):
            return _REPLY.pack(ask_id, _CRASHED), pack_plain(exit_to_wire(body), root="reply.body")
        return _REPLY.pack(ask_id, _OK if message.ok else _FAILED), body
    kind = type(message)
    schema = _SCHEMAS.get(kind)
    if schema is None:
        raise LocalProtocolError("link message", expected="one of protocol.host.messages", got=message)
    content = schema.to_wire(message)
    try:
        return encode(content), b""
    except CodecError:
        for name, value in content.items():  # one of them fails again, with the path that the caller knows
            encode(value, root=f"{schema.kind}.{name}")
        raise


def tell_head(to: str) -> bytes:
    """Give what goes before the body of a Tell. Errors: CodecError for an urn that is too long."""
    name = to.encode()
    return _TO.pack(_checked_length(name)) + name


def join_tells(head: bytes, bodies: Sequence[Buffer]) -> bytes:
    """Give the payload of one frame for Tells that all have this head."""
    lengths = array("I", map(len, bodies))
    if sys.byteorder != "little":
        lengths.byteswap()
    return b"".join((head, _LENGTH.pack(len(bodies)), lengths.tobytes(), *bodies))


def decode_link_message(frame: Frame) -> LinkMessage:
    """Read a frame's payload. Bodies are slices of it, without a copy if it is a memoryview.

    Errors: RemoteProtocolError naming message and field, whatever the payload is.
    """
    payload, number = frame.payload, frame.type
    cls = _TYPES.get(number)
    if cls is None:
        raise RemoteProtocolError("link frame type", expected="one of this version", got=number)
    schema = _SCHEMAS.get(cls)
    if schema is not None:
        return schema.from_wire(decode(payload))
    if cls is Parcel:
        return _parcel(payload)
    if cls is Tell:
        if len(payload) >= _TO.size:
            begin = _TO.size
            end = begin + _TO.unpack_from(payload)[0]
            if end <= len(payload):
                return Tell(_urn(payload[begin:end]), payload[end:])
    elif cls is Tells:
        return _tells(payload)
    elif cls is Ask:
        if len(payload) >= _ASK.size:
            ask_id, waits, length = _ASK.unpack_from(payload)
            end = _ASK.size + length
            if end <= len(payload):
                return Ask(_urn(payload[_ASK.size : end]), ask_id, payload[end:], waits)
    elif len(payload) >= _REPLY.size:
        return _reply(payload)
    raise RemoteProtocolError(KINDS[cls], expected="a whole head before the body", got=bytes(payload[:64]))


def _parcel(payload: Buffer) -> Parcel:
    """Read one whose descriptors are still to be put in."""
    if len(payload) >= _PARCEL.size:
        count, number = _PARCEL.unpack_from(payload)
        message = decode_link_message(Frame(number, payload[_PARCEL.size :])) if number in _CARRIED else None
        if isinstance(message, Tell | Ask | Reply | Init) and 1 <= count <= DESCRIPTORS_MAX:
            return Parcel(message, (MISSING,) * count)
    raise RemoteProtocolError(
        "parcel",
        expected=f"1 to {DESCRIPTORS_MAX} descriptors and a tell, an ask, a reply or an init",
        got=bytes(payload[:64]),
    )


def _tells(payload: Buffer) -> Tells:
    refused = RemoteProtocolError("tells", expected="as many bodies as are announced", got=bytes(payload[:64]))
    if len(payload) < _TO.size:
        raise refused
    begin = _TO.size + _TO.unpack_from(payload)[0]
    if len(payload) < begin + _LENGTH.size:
        raise refused
    count = _LENGTH.unpack_from(payload, begin)[0]
    end = begin + _LENGTH.size * (1 + count)
    if not count or len(payload) < end:
        raise refused
    lengths = array("I", bytes(payload[begin + _LENGTH.size : end]))
    if sys.byteorder != "little":
        lengths.byteswap()
    ends = list(accumulate(lengths, initial=end))
    if ends[-1] != len(payload):
        raise refused
    return Tells(_urn(payload[_TO.size : begin]), tuple([payload[start:stop] for start, stop in pairwise(ends)]))


def _reply(payload: Buffer) -> Reply:
    ask_id, kind = _REPLY.unpack_from(payload)
    body = payload[_REPLY.size :]
    if kind == _CRASHED:
        crash = exit_from_wire(unpack_plain(body, what="reply.body", max_bytes=FRAME_MAX_BYTES))
        if not isinstance(crash, Crash):
            raise RemoteProtocolError("reply.body", expected="a crash", got=crash)
        return Reply(ask_id, False, crash)
    if kind not in (_OK, _FAILED):
        raise RemoteProtocolError("reply", expected="kind 0 (failed), 1 (ok) or 2 (crashed)", got=kind)
    return Reply(ask_id, kind == _OK, body)


def _urn(data: Buffer) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("urn", expected="UTF-8", got=bytes(data)) from error


def _checked_length(to: bytes) -> int:
    if len(to) > 0xFFFF:
        raise CodecError("urn", expected="at most 65535 bytes", got=to)
    return len(to)


def _checked_id(ask_id: int) -> int:
    if not 0 <= ask_id <= _ASK_ID_MAX:
        raise LocalProtocolError("ask_id", expected="0 to 2**32-1", got=ask_id)
    return ask_id
