"""What has passed a proxy, and waiting until something has.

What lives here: `ProxyCounts` and the ledger that adds them up. What must not: sockets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from regrow.protocol.errors import RegrowError

__all__ = ("Ledger", "ProxyCounts", "ProxyError")

_CONNECTIONS_KEPT: Final = 1000  # whose counts can be asked for; of earlier ones only the sums are known


class ProxyError(RegrowError):
    """The proxy could not start, did not answer, or saw nothing of what was waited for; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCounts:
    """So far, of all connections or of one. Shape: bytes, but for the first three."""

    accepted: int = 0  # connections that reached the target
    refused: int = 0  # by `refuse`, or because the target was not there
    open: int = 0
    to_target: int = 0  # written to it
    to_client: int = 0
    swallowed: int = 0  # taken, and written to nobody


class Ledger:
    """Adds up. Runs in: the thread of the proxy; read and waited on in any other."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._all = ProxyCounts()
        self._each: dict[int, ProxyCounts] = {}  # by number of the connection

    def add(self, number: int | None = None, **changes: int) -> None:
        """Count something, of a connection if it has a number."""
        with self._news:
            self._all = _sum(self._all, changes)
            if number is not None:
                self._each[number] = _sum(self._each.get(number, ProxyCounts()), changes)
                if len(self._each) > _CONNECTIONS_KEPT:
                    del self._each[min(self._each)]
            self._news.notify_all()

    def read(self, number: int | None = None) -> ProxyCounts:
        """Give the counts of one connection or of all; nothing has passed on one that there is not."""
        with self._news:
            return self._all if number is None else self._each.get(number, ProxyCounts())

    def wait(self, holds: Callable[[ProxyCounts], bool], timeout: float, number: int | None) -> ProxyCounts | None:
        """Wait until something holds of the counts; None if it does not in time."""
        with self._news:
            met = self._news.wait_for(lambda: holds(self.read(number)), timeout)
            return self.read(number) if met else None


def _sum(counts: ProxyCounts, changes: dict[str, int]) -> ProxyCounts:
    return replace(counts, **{name: getattr(counts, name) + change for name, change in changes.items()})
