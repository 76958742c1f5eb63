"""The actors of `benchmarks.processes_soak`: one that does what it is told in a process of its own, and its owner."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
import zlib
from pathlib import Path
from typing import Any

from regrow.actors import Actor, ActorRef, Blob, ChildSpec, Isolation, Start
from regrow.actors.outcome import StartWaiter
from regrow.protocol.host.messages import LogRecord

__all__ = ("Listener", "Victim")


class Listener(Actor):
    """Counts what the processes tell it. Lives at home."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def on_receive(self, message: object) -> object:
        self.heard += 1
        return message


class Victim(Actor):
    """Does what it is told, until somebody ends it."""

    def __init__(self) -> None:
        super().__init__()
        self._programs: list[subprocess.Popen[bytes]] = []
        self._inner: ActorRef[Any] | None = None

    def on_receive(self, message: tuple[Any, ...]) -> object:
        what, *values = message
        return getattr(self, f"do_{what}")(*values)

    def do_echo(self, value: object) -> object:
        return value

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_hold_gil(self, seconds: float) -> None:
        """C code that lets no other thread of this process run."""
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))

    def do_compute(self, seconds: float) -> int:
        turns, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            turns += 1
        return turns

    def do_checksum(self, blob: Blob) -> int:
        with blob, blob.memory() as memory:
            return zlib.crc32(memory)

    def do_blob(self, size: int) -> Blob:
        return Blob(b"b" * size)

    def do_give(self, size: int) -> bytes:
        return b"g" * size

    def do_log(self, count: int) -> None:
        link = self.system.host_link
        if link is not None:
            for number in range(count):
                link.log(LogRecord(level="info", text=f"soak {number}", at=0.0))

    def do_say(self, count: int) -> None:
        os.write(1, b"soak\n" * count)

    def do_tell_home(self, home: ActorRef[Any], count: int) -> None:
        for number in range(count):
            home.tell(number)

    def do_ask_home(self, home: ActorRef[Any]) -> object:
        return home.ask("question", timeout=20)

    def do_run_program(self) -> int:
        """Leave a program running that only our own group ends."""
        self._programs.append(subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL))
        return self._programs[-1].pid

    def do_nest(self) -> int:
        """Have a hosted process of our own."""
        if self._inner is None or not self._inner.is_alive():
            waiter = StartWaiter()
            spec = ChildSpec(id="inner", start=Start(Victim), isolation=Isolation.PROCESS, launcher="exec")
            self.system.begin(spec, parent=self.ref, ref=None, on_outcome=waiter)
            self._inner = waiter.wait()
        return int(self._inner.ask(("pid",), timeout=20))

    def do_pid(self) -> int:
        return os.getpid()

    def do_tidy(self) -> int:
        """End what was started here; answers with our number."""
        for program in self._programs:
            program.kill()
            program.wait(20)
        self._programs.clear()
        if self._inner is not None:
            self._inner.stop(timeout=20)
            self._inner = None
        return os.getpid()

    def do_crash(self) -> None:
        raise ValueError("asked to crash")

    def do_leave(self, code: int) -> None:
        os._exit(code)

    def do_signal(self, signo: int) -> None:
        os.kill(os.getpid(), signo)

    def do_garbage(self) -> None:
        """Write what is no message to every socket that we have, the link's too."""
        for fd in list(Path("/proc/self/fd").iterdir()):
            if fd.is_symlink() and str(fd.readlink()).startswith("socket:"):
                os.write(int(fd.name), b"no message at all\n" * 4)
