"""The zygote: a small process that has imported what children need, forks them, reaps them, and outlives nobody.

`python -m regrow.actors.hosting.zygote FD`, executed fresh by its system. It has one thread whenever it forks, so that
no lock is held then; it runs no code of the user except imports: those that it was told to make, and those that the
children make anyway, once a fork has tried that they can be shared (`sharing.py`).

When its system dies it sees the end of its socket, gives each process its grace, then kills what is left, groups and
all, and ends itself. It holds no GIL of theirs, so a child that is stuck in C code dies too; that is why processes that
it did not fork are put under its guard as well.
Source: Android's zygote. A fork of a warm image takes a few milliseconds where a fresh interpreter takes 70.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .child import HostedMain
from .cradle import lie_in
from .exec_launcher import ZYGOTE_ENV, restore_python_path
from .host_watch import HostWatch
from .os_process import open_pidfd_or_end, signal_group, signal_process
from .own_process import buffer_lines, dump_stacks_on_request, leave
from .rehearsal import rehearse
from .sharing import await_alone, threads_beside
from .zygote_imports import Imports, Wanted
from .zygote_wire import ENDED, FORKED, REFUSED, WARNED, receive, transmit

__all__ = ("Zygote", "main")

KILL_MARGIN_SECONDS: Final = 0.5  # between the end of an orphan's own grace and its SIGKILL
NO_DESCRIPTORS: Final = "the zygote has no descriptors left"  # so the kernel has dropped those of a request
REHEARSALS: Final = 2  # the first one imports what is imported late; more hardly warm anything


@dataclass(slots=True)
class _Ward:
    """A process in our care: forked here (then we reap it) or only guarded."""

    number: int
    pid: int
    pidfd: int
    forked: bool
    first_signal: int
    grace: float


class Zygote:
    """The loop. Runs in: the one thread of its process; blocks in poll."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wards: dict[int, _Ward] = {}  # by pidfd
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._imports = Imports(self._poll, self._tell)
        self._watch: HostWatch | None = None  # over our system, if it wants that
        self._main: HostedMain | None = None  # what a fork begins with; None: to be made, for the image has changed

    def run(self) -> None:
        """Serve until the system has closed the socket or died, then see everything in our care to its end."""
        while True:
            ready = self._poll.poll(self._patience())
            if self._watch is not None:
                self._watch.look()
            if (not ready or self._imports.urgent) and self._imports.use_the_time():
                self._main = None
                self._prepare_early()
            for fd, _ in ready:
                if fd != self._sock.fileno():
                    self._ended(fd)
                elif not self._serve():
                    self._orphaned()
                    return

    def _patience(self) -> int | None:
        imports, watch = self._imports.patience(), None if self._watch is None else self._watch.patience()
        return watch if imports is None else imports if watch is None else min(imports, watch)

    def _serve(self) -> bool:
        packet = receive(self._sock)
        if packet is None:
            return False
        kind, fields, fds = packet
        match kind, fields:
            case "preload", [list(modules)]:
                self._imports.preload([str(module) for module in modules])
                self._main = None
            case "want", [str(module), list(path), str(cwd)]:
                self._imports.want(Wanted(module, [str(part) for part in path], cwd))
            case "fork", [int(number), float(), bool()] if not fds:
                self._tell(REFUSED, number, NO_DESCRIPTORS)
            case "fork", [int(number), float(grace), bool(spare)]:
                self._fork(number, fds[0], grace, spare=spare)
            case "guard", [int(), int(pid), int(), float()] if not fds:
                self._tell(WARNED, f"process {pid} would outlive a SIGKILL of this one: {NO_DESCRIPTORS}")
            case "guard", [int(number), int(pid), int(first_signal), float(grace)]:
                self._care_for(_Ward(number, pid, fds[0], False, first_signal, grace))
            case "release", [int(number)]:
                self._release(number)
            case "watch", [float(limit)]:
                self._watch_host(limit, fds)
            case _:
                raise AssertionError(f"zygote: unexpected {kind!r} with {len(fields)} fields")
        return True

    def _watch_host(self, limit: float, fds: list[int]) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if not limit:
            return
        try:
            if not fds:
                raise OSError(NO_DESCRIPTORS)
            self._watch = HostWatch(fds[0], limit)
        except OSError as error:
            for fd in fds:
                os.close(fd)
            self._tell(WARNED, f"nothing ends this process if it hangs: {error}")

    # Forks.

    def _prepare(self) -> HostedMain:
        """Make what forks begin with, and keep the collector's marks off the pages that they will share."""
        if self._main is None:
            for _ in range(REHEARSALS):
                rehearse()
            await_alone()
            self._main = HostedMain()
            gc.collect()
            gc.freeze()
        return self._main

    def _prepare_early(self) -> None:
        try:
            self._prepare()
        except (
            OSError
        ) as error:  # no descriptors left, as a rule; the next fork needs it, and is refused if it cannot be
            self._tell(WARNED, f"the zygote cannot prepare its next fork yet: {error}")

    def _fork(self, number: int, cradle_fd: int, grace: float, *, spare: bool) -> None:
        try:
            if self._imports.spoiled:
                self._tell(REFUSED, number, self._imports.spoiled)
                return
            main = self._prepare()
            if threading.active_count() > 1:
                self._tell(REFUSED, number, f"there are threads: {threads_beside()}")
                return
            # A place for its pidfd, so that it is refused before it is forked: then it cannot have begun anything.
            place = os.dup(cradle_fd)
            try:
                pid = os.fork()
                if pid == 0:
                    lie_in(cradle_fd, main, spare=spare)
            finally:
                os.close(place)
            pidfd = open_pidfd_or_end(pid)
        except OSError as error:
            self._tell(REFUSED, number, str(error))
            return
        finally:
            os.close(cradle_fd)
        self._care_for(_Ward(number, pid, pidfd, True, 0, grace))
        self._tell(FORKED, number, pid, fds=[pidfd])

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
        if self._imports.ended(pidfd):
            return
        ward = self._wards.get(pidfd)
        if ward is None:
            return  # released in this round
        self._drop_ended(ward) if ward.forked else self._drop(ward)  # the system reaps what it executed itself

    def _drop_ended(self, ward: _Ward) -> None:
        # Before it is reaped its number is its own: nothing of its group survives, nobody else's is hit.
        signal_group(ward.pid, ward.pidfd, signal.SIGKILL)
        _, status, usage = os.wait4(ward.pid, 0)
        self._drop(ward)
        self._tell(ENDED, ward.number, status, usage.ru_maxrss * 1024)

    def _tell(self, kind: str, *fields: object, fds: Sequence[int] = ()) -> None:
        try:
            transmit(self._sock, kind, *fields, fds=fds)
        except (BrokenPipeError, ConnectionResetError):
            return  # the system is gone; poll says so next, and everything in our care is seen to its end

    def _orphaned(self) -> None:
        self._poll.unregister(self._sock)
        self._imports.close()
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


def main() -> None:
    """Entry point of the process."""
    restore_python_path()
    for key in ZYGOTE_ENV:
        os.environ.pop(key, None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the system; it will close our socket
    for signo in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(signo, signal.SIG_DFL)  # forks inherit it
    buffer_lines()
    dump_stacks_on_request()
    gc.disable()
    sock = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(sock.fileno(), False)
    Zygote(sock).run()
    leave(0)


if __name__ == "__main__":
    main()
