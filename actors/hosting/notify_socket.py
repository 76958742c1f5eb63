"""The socket by which an external program tells of itself: `READY=1`, `STATUS=...`, as to systemd.

What lives here: the socket and the reading of its datagrams. What must not: what they mean to the start (command.py).
Source: sd_notify(3). A program says nothing to it that it would not say to systemd.
"""

from __future__ import annotations

import array
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Final

from .loop import READ, Interest, IoLoop

__all__ = ("NOTIFY_SOCKET", "NotifySocket", "parse_notification")

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
"""The environment variable that names the socket: a path, or `@` and an abstract name."""

DATAGRAM_MAX_BYTES: Final = 4096  # as in systemd: what is longer is not read
AT_ONCE: Final = 64  # datagrams a wake-up, so that a program that floods does not keep the I/O thread
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid
_FDS_MAX: Final = 253  # the most that Linux passes with one message


class NotifySocket:
    """Owns a datagram socket in a folder that only this user can enter, or (Linux) an abstract one.

    `on_message` hears of each datagram of this user's processes, as its fields, in the I/O thread.
    Errors: OSError; ValueError for an abstract one where there are none.
    """

    def __init__(self, loop: IoLoop, on_message: Callable[[Mapping[str, str]], None], *, abstract: bool) -> None:
        self._loop = loop
        self._on_message = on_message
        self._folder: str | None = None
        if abstract and not sys.platform.startswith("linux"):
            raise ValueError("NotifyReady.abstract: only Linux has abstract sockets")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if sys.platform.startswith("linux"):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self.address = self._bind(abstract)
        except BaseException:
            self._release()
            raise
        loop.call(lambda: loop.watch(Interest(self._socket.fileno(), self._readable, self._broke), READ))

    def close(self) -> None:
        """Hear what has already been sent, then let go of the socket and of its folder. Runs in: any thread."""
        if self._loop.in_loop:
            self._close()
        elif not self._loop.call(self._close):
            self._release()

    def _bind(self, abstract: bool) -> str:
        if abstract:
            import secrets  # with OpenSSL below it: mapped in every fork of a zygote, for nothing

            name = f"regrow-notify-{os.getpid()}-{secrets.token_hex(8)}"
            self._socket.bind("\0" + name)
            return "@" + name
        import tempfile  # with all archive formats below it, as above

        self._folder = tempfile.mkdtemp(prefix="regrow-notify-")
        path = os.path.join(self._folder, "socket")  # noqa: PTH118 - an address, that goes into an environment
        self._socket.bind(path)
        return path

    def _readable(self, _events: int) -> None:
        for _ in range(AT_ONCE):
            try:
                data, ancillary, _flags, _sender = self._socket.recvmsg(
                    DATAGRAM_MAX_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_FDS_MAX * 4)
                )
            except (BlockingIOError, InterruptedError):
                return
            if _is_ours(ancillary):
                self._on_message(parse_notification(data))

    def _broke(self, error: Exception) -> None:
        self._loop.forget(self._socket.fileno())
        raise error

    def _close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self._readable(READ)
        self._loop.forget(self._socket.fileno())
        self._release()

    def _release(self) -> None:
        self._socket.close()
        if self._folder is not None:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)


def parse_notification(data: bytes) -> dict[str, str]:
    r"""Read the fields of one datagram; lines that are none are passed over, and so is what is not UTF-8.

    >>> parse_notification(b"READY=1\nSTATUS=3 of 5\n")
    {'READY': '1', 'STATUS': '3 of 5'}
    """
    fields: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\n"):
        name, equals, value = line.partition("=")
        if name and equals:
            fields[name] = value
    return fields


def _is_ours(ancillary: list[tuple[int, int, bytes]]) -> bool:
    """Say whether a process of this user, or of root, has sent this. Descriptors that came with it are closed."""
    ours = not sys.platform.startswith("linux")  # elsewhere the folder alone keeps others out
    for level, kind, data in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            fds = array.array("i", data[: len(data) - len(data) % 4])
            for fd in fds:
                os.close(fd)
        elif sys.platform.startswith("linux") and kind == socket.SCM_CREDENTIALS:
            _pid, uid, _gid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])
            ours = uid in {os.getuid(), 0}
    return ours
