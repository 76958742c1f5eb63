"""Records: the classes that a program allows in its messages, each under a tag.

What lives here: the `record` decorator and the table of tags. What must not: bytes.
Both sides must have imported the module that registers a tag before a message with it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from operator import attrgetter
from typing import Final, TypeVar, cast

from .errors import RemoteProtocolError

__all__ = ("RecordType", "Unsayable", "record", "record_for_tag", "record_for_type", "said_instead")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unsayable:
    """Stands for a part that cannot be said, in what is said instead of a record; the codec refuses it by its path."""

    value: object
    expected: str


class RecordType:
    """A registered class: how to take a value of it apart and how to put one together."""

    __slots__ = ("_values", "cls", "instead", "is_enum", "names", "required", "tag")

    def __init__(self, tag: str, cls: type) -> None:
        self.tag = tag
        self.cls = cls
        self.instead: Callable[[object], object] | None = None
        self.is_enum = issubclass(cls, Enum)
        known = [] if self.is_enum else [f for f in fields(cls) if f.init]
        self.names: tuple[str, ...] = tuple(f.name for f in known)
        self.required = frozenset(f.name for f in known if f.default is MISSING and f.default_factory is MISSING)
        self._values = attrgetter(*self.names) if len(self.names) > 1 else None

    def apart(self, value: object) -> object:
        """Give the fields by name, or an enum member's value."""
        if self.instead is not None:
            value = self.instead(value)
        if self.is_enum:
            return value.value  # type: ignore[attr-defined]
        if self._values is not None:
            return dict(zip(self.names, self._values(value), strict=True))
        return {name: getattr(value, name) for name in self.names}

    def together(self, content: object) -> object:
        """Make the value again. Unknown fields are ignored, so that a newer peer can say more.

        Errors: RemoteProtocolError naming the record and the missing field, or why the class refused the values.
        """
        if self.is_enum:
            arguments: tuple[object, ...] = (content,)
            named: dict[str, object] = {}
        elif isinstance(content, dict):
            missing = self.required - content.keys()
            if missing:
                raise RemoteProtocolError(
                    f"record {self.tag!r}", expected=f"a field {min(missing)!r}", got=sorted(map(str, content))
                )
            arguments, named = (), {name: content[name] for name in self.names if name in content}
        else:
            raise RemoteProtocolError(f"record {self.tag!r}", expected="a map of fields", got=content)
        try:
            return self.cls(*arguments, **named)
        except Exception as error:  # the class is the user's, and the values are the peer's
            raise RemoteProtocolError(
                f"record {self.tag!r}", expected=f"what {self.cls.__qualname__} accepts ({error!r})", got=content
            ) from error


_BY_TAG: Final[dict[str, RecordType]] = {}
_BY_TYPE: Final[dict[type, RecordType]] = {}


def record(tag: str) -> Callable[[type[T]], type[T]]:
    """Allow a frozen dataclass, or an enum, in messages, under `tag`.

    Errors: TypeError for another kind of class; ValueError for a tag that another class has.
    >>> from dataclasses import dataclass
    >>> @record("doctest.greeting")
    ... @dataclass(frozen=True)
    ... class Greeting:
    ...     text: str
    """
    if not _is_tag(tag):
        raise TypeError(f'@record: expected a tag, as in @record("orders.placed"), got {tag!r}')

    def register(cls: type[T]) -> type[T]:
        if not _is_recordable(cls):
            raise TypeError(f"@record({tag!r}): expected a frozen dataclass or an enum, got {cls!r}")
        known = _BY_TAG.get(tag)
        if known is not None and not _same_definition(known.cls, cls):
            raise ValueError(f"@record({tag!r}): the tag belongs to {known.cls.__module__}.{known.cls.__qualname__}")
        _BY_TAG[tag] = _BY_TYPE[cls] = RecordType(tag, cls)
        return cls

    return register


def said_instead(cls: type[T], instead: Callable[[T], T]) -> None:
    """Let a registered record be said as what `instead` gives for it: one of its class, with an `Unsayable` for each
    part that cannot be said.

    Errors: KeyError for what is not registered.
    """
    _BY_TYPE[cls].instead = cast("Callable[[object], object]", instead)


def record_for_type(cls: type) -> RecordType | None:
    """Look up how values of exactly this class are said."""
    return _BY_TYPE.get(cls)


def record_for_tag(tag: object) -> RecordType:
    """Look up what a tag stands for. Errors: RemoteProtocolError for an unknown one."""
    known = _BY_TAG.get(tag) if isinstance(tag, str) else None
    if known is None:
        raise RemoteProtocolError("record tag", expected="a tag registered here (is its module imported?)", got=tag)
    return known


def _is_tag(tag: object) -> bool:
    return isinstance(tag, str) and tag != ""


def _is_recordable(cls: object) -> bool:
    if not isinstance(cls, type):
        return False
    params: object = getattr(cls, "__dataclass_params__", None)
    return issubclass(cls, Enum) or bool(getattr(params, "frozen", False))


def _same_definition(known: type, cls: type) -> bool:
    """A module that is imported twice (reloaded, or again because it ran as __main__) registers its classes again."""
    modules = {known.__module__, cls.__module__}
    return known.__qualname__ == cls.__qualname__ and (len(modules) == 1 or "__main__" in modules)
