"""The system's side of its zygote: starts it, asks it for forks, hears of ends, replaces it when it has died.

Everything but `launch` and `guard` runs in the I/O thread. A zygote that died takes nobody along: its children have
sockets of their own. Their wait statuses are lost with it, unless the kernel keeps them (Linux 6.15); then the reason
of an end is the child's own last word, and without one `ExitStatus(255)`.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .errors import LaunchFailed
from .exec_launcher import interpreter_argv, interpreter_env
from .import_path import search_path
from .kernel_facts import is_stopped
from .launcher import Launcher, LaunchOutcome, LaunchRequest
from .loop import READ, WRITE, Interest, IoLoop
from .os_process import ProcessEnd, lost_status, open_pidfd, signal_group, signal_process, wait_readable
from .zygote_wire import FORK, GUARD, PRELOAD, RELEASE, receive, transmit

__all__ = ("ForkedProcess", "Ward", "ZygoteLauncher")

HANDOVER_SECONDS: Final = 5.0  # for the I/O thread to take over; only a subscriber that blocks it takes so long
BIRTHS_LOST_MAX: Final = 3  # zygotes in a row that died before they forked anything: then it does not work here


@dataclass(eq=False, slots=True)
class ForkedProcess:
    """A process that the zygote has forked and reaps; a `LaunchedProcess`."""

    pid: int
    death_fd: int
    end: ProcessEnd | None = None  # set when the zygote has reaped it, or died
    on_reaped: Callable[[ProcessEnd], None] | None = None  # set by reap() if the word is not here yet
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False
    orphaned: bool = False  # its zygote died, nobody will tell us the status

    def send_signal(self, signo: int) -> bool:
        """Signal this process and never another one; say whether it was there."""
        with self.lock:
            return not self.closed and signal_process(self.death_fd, signo)

    def signal_group(self, signo: int) -> bool:
        """Signal its whole process group; say whether anybody was there."""
        with self.lock:
            return not self.closed and self.end is None and signal_group(self.pid, self.death_fd, signo)

    def reap(self, on_reaped: Callable[[ProcessEnd], None]) -> None:
        """Call back as soon as the zygote has said the status. The zygote has swept the group by then."""
        if self.end is None and self.orphaned:
            signal_group(self.pid, self.death_fd, signal.SIGKILL)
            self.end = ProcessEnd(lost_status(self.death_fd))
        if self.end is not None:
            on_reaped(self.end)
        else:
            self.on_reaped = on_reaped

    def ended(self, end: ProcessEnd) -> None:
        """Take the zygote's word, or that there will be none."""
        self.end = end
        if self.on_reaped is not None:
            self.on_reaped(end)

    def lose_parent(self) -> None:
        """The zygote died: whoever waits for the status gets what the kernel has kept."""
        self.orphaned = True
        if self.end is None and self.on_reaped is not None:
            signal_group(self.pid, self.death_fd, signal.SIGKILL)
            self.ended(ProcessEnd(lost_status(self.death_fd)))

    def close(self) -> None:
        """Release the descriptor."""
        with self.lock:
            if not self.closed:
                self.closed = True
                os.close(self.death_fd)


@dataclass(frozen=True, slots=True)
class Ward:
    """A process that somebody else forked, and that must not outlive the system: kept to tell the next zygote, too."""

    number: int
    pid: int
    pidfd: int  # our own copy
    first_signal: int
    grace: float


class ZygoteLauncher:
    """Launches by asking a zygote for a fork; `fallback` takes over where that does not work.

    `warn` is told, in words, what is wrong but survivable.
    """

    def __init__(
        self,
        loop: IoLoop,
        *,
        fallback: Launcher,
        warn: Callable[[str], None],
        preload: Sequence[str] = (),
    ) -> None:
        self._loop = loop
        self._fallback = fallback
        self._warn = warn
        self._preload = list(preload)
        self._ids = itertools.count(1)
        self._popen: subprocess.Popen[bytes] | None = None  # the zygote that serves us now
        self._pidfd = -1
        self._sock: socket.socket | None = None
        self._env: dict[str, str] = {}  # what that zygote was born with
        self._waiting: deque[tuple[str, tuple[object, ...], tuple[int, ...]]] = deque()  # packets the socket refused
        self._births: dict[int, tuple[LaunchRequest, Callable[[LaunchOutcome], None]]] = {}  # asked for, no answer yet
        self._children: dict[int, ForkedProcess] = {}  # by id, not reaped
        self._wards: dict[int, Ward] = {}
        self._births_lost = 0
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The zygote's number, None while there is none."""
        return None if self._popen is None else self._popen.pid

    def launch(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        """Ask for a fork. Runs in: any thread; calls back in the I/O thread."""
        if not self._loop.call(lambda: self._ask(request, on_launched)):
            request.close()
            on_launched(LaunchFailed("the system has shut down"))

    def preload(self, *modules: str) -> None:
        """Have these modules imported before the next fork. Runs in: any thread."""
        self._loop.call(lambda: self._add_modules(modules))

    def guard(self, pid: int, pidfd: int, *, first_signal: int, grace: float) -> Callable[[], None]:
        """See to it that a process of somebody else dies with this system. Call what is returned once it has ended.

        `first_signal` goes to its group when the system is gone (0: none), SIGKILL after `grace` and a margin.

        Runs in: any thread; waits until the zygote has been told, some 0.1 ms, or 10 ms if it has to be started.
        """
        ward = Ward(next(self._ids), pid, os.dup(pidfd), first_signal, grace)
        if not self._loop.run(lambda: self._take_ward(ward), HANDOVER_SECONDS):
            os.close(ward.pidfd)
        return lambda: self._drop_ward(ward.number)

    def prepare(self) -> None:
        """Have a zygote that can guard before there is anything to guard. As `guard`."""
        self._loop.run(self._prepare, HANDOVER_SECONDS)

    def kill_if_stopped(self) -> None:
        """End a zygote that a signal has stopped; what it owes is settled as for one that died. Runs in: the loop."""
        if self._popen is not None and is_stopped(self._popen.pid):
            self._zygote_died()

    def close(self) -> None:
        """End the zygote and wait for that. Call it after the loop has ended, with all children reaped."""
        self._closing = True
        for ward in self._wards.values():
            os.close(ward.pidfd)
        self._wards.clear()
        if self._sock is not None and self._popen is not None:
            self._sock.close()
            if not wait_readable(self._pidfd, 2.0):
                signal_group(self._popen.pid, self._pidfd, signal.SIGKILL)
            self._popen.wait()
            os.close(self._pidfd)
            self._sock = self._popen = None

    def _ask(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        if self._births_lost >= BIRTHS_LOST_MAX:
            self._fallback.launch(request, on_launched)
            return
        try:
            self._ensure_zygote()
        except OSError as error:
            self._warn(f"cannot start the zygote: {error}; executing a fresh interpreter instead")
            self._fallback.launch(request, on_launched)
            return
        number = next(self._ids)
        self._births[number] = (request, on_launched)
        changes = _changes(self._env, request.env)
        fields = (number, request.name, list(request.path), request.cwd, changes, request.orphan_grace)
        try:
            self._send(FORK, *fields, fds=request.descriptors)
        except OSError as error:  # EMSGSIZE: an enormous environment
            del self._births[number]
            self._warn(f"cannot ask the zygote for {request.name}: {error}; executing a fresh interpreter instead")
            self._fallback.launch(request, on_launched)

    def _add_modules(self, modules: Sequence[str]) -> None:
        fresh = [module for module in modules if module not in self._preload]
        self._preload += fresh
        if self._sock is not None and fresh:
            self._send(PRELOAD, fresh)

    def _prepare(self) -> None:
        try:
            self._ensure_zygote()
        except OSError as error:
            self._warn(f"cannot start the zygote: {error}; programs would outlive a SIGKILL of this process")

    def _take_ward(self, ward: Ward) -> None:
        self._wards[ward.number] = ward
        if self._sock is None:
            self._prepare()  # a fresh zygote is told of all wards, of this one too
        else:
            self._send_ward(ward)

    def _drop_ward(self, number: int) -> None:
        self._loop.call(lambda: self._release(number))

    def _release(self, number: int) -> None:
        ward = self._wards.pop(number, None)
        if ward is not None:
            os.close(ward.pidfd)
            if self._sock is not None:
                self._send(RELEASE, number)

    def _ensure_zygote(self) -> None:
        if self._sock is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            env = dict(os.environ)
            try:
                popen = subprocess.Popen(
                    interpreter_argv("regrow.actors.hosting.zygote", str(theirs.fileno())),
                    env=interpreter_env(env, tuple(search_path())),
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        self._popen, self._sock, self._env = popen, ours, env
        self._pidfd = open_pidfd(popen.pid)
        self._loop.watch(Interest(ours.fileno(), self._ready, self._failed), READ)
        if self._preload:
            self._send(PRELOAD, list(self._preload))
        for ward in self._wards.values():
            self._send_ward(ward)

    def _send_ward(self, ward: Ward) -> None:
        self._send(GUARD, ward.number, ward.pid, ward.first_signal, ward.grace, fds=(ward.pidfd,))

    def _send(self, kind: str, *fields: object, fds: tuple[int, ...] = ()) -> None:
        if self._sock is None:
            raise AssertionError("no zygote to send to")
        if not self._waiting:
            try:
                transmit(self._sock, kind, *fields, fds=fds)
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                return  # it died; the loop says so next, and what it owes is settled there
            else:
                return
        self._waiting.append((kind, fields, fds))
        self._loop.watch(Interest(self._sock.fileno(), self._ready, self._failed), READ | WRITE)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        while events & READ and self._sock is not None:
            try:
                packet = receive(self._sock)
            except BlockingIOError:
                return
            if packet is None:
                self._zygote_died()
                return
            self._receive(*packet)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        if self._sock is not None:
            self._loop.watch(Interest(self._sock.fileno(), self._ready, self._failed), READ)
            for kind, fields, fds in waiting:
                self._send(kind, *fields, fds=fds)

    def _receive(self, kind: str, fields: list[object], fds: list[int]) -> None:
        match kind, fields:
            case "forked", [int(number), int(pid)]:
                self._births_lost = 0
                self._children[number] = child = ForkedProcess(pid, fds[0])
                request, on_launched = self._births.pop(number)
                request.close()
                on_launched(child)
            case "refused", [int(number), str(why)]:
                request, on_launched = self._births.pop(number)
                self._warn(f"the zygote refused {request.name}: {why}; executing a fresh interpreter instead")
                self._fallback.launch(request, on_launched)
            case "ended", [int(number), int(status), int(max_rss_bytes)]:
                self._children.pop(number).ended(ProcessEnd(status, max_rss_bytes))
            case "warned", [str(text)]:
                self._warn(text)
            case _:
                raise AssertionError(f"system: unexpected {kind!r} with {len(fields)} fields from the zygote")

    def _failed(self, error: Exception) -> None:
        self._warn(f"zygote: {type(error).__name__}: {error}")
        self._zygote_died()

    def _zygote_died(self) -> None:
        if self._sock is None or self._popen is None:
            return
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        # It may be alive, if it is its socket that failed: two zygotes are one too many.
        signal_process(self._pidfd, signal.SIGKILL)
        code = self._popen.wait()
        os.close(self._pidfd)
        self._sock = self._popen = None
        unsent = {fields[0] for kind, fields, _ in self._waiting if kind == FORK}
        self._waiting.clear()
        children, self._children = self._children, {}
        for child in children.values():
            child.lose_parent()
        births, self._births = self._births, {}
        if births:
            self._births_lost += 1
        for number, (request, on_launched) in births.items():
            if number in unsent:
                self._fallback.launch(request, on_launched)
                continue
            # It may have forked without a chance to say so: a second child on the same socket must not be.
            request.close()
            on_launched(LaunchFailed(f"the zygote ended with {code} before it answered"))
        self._warn(f"the zygote ended with {code}; the processes that it forked go on")
        if self._wards and not self._closing and self._births_lost < BIRTHS_LOST_MAX:
            self._ensure_zygote()


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str | None]:
    changed: dict[str, str | None] = {key: value for key, value in new.items() if old.get(key) != value}
    return changed | dict.fromkeys(old.keys() - new.keys())
