"""Large bodies beside a message instead of inside it: no copy on either side.

`encode_parts` gives a head and the buffers that it refers to, to be written one after the other (or handed over by
descriptor); `decode_parts` puts them together as memoryviews of what was received.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .codec import Decoder, ReadRef, SayRef, encode
from .errors import CodecError, RemoteProtocolError
from .ext import BUFFER, RECORD, TUPLE
from .frames import Buffer
from .limits import INLINE_MAX_BYTES
from .packing import extension, unpack
from .records import record_for_type

__all__ = ("decode_parts", "encode_parts")

_BYTES: Final = frozenset({bytes, bytearray, memoryview})
_CARRIERS: Final = _BYTES | {list, tuple, dict}
_SEARCHED_LEVELS: Final = 16


def encode_parts(
    value: object, threshold: int = INLINE_MAX_BYTES, *, refs: SayRef | None = None, root: str = "message"
) -> tuple[bytes, list[memoryview]]:
    """Say a value, with bytes, bytearrays and memoryviews from `threshold` bytes on given back as buffers.

    Shape: searches lists, tuples, dict values and records, 16 levels deep; what is deeper, or in a set, stays inside.
    The buffers are views: change what they show only after they were written.
    Errors: CodecError as `encode`.
    """
    buffers: list[memoryview] = []
    lifted = _lift(value, threshold, buffers, 0)
    try:
        return encode(lifted, refs=refs, root=root), buffers
    except CodecError:
        return encode(value, refs=refs, root=root), []  # fails as well, with the path that the caller knows


def decode_parts(head: Buffer, buffers: Sequence[Buffer], *, refs: ReadRef | None = None) -> object:
    """Read what `encode_parts` wrote; what travelled beside the head comes back as memoryviews.

    Errors: RemoteProtocolError, also for a buffer that the head does not refer to exactly once.
    """
    decoder = Decoder(refs)
    decoder.buffers = {index: memoryview(buffer) for index, buffer in enumerate(buffers)}
    value = unpack(head, what="message", ext_hook=decoder.read_ext, list_hook=decoder.read_list)
    if decoder.buffers:
        raise RemoteProtocolError("bodies beside the message", expected="none left over", got=len(decoder.buffers))
    return decoder.checked(value)


def _lift(value: object, threshold: int, buffers: list[memoryview], level: int) -> object:
    """Give `value` with its large bodies replaced by references, and itself if there are none."""
    if isinstance(value, bytes | bytearray | memoryview):
        return _lift_body(value, threshold, buffers)
    if level == _SEARCHED_LEVELS:
        return value
    before = len(buffers)
    if type(value) is dict:
        if not _may_carry(value.values()):
            return value
        content = {key: _lift(item, threshold, buffers, level + 1) for key, item in value.items()}
        return value if len(buffers) == before else content
    if type(value) is list or type(value) is tuple:
        if not _may_carry(value):
            return value
        items = [_lift(item, threshold, buffers, level + 1) for item in value]
        if len(buffers) == before:
            return value
        return items if type(value) is list else [TUPLE, *items]
    known = record_for_type(type(value))
    if known is not None:
        inside = _lift(known.apart(value), threshold, buffers, level)
        return value if len(buffers) == before else [RECORD, known.tag, inside]
    return value


def _lift_body(value: bytes | bytearray | memoryview, threshold: int, buffers: list[memoryview]) -> object:
    view = memoryview(value)
    if type(value) not in _BYTES or view.nbytes < max(threshold, 1) or not view.c_contiguous:
        return value
    buffers.append(view.cast("B"))
    return extension(BUFFER, (len(buffers) - 1).to_bytes(4, "little"))


def _may_carry(values: Iterable[object]) -> bool:
    return any(kind in _CARRIERS or record_for_type(kind) is not None for kind in set(map(type, values)))
