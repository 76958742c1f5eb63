"""When, after whom and where a request runs: one after the other by key, later, on a worker with a label, and once.

Run it from the repository root: .venv/bin/python examples/23_when_and_where.py
"""

import asyncio
import time

import regrow

GPU = {"gpu": "a100"}


async def pack(order: int) -> int:
    """Give the order back, after a while."""
    await asyncio.sleep(0.05)
    return order


def worker(url: str, name: str, labels: dict[str, str]) -> regrow.Worker:
    """Give a worker that serves both functions in this process."""
    made = regrow.Worker(url, name=name, capacity=4, options=regrow.WorkerOptions(labels=labels))
    made.function(pack)
    made.function(name="where", isolation="thread")(lambda: name)
    return made


async def show(client: regrow.AsyncClient) -> None:
    """Ask for things, each with options of its own."""
    in_order = client.having(regrow.RequestOptions(key="customer-7"))
    began = time.monotonic()
    await asyncio.gather(*(in_order.invoke("pack", order) for order in range(4)))
    print("four orders of one customer, one after the other:", time.monotonic() - began > 0.2)

    began = time.monotonic()
    await client.having(regrow.RequestOptions(delay=0.5)).invoke("pack", 5)
    print("not before half a second:", time.monotonic() - began > 0.5)

    on_gpu = client.having(regrow.RequestOptions(labels=GPU))
    print("where there is a GPU:", {await on_gpu.invoke("where") for _ in range(8)})

    once = client.having(regrow.RequestOptions(idempotency_key="order-4711"))
    print("once, however often it is asked for:", await once.submit("pack", 6) == await once.submit("pack", 6))
    try:
        await once.submit("pack", 7)
    except regrow.RegrowError as error:
        print("and nothing else under its name:", type(error).__name__)


async def main() -> None:
    """Run a gateway, two workers and a client in one program."""
    async with regrow.Gateway() as gateway:
        workers = [worker(gateway.url, "plain", {}), worker(gateway.url, "fast", GPU)]
        for each in workers:
            await asyncio.to_thread(each.start)
            await asyncio.to_thread(each.wait_ready)
        try:
            async with regrow.AsyncClient(gateway.url) as client:
                await show(client)
        finally:
            await asyncio.gather(*(asyncio.to_thread(each.stop) for each in workers))


if __name__ == "__main__":
    asyncio.run(main())
