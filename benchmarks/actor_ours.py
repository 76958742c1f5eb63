"""Our own sides of `benchmarks.actors`: regrow's actors, by dispatcher. Imported by the process that is one of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any, cast

import pykka

from benchmarks.actor_serving import Workload
from benchmarks.actor_workloads import WAIT, workloads_on
from regrow.actors import Actor, ActorSystem, ChildSpec, Start

__all__ = ("open_system", "regrow_workloads")


def open_system(dispatcher: str) -> ActorSystem:
    """Give a system whose actors live there. Errors: NotImplementedError if there is no such dispatcher here."""
    make: Any = ActorSystem
    try:
        system: ActorSystem = make("bench", dispatcher=dispatcher)
    except (TypeError, ValueError) as error:
        if dispatcher == "thread":
            return ActorSystem("bench")  # the one that there was before there was a choice
        raise NotImplementedError("not available") from error
    return system


def regrow_workloads(dispatcher: str, *, awaits: bool = False) -> Mapping[str, Workload]:
    """Give the workloads on that dispatcher; with `awaits` the handlers are coroutines."""
    logging.disable(logging.CRITICAL)  # as for pykka: every end is one that was asked for here
    open_system(dispatcher).shutdown()
    return workloads_on(partial(_RegrowStage, dispatcher, awaits=awaits))


_kinds: dict[type[Any], type[Actor]] = {}


def _kind(mixin: type[Any]) -> type[Actor]:
    if mixin not in _kinds:
        bases: tuple[type, ...] = (mixin, Actor)
        _kinds[mixin] = cast("type[Actor]", type(mixin.__name__, bases, {}))
    return _kinds[mixin]


class _RegrowStage:
    def __init__(self, dispatcher: str, *, awaits: bool) -> None:
        self.awaits = awaits
        self._system = open_system(dispatcher)

    def spawn(self, mixin: type[Any], *args: object) -> pykka.ActorRef[Any]:
        return self._system.spawn(_kind(mixin), *args)

    def crashing(self, mixin: type[Any], births: SimpleQueue[Any]) -> None:
        from regrow.supervision import NO_BACKOFF, RestartIntensity, SupervisorHandle, SupervisorSpec

        child = ChildSpec(id="fragile", start=Start(_kind(mixin), (births,)))
        spec = SupervisorSpec(children=(child,), intensity=RestartIntensity(10**6, 0.001), backoff=NO_BACKOFF)
        SupervisorHandle.start(self._system, spec)

    def close(self) -> None:
        left = self._system.shutdown(WAIT)
        if left:
            raise AssertionError(f"still running: {left}")
