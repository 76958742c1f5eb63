"""An actor for processes of their own, and what it can be told to do there."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass

from regrow.actors import Actor
from regrow.protocol.records import record

__all__ = ("LOCK", "Hosted", "Order")

LOCK = threading.Lock()  # one in every process


@record("conformance.order")
@dataclass(frozen=True)
class Order:
    """Do `what` with `value`."""

    what: str
    value: object = None


class Hosted(Actor):
    """Does what it is told."""

    def on_receive(self, message: object) -> object:
        assert isinstance(message, Order)
        match message.what:
            case "echo":
                return message.value
            case "pid":
                return os.getpid()
            case "lock":
                return LOCK.acquire(timeout=1.0)
            case "hang":
                signal.pause()
            case "exit":
                os._exit(7)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
            case "fork":
                return _fork()
        return None


def _fork() -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid
