"""Message classes as maps of plain values and back, checked against their own annotations.

What lives here: from a frozen dataclass to a reader that refuses every wrong type. What must not: which messages
there are.
Wire form: a map from field name to value. A nested dataclass is such a map; one of a union of dataclasses is
`[kind, map]`, where the kind is the class name in snake_case; tuples are arrays. Unknown fields are ignored.
Exit reasons and ref tokens are values that the codec carries by itself.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from operator import attrgetter
from typing import Final, Generic, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import RemoteProtocolError
from .exits import ExitReason
from .ref_token import RefToken

__all__ = ("Schema", "snake_case")

M = TypeVar("M")

_Read: TypeAlias = Callable[[object], object]
_Write: TypeAlias = Callable[..., object]

_ATOMS: Final[frozenset[type]] = frozenset({*get_args(ExitReason), RefToken})
_EXACT: Final[frozenset[type]] = frozenset({str, int, bool, bytes})
_BUFFERS: Final[frozenset[type]] = frozenset({bytes, bytearray, memoryview})


class _Wrong(Exception):  # a signal inside this module
    """A value that does not fit; `where` grows outwards while it is raised."""

    def __init__(self, expected: str, got: object, where: str = "") -> None:
        super().__init__(expected, got, where)
        self.expected = expected
        self.got = got
        self.where = where


class Schema(Generic[M]):
    """How one message class is written and read.

    >>> from regrow.protocol.session.messages import Ack
    >>> Schema(Ack, "ack").from_wire({"request_id": "r1", "lease_id": "one"})
    Traceback (most recent call last):
    regrow.protocol.errors.RemoteProtocolError: ack.lease_id: expected int, got 'one'
    """

    __slots__ = ("_fields", "cls", "kind")

    def __init__(self, cls: type[M], kind: str) -> None:
        self.cls = cls
        self.kind = kind
        self._fields = _fields_of(cls)

    def to_wire(self, message: M) -> dict[str, object]:
        """Give the fields by name, as plain values."""
        return _write_fields(self._fields, message)

    def from_wire(self, content: object) -> M:
        """Make the message. Errors: RemoteProtocolError naming kind and field, what was expected and what came."""
        try:
            return self.cls(**_read_fields(self._fields, content))
        except _Wrong as wrong:
            raise RemoteProtocolError(f"{self.kind}{wrong.where}", expected=wrong.expected, got=wrong.got) from None


class _Field:
    __slots__ = ("exact", "get", "name", "read", "required", "write")

    def __init__(self, name: str, hint: object, required: bool) -> None:
        self.name = name
        self.required = required
        self.get = attrgetter(name)
        self.read, self.write = _reader(hint), _writer(hint)
        self.exact = hint if isinstance(hint, type) and hint in _EXACT else None  # most fields: checked without a call


def snake_case(name: str) -> str:
    """Give the kind of a message class.

    >>> snake_case("HeartbeatAck")
    'heartbeat_ack'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _fields_of(cls: type) -> tuple[_Field, ...]:
    hints = get_type_hints(cls)
    return tuple(
        _Field(f.name, hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)
    )


def _write_fields(known: tuple[_Field, ...], message: object) -> dict[str, object]:
    return {f.name: f.get(message) if f.write is None else f.write(f.get(message)) for f in known}


def _read_fields(known: tuple[_Field, ...], content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise _Wrong("a map of fields", content)
    values: dict[str, object] = {}
    for f in known:
        if f.name in content:
            value = content[f.name]
            if type(value) is f.exact:
                values[f.name] = value
                continue
            try:
                values[f.name] = f.read(value)
            except _Wrong as wrong:
                wrong.where = f".{f.name}{wrong.where}"
                raise
        elif f.required:
            raise _Wrong("a value", None, f".{f.name}")
    return values


def _parts_of_union(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _reader(hint: object) -> _Read:
    return _reader_of_any(_parts_of_union(hint))


def _reader_of_any(parts: tuple[object, ...]) -> _Read:
    if type(None) in parts:
        return _read_optional(parts)
    if len(parts) > 1 and all(isinstance(part, type) and part in _BUFFERS for part in parts):
        return _read_exact(bytes, bytearray, memoryview)
    if all(isinstance(part, type) and part in _ATOMS for part in parts):
        return _read_exact(*parts)
    if len(parts) == 1:
        return _single_reader(parts[0])
    return _read_tagged(dict(_tagged_reader(part) for part in parts))


def _single_reader(hint: object) -> _Read:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is object:
        return lambda value: value
    if hint is float:
        return _read_float
    if isinstance(hint, type) and hint in _EXACT:
        return _read_exact(hint)
    if origin is Literal:
        return _read_literal(arguments)
    if origin is tuple and arguments[1:] == (...,):
        return _read_tuple(_reader(arguments[0]))
    if origin is dict and arguments[0] is str:
        return _read_map(_reader(arguments[1]))
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_nested(hint, _fields_of(hint))
    raise TypeError(f"message field: expected a type that the wire has, got {hint!r}")


def _read_exact(*kinds: object) -> _Read:
    allowed = frozenset(kinds)
    expected = " or ".join(kind.__name__ for kind in kinds if isinstance(kind, type))

    def read(value: object) -> object:
        if type(value) not in allowed:
            raise _Wrong(expected, value)
        return value

    return read


def _read_float(value: object) -> float:
    if type(value) is float:
        return value
    if type(value) is int:  # other languages write 1.0 as 1
        return float(value)
    raise _Wrong("float", value)


def _read_literal(allowed: tuple[object, ...]) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in allowed:
            raise _Wrong(f"one of {', '.join(map(str, allowed))}", value)
        return value

    return read


def _read_optional(parts: tuple[object, ...]) -> _Read:
    read_rest = _reader_of_any(tuple(part for part in parts if part is not type(None)))

    def read(value: object) -> object:
        if value is None:
            return None
        try:
            return read_rest(value)
        except _Wrong as wrong:
            if not wrong.where:
                wrong.expected += " or None"
            raise

    return read


def _read_tuple(read_item: _Read) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise _Wrong("an array", value)
        items = []
        for index, item in enumerate(value):
            try:
                items.append(read_item(item))
            except _Wrong as wrong:
                wrong.where = f"[{index}]{wrong.where}"
                raise
        return tuple(items)

    return read


def _read_map(read_item: _Read) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _Wrong("a map", value)
        items = {}
        for key, item in value.items():
            if type(key) is not str:
                raise _Wrong("a map with text keys", key)
            try:
                items[key] = read_item(item)
            except _Wrong as wrong:
                wrong.where = f"[{key!r}]{wrong.where}"
                raise
        return items

    return read


def _read_nested(cls: type, known: tuple[_Field, ...]) -> _Read:
    return lambda value: cls(**_read_fields(known, value))


def _tagged_reader(part: object) -> tuple[str, _Read]:
    if isinstance(part, type) and is_dataclass(part):
        return snake_case(part.__name__), _read_nested(part, _fields_of(part))
    raise TypeError(f"message field: expected a union of dataclasses, got {part!r} in it")


def _read_tagged(readers: dict[str, _Read]) -> _Read:
    expected = f"[kind, fields] with kind in {', '.join(readers)}"

    def read(value: object) -> object:
        match value:
            case [str(kind), content] if kind in readers:
                return readers[kind](content)
            case _:
                raise _Wrong(expected, value)

    return read


def _writer(hint: object) -> _Write | None:
    """Give what turns a field's value into plain values, None where it is plain already."""
    parts = [part for part in _parts_of_union(hint) if part is not type(None)]
    classes = [part for part in parts if isinstance(part, type) and is_dataclass(part) and part not in _ATOMS]
    if get_origin(hint) is tuple:
        item = _writer(get_args(hint)[0])
        return None if item is None else lambda values: [item(value) for value in values]
    if not classes:
        return None
    known: dict[type, tuple[str, tuple[_Field, ...]]] = {
        cls: (snake_case(cls.__name__), _fields_of(cls)) for cls in classes
    }

    def write(value: object) -> object:
        if value is None:
            return None
        kind, content = known[type(value)]
        fields_by_name = _write_fields(content, value)
        return [kind, fields_by_name] if len(known) > 1 else fields_by_name

    return write
