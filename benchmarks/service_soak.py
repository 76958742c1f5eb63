"""No acknowledged invocation is lost, no result is lost or accepted twice, whatever is killed, frozen, cut or full.

`python -m benchmarks.service_soak [--seconds 3600] [--seed N] [--directory DIR]`. A gateway on SQLite and two workers,
each a program behind a proxy, are kept running as a service manager would, while links, executors, workers and the
gateway are killed and frozen, connections are cut and swallow, and the disk is full. Clients submit and read all the
time; the functions write down their runs. When the faults are over, everything has to come to rest within a bound;
then `service_history.py` judges what was written down. Exits with 1 if there are objections.

`--store memory` has a gateway that forgets: its kills have to be objected to, which shows that the judge looks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.process_remains import MARK, living, settled
from benchmarks.service_history import (
    Acknowledged,
    Began,
    Event,
    Failed,
    Refused,
    Returned,
    Settled,
    Unknown,
    Verdict,
    judge,
)
from benchmarks.service_soak_cast import FAULTS, Service
from regrow.connect.client_async import AsyncClient
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import (
    GatewayUnreachable,
    InvocationFailed,
    Rejected,
    UnknownRequest,
    WaitTimeout,
)

__all__ = ("main",)

SUBMITTERS: Final = 12
PATIENCE: Final = 8.0  # of one call; it is made again
REST_SECONDS: Final = 90.0  # after the last fault, until everything has to be settled
PROBE_SECONDS: Final = 15.0  # for one more request when all is settled
BETWEEN_FAULTS: Final = 1.5  # seconds, on average
AGAIN: Final = 0.2  # of the results that are read a second time, later, by another client
GONE_SECONDS: Final = 10.0


@dataclass(slots=True)
class Soak:
    """Clients, what they wrote down, and what was done to the service meanwhile."""

    service: Service
    seconds: float
    rng: random.Random
    history: list[Event] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter[str])
    objections: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds from an acknowledgement to the result
    last_ticket: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # set once something was
    submitting: bool = True
    latest: list[tuple[int, str]] = field(default_factory=list)  # the requests that were settled last
    rested: float = 0.0

    async def run(self) -> None:
        """Do it all."""
        options = ClientOptions(default_timeout=PATIENCE, backoff_cap=1.0, max_attempts=100)
        url = self.service.url("clients")
        async with AsyncClient(url, options=options) as writer, AsyncClient(url, options=options) as reader:
            keeper = asyncio.create_task(self._keep())
            clients = [asyncio.create_task(self._submit_all(writer, reader)) for _ in range(SUBMITTERS)]
            try:
                await self._harm()
                self.submitting = False
                ended = time.monotonic()
                _, pending = await asyncio.wait(clients, timeout=REST_SECONDS)
                self.rested = time.monotonic() - ended
                if pending:
                    self.objections.append(f"{len(pending)} clients still wait {REST_SECONDS:g} s after the last fault")
                await self._read_again(url, options)
                await self._probe(reader)
            finally:
                for task in (keeper, *clients):
                    task.cancel()
                await asyncio.wait([keeper, *clients], timeout=5.0)
            for task in (keeper, *clients):
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    async def _keep(self) -> None:
        while True:
            self.service.keep(time.monotonic())
            await asyncio.sleep(0.05)

    async def _harm(self) -> None:
        """Begin and undo faults until the time is over, once the service is there; leave none."""
        async with asyncio.timeout(REST_SECONDS):
            await self.settled.wait()
        end = time.monotonic() + self.seconds
        undone: list[tuple[float, Callable[[], None]]] = []
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            for when, undo in [each for each in undone if each[0] <= now]:
                undone.remove((when, undo))
                await asyncio.to_thread(undo)
            if now >= due:
                due = now + self.rng.expovariate(1 / BETWEEN_FAULTS)
                done = await asyncio.to_thread(self.service.fault, self.rng)
                if done is not None:
                    what, seconds, undo = done
                    self.faults[what] += 1
                    undone.append((now + seconds, undo))
            await asyncio.sleep(0.02)
        for _, undo in undone:
            await asyncio.to_thread(undo)

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _submit_all(self, writer: AsyncClient, reader: AsyncClient) -> None:
        while self.submitting:
            self.last_ticket += 1
            request_id = await self._submit(writer, self.last_ticket)
            if request_id is not None:
                await self._read(reader, "the reader", *request_id)

    async def _submit(self, client: AsyncClient, ticket: int) -> tuple[int, str] | None:
        function, argument = self.rng.choices(
            [
                ("rest", 0.0),
                ("rest", self.rng.uniform(0.0, 0.2)),
                ("rest", self.rng.uniform(1.0, 4.0)),
                ("compute", self.rng.uniform(0.0, 0.05)),
                ("carry", self.rng.randbytes(self.rng.choice((10, 2000, 80_000)))),
            ],
            [4, 4, 1, 3, 2],
        )[0]
        try:
            request_id = await client.submit(function, ticket, argument)
        except (GatewayUnreachable, WaitTimeout) as doubt:
            self.history.append(Refused(ticket, True, str(doubt)))
        except Rejected as refused:
            self.history.append(Refused(ticket, False, str(refused)))
        except InvocationFailed as failed:
            self.history.append(Failed(ticket, "the writer", str(failed)))
        else:
            self.history.append(Acknowledged(ticket, request_id))
            return ticket, request_id
        return None

    async def _read(self, client: AsyncClient, reader: str, ticket: int, request_id: str) -> None:
        """Ask until there is an answer."""
        began = time.monotonic()
        while True:
            try:
                value = await client.result(request_id)
            except (GatewayUnreachable, WaitTimeout):
                continue
            except UnknownRequest:
                self.history.append(Unknown(ticket, reader))
            except InvocationFailed as failed:
                self.history.append(Failed(ticket, reader, str(failed)))
            else:
                nonce = value[0] if isinstance(value, list | tuple) else value
                self.history.append(Settled(ticket, reader, str(nonce)))
                self.settled.set()
                self.slowest = max(self.slowest, time.monotonic() - began)
                if self.rng.random() < AGAIN:
                    self.latest.append((ticket, request_id))
                    del self.latest[:-200]
            return

    async def _read_again(self, url: str, options: ClientOptions) -> None:
        async with AsyncClient(url, options=options) as late, asyncio.timeout(PROBE_SECONDS + REST_SECONDS):
            for ticket, request_id in self.latest:
                await self._read(late, "a late reader", ticket, request_id)

    async def _probe(self, client: AsyncClient) -> None:
        try:
            await client.invoke("rest", 0, 0.0, timeout=PROBE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service has not recovered
            self.objections.append(f"not recovered: one more request: {error}")

    # ── the judge ────────────────────────────────────────────────────────────────────────────────────────────────

    def verdict(self) -> Verdict:
        """Add what the functions wrote, and have all of it judged."""
        for path in sorted(self.service.journal.iterdir()):
            for line in path.read_text(encoding="utf-8").splitlines():
                kind, ticket, nonce = json.loads(line)
                if ticket:
                    self.history.append(Began(ticket, nonce) if kind == "began" else Returned(ticket, nonce))
        verdict = judge(self.history)
        for words in (*self.objections, *self.service.objections):
            verdict.object(words)
        return verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; 1 if there are objections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0, help="of faults")
    parser.add_argument(
        "--seed", type=int, default=None, help="of the faults; the kernel does as it likes all the same"
    )
    parser.add_argument("--store", choices=("sqlite", "memory"), default="sqlite", help="of the gateway")
    parser.add_argument("--only", action="append", choices=FAULTS, default=[], help="this fault and no other")
    parser.add_argument("--directory", type=Path, default=None, help="keep logs and journals there")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    os.environ[MARK] = uuid.uuid4().hex
    directory = Path(tempfile.mkdtemp(prefix="regrow-soak-")) if given.directory is None else given.directory
    directory.mkdir(parents=True, exist_ok=True)
    service = Service(directory, {MARK: os.environ[MARK]}, given.store, only=tuple(given.only))
    soak = Soak(service, given.seconds, random.Random(seed))
    try:
        asyncio.run(soak.run())
        service.stop()
    finally:
        service.close()
    if left := settled(living, GONE_SECONDS):
        soak.objections.append(f"left behind: processes {sorted(left)}")
    verdict = soak.verdict()
    _print(seed, soak, verdict)
    if given.directory is None and not verdict.objections:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"  logs and journals: {directory}")
    return 1 if verdict.objections else 0


def _print(seed: int, soak: Soak, verdict: Verdict) -> None:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(f"{what} {count:,}" for what, count in counts.most_common()) or "none"

    print(f"seed {seed}, {soak.seconds:g} s of faults: {listed(soak.faults)}")
    print(f"  ended and started again, by exit code: {listed(soak.service.ended)}")
    print(f"  requests: {listed(verdict.counts)}")
    print(f"  slowest result after {soak.slowest:.1f} s; all at rest {soak.rested:.1f} s after the last fault")
    if not soak.service.disk.small:
        print("  no disk was full: expected to be allowed to mount a small one, was not")
    for words in verdict.objections:
        print(f"  OBJECTION {words}")


if __name__ == "__main__":
    raise SystemExit(main())
