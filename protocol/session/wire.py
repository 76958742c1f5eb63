"""Session messages as bytes: a msgpack array `[kind, {field: value}]`.

The kind is the class name in snake_case, the field names are the wire names. What a newer peer says beyond that, kinds
and fields, is ignored; everything else that does not fit is refused by name.
"""

from __future__ import annotations

from typing import Final

from ..errors import CodecError, LocalProtocolError, RemoteProtocolError
from ..limits import SESSION_MAX_BYTES
from ..packing import pack_plain, unpack_plain
from ..schema import Schema, snake_case
from .messages import Message
from .states import MESSAGE_TYPES

__all__ = ("KINDS", "decode_message", "encode_message")

_BY_TYPE: Final[dict[type[Message], Schema[Message]]] = {
    cls: Schema(cls, snake_case(cls.__name__)) for cls in MESSAGE_TYPES
}
_BY_KIND: Final = {schema.kind: schema for schema in _BY_TYPE.values()}

KINDS: Final[dict[type[Message], str]] = {cls: schema.kind for cls, schema in _BY_TYPE.items()}
"""How each message class is called on the wire."""


def encode_message(message: Message) -> bytes:
    """Say a message.

    Errors: LocalProtocolError for what is no session message; CodecError with the path of a field that cannot be said.
    >>> from regrow.protocol.session.messages import Hello
    >>> decode_message(encode_message(Hello(gateway="g1")))
    Hello(gateway='g1', versions=('regrow.v1',))
    """
    schema = _BY_TYPE.get(type(message))
    if schema is None:
        raise LocalProtocolError("session message", expected="one of protocol.session.messages", got=message)
    content = schema.to_wire(message)
    try:
        return pack_plain([schema.kind, content])
    except CodecError:
        for name, value in content.items():  # one of them fails again, with the path that the caller knows
            pack_plain(value, root=f"{schema.kind}.{name}")
        raise


def decode_message(data: bytes | str, *, max_bytes: int = SESSION_MAX_BYTES) -> Message | None:
    """Read a message; None for a kind that this version does not know.

    Errors: RemoteProtocolError naming kind, field, what was expected and what came, whatever the bytes are.
    """
    if isinstance(data, str):
        raise RemoteProtocolError("session frame", expected="a binary frame", got=data[:64])
    match unpack_plain(data, what="session message", max_bytes=max_bytes):
        case [str(kind), content]:
            schema = _BY_KIND.get(kind)
            return None if schema is None else schema.from_wire(content)
        case other:
            raise RemoteProtocolError("session message", expected="[kind, fields]", got=other)
