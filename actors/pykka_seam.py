"""The only module that touches what pykka keeps private. pykka 4.4.2 to 4.x; no feature was added since 4.0.

Private API used: `messages._ActorStop`, `ActorRef._actor_weakref` (given, never set), `Actor._actor_ref`,
`Actor._handle_receive`, `Actor._actor_loop` and its three parts, `ActorProxy._actor` and `_attr_path`,
`Future._get_hook` and `_get_hook_result`, `ActorRegistry._actor_refs` and its lock. Everything else of ours uses what
pykka documents.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from .errors import ActorDeadError, NotStarted

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = (
    "NO_RESULT",
    "PROXY_MESSAGES",
    "ActorStop",
    "OnCell",
    "OnLife",
    "StableProxy",
    "adopt",
    "bound_actor",
    "enter_registry",
    "handle_proxy",
    "has_own_loop",
    "leave_registry",
)

A = TypeVar("A", bound=pykka.Actor)

ActorStop: Final = _ActorStop
LOOP: Final = ("_actor_loop", "_actor_loop_setup", "_actor_loop_running", "_actor_loop_teardown")
NO_RESULT: Final[object] = pykka.Future[object]()._get_hook_result
"""What a future holds that has not asked its hook yet."""
PROXY_MESSAGES: Final = frozenset((ProxyCall, ProxyGetAttr, ProxySetAttr))


class _OfLife:
    """An attribute that pykka's `__init__` sets on every actor; here it is looked up in its life when it is wanted."""

    def __init__(self, get: Callable[[Life], object]) -> None:
        self._get = get

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, actor: Any, _owner: type | None = None) -> Any:
        if actor is None:
            return self
        life: Life | None = actor._life
        if life is not None:
            return self._get(life)
        try:
            return actor.__dict__[self._name]  # made by hand: it has what pykka's `__init__` gave it
        except KeyError:
            raise NotStarted(type(actor).__name__) from None

    def __set__(self, actor: Any, value: object) -> None:
        actor.__dict__[self._name] = value


class OnLife:
    """What pykka's `__init__` would set on every actor."""

    if not TYPE_CHECKING:
        _actor_ref = _OfLife(lambda life: life.ref)
        actor_inbox = _OfLife(lambda life: life.mailbox)
        actor_stopped = _OfLife(lambda life: life.stopped)
        actor_urn = _OfLife(lambda life: life.ref.urn)


class OnCell:
    """The same for refs."""

    _cell: Any

    if not TYPE_CHECKING:
        actor_inbox = property(lambda self: getattr(self._cell, "mailbox", None))
        actor_stopped = property(lambda self: getattr(self._cell, "stopped", None))
        _actor_weakref = property(lambda self: lambda: bound_actor(self))


def bound_actor(ref: Any) -> Any:
    """The object that a ref leads to now, for looking at its class only; None for the dead, and in other processes."""
    actor = getattr(ref.cell, "actor", None)
    return None if actor is None else actor.exposed


def handle_proxy(actor: pykka.Actor, message: object) -> object:
    """Do what a proxy asked for: call a method, read or write an attribute."""
    return actor._handle_receive(message)


def has_own_loop(cls: type[pykka.Actor]) -> bool:
    """Say whether a class replaces the loop that pykka's actors run in; nothing but that loop would run it."""
    return any(getattr(cls, part) is not getattr(pykka.Actor, part) for part in LOOP)


def adopt(
    cls: type[A],
    ref: pykka.ActorRef[Any],
    mailbox: Any,
    stopped: threading.Event,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> A:
    """Make an object of a class written for pykka; its address is ours, before its `__init__` runs and after it."""
    bound = _bound_class(cls)
    actor = cast(A, bound.__new__(bound, *args, **kwargs))
    vars(actor)[_ADDRESS] = {
        "_actor_ref": ref,
        "actor_urn": ref.actor_urn,
        "actor_inbox": mailbox,
        "actor_stopped": stopped,
    }
    actor.__init__(*args, **kwargs)  # type: ignore[misc]
    return actor


_ADDRESS: Final = "_regrow_address"


class _Given:
    """An attribute that pykka's `__init__` sets in vain where it has been given already."""

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, actor: Any, _owner: type | None = None) -> Any:
        if actor is None:
            return self
        values: dict[str, Any] = actor.__dict__.get(_ADDRESS, actor.__dict__)
        try:
            return values[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, actor: Any, value: object) -> None:
        actor.__dict__[self._name] = value


@cache
def _bound_class(cls: type[pykka.Actor]) -> type[pykka.Actor]:
    members = {name: _Given() for name in ("_actor_ref", "actor_urn", "actor_inbox", "actor_stopped")}
    named = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    metaclass: Any = type(cls)  # ABCMeta, or one made from it
    return cast("type[pykka.Actor]", metaclass(cls.__name__, (cls,), {**named, **members}))


class StableProxy(pykka.ActorProxy[A]):
    """A proxy that follows its ref through restarts, where pykka's pins the object of the first life."""

    def __init__(self, *, actor_ref: ActorRef[A], attr_path: tuple[str, ...] | None = None) -> None:
        if bound_actor(actor_ref) is None:
            raise ActorDeadError(actor_ref)
        super().__init__(actor_ref=actor_ref, attr_path=attr_path)

    def _get_actor(self) -> A:
        actor: A | None = bound_actor(self.actor_ref)
        if actor is None:
            raise ActorDeadError(self.actor_ref)
        return actor

    def _set_actor(self, _actor: A) -> None:
        """Leave unsaid: pykka's `__init__` would keep the object here."""

    if not TYPE_CHECKING:
        _actor = property(_get_actor, _set_actor)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, pykka.ActorProxy):
            return False
        return self.actor_ref is other.actor_ref and self._attr_path == other._attr_path

    def __hash__(self) -> int:
        return hash((id(self.actor_ref), self._attr_path))


class _RefTable:
    """What pykka's registry does with its list of refs, but none of it takes longer the more there are."""

    __slots__ = ("_refs",)

    def __init__(self, refs: Iterable[pykka.ActorRef[Any]]) -> None:
        self._refs = dict.fromkeys(refs)

    def append(self, ref: pykka.ActorRef[Any]) -> None:
        self._refs[ref] = None

    def remove(self, ref: pykka.ActorRef[Any]) -> None:
        del self._refs[ref]

    def __contains__(self, ref: object) -> bool:
        return ref in self._refs

    def __iter__(self) -> Iterator[pykka.ActorRef[Any]]:
        return iter(self._refs)

    def __getitem__(self, part: slice) -> list[pykka.ActorRef[Any]]:
        return list(self._refs)[part]

    def __len__(self) -> int:
        return len(self._refs)


def enter_registry(ref: pykka.ActorRef[Any]) -> None:
    """Enter `pykka.ActorRegistry`, once, whose list is replaced by a table: an end costs O(n) with the list."""
    registry: Any = pykka.ActorRegistry
    with registry._actor_refs_lock:
        if not isinstance(registry._actor_refs, _RefTable):
            registry._actor_refs = _RefTable(registry._actor_refs)
        entered = ref in registry._actor_refs
    if not entered:
        registry.register(ref)


def leave_registry(ref: pykka.ActorRef[Any]) -> None:
    """Leave it, if it has been entered."""
    registry: Any = pykka.ActorRegistry
    with registry._actor_refs_lock:
        entered = ref in registry._actor_refs
    if entered:
        registry.unregister(ref)
