"""A worker whose server is somebody else's: the tree is the same, three methods speak that server's JSON.

Run it from the repository root: .venv/bin/python examples/22_someone_elses_server.py
"""

import asyncio
import json

from websockets.asyncio.server import ServerConnection, serve

import regrow
from regrow.protocol.codec import decode
from regrow.protocol.session.foreign import ForeignProtocol
from regrow.protocol.session.messages import Connect, Message, Result, Success

over = asyncio.Event()


class Json(ForeignProtocol):
    """Says {"serves": [f]}, hears {"run": id, "function": f, "args": [...]}, says {"done": id, ...}."""

    def connect(self, connect: Connect) -> list[str]:
        return [json.dumps({"serves": connect.functions})]

    def receive(self, data: str | bytes) -> list[Message]:
        order = json.loads(data)
        return [self.invoke(order["run"], order["function"], order["args"])]

    def result(self, result: Result) -> list[str]:
        end = result.outcome
        said = {"value": decode(end.value)} if isinstance(end, Success) else {"error": end.text}
        return [json.dumps({"done": result.request_id, **said})]


def divide(one: int, other: int) -> float:
    return one / other


async def toy_server(ws: ServerConnection) -> None:
    print(await ws.recv())
    for number, args in enumerate([(1, 4), (1, 0)]):
        await ws.send(json.dumps({"run": f"r{number}", "function": "divide", "args": args}))
        print(await ws.recv())
    over.set()
    await ws.wait_closed()


async def main() -> None:
    async with serve(toy_server, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        worker = regrow.Worker(url, capacity=1, options=regrow.WorkerOptions(protocol=Json))
        worker.function(divide)
        await asyncio.to_thread(worker.start)
        await over.wait()
        await asyncio.to_thread(worker.stop)


if __name__ == "__main__":
    asyncio.run(main())
