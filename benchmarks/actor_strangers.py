"""Other people's actor libraries as sides of `benchmarks.actors`: thespian (simpleSystemBase) and xoscar, one process.

`python -m benchmarks.actor_strangers thespian|xoscar`, by the Python of an environment that has them and nothing of
ours. What each lacks (proxies, restarts) is missing here. Both let one thread do everything: asks never leave it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from benchmarks.actor_serving import Workload, last, middle, serve

__all__ = ("STRANGERS",)

WAIT = 120.0
SENDERS = 8
Measure: TypeAlias = Callable[[Any, int, int], dict[str, float]]
clock = time.perf_counter


def _check(expected: object, got: object) -> None:
    if expected != got:
        raise AssertionError(f"expected {expected!r}, got {got!r}")


def thespian() -> Mapping[str, Workload]:
    """Give the workloads of thespian. Everything runs in the thread that tells or asks."""
    import thespian.actors as library  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    class Echo(library.Actor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen = 0

        def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
            if message == "seen":
                self.send(sender, self.seen)
            elif isinstance(message, tuple):
                self.seen += 1
            elif isinstance(message, int):
                self.send(sender, message)

    class Asker(library.Actor):  # type: ignore[misc]
        """Sends the next question when the answer to the last one is there."""

        began = 0.0

        def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
            if isinstance(message, tuple):
                self.to, self.left = message
                self.whom, self.times = sender, []
            elif isinstance(message, int):
                self.times.append((clock() - self.began) * 1e6)
                self.left -= 1
            else:
                return
            if self.left:
                self.began = clock()
                self.send(self.to, self.left)
            else:
                self.send(self.whom, self.times)

    class Player(library.Actor):  # type: ignore[misc]
        def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
            if isinstance(message, list):
                (self.to,) = message
                self.send(sender, "ready")
            elif isinstance(message, tuple):
                left, whom = message
                if left:
                    self.send(self.to, (left - 1, whom or sender))
                else:
                    self.send(whom, "over")

    def tell(system: Any, count: int, _size: int) -> dict[str, float]:
        echo = system.createActor(Echo)
        began = clock()
        for number in range(count):
            system.tell(echo, (number,))
        _check(count, system.ask(echo, "seen", WAIT))
        return {"rate": count / (clock() - began)}

    def ask(system: Any, count: int, _size: int) -> dict[str, float]:
        echo = system.createActor(Echo)
        times = []
        for number in range(count):
            began = clock()
            answer = system.ask(echo, number, WAIT)
            times.append((clock() - began) * 1e6)
            _check(number, answer)
        return {"p50": middle(times), "p99": last(times)}

    def ask_from_actor(system: Any, count: int, _size: int) -> dict[str, float]:
        times = system.ask(system.createActor(Asker), (system.createActor(Echo), count), WAIT)
        _check(count, len(times))
        return {"p50": middle(times), "p99": last(times)}

    def ring(system: Any, count: int, size: int) -> dict[str, float]:
        players = [system.createActor(Player) for _ in range(size)]
        for number, player in enumerate(players):
            _check("ready", system.ask(player, [players[(number + 1) % size]], WAIT))
        began = clock()
        _check("over", system.ask(players[0], (count, None), WAIT))
        return {"hop": (clock() - began) / count * 1e6}

    def start(system: Any, count: int, _size: int) -> dict[str, float]:
        times = []
        for number in range(count):
            began = clock()
            _check(number, system.ask(system.createActor(Echo), number, WAIT))
            times.append((clock() - began) * 1e6)
        return {"p50": middle(times)}

    def start_and_stop(system: Any, count: int, _size: int) -> dict[str, float]:
        began = clock()
        for _ in range(count):
            system.tell(system.createActor(Echo), library.ActorExitRequest())
        return {"each": (clock() - began) / count * 1e6}

    def bulk(system: Any, count: int, _size: int) -> dict[str, float]:
        began = clock()
        echoes = [system.createActor(Echo) for _ in range(count)]
        for number, echo in enumerate(echoes):
            _check(number, system.ask(echo, number, WAIT))
        started = clock()
        for echo in echoes:
            system.tell(echo, library.ActorExitRequest())
        return {"start": (started - began) / count * 1e6, "stop": (clock() - started) / count * 1e6}

    def staged(measure: Measure) -> Workload:
        def run(count: int, size: int) -> dict[str, float]:
            system = library.ActorSystem("simpleSystemBase")
            try:
                return measure(system, count, size)
            finally:
                system.shutdown()

        return run

    measures: dict[str, Measure] = {
        "tell": tell,
        "ask": ask,
        "ask from actor": ask_from_actor,
        "ring": ring,
        "start": start,
        "start+stop": start_and_stop,
        "bulk": bulk,
    }
    return {name: staged(measure) for name, measure in measures.items()}


def xoscar() -> Mapping[str, Workload]:
    """Give the workloads of xoscar: one process, one event loop."""
    import xoscar as library  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    class Echo(library.Actor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.got = 0

        def take(self, _message: object) -> None:
            self.got += 1

        def seen(self) -> int:
            return self.got

        def repeat(self, message: object) -> object:
            return message

    class Asker(library.Actor):  # type: ignore[misc]
        async def go(self, to: Any, count: int) -> list[float]:
            times = []
            for number in range(count):
                began = clock()
                answer = await to.repeat(number)
                times.append((clock() - began) * 1e6)
                _check(number, answer)
            return times

    class Player(library.Actor):  # type: ignore[misc]
        async def know(self, to: Any, whom: Any) -> None:
            self.to, self.whom = to, whom

        async def play(self, left: int) -> None:
            if left:
                await self.to.play.tell(left - 1)
            else:
                await self.whom.over()

    class Referee(library.Actor):  # type: ignore[misc]
        def __init__(self, whistle: asyncio.Event) -> None:
            super().__init__()
            self._whistle = whistle

        def over(self) -> None:
            self._whistle.set()

    async def tell_from(address: str, count: int, senders: int) -> dict[str, float]:
        share = count // senders
        echo = await library.create_actor(Echo, address=address)

        async def send() -> None:
            for number in range(share):
                await echo.take.tell(number)

        began = clock()
        await asyncio.gather(*(send() for _ in range(senders)))
        while await echo.seen() < share * senders:  # noqa: ASYNC110 - asked, as a user of it would have to
            await asyncio.sleep(0)
        took = clock() - began
        _check(share * senders, await echo.seen())
        return {"rate": share * senders / took}

    async def tell(address: str, count: int, _size: int) -> dict[str, float]:
        return await tell_from(address, count, 1)

    async def tell_from_many(address: str, count: int, _size: int) -> dict[str, float]:
        return await tell_from(address, count, SENDERS)

    async def ask(address: str, count: int, _size: int) -> dict[str, float]:
        echo = await library.create_actor(Echo, address=address)
        times = []
        for number in range(count):
            began = clock()
            answer = await echo.repeat(number)
            times.append((clock() - began) * 1e6)
            _check(number, answer)
        return {"p50": middle(times), "p99": last(times)}

    async def ask_from_actor(address: str, count: int, _size: int) -> dict[str, float]:
        echo = await library.create_actor(Echo, address=address)
        asker = await library.create_actor(Asker, address=address)
        times = await asker.go(echo, count)
        _check(count, len(times))
        return {"p50": middle(times), "p99": last(times)}

    async def ring(address: str, count: int, size: int) -> dict[str, float]:
        whistle = asyncio.Event()
        referee = await library.create_actor(Referee, whistle, address=address)
        players = [await library.create_actor(Player, address=address) for _ in range(size)]
        for number, player in enumerate(players):
            await player.know(players[(number + 1) % size], referee)
        began = clock()
        await players[0].play.tell(count)
        await whistle.wait()
        return {"hop": (clock() - began) / count * 1e6}

    async def start(address: str, count: int, _size: int) -> dict[str, float]:
        times = []
        for _ in range(count):
            began = clock()
            await library.create_actor(Echo, address=address)
            times.append((clock() - began) * 1e6)
        return {"p50": middle(times)}

    async def start_and_stop(address: str, count: int, _size: int) -> dict[str, float]:
        began = clock()
        for _ in range(count):
            await library.destroy_actor(await library.create_actor(Echo, address=address))
        return {"each": (clock() - began) / count * 1e6}

    async def bulk(address: str, count: int, _size: int) -> dict[str, float]:
        began = clock()
        echoes = [await library.create_actor(Echo, address=address) for _ in range(count)]
        started = clock()
        for echo in echoes:
            await library.destroy_actor(echo)
        return {"start": (started - began) / count * 1e6, "stop": (clock() - started) / count * 1e6}

    def staged(measure: Callable[[str, int, int], Awaitable[dict[str, float]]]) -> Workload:
        async def in_pool(count: int, size: int) -> dict[str, float]:
            pool = await library.create_actor_pool("127.0.0.1:0", n_process=0)
            try:
                return await asyncio.wait_for(measure(pool.external_address, count, size), WAIT)
            finally:
                await pool.stop()

        return lambda count, size: asyncio.run(in_pool(count, size))

    measures: dict[str, Callable[[str, int, int], Awaitable[dict[str, float]]]] = {
        "tell": tell,
        "tell 8": tell_from_many,
        "ask": ask,
        "ask from actor": ask_from_actor,
        "ring": ring,
        "start": start,
        "start+stop": start_and_stop,
        "bulk": bulk,
    }
    return {name: staged(measure) for name, measure in measures.items()}


STRANGERS: Mapping[str, Callable[[], Mapping[str, Workload]]] = {"thespian": thespian, "xoscar": xoscar}

if __name__ == "__main__":
    raise SystemExit(serve(STRANGERS[sys.argv[1]]))
