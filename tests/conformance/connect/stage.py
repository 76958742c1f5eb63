"""A worker before a scripted gateway, with a proxy between them, and calls that last until the test ends them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import regrow
from regrow.actors.roles.messages import LinkStateChanged
from regrow.chaos import FaultProxy
from regrow.connect.worker import Worker, WorkerOptions
from regrow.protocol.codec import decode
from regrow.protocol.session.messages import Connect, Result, Success
from tests.conformance.connect.scripted import ScriptedGateway, Session, scripted_gateway
from tests.system.waiting import WAIT, until

TOKEN = "secret"


class Calls:
    """What the function `wait` is called with, and when it may return. It runs in this process, on its event loop."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._gates: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self.begun: list[str] = []
        self.ended: dict[str, str] = {}
        self.nothing_waits = False  # set at the end of a test: what begins now returns at once

    async def wait(self, key: str) -> str:
        """Return when the test says so."""
        gate = asyncio.Event()
        with self._news:
            self._gates[key] = asyncio.get_running_loop(), gate
            self.begun.append(key)
            self._news.notify_all()
        end = "cancelled"
        try:
            if not self.nothing_waits:
                await gate.wait()
            end = "returned"
            return f"{key} is done"
        finally:
            with self._news:
                self.ended[key] = end
                self._news.notify_all()

    def expect_begun(self, key: str, count: int = 1) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.begun.count(key) >= count, WAIT), f"{key} was not begun"

    def expect_end(self, key: str) -> str:
        with self._news:
            assert self._news.wait_for(lambda: key in self.ended, WAIT), f"{key} has not ended"
            return self.ended[key]

    def let_go(self, *keys: str) -> None:
        with self._news:
            for key in keys or tuple(self._gates):
                loop, gate = self._gates[key]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(gate.set)


class Phases:
    """What the link has said of itself."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.seen: list[LinkStateChanged] = []

    def hear(self, changed: LinkStateChanged) -> None:
        with self._news:
            self.seen.append(changed)
            self._news.notify_all()

    def expect(self, phase: str) -> LinkStateChanged:
        """Wait until a phase has come, and give the last one of its kind."""
        with self._news:
            assert self._news.wait_for(lambda: phase in self.names, WAIT), f"no {phase} in {self.seen}"
            return [changed for changed in self.seen if changed.phase == phase][-1]

    @property
    def names(self) -> list[str]:
        return [changed.phase for changed in self.seen]


@dataclass
class Stage:
    """A worker, the gateway that it connects to, and the proxy that it has to go through."""

    gateway: ScriptedGateway
    proxy: FaultProxy
    worker: Worker
    calls: Calls
    phases: Phases

    def begin(self) -> Session:
        """Let the worker in, and wait for its session."""
        self.proxy.pass_through()
        session = self.gateway.session(1)
        self.phases.expect("ready")
        self.phases.seen.clear()  # of what came before: whoever is refused waits, and dials again
        return session

    def forget(self) -> None:
        """Begin a test as if none had been before."""
        self.gateway.fresh()
        self.calls.begun.clear()
        self.calls.ended.clear()
        self.calls.nothing_waits = False
        self.phases.seen.clear()

    def run(self, session: Session, *keys: str) -> None:
        """Have calls begun."""
        for key in keys:
            session.invoke(key)
        for key in keys:
            self.calls.expect_begun(key)

    @property
    def running(self) -> int:
        executor = self.worker.status().executor
        assert executor is not None
        return executor.running

    def clear(self) -> None:
        """Have everything ended and delivered, and nobody connected."""
        if self.gateway.invoked:
            self.proxy.pass_through()
            self.calls.nothing_waits = True
            self.calls.let_go()
            until(lambda: self.running == 0)
            self._have_delivered()
        self.proxy.refuse()

    def _have_delivered(self) -> None:
        owed: tuple[object, ...] = (self,)
        while owed:
            self.gateway.fresh()
            self.proxy.cut()
            session = self.gateway.session(1)
            owed = session.expect(Connect).in_flight
            if owed:
                session.expect(Result, len(owed))


def value_of(result: Result) -> object:
    assert isinstance(result.outcome, Success), result.outcome
    return decode(result.outcome.value)


@contextmanager
def staged(capacity: int = 4, drain_grace: float = 20.0) -> Iterator[Stage]:
    """Start a worker; nobody lets it in before `Stage.begin`."""
    calls = Calls()
    with scripted_gateway() as (gateway, port), FaultProxy("127.0.0.1", port) as proxy:
        proxy.refuse()
        options = WorkerOptions(reconnect_base=0.01, reconnect_cap=0.1, drain_grace=drain_grace, cancel_grace=0.05)
        worker = regrow.Worker(f"ws://127.0.0.1:{proxy.port}", token=TOKEN, capacity=capacity, options=options)
        worker.function(name="wait")(calls.wait)
        worker.start()
        phases = Phases()
        worker.system.bus.subscribe(phases.hear, LinkStateChanged)
        try:
            yield Stage(gateway, proxy, worker, calls, phases)
        finally:
            worker.stop(0.0)


__all__ = ("TOKEN", "Calls", "Stage", "staged", "value_of")
