"""One selector thread for all sockets, pidfds and pipes of a system's hosted processes.

Everything that reads or owns a descriptor runs here; other threads hand over by `call`. Callbacks must not block.
Source: the self-pipe of asyncio and of libuv; one loop, so that no host needs a lock of its own for its state.
"""

from __future__ import annotations

import os
import select
import selectors
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..current import here

__all__ = ("READ", "WRITE", "Interest", "IoLoop")

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


@dataclass(eq=False, slots=True)
class Interest:
    """What a descriptor is watched for. `on_error` gets what `callback` raised; the loop itself goes on."""

    fd: int
    callback: Callable[[int], None]
    on_error: Callable[[Exception], None]


class IoLoop:
    """The thread and its selector. Both exist only once something is asked, so one may be made before a fork."""

    def __init__(self, name: str = "regrow-host-io", *, on_error: Callable[[Exception], None]) -> None:
        self._name = name
        self._on_error = on_error
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()  # the collector may run a __del__ that calls, while this very thread holds it
        self._thread: threading.Thread | None = None
        self._awake = False  # a wake-up is under way
        if sys.platform == "linux":
            self._epoll: select.epoll | None = None
        self._closing = False

    @property
    def in_loop(self) -> bool:
        """Say whether the calling thread is the loop's."""
        return self._thread is threading.current_thread()

    @property
    def closed(self) -> bool:
        """Say whether it runs nothing any more."""
        return self._closing

    def call(self, callback: Callable[[], None]) -> bool:
        """Run `callback` soon in the loop's thread. Runs in: any thread. False: the loop is closed, it will not run."""
        with self._lock:
            if self._closing:
                return False
            self._calls.append(callback)
            if self._thread is None:
                self._open()
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            if not self._awake:
                self._awake = True
                os.write(self._wake_write, b"\0")  # with the lock held, or it may be closed by now; it never blocks
        return True

    def run(self, callback: Callable[[], None], timeout: float) -> bool:
        """Run `callback` in the loop's thread and wait until it has run; say whether it has. At once in that thread."""
        if self.in_loop:
            callback()
            return True
        done = threading.Event()

        def step() -> None:
            try:
                callback()
            finally:
                done.set()

        return self.call(step) and done.wait(timeout)

    def watch(self, interest: Interest, events: int) -> None:
        """Watch a descriptor for READ and/or WRITE, or change what it is watched for. Runs in: the loop's thread."""
        if interest.fd in self._selector.get_map():
            self._selector.modify(interest.fd, events, interest)
        else:
            self._selector.register(interest.fd, events, interest)

    def hear(self, fd: int, events: int) -> bool:
        """Hear of just these events of a watched descriptor, until it is watched anew. Runs in: any thread.

        False: it is not watched, or this system cannot do that.
        """
        if sys.platform != "linux" or self._epoll is None:
            return False
        wanted = (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)
        try:
            self._epoll.modify(fd, wanted)
        except (OSError, ValueError):  # nobody watches it, or the loop has been closed
            return False
        return True

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor, before it is closed. Runs in: the loop's thread, or before there is one."""
        if self._thread is not None and fd in self._selector.get_map():
            self._selector.unregister(fd)

    def close(self, timeout: float = 5.0) -> bool:
        """Run what was handed over, end the thread, release the selector; say whether it ended in time."""
        with self._lock:
            thread, self._closing = self._thread, True
        if thread is not None:
            os.write(self._wake_write, b"\0")
            thread.join(timeout)
            if thread.is_alive():
                return False
            self._thread = None  # nothing is watched any more
            self._selector.close()
            if sys.platform == "linux" and self._epoll is not None:
                self._epoll.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
        return True

    def _open(self) -> None:
        self._selector = selectors.DefaultSelector()
        if sys.platform == "linux":  # a second handle of the same, since a selector keeps its own to itself
            self._epoll = select.epoll.fromfd(os.dup(self._selector.fileno()))
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, READ, None)

    def _run(self) -> None:
        here().may_wait = False
        while True:
            try:
                ready = self._selector.select()
            except OSError as error:  # somebody has closed descriptors that are not theirs: nothing can be heard again
                with self._lock:
                    self._closing = True
                self._on_error(error)
                return
            for key, events in ready:
                interest: Interest | None = key.data
                if interest is None:
                    os.read(self._wake_read, 4096)
                # A callback earlier in this round may have closed this one's descriptor.
                elif self._is_watched(interest):
                    self._guarded(partial(interest.callback, events), interest.on_error)
            with self._lock:
                self._awake = False
                calls, self._calls = self._calls, deque()
                closing = self._closing
            for call in calls:
                self._guarded(call, self._on_error)
            if closing:
                return

    def _is_watched(self, interest: Interest) -> bool:
        key = self._selector.get_map().get(interest.fd)
        return key is not None and key.data is interest

    def _guarded(self, step: Callable[[], None], on_error: Callable[[Exception], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - one host's fault must not take the others' I/O away
            on_error(error)
