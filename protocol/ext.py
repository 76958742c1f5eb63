"""The extension types of the codec: which number says what, how each is written and read.

Scalars are extensions with their own bytes. Compounds are arrays whose first item is an empty extension that says what
the array is (a *mark*): so the whole value is one flat msgpack text, packed and read in one pass, with no nested copies
and no recursion of ours. Numbers 0 to 63 are reserved for regrow; -1 is msgpack's own timestamp.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from struct import Struct
from typing import Final, TypeAlias
from uuid import UUID

from .descriptor_token import DescriptorToken
from .errors import RemoteProtocolError
from .exits import Crash, exit_from_wire
from .limits import INTEGER_MAX_BYTES
from .packing import extension
from .records import record_for_tag
from .ref_token import RefToken
from .remote_error import RemoteError

__all__ = (
    "BUFFER",
    "DESCRIPTOR",
    "EXCEPTION",
    "EXIT",
    "FROZENSET",
    "MARKS",
    "RECORD",
    "REF",
    "SCALAR_READERS",
    "SCALAR_WRITERS",
    "SET",
    "TUPLE",
    "Mark",
    "Refusal",
)

BUFFER: Final = 32
"""A large body beside the message; its bytes are the index of the buffer."""


class Refusal(TypeError):  # as StopIteration: a signal between two modules
    """A part of a value that cannot be said; the codec adds where it is."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class Mark:
    """What the first item of a compound array is read as; `make` turns the whole array into the value."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[[list[object]], object]) -> None:
        self.name = name
        self.make = make


def _make_record(items: list[object]) -> object:
    if len(items) != 3:
        raise RemoteProtocolError("record", expected="a tag and a content", got=items[1:])
    return record_for_tag(items[1]).together(items[2])


def _make_exception(items: list[object]) -> RemoteError:
    match items[1:]:
        case [str(name), str(text), str(traceback), list(arguments)]:
            return RemoteError(Crash(name, text, traceback), tuple(arguments))
        case _:
            raise RemoteProtocolError("exception", expected="[type, text, traceback, arguments]", got=items[1:])


def _make_ref(items: list[object]) -> RefToken:
    match items[1:]:
        case [str(urn), str(name), str(origin)]:
            return RefToken(urn, name, origin)
        case _:
            raise RemoteProtocolError("ref", expected="[urn, name, origin]", got=items[1:])


def _make_descriptor(items: list[object]) -> DescriptorToken:
    match items[1:]:
        case [int(index), str(kind), int(detail)]:
            return DescriptorToken(index, kind, detail)
        case _:
            raise RemoteProtocolError("descriptor", expected="[index, kind, detail]", got=items[1:])


MARKS: Final[dict[int, Mark]] = {
    1: Mark("tuple", lambda items: tuple(items[1:])),
    2: Mark("set", lambda items: set(items[1:])),
    3: Mark("frozenset", lambda items: frozenset(items[1:])),
    4: Mark("record", _make_record),
    5: Mark("exception", _make_exception),
    6: Mark("exit reason", lambda items: exit_from_wire(items[1:])),
    7: Mark("ref", _make_ref),
    8: Mark("descriptor", _make_descriptor),
}
TUPLE, SET, FROZENSET, RECORD, EXCEPTION, EXIT, REF, DESCRIPTOR = (extension(code, b"") for code in MARKS)


_TIMEDELTA: Final = Struct("<iii")
_COMPLEX: Final = Struct("<dd")
_DATE: Final = Struct("<HBB")


def _write_integer(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    if size > INTEGER_MAX_BYTES:
        raise Refusal(f"an integer of at most {INTEGER_MAX_BYTES} bytes")
    return value.to_bytes(size, "little", signed=True)


def _read_integer(data: bytes) -> int:
    if len(data) > INTEGER_MAX_BYTES:
        raise ValueError(f"an integer of {len(data)} bytes")
    return int.from_bytes(data, "little", signed=True)


def _write_moment(value: datetime | time) -> bytes:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise Refusal("a time whose zone knows its UTC offset")
    # ISO text has no room for fold, the second pass through the hour when summer time ends.
    return b"%d%s" % (value.fold, value.isoformat().encode())


def _read_datetime(data: bytes) -> datetime:
    return datetime.fromisoformat(data[1:].decode()).replace(fold=int(data[:1]))


def _read_time(data: bytes) -> time:
    return time.fromisoformat(data[1:].decode()).replace(fold=int(data[:1]))


def _read_path(data: bytes) -> Path:
    return Path(data.decode("utf-8", "surrogateescape"))


def _fixed(layout: Struct, make: Callable[..., object]) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        if len(data) != layout.size:
            raise ValueError(f"{len(data)} bytes where {layout.size} belong")
        return make(*layout.unpack(data))

    return read


_Writer: TypeAlias = Callable[[object], object]


def _writer(code: int, write: Callable[..., bytes]) -> _Writer:
    return lambda value: extension(code, write(value))


SCALAR_WRITERS: Final[dict[type, _Writer]] = {
    int: _writer(16, _write_integer),
    Decimal: _writer(17, lambda value: str(value).encode()),
    UUID: _writer(18, lambda value: value.bytes),
    datetime: _writer(19, _write_moment),
    date: _writer(20, lambda value: _DATE.pack(value.year, value.month, value.day)),
    time: _writer(21, _write_moment),
    timedelta: _writer(22, lambda value: _TIMEDELTA.pack(value.days, value.seconds, value.microseconds)),
    complex: _writer(23, lambda value: _COMPLEX.pack(value.real, value.imag)),
    type(Path()): _writer(24, lambda value: str(value).encode("utf-8", "surrogateescape")),
}
"""By exact class. Packed integers of 64 bits never come here: msgpack asks only for what it cannot say itself."""

SCALAR_READERS: Final[dict[int, Callable[[bytes], object]]] = {
    16: _read_integer,
    17: lambda data: Decimal(data.decode()),
    18: lambda data: UUID(bytes=data),
    19: _read_datetime,
    20: _fixed(_DATE, date),
    21: _read_time,
    22: _fixed(_TIMEDELTA, timedelta),
    23: _fixed(_COMPLEX, complex),
    24: _read_path,
}
