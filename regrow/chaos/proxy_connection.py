"""One connection through a proxy: two sockets, two lanes, and what becomes of one end when the other one goes.

What lives here: `ProxyConnection`. What must not: accepting and dialing (proxy.py), the bytes (proxy_lane.py).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from random import Random
from typing import Final

from regrow.chaos.flow import End, Flow
from regrow.chaos.proxy_counts import Ledger
from regrow.chaos.proxy_lane import Lane

__all__ = ("ProxyConnection", "reset_socket")

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on with zero seconds: close sends RST instead of FIN


class ProxyConnection:
    """Number `number`, from the client's socket to the target's. Runs in: the loop of the proxy."""

    def __init__(
        self,
        number: int,
        sockets: dict[End, socket.socket],
        flows: dict[End, Flow],
        rng: Random,
        ledger: Ledger,
    ) -> None:
        self.number = number
        self._ledger = ledger
        self._sockets = sockets
        self._abrupt = False
        self._tasks: dict[tuple[End, str], asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._lanes = {to: Lane(to, sockets[to.other], sockets[to], flows[to], rng, self) for to in End}

    async def run(self) -> None:
        """Pass bytes on until both ends are done, or it is reset."""
        self._ledger.add(self.number, accepted=1, open=1)
        for to, lane in self._lanes.items():
            self._tasks[to, "read"] = asyncio.ensure_future(lane.read())
            self._tasks[to, "write"] = asyncio.ensure_future(lane.write())
        try:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._cancel(*self._tasks)
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for each in self._sockets.values():
                if self._abrupt:
                    reset_socket(each)
                each.close()
            self._ledger.add(self.number, open=-1)
            self._ended.set()
        for task in self._tasks.values():
            if not task.cancelled():
                task.result()  # a mistake of the proxy's own is not hidden

    def shape(self, to: End, flow: Flow) -> None:
        """Have another flow to one end. An end that went unnoticed is noticed by the other one now."""
        lane = self._lanes[to]
        lane.shape(flow)
        if lane.source_lost and not flow.swallow:
            self.reset()

    def finish(self, to: End) -> None:
        """Say the end to one side; the other way goes on."""
        self._lanes[to].finish()

    async def lose(self, gone: End) -> None:
        """Reset one end; the other one is told nothing, and whatever it says is swallowed."""
        for lane in self._lanes.values():
            lane.shape(Flow(swallow=True))
        users = (gone, "write"), (gone.other, "read")
        self._cancel(*users)
        await asyncio.wait([self._tasks[each] for each in users])  # a socket that is in use is not closed
        self.gone(gone)
        reset_socket(self._sockets[gone])

    def reset(self) -> None:
        """Reset both ends, whatever is on its way."""
        self._abrupt = True
        self._cancel(*self._tasks)

    async def ended(self) -> None:
        """Wait until its sockets are closed."""
        await self._ended.wait()

    # ── what the lanes say ──────────────────────────────────────────────────────────────────────────────────────────

    def gone(self, end: End) -> None:
        """Reset the other end as well, unless what the gone one says is swallowed, its end included."""
        lane = self._lanes[end.other]
        lane.source_lost = lane.flow.swallow
        if not lane.source_lost or all(each.source_lost for each in self._lanes.values()):
            self.reset()

    def written(self, to: End, size: int) -> None:
        """Count what was written."""
        self._ledger.add(self.number, **{f"to_{to}": size})

    def truncated(self) -> None:
        """Reset both ends: so much was to be written, and no more."""
        self.reset()

    def swallowed(self, size: int) -> None:
        """Count what is lost."""
        self._ledger.add(self.number, swallowed=size)

    def _cancel(self, *which: tuple[End, str]) -> None:
        for each in which:
            self._tasks[each].cancel()


def reset_socket(sock: socket.socket) -> None:
    """Close it with a reset. Does nothing to one that is closed."""
    if sock.fileno() >= 0:
        with suppress(OSError):  # macOS refuses once the other end has gone: then nobody is left to be reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.close()
