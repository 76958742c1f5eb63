"""An actor for processes of their own: it does what words tell it. No test in here."""

from __future__ import annotations

import os
import threading

from regrow.actors import Actor
from regrow.protocol.exits import NORMAL, SHUTDOWN, ExitReason, Shutdown


class Told(Actor):
    """`on_stop`: what it does when it is stopped: nothing, "hang", or "crash"."""

    def __init__(self, on_stop: str = "") -> None:
        self.at_the_end = on_stop

    def on_start(self) -> None:
        self.start_info = os.getpid()

    def on_stop_request(self, reason: ExitReason) -> None:
        if self.at_the_end == "hang":
            threading.Event().wait(60)
        if self.at_the_end == "crash":
            raise ValueError("no clean end")
        self.exit(reason)

    def on_receive(self, message: object) -> object:
        match message:
            case "pid":
                return os.getpid()
            case "crash":
                raise ValueError("boom")
            case "normal":
                self.exit(NORMAL)
            case "shutdown":
                self.exit(SHUTDOWN)
            case "shutdown for today":
                self.exit(Shutdown("for today"))
            case "exit code":
                os._exit(3)
            case "hang":
                threading.Event().wait(60)
            case "unlink" if self.parent is not None:
                self.unlink(self.parent)
        return message
