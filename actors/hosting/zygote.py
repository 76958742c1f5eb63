"""The zygote: a small process that has imported what children need, forks them, reaps them, and outlives nobody.

`python -m regrow.actors.hosting.zygote FD`, executed fresh by its system. It has one thread, always, so that no lock is
held when it forks; it runs no code of the user except the imports that it was told to make.

When its system dies it sees the end of its socket, gives each process its grace, then kills what is left, groups and
all, and ends itself. It holds no GIL of theirs, so a child that is stuck in C code dies too; that is why processes that
it did not fork are put under its guard as well.
Source: Android's zygote. A fork of a warm image takes a few milliseconds where a fresh interpreter takes 70.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import select
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Final, NoReturn

from . import child
from .exec_launcher import restore_python_path
from .os_process import open_pidfd, signal_group, signal_process
from .zygote_wire import ENDED, FORKED, REFUSED, WARNED, receive, transmit

__all__ = ("Zygote", "main")

KILL_MARGIN_SECONDS: Final = 0.5  # between the end of an orphan's own grace and its SIGKILL


@dataclass(slots=True)
class _Ward:
    """A process in our care: forked here (then we reap it) or only guarded."""

    number: int
    pid: int
    pidfd: int
    forked: bool
    first_signal: int
    grace: float


@dataclass(frozen=True, slots=True)
class _Birth:
    """What a fork is asked to become; `fds`: socket, black box, stdout, stderr."""

    name: str
    path: list[str]
    cwd: str
    env: dict[str, str | None]  # differences to the zygote's own; None: not there
    fds: list[int]

    def close(self) -> None:
        """Release what only the fork needs."""
        for fd in self.fds:
            os.close(fd)


class Zygote:
    """The loop. Runs in: the one thread of its process; blocks in poll."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wards: dict[int, _Ward] = {}  # by pidfd
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._env = dict(os.environ)
        self._frozen = False

    def run(self) -> None:
        """Serve until the system has closed the socket or died, then see everything in our care to its end."""
        while True:
            for fd, _ in self._poll.poll():
                if fd != self._sock.fileno():
                    self._ended(fd)
                elif not self._serve():
                    self._orphaned()
                    return

    def _serve(self) -> bool:
        packet = receive(self._sock)
        if packet is None:
            return False
        kind, fields, fds = packet
        match kind, fields:
            case "preload", [list(modules)]:
                self._preload([str(module) for module in modules])
            case "fork", [int(number), str(name), list(path), str(cwd), dict(env), float(grace)]:
                self._fork(number, _Birth(name, [str(part) for part in path], cwd, env, fds), grace)
            case "guard", [int(number), int(pid), int(first_signal), float(grace)]:
                self._care_for(_Ward(number, pid, fds[0], False, first_signal, grace))
            case "release", [int(number)]:
                self._release(number)
            case _:
                raise AssertionError(f"zygote: unexpected {kind!r} with {len(fields)} fields")
        return True

    def _preload(self, modules: list[str]) -> None:
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:  # noqa: BLE001 - a module may raise anything; children will say it in detail
                transmit(self._sock, WARNED, f"cannot preload {module}: {type(error).__name__}: {error}")
        self._frozen = False

    def _fork(self, number: int, birth: _Birth, grace: float) -> None:
        if threading.active_count() > 1:
            birth.close()
            names = ", ".join(sorted(t.name for t in threading.enumerate() if t is not threading.main_thread()))
            transmit(self._sock, REFUSED, number, f"a preloaded module has started threads: {names}")
            return
        if not self._frozen:  # what is here now is shared by all children: keep the collector's marks off its pages
            gc.collect()
            gc.freeze()
            self._frozen = True
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            birth.close()
            transmit(self._sock, REFUSED, number, str(error))
            return
        if pid == 0:
            _become_child(birth)
        birth.close()
        pidfd = open_pidfd(pid)  # it is our unreaped child, so the number is its own
        self._care_for(_Ward(number, pid, pidfd, True, 0, grace))
        transmit(self._sock, FORKED, number, pid, fds=[pidfd])

    def _care_for(self, ward: _Ward) -> None:
        self._wards[ward.pidfd] = ward
        self._poll.register(ward.pidfd, select.POLLIN)

    def _release(self, number: int) -> None:
        for ward in [ward for ward in self._wards.values() if ward.number == number and not ward.forked]:
            self._drop(ward)

    def _drop(self, ward: _Ward) -> None:
        del self._wards[ward.pidfd]
        self._poll.unregister(ward.pidfd)
        os.close(ward.pidfd)

    def _ended(self, pidfd: int) -> None:
        ward = self._wards.get(pidfd)
        if ward is None:
            return  # released in this round
        self._drop_ended(ward) if ward.forked else self._drop(ward)  # the system reaps what it executed itself

    def _drop_ended(self, ward: _Ward) -> None:
        # Before it is reaped its number is its own: nothing of its group survives, nobody else's is hit.
        signal_group(ward.pid, ward.pidfd, signal.SIGKILL)
        _, status, usage = os.wait4(ward.pid, 0)
        self._drop(ward)
        try:
            transmit(self._sock, ENDED, ward.number, status, usage.ru_maxrss * 1024)
        except (BrokenPipeError, ConnectionResetError):
            return  # the system is gone; poll says so next

    def _orphaned(self) -> None:
        self._poll.unregister(self._sock)
        began = time.monotonic()
        for ward in self._wards.values():
            if ward.first_signal:
                signal_group(ward.pid, ward.pidfd, ward.first_signal)
        while self._wards:
            now = time.monotonic()
            due = {fd: began + ward.grace + KILL_MARGIN_SECONDS for fd, ward in self._wards.items()}
            for fd in [fd for fd, at in due.items() if at <= now]:
                signal_group(self._wards[fd].pid, fd, signal.SIGKILL)
                signal_process(fd, signal.SIGKILL)  # one just forked does not lead a group yet
                due[fd] = now + 1.0  # a process in uninterruptible sleep takes its time
            for fd, _ in self._poll.poll(max(1, round((min(due.values()) - now) * 1000))):
                ward = self._wards[fd]
                signal_group(ward.pid, fd, signal.SIGKILL)
                self._drop_ended(ward) if ward.forked else self._drop(ward)


def _become_child(birth: _Birth) -> NoReturn:
    """Turn the fresh fork into a hosted process. Never returns, whatever happens: above us is the zygote's loop."""
    code = 70  # EX_SOFTWARE: it failed before its own main could say so
    try:
        sock_fd, black_box_fd, stdout_fd, stderr_fd = birth.fds
        os.setsid()
        os.dup2(stdout_fd, 1)
        os.dup2(stderr_fd, 2)
        kept = sorted((sock_fd, black_box_fd))
        for low, high in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(low + 1, high)
        for signo in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(signo, signal.SIG_DFL)
        os.chdir(birth.cwd)
        sys.path[:] = birth.path
        importlib.invalidate_caches()
        for key, value in birth.env.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        random.seed()
        gc.enable()
        code = child.run(sock_fd, black_box_fd, birth.name)
    except BaseException as error:  # noqa: BLE001 - the last frame of this process: say it where it is captured
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        child.leave(code)


def main() -> None:
    """Entry point of the process."""
    restore_python_path()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the system; it will close our socket
    gc.disable()
    sock = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(sock.fileno(), False)
    Zygote(sock).run()


if __name__ == "__main__":
    main()
