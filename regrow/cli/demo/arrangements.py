"""The two arrangements that regrow replaces: the heartbeat on the loop of the user's code, and in a thread beside it.

What lives here: both, written as people write them, over a real WebSocket to the same gateway, and the measure that
is the same for all three: how late was the beat against when it was due. Here it is taken before the socket is touched,
in regrow's worker after the send has returned, so what is unfair about it favors these two.
Runs in: a process of its own, `python -m regrow.cli.demo.arrangements ARRANGEMENT URL TOKEN SECONDS INTERVAL_MS SEED`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from loguru import logger

from regrow.cli.demo import functions
from regrow.cli.demo.workload import jobs, library_files
from regrow.protocol.session.messages import SUBPROTOCOL, Connect, Heartbeat
from regrow.protocol.session.wire import encode_message

__all__ = ("Lateness", "main")

_CATCH_UP_SECONDS = 5.0  # at most, after the work, so that beats that are late are sent and counted, not forgotten
_LOOK_SECONDS = 0.02
_SEND_SECONDS = 1.0  # for a connection that the other side has given up while this one was not looking


@dataclass(slots=True)
class Lateness:
    """How late beats were, in milliseconds after they were due."""

    interval_ms: float
    values_ms: list[float] = field(default_factory=list)
    cut_off: bool = False  # the gateway gave up on the connection
    last_due: float = 0.0

    def add(self, due: float, sent: float) -> None:
        """Count one beat; both times are monotonic seconds."""
        self.last_due = due
        self.values_ms.append(max(0.0, (sent - due) * 1000))

    def behind(self) -> bool:
        """Say whether a beat is due that has not been sent."""
        return self.last_due + self.interval_ms / 1000 < time.monotonic()

    def summary(self) -> dict[str, float | int | bool]:
        """Give count, worst and 99th percentile."""
        values = sorted(self.values_ms)
        return {
            "count": len(values),
            "worst_lateness_ms": round(values[-1], 2) if values else 0.0,
            "p99_lateness_ms": round(values[min(len(values) - 1, int(len(values) * 0.99))], 2) if values else 0.0,
            "cut_off": self.cut_off,
        }


def _connect(token: str, instance: str) -> bytes:
    return encode_message(Connect(role="worker", token=token, instance=instance, name=instance, epoch=1))


def _beats(lateness: Lateness, started: float) -> Iterator[tuple[float, bytes]]:
    sequence = 0
    while True:
        sequence += 1
        due = started + sequence * lateness.interval_ms / 1000
        yield due, encode_message(Heartbeat(sequence=sequence, due_ns=int(due * 1e9)))


def _work(files: Sequence[str], seconds: float, seed: int) -> Iterator[Callable[[], object]]:
    """Give the calls of the workload until the time is over; one of the first holds the GIL."""
    deadline = time.monotonic() + seconds
    for job in jobs(files, seed=seed, gil_every=30):
        if time.monotonic() > deadline:
            return
        function: Callable[[str | int], object] = getattr(functions, job.function)
        yield lambda function=function, argument=job.argument: function(argument)  # type: ignore[misc]


async def _same_loop(url: str, token: str, work: Iterator[Callable[[], object]], lateness: Lateness) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed
    from websockets.protocol import State

    async with connect(url, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None, close_timeout=0.5) as ws:  # type: ignore[list-item]
        await ws.recv()  # hello
        await ws.send(_connect(token, "same-loop"))
        await ws.recv()  # ready

        async def beat() -> None:
            for due, data in _beats(lateness, time.monotonic()):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                lateness.add(due, time.monotonic())
                if ws.state is not State.OPEN:
                    lateness.cut_off = True
                    continue
                try:
                    async with asyncio.timeout(_SEND_SECONDS):
                        await ws.send(data)
                except (ConnectionClosed, TimeoutError):
                    lateness.cut_off = True

        beating = asyncio.create_task(beat())
        for call in work:
            call()
            await asyncio.sleep(0)
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while lateness.behind() and time.monotonic() < deadline:  # noqa: ASYNC110 - two lines of people's code
            await asyncio.sleep(_LOOK_SECONDS)
        if beating.done():
            beating.result()  # a heartbeat that ended did so by an error, and that is what there is to say
        beating.cancel()


def _thread(url: str, token: str, work: Iterator[Callable[[], object]], lateness: Lateness) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.protocol import State
    from websockets.sync.client import connect

    stop = threading.Event()
    with connect(url, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None, close_timeout=0.5) as ws:  # type: ignore[list-item]
        ws.recv()  # hello
        ws.send(_connect(token, "thread"))
        ws.recv()  # ready

        def beat() -> None:
            for due, data in _beats(lateness, time.monotonic()):
                if stop.wait(max(0.0, due - time.monotonic())):
                    return
                lateness.add(due, time.monotonic())
                if ws.state is not State.OPEN:
                    lateness.cut_off = True
                    continue
                try:
                    ws.send(data)
                except ConnectionClosed:
                    lateness.cut_off = True

        beating = threading.Thread(target=beat, name="heartbeat", daemon=True)
        beating.start()
        for call in work:
            call()
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while lateness.behind() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        stop.set()
        beating.join(5)


def main(arguments: Sequence[str]) -> int:
    """Run one arrangement and print its summary as one JSON line."""
    arrangement, url, token, seconds, interval_ms, seed = arguments
    lateness = Lateness(float(interval_ms))
    logger.remove()  # what the functions say is not what is measured here
    work = _work(library_files(), float(seconds), int(seed))
    if arrangement == "same_loop":
        asyncio.run(_same_loop(url, token, work, lateness))
    else:
        _thread(url, token, work, lateness)
    sys.stdout.write(json.dumps({**lateness.summary(), "values_ms": [round(v, 2) for v in lateness.values_ms]}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
