"""What a system, its zygotes and their forks say to each other: one msgpack list a packet, descriptors beside it.

Packets (SOCK_SEQPACKET), so a message and its descriptors always arrive together, and none of them is ever cut.
To a zygote: preload, want, fork, guard, release, watch. From it: forked, refused, ended, warned, imported, unfit.
To a fork: birth, once.
"""

from __future__ import annotations

import array
import socket
from collections.abc import Sequence
from typing import Final

from ...protocol.errors import RemoteProtocolError
from ...protocol.packing import pack_plain, unpack_plain

__all__ = (
    "BIRTH",
    "ENDED",
    "FORK",
    "FORKED",
    "GUARD",
    "IMPORTED",
    "PRELOAD",
    "REFUSED",
    "RELEASE",
    "UNFIT",
    "WANT",
    "WARNED",
    "WATCH",
    "receive",
    "transmit",
)

PRELOAD: Final = "preload"  # [modules]: import these before the next fork
WANT: Final = "want"  # [module, path, cwd]: import this one when there is time, soon if said again, if it can be shared
FORK: Final = "fork"  # [id, grace, spare] + cradle: the fork waits there for its birth
GUARD: Final = "guard"  # [id, pid, first signal, grace] + pidfd: end this one too if the system dies
RELEASE: Final = "release"  # [id]: that one has ended
WATCH: Final = "watch"  # [seconds] + page: end the system if it does not beat there for so long; 0: never
FORKED: Final = "forked"  # [id, pid] + pidfd
REFUSED: Final = "refused"  # [id, why]
ENDED: Final = "ended"  # [id, wait status, peak resident bytes]: reaped
WARNED: Final = "warned"  # [text]
IMPORTED: Final = "imported"  # [module, fresh]: forks have it; fresh: those that were made before have not
UNFIT: Final = "unfit"  # [module, why, spoiled]: it cannot be shared by forks; spoiled: so this zygote forks no more
BIRTH: Final = "birth"  # [name, path, cwd, env changes] + socket, black box, stdout, stderr

PACKET_MAX_BYTES: Final = 160 * 1024  # below Linux's default send buffer (212,992), which bounds a packet
DESCRIPTORS_MAX: Final = 4


def transmit(sock: socket.socket, kind: str, *fields: object, fds: Sequence[int] = ()) -> None:
    """Send one packet. Errors: BlockingIOError: the buffer is full; OSError: the peer is gone, or it is too long."""
    data = pack_plain([kind, *fields], root=kind)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([data], rights, socket.MSG_NOSIGNAL if hasattr(socket, "MSG_NOSIGNAL") else 0)


def receive(sock: socket.socket) -> tuple[str, list[object], list[int]] | None:
    """Read one packet: kind, fields, descriptors (close-on-exec). None: the peer is gone, and so is all it has sent.

    Errors: BlockingIOError: there is nothing yet.
    """
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * 4)
    flags = socket.MSG_CMSG_CLOEXEC if hasattr(socket, "MSG_CMSG_CLOEXEC") else 0
    try:
        data, rights, _, _ = sock.recvmsg(PACKET_MAX_BYTES, room, flags)
    except ConnectionResetError:
        # It closed before it had read all of ours. Linux says that once, ahead of what it sent us before: a process
        # put under our guard in its last moment.
        data, rights, _, _ = sock.recvmsg(PACKET_MAX_BYTES, room, flags)
    fds = array.array("i")
    for _, kind, content in rights:
        if kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    if not data:
        return None
    message = unpack_plain(data, what="zygote packet")
    if not isinstance(message, list) or not message:
        raise RemoteProtocolError("zygote packet", expected="[kind, ...]", got=message)
    return str(message[0]), message[1:], list(fds)
