"""From a fresh fork to a hosted process: it lies in its cradle, a socket, until its system says what it is to be.

Most are told before they look. A spare is not: it rehearses meanwhile, so that what it becomes is ready in about 1 ms.
A cradle that is closed without a word means that nobody wants this fork: it ends.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from typing import Final, NoReturn

from . import child
from .os_process import wait_readable
from .own_process import leave, show_name
from .rehearsal import rehearse
from .zygote_wire import receive

__all__ = ("lie_in",)

SPARE_NAME: Final = "regrow-spare"


def lie_in(cradle_fd: int, main: child.HostedMain, *, spare: bool) -> NoReturn:
    """Wait, become what is said, never return: above us is the zygote's loop. Runs in: the only thread of a fork."""
    code = 70  # EX_SOFTWARE: it failed before its own main could say so
    try:
        os.setsid()
        os.closerange(3, cradle_fd)
        os.closerange(cradle_fd + 1, os.sysconf("SC_OPEN_MAX"))
        gc.enable()
        if spare and not wait_readable(cradle_fd, 0):
            show_name(SPARE_NAME)
            rehearse(to_the_end=False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, cradle_fd) as cradle:
            packet = receive(cradle)
        code = 0 if packet is None else _become(packet[1], packet[2], main)
    except BaseException as error:  # noqa: BLE001 - the last frame of this process: say it where it is captured
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        leave(code)


def _become(fields: list[object], fds: list[int], main: child.HostedMain) -> int:
    sock_fd, black_box_fd, stdout_fd, stderr_fd = fds
    for fd, own in ((stdout_fd, 1), (stderr_fd, 2)):
        os.dup2(fd, own)
        os.close(fd)
    match fields:
        case [str(name), list(path), str(cwd), dict(env)]:
            os.chdir(cwd)
            sys.path[:] = path
            for key, value in env.items():  # the differences to the zygote's own; None: not there
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value
            _reseed_numpy()
            return child.run(sock_fd, black_box_fd, name, main)
        case _:
            raise AssertionError(f"unexpected birth with {len(fields)} fields")


def _reseed_numpy() -> None:
    """Give numpy's global generator dice of its own, if the zygote has it; Python does so with `random` at a fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
