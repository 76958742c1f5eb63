"""One thread of a pool."""

from __future__ import annotations

import threading

__all__ = ("Worker",)


class Worker:
    """One thread of a pool. `hot` changes under the pool's lock."""

    __slots__ = ("gate", "hot", "since", "thread")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.hot = True
        self.since: float | None = None  # when its turn began
        self.thread: threading.Thread | None = None
