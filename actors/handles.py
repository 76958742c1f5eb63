"""Handlers by message type: `@handles(Ping)` over a method, checked when the class is made.

What lives here: collecting handlers, checking them, finding the one for a message. What must not: calling them
(`Actor.on_receive`). Source: the clauses of a gen_server's handle_call; functools.singledispatchmethod.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from types import FunctionType, UnionType
from typing import Any, Final, TypeVar, cast, overload

from .errors import BadHandler

__all__ = ("HandlerTable", "handler_table", "handles", "refuse_generators")

S = TypeVar("S")
R = TypeVar("R")
M1 = TypeVar("M1")
M2 = TypeVar("M2")
M3 = TypeVar("M3")

CACHE_MAX: Final = 1024  # message types; classes that are made while the program runs must not pile up
_HANDLED: Final = "_regrow_handled"
_NOTHING: Final = object()


@overload
def handles(kind: type[M1], /) -> Callable[[Callable[[S, M1], R]], Callable[[S, M1], R]]: ...


@overload
def handles(
    kind: type[M1], second: type[M2], /
) -> Callable[[Callable[[S, M1 | M2], R]], Callable[[S, M1 | M2], R]]: ...


@overload
def handles(
    kind: type[M1], second: type[M2], third: type[M3], /
) -> Callable[[Callable[[S, M1 | M2 | M3], R]], Callable[[S, M1 | M2 | M3], R]]: ...


@overload
def handles(*kinds: type[object]) -> Callable[[Callable[[S, Any], R]], Callable[[S, Any], R]]: ...


def handles(*kinds: object) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Let a method of an actor handle the messages of these types, and of classes made from them.

    The handler of the nearest type in the message's class order gets it, `on_unhandled` if there is none; what the
    handler returns answers an ask. It may be async. A class with an on_receive of its own is asked first, and its
    handlers only if that calls `super().on_receive(message)`. A subclass overrides a handler by name or by type.
    Errors: BadHandler (a TypeError), when the class is made.
    """

    def mark(method: Callable[..., R]) -> Callable[..., R]:
        vars(method)[_HANDLED] = kinds
        return method

    return mark


class HandlerTable(dict[type, "str | None"]):
    """Which method of one class handles what: `table[type(message)]` names it, None if none does.

    Never blocks; any number of threads may look at once. A dict, because every message is looked up.
    """

    __slots__ = ("_names",)

    def __init__(self, names: dict[type, str]) -> None:
        super().__init__(names)
        self._names = names

    def __missing__(self, kind: type) -> str | None:
        name = next((self._names[base] for base in kind.__mro__ if base in self._names), None)
        if len(self) < CACHE_MAX:
            self[kind] = name
        return name

    @property
    def kinds(self) -> tuple[type, ...]:
        """What is handled, in the order of the methods."""
        return tuple(self._names)


def handler_table(cls: type) -> HandlerTable | None:
    """Collect the handlers of a class and of those above it; None if there are none. Errors: BadHandler."""
    names: dict[type, str] = {}
    for base in reversed(cls.__mro__):
        own: dict[type, str] = {}
        for name, member in vars(base).items():
            kinds = _marked(member)
            if kinds is None:
                continue
            for kind in _checked(base, name, member, kinds):
                if kind in own:
                    raise BadHandler(base, name, f"the only handler of {kind.__name__}", f"{own[kind]} handles it too")
                own[kind] = name
        renewed = set(own.values())
        names = {kind: name for kind, name in names.items() if name not in renewed} | own
    # `on_ping = None` in a subclass takes a handler away.
    names = {kind: name for kind, name in names.items() if callable(getattr(cls, name, None))}
    return HandlerTable(names) if names else None


HOOK_NAMES: Final = ("on_start", "on_receive", "on_stop", "on_failure", "on_stop_request", "on_unhandled")


def refuse_generators(cls: type) -> None:
    """See that no hook of a class yields: nobody would run it. Errors: BadHandler."""
    for name in HOOK_NAMES:
        member = vars(cls).get(name)
        if inspect.isasyncgenfunction(member) or inspect.isgeneratorfunction(member):
            raise BadHandler(cls, name, "a plain or an async method", "one that yields")


def _marked(member: object) -> tuple[object, ...] | None:
    for function in (member, getattr(member, "__func__", None), getattr(member, "fget", None)):
        kinds: tuple[object, ...] | None = getattr(function, "__dict__", {}).get(_HANDLED)
        if kinds is not None:
            return kinds
    return None


def _checked(cls: type, name: str, method: object, kinds: tuple[object, ...]) -> tuple[type, ...]:
    """Give the types that a method handles. Errors: BadHandler."""
    if not isinstance(method, FunctionType):
        raise BadHandler(cls, name, "a plain or an async method", type(method).__name__)
    if inspect.isasyncgenfunction(method) or inspect.isgeneratorfunction(method):
        raise BadHandler(cls, name, "a plain or an async method", "one that yields")
    if not kinds:
        raise BadHandler(cls, name, "@handles(MessageType)", "@handles()")
    for kind in kinds:
        if not isinstance(kind, type) or typing.get_origin(kind) is not None:
            raise BadHandler(cls, name, "a class in @handles(...)", repr(kind))
    found = cast("tuple[type, ...]", kinds)
    signature = inspect.signature(method)
    parameters = tuple(signature.parameters.values())
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(parameters) != 2 or len(positional) != 2:
        raise BadHandler(cls, name, "exactly one parameter after self, for the message", f"{name}{signature}")
    annotation = _annotation(method, parameters[1].name, found)
    for kind in found:
        if not _takes(annotation, kind):
            expected = f"a message parameter that takes {kind.__name__}"
            raise BadHandler(cls, name, expected, f"{parameters[1].name}: {_shown(annotation)}")
    return found


def _annotation(method: FunctionType, parameter: str, kinds: tuple[type, ...]) -> object:
    """Give what the parameter is annotated with; _NOTHING if it is not, or with a name that means nothing yet."""
    try:
        said = method.__annotations__[parameter]
    except KeyError:
        return _NOTHING
    holder = type("Said", (), {"__annotations__": {"message": said}})
    # Classes of the same function or class body are no globals; those handled are known by their names all the same.
    named = {kind.__name__: kind for kind in kinds}
    for names in ({}, named):
        try:
            return typing.get_type_hints(holder, globalns=method.__globals__, localns=names)["message"]
        except NameError:
            continue
    return _NOTHING


def _takes(annotation: object, kind: type) -> bool:
    """Say whether a parameter annotated so takes messages of that class, as far as that can be known at run time."""
    if annotation is _NOTHING or annotation is Any:
        return True
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, UnionType):
        return any(_takes(member, kind) for member in typing.get_args(annotation))
    known = annotation if origin is None else origin
    return issubclass(kind, known) if isinstance(known, type) and not _is_protocol(known) else True


def _is_protocol(kind: type) -> bool:
    return bool(getattr(kind, "_is_protocol", False))


def _shown(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
