"""A gateway in a thread of its own, and workers against it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import regrow
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.worker import Worker, WorkerOptions
from tests.system.waiting import WAIT, until

HERE = Path(__file__).parent
TOKEN = "secret"


class GatewayThread:
    """A real gateway, run by a loop in a thread; it can be stopped and started again on its port."""

    def __init__(self, port: int = 0, *, drain_timeout: float = 0.1) -> None:
        self.port = port
        self.drain_timeout = drain_timeout
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._up.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="gateway", daemon=True)
        self._thread.start()
        assert self._up.wait(WAIT), "the gateway did not start"

    def begin_stop(self) -> None:
        """Drain; returns at once."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it has ended by itself: a drain is over when nothing is in flight
                self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> None:
        if self._thread is not None and self._loop is not None and self._stop is not None:
            self.begin_stop()
            self._thread.join(WAIT)
            assert not self._thread.is_alive()
        self._thread = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        options = GatewayOptions(drain_timeout=self.drain_timeout)
        async with regrow.Gateway("127.0.0.1", self.port, token=TOKEN, options=options) as gateway:
            self.port = gateway.port
            self._up.set()
            await self._stop.wait()


@pytest.fixture(autouse=True)
def _jobs_on_path() -> Iterator[None]:
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


@pytest.fixture
def gateway() -> Iterator[GatewayThread]:
    gateway = GatewayThread()
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def client(gateway: GatewayThread) -> Iterator[regrow.Client]:
    with regrow.Client(gateway.url, token=TOKEN) as client:
        yield client


MakeWorker = Callable[..., Worker]


@pytest.fixture
def make_worker(gateway: GatewayThread) -> Iterator[MakeWorker]:
    """Start workers that serve functions of `worker_jobs`, by name; stopped at the end."""
    import worker_jobs

    made: list[Worker] = []

    def make(
        *names: str,
        url: str | list[str] | None = None,
        ready: bool = True,
        logger: object | None = None,
        options: WorkerOptions | None = None,
        state_dir: Path | None = None,
        capacity: int = 2,
        **given: object,
    ) -> Worker:
        worker = Worker(
            url or gateway.url,
            token=TOKEN,
            name="tested",
            capacity=capacity,
            logger=logger,
            options=options or WorkerOptions(drain_grace=10.0),
            state_dir=state_dir,
        )
        for name in names:
            worker.function(**given)(getattr(worker_jobs, name))  # type: ignore[call-overload]
        made.append(worker)
        worker.start()
        if ready:
            worker.wait_ready(WAIT)
        return worker

    yield make
    for worker in made:
        worker.stop(0.0)


@pytest.fixture
def eventually() -> Callable[..., None]:
    return until
