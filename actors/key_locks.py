"""Locks under keys: one function at a time under each.

What lives here: who has which lock, and who waits for it. Who waits does so as for an answer of the one who has it, so
circles are found, and a kill ends the wait. What must not: what is kept under keys (`keyed_registry.py`).
Source: Elixir Registry.lock/3.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from .current import calling_life
from .errors import AskTimeout, CallingSelf
from .functions import is_async
from .futures import AskFuture

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("KeyLocks",)

R = TypeVar("R")


class KeyLocks:
    """The locks of one registry. No function is called while the lock over them is held."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._held: dict[Hashable, _Held] = {}

    def run(self, key: Hashable, function: Callable[[], R], timeout: float | None) -> R:
        """Call `function` when nobody else does so under this key. Errors: AskTimeout; CallingSelf; TypeError."""
        if is_async(function):
            raise TypeError(f"{self._said(key)}: expected a function that is over when it returns, got {function!r}")
        claim = _Claim(calling_life())
        with self._lock:
            held = self._held.get(key)
            if held is None:
                self._held[key] = _Held(claim)
            else:
                claim.turn = _Turn(held)
                held.waiting.append(claim)
        if held is not None and claim.turn is not None:
            self._wait(key, held, claim, claim.turn, timeout)
        try:
            return function()
        finally:
            self._give_back(key, claim)

    def release(self, ref: ActorRef) -> None:
        """Take from one who has ended what he has; what he runs may run on, but it is fenced off."""
        if not self._held:
            return
        with self._lock:
            for key, held in tuple(self._held.items()):
                if held.by.life is not None and held.by.life.ref is ref:
                    self._pass_on(key, held)

    def _wait(self, key: Hashable, held: _Held, claim: _Claim, turn: _Turn, timeout: float | None) -> None:
        try:
            by = held.by
            if claim.life is None and by.life is None and by is not claim and by.thread == claim.thread:
                raise CallingSelf(threading.current_thread().name)
            turn.wait_for(timeout, exact=True)
        except BaseException as error:
            with self._lock, suppress(ValueError):
                held.waiting.remove(claim)
            if not turn.try_fail(error):  # it was given at this very moment
                self._give_back(key, claim)
            if isinstance(error, AskTimeout):
                raise AskTimeout(error.timeout, self._said(key)) from None
            raise

    def _give_back(self, key: Hashable, claim: _Claim) -> None:
        with self._lock:
            held = self._held.get(key)
            if held is not None and held.by is claim:  # else its actor has ended, and it was passed on then
                self._pass_on(key, held)

    def _pass_on(self, key: Hashable, held: _Held) -> None:
        while held.waiting:
            claim = held.waiting.popleft()
            if claim.turn is not None and claim.turn.try_set(None):
                held.by = claim  # only now: who looks for circles must not see it wait for itself
                return
        del self._held[key]

    def _said(self, key: Hashable) -> str:
        return f"lock {key!r} of registry {self._name!r}"


class _Claim:
    """Somebody who has a lock, or wants it."""

    __slots__ = ("life", "thread", "turn")

    def __init__(self, life: Life | None) -> None:
        self.life = life
        self.thread = threading.get_ident()
        self.turn: _Turn | None = None


class _Held:
    """A lock that somebody has, and those who wait for it, first come first."""

    __slots__ = ("by", "waiting")

    def __init__(self, by: _Claim) -> None:
        self.by = by
        self.waiting: deque[_Claim] = deque()


class _Turn(AskFuture[None]):
    """What who waits waits for: an answer of whoever has the lock at the time."""

    def __init__(self, held: _Held) -> None:
        super().__init__()
        self._held = held

    @property
    def to(self) -> Any:  # type: ignore[override]  # nobody sets it
        """The actor that has the lock, None if that is none."""
        return self._held.by.life
