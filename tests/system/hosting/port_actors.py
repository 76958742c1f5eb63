"""Actors in processes of their own that talk through ports. No test in here."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from regrow.actors import Actor, ActorDeadError, ActorRef, Port, PortClosed, PortMessage


class Talker(Actor):
    """Opens what port it is given, tells what it is asked to, and passes on what it hears: ("heard", ...)."""

    def __init__(self, report_to: ActorRef | None = None) -> None:
        super().__init__()
        self.report_to = report_to
        self.port: Port | None = None
        self.kept: list[object] = []
        self.count = self.total = 0

    def on_receive(self, message: object) -> object:
        match message:
            case PortMessage(port, ("count", int(number))):
                assert port is self.port
                self.count += 1
                self.total += number
            case PortMessage(port, ("back", value)):
                port.tell(value)
            case PortMessage(_, "exit"):
                os._exit(3)
            case PortMessage(_, value):
                self.report(("heard", value))
            case PortClosed(_, reason):
                self.report(("closed", reason))
            case ("open", Port() as port):
                self.port = port
                port.open(self.ref)
            case ("make", ActorRef() as to):
                self.port, other = Port.pair()
                self.port.open(self.ref)
                to.tell(("open", other))
            case ("keep", value):
                self.kept.append(value)
            case ("forget",):
                self.kept.clear()
            case ("pass on", ActorRef() as to, value):
                with contextlib.suppress(ActorDeadError):
                    to.tell(value)
            case _:
                return self.do(message)
        return None

    def do(self, message: object) -> object:
        assert self.port is not None
        match message:
            case ("tell", value):
                self.port.tell(value)
            case ("count to", int(end)):
                for number in range(end):
                    self.port.tell(("count", number))
            case ("counted",):
                return self.count, self.total
            case ("close",):
                self.port.close()
            case ("descriptors",):
                return len(list(Path("/proc/self/fd").iterdir()))
            case ("tell and die", value):
                self.port.tell(value)
                os.kill(os.getpid(), signal.SIGKILL)
            case ("tell and stop", value):
                self.port.tell(value)
                self.stop()
            case ("fork away",):
                pid = os.fork()
                if pid == 0:
                    os.setsid()
                    signal.pause()
                return pid
            case ("garbage",):
                for fd in Path("/proc/self/fd").iterdir():
                    if fd.is_symlink() and os.fstat(int(fd.name)).st_ino == self.kept[0]:
                        os.write(int(fd.name), b"print statements on the wire\n")
            case _:
                raise AssertionError(message)
        return None

    def report(self, what: object) -> None:
        if self.report_to is not None:
            self.report_to.tell(what)
