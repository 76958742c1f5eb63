"""Functions that are given dataclasses, know their run, and end when they are asked to. Needs nothing else running.

.venv/bin/python examples/24_functions.py
"""

import asyncio
from dataclasses import dataclass

import regrow
from regrow.connect.errors import InvocationFailed


@dataclass
class Size:
    """Part of an argument."""

    width: int
    height: int = 1


def area(run: regrow.Invocation, sizes: list[Size]) -> int:
    """Clients call `area([{"width": 2}])`; they do not see `run`."""
    total = 0
    for done, size in enumerate(sizes, start=1):
        run.check()  # raises if it was cancelled
        total += size.width * size.height
        run.progress(done, len(sizes))
    return total


async def wait_long() -> None:
    """An async function needs no flag: it gets a CancelledError where it waits."""
    await asyncio.sleep(3600)


async def main() -> None:
    """Start a gateway and a worker, and invoke."""
    async with regrow.Gateway() as gateway:
        worker = regrow.Worker(gateway.url, capacity=1)
        worker.function(area)
        worker.function(deadline=0.5)(wait_long)
        await asyncio.to_thread(worker.start)
        await asyncio.to_thread(worker.wait_ready)
        async with regrow.AsyncClient(gateway.url) as client:
            print("area:", await client.invoke("area", [{"width": 2, "height": 3}, {"width": 4}]))
            try:
                await client.invoke("area", [{"width": "wide"}])
            except InvocationFailed as error:
                print(error)
            try:
                await client.invoke("wait_long")
            except InvocationFailed as error:
                print(error)
        await asyncio.to_thread(worker.stop)


if __name__ == "__main__":
    asyncio.run(main())
