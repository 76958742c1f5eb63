"""An actor that comes to an end, or does worse, in every way that the matrix of deaths knows. No test in here."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import sys
import time
from pathlib import Path

from hosted_actors import Order

from regrow.actors import Actor, ActorRef
from regrow.protocol.exits import ExitReason
from regrow.protocol.frames import frame_header
from regrow.protocol.host.messages import Tell
from regrow.protocol.host.wire import NUMBERS

FOR_LONG = 60.0


def sockets() -> list[int]:
    """The descriptors of the link, as code that has no business with them would find them."""
    found = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return [int(fd.name) for fd in found if str(fd.readlink()).startswith("socket:")]


class Doomed(Actor):
    """Does what it is told."""

    stops_for = 0.0
    fatal_bytes = False
    kept: object = None

    def on_stop_request(self, reason: ExitReason) -> None:
        time.sleep(self.stops_for)
        self.exit(reason)

    def on_receive(self, message: object) -> object:
        if isinstance(message, Order):
            return getattr(self, message.what)(message.value)
        if isinstance(message, bytes) and self.fatal_bytes:
            os._exit(8)
        return message

    def dies_of_bytes(self, value: bool) -> None:
        self.fatal_bytes = value

    def echo_back(self, value: object) -> object:
        return value

    def raise_error(self, text: str) -> None:
        raise ValueError(text)

    def ask_other(self, value: tuple[ActorRef, object]) -> object:
        return value[0].ask(value[1], timeout=5)

    def kill_self(self, signo: int) -> None:
        os.kill(os.getpid(), signo)
        time.sleep(FOR_LONG)

    def pid(self, _value: object) -> int:
        return os.getpid()

    def sys_exit(self, code: object) -> None:
        sys.exit(code)  # type: ignore[arg-type]

    def os_exit(self, code: int) -> None:
        os._exit(code)

    def c_exit(self, code: int) -> None:
        """Leave by C's exit(), as a library may."""
        ctypes.CDLL(None).exit(code)

    def block(self, seconds: float) -> None:
        time.sleep(seconds)

    def stop_slowly(self, seconds: float) -> None:
        self.stops_for = seconds

    def hold_gil(self, seconds: float) -> None:
        """C code that does not let go of the GIL."""
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))

    def grow(self, size: int) -> int:
        """Take memory, write to it, and keep it."""
        self.kept = [b"x" * (1 << 20) for _ in range(size >> 20)]
        return size

    def grow_and_wait(self, size: int) -> None:
        self.grow(size)
        time.sleep(FOR_LONG)

    def map_shared(self, size: int) -> int:
        """Map what others could map as well, as a blob is, and do not touch it."""
        self.kept = mmap.mmap(-1, size)
        return size

    def fill_shared(self, size: int) -> int:
        shared = self.kept = mmap.mmap(-1, size)
        for at in range(0, size, 4096):
            shared[at] = 1
        return size

    def open_files(self, count: int) -> int:
        self.kept = [Path(os.devnull).open() for _ in range(count)]  # noqa: SIM115
        return count

    def spin(self, seconds: float) -> None:
        """Use the processor."""
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass

    # What it does to its descriptors.

    def write_garbage(self, kind: str) -> None:
        garbage = {
            "text": b"print statements on the wire\n" * 4,
            "noise": bytes(range(256)) * 8,
            "huge": frame_header(NUMBERS[Tell], 0)[:4] + b"\xff" * 4 + bytes(8),
            "unknown": frame_header(250, 0),
            "undecodable": frame_header(NUMBERS[Tell], 4) + b"\xc1" * 4,
        }[kind]
        for fd in sockets():
            os.write(fd, garbage)
        time.sleep(FOR_LONG)

    def half_a_frame(self, _value: object) -> None:
        """Die in the middle of a word."""
        for fd in sockets():
            os.write(fd, frame_header(NUMBERS[Tell], 1000) + b"half")
        os._exit(6)

    def close_link(self, _value: object) -> None:
        for fd in sockets():
            os.close(fd)
        time.sleep(FOR_LONG)

    def shut_link(self, _value: object) -> None:
        """End the link without giving its descriptor back."""
        for fd in sockets():
            with socket.socket(fileno=os.dup(fd)) as sock:
                sock.shutdown(socket.SHUT_RDWR)
        time.sleep(FOR_LONG)

    def close_output(self, _value: object) -> int:
        """As a daemon does."""
        os.close(1)
        os.close(2)
        return os.getpid()

    def close_all(self, _value: object) -> None:
        os.closerange(0, 1024)
        time.sleep(FOR_LONG)

    def flood(self, count: int) -> int:
        """Say more than the pipes hold."""
        for number in range(count):
            sys.stdout.write(f"{number} {'o' * 1000}\n")
            sys.stderr.write(f"{number} {'e' * 1000}\n")
        return count

    def tell_many(self, value: tuple[ActorRef, int]) -> None:
        """Say more than the link holds, then die of an exception."""
        to, count = value
        for number in range(count):
            to.tell((number, b"x" * 1000))
        raise RuntimeError("after all that")

    # Whom it leaves behind.

    def fork(self, leave: str) -> int:
        """Start a process that does nothing: in its group, in a group of its own, in a session of its own."""
        pid = os.fork()
        if pid == 0:
            if leave == "group":
                os.setpgid(0, 0)
            if leave == "session":
                os.setsid()
            signal.pause()
            os._exit(0)
        time.sleep(0.1)  # until it has left
        return pid

    def fork_twice(self, _value: object) -> int:
        """Start a process that is nobody's child any more."""
        readable, writable = os.pipe()
        middle = os.fork()
        if middle == 0:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            os.write(writable, str(pid).encode())
            os._exit(0)
        os.waitpid(middle, 0)
        return int(os.read(readable, 20))
