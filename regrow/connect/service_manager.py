"""What systemd, or who speaks as it does, is told: ready, how it goes, still alive, stopping.

What lives here: the words and the socket. What must not: when a worker or a gateway is ready or alive.
A word is a datagram that is sent or not: nothing here waits, and nothing fails because nobody listens.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final, Self

from loguru import logger

__all__ = ("ServiceManager",)

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_BEATS: Final = 2  # in the time after which we are taken for dead, as sd_watchdog_enabled(3) advises
_STATUS_CHARS: Final = 200


class ServiceManager:
    """Tells whoever manages this service; without one it does nothing. Runs in: any thread; never blocks.

    `beat_seconds`: how often it wants a sign of life, None if it wants none.
    """

    def __init__(self, address: str = "", beat_seconds: float | None = None) -> None:
        self.beat_seconds: Final = beat_seconds if address else None
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._complained = False

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """Find the manager in the environment, and take it out of there: what we start does not speak for us."""
        address, usec, pid = (environment.pop(name, "") for name in _VARIABLES)
        if pid not in ("", str(os.getpid())):
            usec = ""  # somebody else is watched
        try:
            beat_seconds = int(usec) / 1e6 / _BEATS if usec else None
        except ValueError:
            logger.warning("WATCHDOG_USEC: expected microseconds, got {!r}", usec[:80])
            beat_seconds = None
        if address and address[0] not in "/@":
            logger.warning("NOTIFY_SOCKET: expected a path or @name, got {!r}", address[:80])
            address = ""
        return cls(address, beat_seconds if beat_seconds and beat_seconds > 0 else None)

    def __bool__(self) -> bool:
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Say that the service does its work, from now on or again after a reload."""
        self._say("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> None:
        """Say how it goes, in words for people."""
        self._say(f"STATUS={_line(status)}")

    def beat(self) -> None:
        """Say that it is alive."""
        self._say("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that it reads its files again; `ready` ends that."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        """Say that it is about to end, and what it waits for."""
        self._say("STOPPING=1", f"STATUS={_line(status)}")

    def _say(self, *words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0)) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(words).encode(), self._address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                where = self._address.replace("\0", "@")
                logger.warning("the service manager at {} cannot be told {}: {}", where, words[0], error)


def _line(text: str) -> str:
    return " ".join(text.split())[:_STATUS_CHARS]
