"""The sides of `benchmarks.actors` that run in our own Python: regrow by dispatcher, pykka, plain asyncio, the floors.

`python -m benchmarks.actor_peers SIDE` is one of them, for `actor_serving`. What must not be here: rows.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any, cast

import pykka

from benchmarks.actor_serving import Workload, serve
from benchmarks.actor_workloads import WAIT, workloads_on

__all__ = ("OUR_SIDES", "SIDES")


_kinds: dict[type[Any], type[pykka.ThreadingActor]] = {}


def _kind(mixin: type[Any]) -> type[pykka.ThreadingActor]:
    if mixin not in _kinds:
        bases: tuple[type, ...] = (mixin, pykka.ThreadingActor)
        _kinds[mixin] = cast("type[pykka.ThreadingActor]", type(mixin.__name__, bases, {}))
    return _kinds[mixin]


class _PykkaStage:
    awaits = False

    def spawn(self, mixin: type[Any], *args: object) -> pykka.ActorRef[Any]:
        return _kind(mixin).start(*args)

    def crashing(self, mixin: type[Any], births: SimpleQueue[Any]) -> None:
        def on_failure(self: pykka.Actor, *_error: object) -> None:
            type(self).start(births)

        kind = type("Restarting", (_kind(mixin),), {"on_failure": on_failure})
        cast("type[pykka.ThreadingActor]", kind).start(births)

    def close(self) -> None:
        pykka.ActorRegistry.stop_all(timeout=WAIT)


def _regrow(dispatcher: str, *, awaits: bool = False) -> Mapping[str, Workload]:
    from benchmarks.actor_ours import regrow_workloads

    return regrow_workloads(dispatcher, awaits=awaits)


def _pykka() -> Mapping[str, Workload]:
    logging.disable(logging.CRITICAL)
    return workloads_on(_PykkaStage)


def _asyncio() -> Mapping[str, Workload]:
    from benchmarks.actor_tasks import WORKLOADS

    return WORKLOADS


def _floors() -> Mapping[str, Workload]:
    from benchmarks.actor_floors import WORKLOADS

    return WORKLOADS


OUR_SIDES: Mapping[str, Callable[[], Mapping[str, Workload]]] = {
    "thread": partial(_regrow, "thread"),
    "pool": partial(_regrow, "pool"),
    "asyncio": partial(_regrow, "asyncio"),
    "asyncio async def": partial(_regrow, "asyncio", awaits=True),
}
SIDES: Mapping[str, Callable[[], Mapping[str, Workload]]] = {
    **OUR_SIDES,
    "pykka": _pykka,
    "plain asyncio": _asyncio,
    "floors": _floors,
}

if __name__ == "__main__":
    raise SystemExit(serve(SIDES[sys.argv[1]]))
