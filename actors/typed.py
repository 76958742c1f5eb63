"""Calls of an actor's methods that a type checker understands: arguments are checked, answers have their type.

What lives here: typed doors to what a proxy does. What must not: a way of its own to send or to answer.
A proxy cannot be typed in Python, because there is no way to say "each method of A, with its answer in a future".
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

import pykka
from pykka.messages import ProxyCall

from .futures import AskFuture
from .pykka_seam import bound_actor

__all__ = ("TypedProxy", "ask_call", "await_call", "call", "tell_call", "typed_proxy")

A = TypeVar("A", bound=pykka.Actor)
P = ParamSpec("P")
R = TypeVar("R")


@overload
def call(
    ref: pykka.ActorRef[A],
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> AskFuture[R]: ...


@overload
def call(
    ref: pykka.ActorRef[A], method: Callable[Concatenate[A, P], R], *args: P.args, **kwargs: P.kwargs
) -> AskFuture[R]: ...


def call(ref: pykka.ActorRef[A], method: Callable[..., Any], *args: Any, **kwargs: Any) -> AskFuture[Any]:
    """Call a method of an actor, as in `call(counter, Counter.add, 2)`; gives the future of the answer.

    The method is looked up by its name in the actor, so a subclass's own one is called.
    Runs in: any thread; never waits, but for room in a mailbox with Overflow.BLOCK.
    Errors: TypeError if the actor has no such method; those of `ref.ask(..., block=False)`.
    """
    return cast("AskFuture[Any]", ref.ask(_message(ref, method, args, kwargs), block=False))


@overload
def ask_call(
    ref: pykka.ActorRef[A],
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R: ...


@overload
def ask_call(
    ref: pykka.ActorRef[A], method: Callable[Concatenate[A, P], R], *args: P.args, **kwargs: P.kwargs
) -> R: ...


def ask_call(ref: pykka.ActorRef[A], method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method of an actor and wait for the answer, as long as `ref.ask` does; see `typed_proxy` for another time.

    Runs in: any thread but an event loop's; blocks. Errors: TypeError as `call`; those of `ref.ask`.
    """
    return ref.ask(_message(ref, method, args, kwargs))


@overload
async def await_call(
    ref: pykka.ActorRef[A],
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R: ...


@overload
async def await_call(
    ref: pykka.ActorRef[A], method: Callable[Concatenate[A, P], R], *args: P.args, **kwargs: P.kwargs
) -> R: ...


async def await_call(ref: pykka.ActorRef[A], method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method of an actor and await the answer. Runs in: any event loop, which stays free. Errors: as `call`."""
    return await call(ref, method, *args, **kwargs)


def tell_call(
    ref: pykka.ActorRef[A], method: Callable[Concatenate[A, P], object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call a method of an actor and forget the answer; what it raises ends the actor. Errors: TypeError; as `tell`."""
    ref.tell(_message(ref, method, args, kwargs))


class TypedProxy(Generic[A]):
    """A ref with the four ways to call, for those who call one actor often; made by `typed_proxy`."""

    __slots__ = ("ref", "timeout")

    def __init__(self, ref: pykka.ActorRef[A], timeout: float | None = None) -> None:
        self.ref = ref
        self.timeout = timeout  # seconds that `ask` waits for each answer; None: as long as `ref.ask` does

    @overload
    def call(
        self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> AskFuture[R]: ...

    @overload
    def call(self, method: Callable[Concatenate[A, P], R], *args: P.args, **kwargs: P.kwargs) -> AskFuture[R]: ...

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> AskFuture[Any]:
        """Give the future of the answer. It can be awaited."""
        return call(self.ref, method, *args, **kwargs)

    @overload
    def ask(
        self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R: ...

    @overload
    def ask(self, method: Callable[Concatenate[A, P], R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    def ask(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Wait for the answer. Errors: AskTimeout after `timeout`; those of `ask_call`."""
        message = _message(self.ref, method, args, kwargs)
        return self.ref.ask(message) if self.timeout is None else self.ref.ask(message, timeout=self.timeout)

    def tell(self, method: Callable[Concatenate[A, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the answer."""
        tell_call(self.ref, method, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<TypedProxy {self.ref}>"


def typed_proxy(ref: pykka.ActorRef[A], *, timeout: float | None = None) -> TypedProxy[A]:
    """Give the typed calls of one actor, through all its lives; `timeout` is how many seconds `ask` waits."""
    return TypedProxy(ref, timeout)


def _message(
    ref: pykka.ActorRef[Any], method: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ProxyCall:
    name = getattr(method, "__name__", "")
    actor = bound_actor(ref)  # none for one of another process, and between two lives: the actor will say
    if not name.isidentifier() or (actor is not None and not callable(getattr(type(actor), name, None))):
        raise TypeError(f"call of {ref}: expected a method of {ref.actor_class.__name__}, got {method!r}")
    return ProxyCall((name,), args, kwargs)
