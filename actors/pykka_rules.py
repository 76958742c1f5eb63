"""Pykka's rules for what an exception, a start and an end mean, each with the switch that turns it off.

What lives here: what `PykkaActor` (users change one import) and `AdoptedActor` (users change nothing) have in common.
What must not: pykka's private members (`pykka_seam.py`), how either of them is made.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

import pykka

from ..protocol.exits import ExitReason
from .actor import Actor, Cause, Hook, Moment
from .control import ActorExit
from .outcome import Started, StartOutcome, StartWaiter
from .pykka_seam import ActorStop, enter_registry, leave_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from .life import Life
    from .ref import ActorRef

__all__ = ("Construction", "PykkaRules")

_logger = logging.getLogger("pykka")


class Construction:
    """An `on_outcome` for starters that wait for `__init__` only, as pykka's do; what comes later is not theirs."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._settled = False
        self._waiter = StartWaiter()

    def __call__(self, outcome: StartOutcome) -> None:
        """Take the outcome, if it has come to one before `__init__` was over."""
        with self._lock:
            if self._settled:
                return
            self._settled = True
        self._waiter(outcome)

    def wait(self) -> ActorRef:
        """Wait until `__init__` has returned. Errors: what it raised; StartError if it was killed."""
        return self._waiter.wait()


class _Shadowed:
    """A property that gives way to an attribute of the same name."""

    def __init__(self, over: object) -> None:
        if not isinstance(over, property) or over.fget is None:
            raise AssertionError(f"expected a property, got {over!r}")
        self._get: Callable[[Any], object] = over.fget

    def __get__(self, actor: Actor | None, _owner: type) -> object:
        return self if actor is None else self._get(actor)


class PykkaRules(Actor):
    """An actor with the rules of pykka's. Set a switch in a subclass to have ours instead, one by one.

    `actor_stopped` is set, and the registry left, before on_stop or on_failure runs. A subclass may have members of its
    own where ours have names and pykka's do not, such as `self.name` or `def exit(self)`.
    """

    crash_on_ask: ClassVar[bool] = False  # True: what a handler raises ends the actor, asked or not
    base_exception_stops_all: ClassVar[bool] = True  # False: SystemExit and the like end this actor alone
    on_failure_at_start: ClassVar[bool] = False  # True: on_failure runs when on_start has raised
    log_as_pykka: ClassVar[bool] = True  # False: no lines of pykka's logger, and those of "regrow.actors" instead

    _was_constructed = False

    if TYPE_CHECKING:  # writable: a program that was typed for pykka goes on being so
        system: Any
        ref: Any
        parent: Any
        name: Any
        incarnation: Any
    else:
        system = _Shadowed(Actor.system)
        ref = _Shadowed(Actor.ref)
        parent = _Shadowed(Actor.parent)
        name = _Shadowed(Actor.name)
        incarnation = _Shadowed(Actor.incarnation)

    def stop(self) -> None:
        """Ask itself to end after all messages that wait already."""
        self.actor_ref.tell(ActorStop())

    def on_stop_request(self, reason: ExitReason) -> None:
        """End at once, as pykka's do."""
        raise ActorExit(reason)

    def _constructed(self) -> None:
        life = _life_of(self)
        self._was_constructed = True
        enter_registry(life.ref)
        life.mailbox.watch_stops(self._hear_mailbox)
        if self.log_as_pykka:
            _logger.debug("Starting %s", self)
        starter = life.on_outcome
        if isinstance(starter, Construction):
            starter(Started(life.ref, life.incarnation))

    def _heed(self, error: BaseException, moment: Moment) -> bool:
        life = _life_of(self)
        if life.is_over():
            return False  # killed: what its code does now is nobody's affair
        if super()._heed(error, moment):
            if self.log_as_pykka:
                _logger.info("Exception returned from %s to caller:", self, exc_info=error)
            return True
        if not self._was_constructed:
            self._end_told = isinstance(life.on_outcome, Construction)  # start() raises it
        elif self._stops_all(error, moment):
            _logger.debug("%r in %s. Stopping all actors.", error, self)
            leave_registry(life.ref)
            # Told and not waited for: one of them may wait for this one. Differs from pykka, which deadlocks then.
            pykka.ActorRegistry.stop_all(block=False)
        elif self.log_as_pykka:
            _logger.error("Unhandled exception in %s:", self, exc_info=error)
            self._end_told = True
        return False

    def _hook_for(self, cause: Cause) -> Hook | None:
        if cause is Cause.START_FAILED and not self.on_failure_at_start:
            return None
        hook = super()._hook_for(cause)
        if cause is Cause.INTERRUPTED and self.base_exception_stops_all:
            hook = "on_stop"
        if hook == "on_stop" and self.log_as_pykka:
            _logger.debug("Stopped %s", self)
        return hook

    def _stops_all(self, error: BaseException, moment: Moment) -> bool:
        handled = moment in ("ask", "tell")
        return handled and self.base_exception_stops_all and not isinstance(error, Exception)

    def _hear_mailbox(self, message: object) -> None:
        if message is None:  # the mailbox is closed, before any hook runs; after a kill none does
            life = _life_of(self)
            life.stopped.set()
            leave_registry(life.ref)
            self._mailbox_closed()

    def _mailbox_closed(self) -> None:
        """Hear that it takes no messages any more. Runs in: any thread; must neither wait nor raise."""


def _life_of(actor: Actor) -> Life:
    if actor._life is None:
        raise AssertionError("what pykka's rules are about happens in a life")
    return actor._life
