"""A TCP proxy that misbehaves on request: delays, loses, holds, cuts, refuses.

What lives here: `FaultProxy`, one asyncio loop in one thread. What must not: knowledge of what passes through it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from random import Random
from typing import Self

from regrow.chaos.flow import End, Flow
from regrow.chaos.proxy_connection import ProxyConnection, reset_socket
from regrow.chaos.proxy_counts import Ledger, ProxyCounts, ProxyError

__all__ = ("FaultProxy",)


class FaultProxy:
    """Stands between clients and `host:port`; `port` of its own is chosen by the system.

    Faults hold for all connections and those to come, or for one `connection`: the first that is accepted is number 1.
    `to` says which way, `End.TARGET` or `End.CLIENT`; without it, both.

    Runs in: a thread of its own, `regrow-fault-proxy`. All methods may be called from any thread and block for at most
    `deadline` seconds. Use as a context manager; leaving it closes every socket and ends the thread.
    `seed` is that of the jitter. Errors: ProxyError.
    """

    def __init__(self, host: str, port: int, *, deadline: float = 5.0, seed: int | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._target = (host, port)
        self._deadline = deadline
        self._rng = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="regrow-fault-proxy", daemon=True)
        self._listener: socket.socket | None = None
        self._family, self._address = socket.AF_INET, self._target
        self._ledger = Ledger()
        self._flows = dict.fromkeys(End, Flow())  # of connections to come
        self._refusing = False
        self._cuts = 0  # so far; one that is being dialed meanwhile is cut as well
        self._numbers = 0
        self._connections: dict[int, ProxyConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        found = socket.getaddrinfo(*self._target, type=socket.SOCK_STREAM)
        self._family, _, _, _, address = found[0]
        self._address = (str(address[0]), int(address[1]))
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def shape(self, flow: Flow, *, to: End | None = None, connection: int | None = None) -> None:
        """Let bytes go as `flow` says, from now on."""
        self._call(self._shape(flow, tuple(End) if to is None else (to,), connection))

    def pass_through(self, *, delay: float = 0.0) -> None:
        """Let everybody in and everything through, each chunk after `delay` seconds.

        A connection of which one end went unnoticed is reset: now the other one can notice.
        """
        self._call(self._refuse(refusing=False))
        self.shape(Flow(latency=delay))

    def swallow(self, *, to: End | None = None, connection: int | None = None) -> None:
        """Keep connections open and let nothing arrive any more: bytes, ends and resets are lost."""
        self.shape(Flow(swallow=True), to=to, connection=connection)

    def hold(self, *, to: End | None = None, connection: int | None = None) -> None:
        """Let nothing arrive for now; it waits until another flow is set, and its sender once there is no room."""
        self.shape(Flow(hold=True), to=to, connection=connection)

    def cut(self, *, connection: int | None = None) -> None:
        """Reset both ends at once; new connections are accepted."""
        self._call(self._cut(connection))

    def refuse(self) -> None:
        """Reset every connection and every new one until told to let everything through."""
        self._call(self._refuse(refusing=True))
        self._call(self._cut(None))

    def half_close(self, to: End, *, connection: int | None = None) -> None:
        """Say FIN to one end after what is on its way to it; the other way goes on."""
        self._call(self._finish(to, connection))

    def half_open(self, gone: End, *, connection: int | None = None) -> None:
        """Reset one end and tell the other one nothing, as when a machine is switched off."""
        self._call(self._lose(gone, connection))

    # ── looking and waiting ─────────────────────────────────────────────────────────────────────────────────────────

    def counts(self, connection: int | None = None) -> ProxyCounts:
        """Give what has passed so far, of all connections or of one."""
        return self._ledger.read(connection)

    def wait_for(
        self,
        holds: Callable[[ProxyCounts], bool],
        timeout: float = 5.0,
        *,
        connection: int | None = None,
        what: str = "what is waited for",
    ) -> ProxyCounts:
        """Wait until something holds of the counts, and give them; blocks for at most `timeout` seconds."""
        counts = self._ledger.wait(holds, timeout, connection)
        if counts is None:
            of = "" if connection is None else f" of connection {connection}"
            raise ProxyError(f"{self}: expected {what}{of} within {timeout:g} s, got {self.counts(connection)}")
        return counts

    def close(self) -> None:
        """End the proxy, and reset what is open. Idempotent."""
        if not self._thread.is_alive():
            if not self._loop.is_closed():
                self._loop.close()  # it was never entered
            return
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._deadline)
        if self._thread.is_alive():
            raise ProxyError(f"{self}: expected its thread to end within {self._deadline} s")

    def __str__(self) -> str:
        return f"fault proxy on port {self.port}"

    # ── in its thread ───────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _call(self, work: Coroutine[object, object, None]) -> None:
        if not self._thread.is_alive():
            work.close()
            raise ProxyError(f"{self}: expected it to be entered and not closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(self._deadline)
        except TimeoutError as error:
            future.cancel()
            raise ProxyError(f"{self}: expected an answer within {self._deadline} s") from error

    async def _listen(self) -> None:
        self._listener = socket.create_server((self.host, 0), backlog=1024)
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._keep(self._accept(self._listener))

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            self._keep(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        target = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            if not self._refusing and await self._dial(target):
                await self._connect({End.CLIENT: client, End.TARGET: target})
            else:
                self._ledger.add(refused=1)  # what a client sees when nobody listens behind a proxy
        finally:
            for each in (client, target):
                reset_socket(each)

    async def _dial(self, target: socket.socket) -> bool:
        target.setblocking(False)
        cuts = self._cuts
        try:
            async with asyncio.timeout(self._deadline):
                await self._loop.sock_connect(target, self._address)
        except OSError:  # TimeoutError is one
            return False
        return cuts == self._cuts

    async def _connect(self, sockets: dict[End, socket.socket]) -> None:
        for each in sockets.values():
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._numbers += 1
        connection = ProxyConnection(self._numbers, sockets, self._flows, self._rng, self._ledger)
        self._connections[connection.number] = connection
        try:
            await connection.run()
        finally:
            del self._connections[connection.number]

    def _meant(self, connection: int | None) -> list[ProxyConnection]:
        if connection is None:
            return list(self._connections.values())
        if connection not in self._connections:
            there = ", ".join(map(str, self._connections)) or "none"
            raise ProxyError(f"{self}: expected an open connection ({there}), got number {connection}")
        return [self._connections[connection]]

    async def _shape(self, flow: Flow, ways: tuple[End, ...], connection: int | None) -> None:
        meant = self._meant(connection)
        if connection is None:
            self._flows.update(dict.fromkeys(ways, flow))
        for each in meant:
            for to in ways:
                each.shape(to, flow)

    async def _refuse(self, *, refusing: bool) -> None:
        self._refusing = refusing

    async def _finish(self, to: End, connection: int | None) -> None:
        for each in self._meant(connection):
            each.finish(to)

    async def _lose(self, gone: End, connection: int | None) -> None:
        for each in self._meant(connection):
            await each.lose(gone)

    async def _cut(self, connection: int | None) -> None:
        if connection is None:
            self._cuts += 1
        meant = self._meant(connection)
        for each in meant:
            each.reset()
        for each in meant:
            await each.ended()

    async def _end(self) -> None:
        await self._cut(None)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
