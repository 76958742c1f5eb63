"""The only module that touches what pykka keeps private. pykka 4.4.2 to 4.x; no feature was added since 4.0.

Private API used: `messages._ActorStop`, `ActorRef._actor_weakref`, `Actor._actor_ref`, `Actor._handle_receive`,
`ActorProxy._actor` and `_attr_path`, `Future._get_hook`. Everything else of ours uses what pykka documents.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pykka
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from .errors import ActorDeadError

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("PROXY_MESSAGES", "ActorStop", "StableProxy", "bind_actor", "bind_ref", "bound_actor", "handle_proxy")

A = TypeVar("A", bound=pykka.Actor)

ActorStop: Final = _ActorStop
PROXY_MESSAGES: Final = frozenset((ProxyCall, ProxyGetAttr, ProxySetAttr))


def bind_ref(ref: pykka.ActorRef[Any], actor: pykka.Actor, mailbox: Any, stopped: threading.Event) -> None:
    """Give an actor object, whose `__init__` has not run yet, what pykka's `__init__` would make."""
    actor._actor_ref = ref
    actor.actor_urn = ref.actor_urn
    actor.actor_inbox = ref.actor_inbox = mailbox
    actor.actor_stopped = ref.actor_stopped = stopped


def bind_actor(ref: pykka.ActorRef[Any], actor: pykka.Actor) -> None:
    """Let a ref lead to this object; weakly, as in pykka: the running life is what keeps it alive."""
    ref._actor_weakref = weakref.ref(actor)
    ref.actor_class = type(actor)


def bound_actor(ref: pykka.ActorRef[A]) -> A | None:
    """The object that a ref leads to now, for looking at its class only."""
    reference = getattr(ref, "_actor_weakref", None)
    return None if reference is None else reference()


def handle_proxy(actor: pykka.Actor, message: object) -> object:
    """Do what a proxy asked for: call a method, read or write an attribute."""
    return actor._handle_receive(message)


class StableProxy(pykka.ActorProxy[A]):
    """A proxy that follows its ref through restarts, where pykka's pins the object of the first life."""

    def __init__(self, *, actor_ref: ActorRef[A], attr_path: tuple[str, ...] | None = None) -> None:
        if bound_actor(actor_ref) is None:
            raise ActorDeadError(actor_ref)
        super().__init__(actor_ref=actor_ref, attr_path=attr_path)

    def _get_actor(self) -> A:
        actor = bound_actor(self.actor_ref)
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
