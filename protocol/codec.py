"""User values as bytes and back: msgpack with extension types for what Python programs really send.

Besides None, bool, int, float, str, bytes, list and dict: tuple, set, frozenset, Decimal, UUID, datetime, date, time,
timedelta, complex, Path, integers of any size, exceptions (as data, see RemoteError), exit reasons, refs (through the
`refs` callables) and everything registered with `@record`. All come back as exactly what they were, but for:
bytearray and memoryview, which come back as bytes; a datetime's zone, which comes back as its UTC offset; and values
that were shared, which come back apart. A subclass of a sayable class (namedtuple, OrderedDict, an enum that is a str)
is refused unless it is registered, since it would come back as something else.

What is sayable is packed at the speed of C; only a failure walks the value, to say where in it the fault is.
Nothing is ever pickled, and nothing that a peer sends names code to run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NoReturn, TypeAlias

from .descriptor_token import DescriptorToken
from .errors import CodecError, RemoteProtocolError, shown
from .exits import ExitReason, crash_of, exit_to_wire
from .ext import (
    BUFFER,
    DESCRIPTOR,
    EXCEPTION,
    EXIT,
    FROZENSET,
    MARKS,
    RECORD,
    REF,
    SCALAR_READERS,
    SCALAR_WRITERS,
    SET,
    TUPLE,
    Mark,
    Refusal,
)
from .frames import Buffer
from .limits import ARGUMENTS_KEPT, SHARED_FRAME_BYTES
from .packing import PACK_FAILURES, is_extension, make_packer, unpack, unpack_first
from .paths import path_of
from .records import Unsayable, record_for_type
from .ref_token import RefToken
from .remote_error import RemoteError

__all__ = (
    "Decoder",
    "Encoder",
    "ReadRef",
    "SayRef",
    "decode",
    "decode_first",
    "encode",
    "encode_bytes",
    "encode_with",
    "encoding_for",
)

SayRef: TypeAlias = Callable[[object], RefToken | DescriptorToken | None]
"""Gives the token of a value that is a ref, or leads to a descriptor; None for one that does neither."""

ReadRef: TypeAlias = Callable[[RefToken | DescriptorToken], object]
"""Makes of a token what it stands for; without it tokens stay tokens."""

_NATIVE: Final = frozenset({type(None), bool, float, str, bytes, bytearray, memoryview, list, dict})
_EXITS: Final = frozenset(ExitReason.__args__)
_MARK_BYTES: Final = b"\xc7\x00"
_POOLED_MAX_BYTES: Final = 1024 * 1024
_HINTS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (Enum, 'an enum registered with @record("tag"), or its .value'),
    (type, "data, not a class"),
    (str, "exactly str"),
    (int, "exactly int"),
    (tuple, "a tuple or a @record (a namedtuple would lose its names)"),
    (dict, "exactly dict"),
    (list, "exactly list"),
)
_ANYTHING: Final = "a plain value, a @record or a ref"


def encode(value: object, *, refs: SayRef | None = None, root: str = "message", again: SayRef | None = None) -> bytes:
    """Say a value. `root` is how its errors call it. After a failure `again` is asked instead of `refs`, from the start
    on, to find where it is: for `refs` that do something when they are asked.

    Runs in: any thread, never blocks. O(size).
    Errors: CodecError with the exact path of what cannot be said, or of where a cycle closes.
    >>> decode(encode({"at": (1, 2)}))
    {'at': (1, 2)}
    >>> encode({"jobs": [1, print]})
    Traceback (most recent call last):
    regrow.protocol.errors.CodecError: cannot encode message['jobs'][1]: expected data, not code, got \
builtin_function_or_method <built-in function print>
    """
    return encode_with(value, refs, root, full=True, again=again)


def encoding_for(refs: SayRef) -> Callable[[object], bytes]:
    """Give an `encode` for one who says refs always in the same way: a small message takes half the time.

    Runs in: any thread. Errors: as `encode`.
    >>> encoding_for(lambda value: None)([1, "two"]) == encode([1, "two"])
    True
    """
    idle: list[Encoder] = []

    def encode_here(value: object) -> bytes:
        encoder = idle.pop() if idle else None
        if encoder is None:
            encoder = Encoder()
            encoder.refs = refs
        try:
            packed = encoder.pack(value)
        except PACK_FAILURES as error:
            _explain(value, encoder, "message", error)
        if len(packed) < _POOLED_MAX_BYTES:
            idle.append(encoder)
        return packed

    return encode_here


def encode_bytes(value: bytes) -> tuple[bytes, bytes]:
    """Say bytes as `encode` does, in two pieces of which the second is `value` itself: large ones are never copied.

    >>> decode(b"".join(encode_bytes(b"abc")))
    b'abc'
    """
    return b"\xc6" + len(value).to_bytes(4, "big"), value


def encode_with(value: object, refs: SayRef | None, root: str, *, full: bool, again: SayRef | None = None) -> bytes:
    """Say a value; not `full`: exceptions without their arguments."""
    try:
        encoder = _IDLE.pop()
    except IndexError:
        encoder = Encoder()
    encoder.refs = refs
    encoder.full = full
    try:
        packed: bytes = encoder.pack(value)
    except PACK_FAILURES as error:
        encoder.refs = again or refs
        _explain(value, encoder, root, error)
    if len(packed) < _POOLED_MAX_BYTES:
        encoder.refs = None
        _IDLE.append(encoder)
    return packed


def decode(data: Buffer, *, refs: ReadRef | None = None) -> object:
    """Read what `encode` wrote.

    Runs in: any thread, never blocks. O(size).
    Errors: RemoteProtocolError, whatever the bytes are; what `refs` raises.
    """
    if not isinstance(data, memoryview) and _MARK_BYTES not in data:  # refs are marked, too
        return unpack(data, what="message", ext_hook=_read_scalar)
    decoder = Decoder(refs)
    return decoder.checked(unpack(data, what="message", ext_hook=decoder.read_ext, list_hook=decoder.read_list))


def decode_first(bodies: Sequence[Buffer], *, refs: ReadRef | None = None) -> list[object]:
    """Read what `encode` wrote of many values, in one go, from the first on: all of them, as a rule.

    It stops at one that cannot be read, or shortly before, without an error; there `decode` has to go on.
    Runs in: any thread, never blocks. O(size). Nothing is read of more than share a frame, since what one of them may
    claim is bounded by all of them.
    >>> decode_first([encode(1), encode("two"), encode((3,))])
    [1, 'two', (3,)]
    """
    data = b"".join(bodies)
    if len(data) > SHARED_FRAME_BYTES:
        return []
    if _MARK_BYTES not in data:
        return unpack_first(bodies, data, ext_hook=_read_scalar)
    decoder = Decoder(refs)
    values = unpack_first(bodies, data, ext_hook=decoder.read_ext, list_hook=decoder.read_list)
    return [] if decoder.marks_left else values


class Encoder:
    """A packer with its hook. Kept and used again, since making one costs more than a small message."""

    __slots__ = ("full", "pack", "refs")

    def __init__(self) -> None:
        self.refs: SayRef | None = None
        self.full = True
        self.pack = make_packer(self.say)

    def say(self, value: object) -> object:
        """Give what msgpack can say instead of `value`. Errors: Refusal."""
        cls = type(value)
        if cls is tuple:
            return [TUPLE, *value]  # type: ignore[misc]
        writer = SCALAR_WRITERS.get(cls)
        if writer is not None:
            return writer(value)
        known = record_for_type(cls)
        if known is not None:
            return [RECORD, known.tag, known.apart(value)]
        if cls is set:
            return [SET, *value]  # type: ignore[misc]
        if cls is frozenset:
            return [FROZENSET, *value]  # type: ignore[misc]
        if isinstance(value, RefToken | DescriptorToken):
            return _said_token(value)
        if cls in _EXITS:
            return [EXIT, *exit_to_wire(value)]  # type: ignore[arg-type]
        token = None if self.refs is None else self.refs(value)
        if token is not None:
            return _said_token(token)
        if isinstance(value, BaseException):
            return self._said_exception(value)
        if cls is Unsayable:
            raise Refusal(value.expected)  # type: ignore[attr-defined]
        raise Refusal(_expectation(value))

    def _said_exception(self, value: BaseException) -> list[object]:
        if isinstance(value, RemoteError):
            crash, arguments = value.crash, value.arguments
        else:
            crash, arguments = crash_of(value), vars(BaseException)["args"].__get__(value)
        kept = [self._copied(argument) for argument in arguments[:ARGUMENTS_KEPT]] if self.full else []
        return [EXCEPTION, crash.type, crash.text, crash.traceback, kept]

    def _copied(self, argument: object) -> object:
        """Give an argument as the peer will see it, or its repr; so an exception can always be said.

        Exceptions inside arguments lose theirs, since an exception may well be its own argument.
        """
        try:
            return decode(encode_with(argument, self.refs, "argument", full=False))
        except (CodecError, RemoteProtocolError):
            return shown(argument)


class Decoder:
    """The hooks of one decoding, which count that every mark stands where one belongs."""

    __slots__ = ("_marks", "_refs", "buffers")

    def __init__(self, refs: ReadRef | None = None) -> None:
        self._refs = refs
        self._marks = 0
        self.buffers: dict[int, memoryview] = {}

    def read_ext(self, code: int, data: bytes) -> object:
        """Read an extension: a mark, a body beside the message, or a scalar."""
        if not data and code in MARKS:
            self._marks += 1
            return MARKS[code]
        if code == BUFFER:
            return self._buffer(data)
        return _read_scalar(code, data)

    def read_list(self, items: list[object]) -> object:
        """Read an array that is complete: a compound if it begins with a mark."""
        if not items or type(items[0]) is not Mark:
            return items
        self._marks -= 1
        value = items[0].make(items)
        if self._refs is not None and isinstance(value, RefToken | DescriptorToken):
            return self._refs(value)
        return value

    def checked(self, value: object) -> object:
        """Refuse a value in which a mark stood anywhere but first in an array."""
        if self._marks:
            raise RemoteProtocolError("message", expected="marks only as the first item of an array", got=type(value))
        return value

    @property
    def marks_left(self) -> int:
        """How many marks have not begun an array."""
        return self._marks

    def _buffer(self, data: bytes) -> memoryview:
        index = int.from_bytes(data, "little")
        if index not in self.buffers:
            raise RemoteProtocolError("body beside the message", expected="the index of one that came", got=index)
        return self.buffers.pop(index)


_IDLE: Final[list[Encoder]] = []


def _said_token(token: RefToken | DescriptorToken) -> list[object]:
    if isinstance(token, RefToken):
        return [REF, token.urn, token.name, token.origin]
    return [DESCRIPTOR, token.index, token.kind, token.detail]


def _read_scalar(code: int, data: bytes) -> object:
    reader = SCALAR_READERS.get(code)
    if reader is None:
        raise RemoteProtocolError(f"extension type {code}", expected="one of this version in its place", got=data[:64])
    return reader(data)


def _said(value: object) -> object:
    """Give what is said instead of a value."""
    known = record_for_type(type(value))
    return value if known is None or known.instead is None else known.instead(value)


def _expectation(value: object) -> str:
    for kinds, hint in _HINTS:
        if isinstance(value, kinds):
            return hint
    return "data, not code" if callable(value) else _ANYTHING


def _explain(value: object, encoder: Encoder, root: str, error: Exception) -> NoReturn:
    """Turn msgpack's refusal into one that says where."""

    def refuse(part: object) -> str | None:
        if type(part) in _NATIVE or is_extension(part):
            return None
        if type(part) is int and -(2**63) <= part < 2**64:
            return None
        try:
            encoder.say(part)
        except Refusal as refusal:
            return refusal.expected
        return None

    path, expected, got = path_of(value, root, refuse, _said)
    if isinstance(got, Unsayable):
        got = got.value
    raise CodecError(path, expected=expected or f"a value that msgpack can say ({error})", got=got) from error
