"""Restarts of one supervised thing that has died, a hosted process or an actor, and a pykka actor's own.

What lives here: the measuring, for `benchmarks.recovery` and `benchmarks.processes`. What must not: rows.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Literal

from regrow.actors import Actor, ActorSystem, ChildSpec, Isolation, Start

__all__ = ("measure_actor", "measure_hosted", "measure_pykka")

WAIT = 30.0  # seconds until something that must happen is taken for not happening


class Idle(Actor):
    """Lives until it is killed, or told to crash."""

    crashed_at = 0.0

    def on_receive(self, message: object) -> object:
        Idle.crashed_at = time.perf_counter()
        raise RuntimeError("told to crash")


@contextmanager
def _supervised(child: ChildSpec) -> Iterator[tuple[ActorSystem, Callable[[], float]]]:
    """Run one child; gives its system, and a function that waits for the next life and gives when it was ready."""
    from regrow.supervision import NO_BACKOFF, RestartIntensity, SupervisorHandle, SupervisorSpec
    from regrow.supervision.events import ChildStarted

    with ActorSystem("recovery") as system:
        if child.isolation is Isolation.PROCESS:
            system.hosting.preload("benchmarks.restarts")
        spec = SupervisorSpec(children=(child,), intensity=RestartIntensity(10**6, 0.001), backoff=NO_BACKOFF)
        handle = SupervisorHandle.start(system, spec)
        readies: SimpleQueue[float] = SimpleQueue()
        stop = system.bus.subscribe(lambda _event: readies.put(time.perf_counter()), ChildStarted)
        try:
            yield system, lambda: readies.get(timeout=WAIT)
        finally:
            stop()
            handle.stop(timeout=10.0)


def measure_hosted(kills: int, launcher: Literal["exec", "zygote"]) -> list[float]:
    """Kill a hosted process; give milliseconds from SIGKILL to the next life being ready."""
    from regrow.actors.hosting import HostedRef

    times = []
    child = ChildSpec(id="idle", name="idle", start=Start(Idle), isolation=Isolation.PROCESS, launcher=launcher)
    with _supervised(child) as (system, next_ready):
        for number in range(kills + 1):
            ref = system.whereis("idle")
            if not isinstance(ref, HostedRef) or ref.pid is None:
                raise RuntimeError(f"expected a hosted process, got {ref!r}")
            time.sleep(0.01)
            pid, killed = ref.pid, time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            took = (next_ready() - killed) * 1000
            if ref.pid in {None, pid} or not ref.is_alive():
                raise RuntimeError(f"expected another process than {pid}, alive, got {ref.pid}")
            if number:  # the first one warms up
                times.append(took)
    return times


def measure_actor(crashes: int) -> list[float]:
    """Crash an actor; give microseconds from the raise to the next life being ready."""
    times = []
    with _supervised(ChildSpec(id="idle", name="idle", start=Start(Idle))) as (system, next_ready):
        ref = system.whereis("idle")
        if ref is None:
            raise RuntimeError("expected an actor, got none")
        for number in range(crashes + 20):
            ref.tell("crash")
            took = (next_ready() - Idle.crashed_at) * 1e6
            if number >= 20:
                times.append(took)
            time.sleep(0.0005)
    return times


def measure_pykka(crashes: int) -> list[float]:
    """Crash a pykka actor that starts its own replacement; give microseconds from the raise to its on_start."""
    import logging

    import pykka

    logging.getLogger("pykka").setLevel(logging.CRITICAL + 1)
    times: list[float] = []
    raised = 0.0
    heirs: SimpleQueue[pykka.ActorRef[Replaced]] = SimpleQueue()

    class Replaced(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_start(self) -> None:
            if raised:
                times.append((time.perf_counter() - raised) * 1e6)

        def on_receive(self, message: object) -> None:
            nonlocal raised
            raised = time.perf_counter()
            raise RuntimeError("told to crash")

        def on_failure(self, *_: object) -> None:
            heirs.put(Replaced.start())

    heirs.put(Replaced.start())
    for _ in range(crashes):
        heirs.get(timeout=WAIT).tell("crash")
        time.sleep(0.0005)
    heirs.get(timeout=WAIT).stop()
    return times
