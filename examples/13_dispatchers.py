"""The same actors on a thread each, on a pool, and on an event loop.

python examples/13_dispatchers.py
"""

from __future__ import annotations

import asyncio
import threading

from regrow.actors import Actor, ActorSystem, BlockingLoop, SpawnOptions
from regrow.actors.dispatchers.asyncio_loop import AsyncioDispatcher


class Where(Actor):
    """Does not say where it runs: its system decides, or whoever starts it."""

    def on_receive(self, message: object) -> str:
        return threading.current_thread().name.rstrip("0123456789-")


class Fetcher(Actor):
    """Awaits, so it says that it needs an event loop."""

    dispatcher = "asyncio"

    async def on_receive(self, message: object) -> str:
        await asyncio.sleep(0.01)  # others run meanwhile; its own next message waits
        return f"fetched {message}"


def main() -> None:
    with ActorSystem() as system:
        print("system:", system.spawn(Where).ask("where?"))
        for name in ("thread", "pool", "asyncio"):
            ref = system.spawn(Where, options=SpawnOptions(dispatcher=name))
            print(f"{name}:", ref.ask("where?", timeout=5.0))

        fetchers = [system.spawn(Fetcher) for _ in range(100)]
        answers = [fetcher.ask("a page", block=False) for fetcher in fetchers]
        print("at once:", {answer.get(timeout=5.0) for answer in answers})

    asyncio.run(in_an_asyncio_program())


async def in_an_asyncio_program() -> None:
    loop = asyncio.get_running_loop()
    async with ActorSystem(dispatcher=AsyncioDispatcher(loop)) as system:
        fetcher = system.spawn(Fetcher)
        print("awaited:", await fetcher.ask("a page", block=False))
        try:
            fetcher.ask("a page")
        except BlockingLoop as error:
            print(str(error).partition(": ")[2])


if __name__ == "__main__":
    main()
