"""msgpack, bounded: what may be claimed is checked before it is believed, and every failure is an error of ours.

What lives here: plain packing and unpacking, and the hooks that the codec adds. Only this module knows msgpack.
Plain values are those of every language's msgpack; tuples come back as lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, repeat, starmap, takewhile
from typing import TYPE_CHECKING, Final

from msgpack import ExtType, Packer, Unpacker, unpackb  # type: ignore[import-untyped]

from .errors import CodecError, ProtocolError, RemoteProtocolError
from .limits import ITEMS_MAX, SESSION_MAX_BYTES
from .paths import path_of

if TYPE_CHECKING:
    from .frames import Buffer

__all__ = (
    "PACK_FAILURES",
    "extension",
    "is_extension",
    "make_packer",
    "pack_plain",
    "unpack",
    "unpack_first",
    "unpack_plain",
)

PACK_FAILURES = (TypeError, ValueError, OverflowError, BufferError, RecursionError)
"""What msgpack raises for a value that it cannot say."""

_UNPACK_FAILURES: Final = (
    ProtocolError,
    ValueError,
    TypeError,
    ArithmeticError,
    BufferError,
    RecursionError,
    MemoryError,
)
_NIL: Final = b"\xc0"  # a value of its own


def pack_plain(value: object, *, root: str = "message") -> bytes:
    """Say None, bool, int, float, str, bytes, lists, tuples (as lists) and dicts, and subclasses as what they extend.

    Errors: CodecError with the path of the first thing that is none of these.
    """
    try:
        packed: bytes = Packer(buf_size=1024).pack(value)
    except PACK_FAILURES as error:
        path, expected, got = path_of(value, root, _plain_or_refuse)
        raise CodecError(path, expected=expected or f"a plain value ({error})", got=got) from error
    return packed


def extension(code: int, data: bytes) -> object:
    """Give what msgpack packs as an extension."""
    return ExtType(code, data)


def is_extension(value: object) -> bool:
    """Say whether msgpack would pack this as an extension."""
    return type(value) is ExtType


def make_packer(say: Callable[[object], object]) -> Callable[[object], bytes]:
    """Give a function that packs exact plain classes and asks `say` what to pack instead of any other value.

    The buffer stays with it, so that the next small message allocates nothing.
    Errors: PACK_FAILURES, and what `say` raises.
    """
    pack: Callable[[object], bytes] = Packer(default=say, strict_types=True, buf_size=1024).pack
    return pack


def unpack_plain(data: Buffer, *, what: str = "message", max_bytes: int = SESSION_MAX_BYTES) -> object:
    """Read what `pack_plain` wrote. Errors: RemoteProtocolError, whatever the bytes are."""
    if len(data) > max_bytes:
        raise RemoteProtocolError(f"{what} of {len(data)} bytes", expected=f"at most {max_bytes} bytes", got=len(data))
    return unpack(data, what=what, ext_hook=_no_ext)


def unpack(
    data: Buffer,
    *,
    what: str,
    ext_hook: Callable[[int, bytes], object],
    list_hook: Callable[[list[object]], object] | None = None,
) -> object:
    """Read one value that fills `data`. Errors: RemoteProtocolError, whatever the bytes are."""
    try:
        if len(data) <= ITEMS_MAX:  # msgpack itself bounds claims by the length of the data
            value: object = unpackb(data, ext_hook=ext_hook, list_hook=list_hook, strict_map_key=False, timestamp=3)
        else:
            value = unpackb(
                data,
                ext_hook=ext_hook,
                list_hook=list_hook,
                strict_map_key=False,
                timestamp=3,
                max_array_len=ITEMS_MAX,
                max_map_len=ITEMS_MAX,
            )
    except ProtocolError:
        raise
    except (ValueError, TypeError, ArithmeticError, BufferError) as error:
        text = str(error) or type(error).__name__
        raise RemoteProtocolError(
            what, expected=f"one msgpack value within bounds ({text})", got=_head(data)
        ) from error
    except (RecursionError, MemoryError) as error:
        text = type(error).__name__
        raise RemoteProtocolError(what, expected=f"a value that fits ({text})", got=_head(data)) from error
    return value


def unpack_first(
    bodies: Sequence[Buffer],
    data: bytes,
    *,
    ext_hook: Callable[[int, bytes], object],
    list_hook: Callable[[list[object]], object] | None = None,
) -> list[object]:
    """Read one value of each body in one go, from the first on: all of them, unless one is not exactly one value.

    Then it stops before that one, or shortly before; `unpack` says what is wrong with it. `data`: all of them behind
    each other; its length bounds what may be claimed. Small values take a third of the time that `unpack` needs.
    """
    values: dict[int, object] = {}  # by where they begin, and so by where the one before ends
    unpacker = Unpacker(
        ext_hook=ext_hook,
        list_hook=list_hook,
        strict_map_key=False,
        timestamp=3,
        max_buffer_size=len(data) + len(_NIL),
    )
    unpacker.feed(data + _NIL)
    with suppress(*_UNPACK_FAILURES):  # those before have been added
        values.update(zip(starmap(unpacker.tell, repeat(())), unpacker, strict=False))
    begins = [*values]
    expected = list(accumulate(map(len, bodies), initial=0))
    good = len(bodies)
    if begins != expected:
        matches = takewhile(lambda pair: pair[0] == pair[1], zip(begins, expected, strict=False))
        good = max(0, sum(1 for _ in matches) - 1)
    return list(values.values())[:good]


def _head(data: Buffer) -> bytes:
    return bytes(data[:64])


def _no_ext(code: int, data: bytes) -> object:
    raise RemoteProtocolError(f"extension type {code}", expected="plain msgpack values", got=data)


def _plain_or_refuse(value: object) -> str | None:
    if value is None or isinstance(value, bool | float | str | bytes | bytearray | memoryview | list | tuple | dict):
        return None
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "an integer of 64 bits"
    return "a plain value (None, bool, int, float, str, bytes, list, dict)"
