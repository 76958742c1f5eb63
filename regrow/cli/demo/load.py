"""The load: a client that keeps a bounded number of invocations in flight and counts how each of them ended.

What lives here: submitting and counting. What must not: faults, or looking at processes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from regrow.cli.demo.workload import Job
from regrow.connect.client_async import AsyncClient
from regrow.connect.errors import ConnectError, InvocationFailed

__all__ = ("Load", "Tally")


@dataclass(slots=True)
class Tally:
    """How the invocations ended so far. `failed`: settled with a failure; `lost`: never settled."""

    submitted: int = 0
    completed: int = 0
    failed: int = 0
    lost: int = 0
    first_errors: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep the first few errors, for the report."""
        if len(self.first_errors) < 5:
            self.first_errors.append(text)


class Load:
    """Runs jobs through a gateway. Runs in: a thread of its own with an event loop, until the jobs or the time end.

    `finish` ends the submitting and waits for what is in flight, at most `patience` seconds for each invocation.
    """

    def __init__(self, url: str, token: str, jobs: Iterator[Job], *, in_flight: int, patience: float = 60.0) -> None:
        self.tally = Tally()
        self._url = url
        self._token = token
        self._jobs = jobs
        self._in_flight = in_flight
        self._patience = patience
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="regrow-demo-load", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether something is still to be submitted or in flight."""
        return self._thread.is_alive()

    def stop_submitting(self) -> None:
        """Submit nothing more; returns at once."""
        self._stop.set()

    def finish(self) -> Tally:
        """Wait for what is in flight and give the counts."""
        self._stop.set()
        self._thread.join(self._patience * 2)
        return self.tally

    def _run(self) -> None:
        asyncio.run(self._submit_all())

    async def _submit_all(self) -> None:
        async with AsyncClient(self._url, token=self._token, name="demo-load") as client, asyncio.TaskGroup() as group:
            places = asyncio.Semaphore(self._in_flight)
            for job in self._jobs:
                await places.acquire()
                if self._stop.is_set():
                    return
                self.tally.submitted += 1
                group.create_task(self._one(client, job, places))

    async def _one(self, client: AsyncClient, job: Job, places: asyncio.Semaphore) -> None:
        try:
            await client.invoke(job.function, job.argument, timeout=self._patience)
        except InvocationFailed as error:
            self.tally.failed += 1
            self.tally.note(f"{job.function}({job.argument!r}): {error}")
        except ConnectError as error:
            self.tally.lost += 1
            self.tally.note(f"{job.function}({job.argument!r}): {error}")
        else:
            self.tally.completed += 1
        finally:
            places.release()
