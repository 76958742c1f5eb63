"""What comes beside the bytes of a socket: descriptors, which are this process's from the call that has given them."""

from __future__ import annotations

import errno
import os
import resource
import socket
from array import array
from collections.abc import Sequence
from typing import Final

from ...protocol.limits import DESCRIPTORS_MAX
from .errors import OutOfDescriptors

__all__ = ("BESIDE_BYTES", "FLAGS", "descriptors_in", "explained", "out_of_descriptors")

BESIDE_BYTES: Final = socket.CMSG_SPACE(DESCRIPTORS_MAX * array("i").itemsize)
"""Room for them, for `recvmsg`."""

FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
"""For `recvmsg`; Linux. Elsewhere they are made not inheritable one by one."""


def descriptors_in(beside: Sequence[tuple[int, int, bytes]]) -> array[int]:
    """Give the descriptors in what `recvmsg` has given beside the bytes; nothing that is started inherits them."""
    descriptors = array("i")
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return descriptors


def out_of_descriptors() -> OutOfDescriptors:
    """Give the error for what came and found no room."""
    return OutOfDescriptors(f"process {os.getpid()} is out of descriptors", _limit())


def explained(error: OSError) -> Exception:
    """Give the error of a `sendmsg` in words that say what to do, if there is more to say than it does."""
    if error.errno != errno.ETOOMANYREFS:
        return error
    return OutOfDescriptors("this user's processes have too many descriptors on their way to each other", _limit())


def _limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
