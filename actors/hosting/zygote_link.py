"""One zygote as its system sees it: its process, its socket, and what it owes. It may be one of several: a zygote that
has been replaced lives on until the last of its forks has ended.

Runs in: the I/O thread. What lives here: one zygote. What must not: which one serves, and what is forked when.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..clock import monotonic
from .exec_launcher import ZYGOTE_ENV, interpreter_argv, interpreter_env
from .fork_guard import close_in_forks
from .forked_process import ForkedProcess
from .import_path import search_path
from .launcher import LaunchOutcome, LaunchRequest
from .loop import READ, WRITE, Interest, IoLoop
from .os_process import ProcessEnd, open_pidfd, signal_group, signal_process, wait_readable
from .zygote_wire import BIRTH, FORK, GUARD, PRELOAD, RELEASE, WANT, WATCH, receive, transmit

__all__ = ("Fork", "Ward", "ZygoteLink", "ZygoteOwner")

WANTED_MAX: Final = 2  # times that a module is said to be wanted
_CLOSE_SECONDS: Final = 2.0  # for a zygote to end by itself; with all of its forks reaped it takes 1 ms


@dataclass(frozen=True, slots=True)
class Ward:
    """A process that somebody else forked, and that must not outlive the system: kept to tell the next zygote, too."""

    number: int
    pid: int
    pidfd: int  # our own copy
    first_signal: int
    grace: float


@dataclass(eq=False, slots=True)
class Fork:
    """A fork that was asked for: first a cradle, then a process; as soon as it is somebody's, what it is to become."""

    link: ZygoteLink
    cradle: socket.socket
    process: ForkedProcess | None = None
    at_hand: bool = False  # a spare that any thread may take; until then it is the I/O thread's alone
    request: LaunchRequest | None = None
    on_launched: Callable[[LaunchOutcome], None] | None = None

    def become(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        """Say what it is to be; calls back at once if the process is known. Runs in: any thread, once.

        Errors: OSError if it has died (EPIPE) or that is too much to say (EMSGSIZE), CodecError for what cannot be said
        at all; then nothing has happened.
        """
        changes = self.link.env_changes(request.env)
        fields = (request.name, list(request.path), request.cwd, changes)
        transmit(self.cradle, BIRTH, *fields, fds=request.descriptors)
        self.request, self.on_launched = request, on_launched
        if self.process is not None:
            self.deliver(self.process)

    @property
    def vacant(self) -> bool:
        """Whether nobody has the far end of the cradle: then it was never forked, or has ended."""
        poll = select.poll()
        poll.register(self.cradle, 0)  # that the far end is closed is told in any case
        return bool(poll.poll(0))

    def deliver(self, process: ForkedProcess) -> None:
        """Hand the process to whom it belongs, who has been told what it is to be."""
        if self.request is None or self.on_launched is None:
            raise AssertionError("a fork that belongs to nobody")
        self.cradle.close()
        self.request.close()
        self.on_launched(process)


class ZygoteOwner(Protocol):
    """Who hears of what a zygote says."""

    def forked(self, fork: Fork) -> None:
        """It has forked."""

    def unheld(self, fork: Fork) -> None:
        """It has forked, and there was no descriptor left for us to hold that by."""

    def refused(self, fork: Fork, why: str) -> None:
        """It has not."""

    def imported(self, link: ZygoteLink, module: str, *, fresh: bool) -> None:
        """Its forks find this module imported; those that there are already, too, unless it is `fresh`."""

    def unfit(self, link: ZygoteLink, module: str, why: str, *, spoiled: bool) -> None:
        """A module cannot be shared; if that has spoiled it, it forks no more."""

    def warned(self, text: str) -> None:
        """Something is wrong but survivable."""

    def died(self, link: ZygoteLink, code: int) -> None:
        """It has ended, whoever ended it; what it owed is in `link.births`."""

    def settled(self, link: ZygoteLink) -> None:
        """Its last fork has ended."""

    def closed(self, link: ZygoteLink) -> None:
        """It was closed, and has ended."""


class ZygoteLink:
    """One zygote. Errors: OSError if it cannot be started."""

    def __init__(self, loop: IoLoop, owner: ZygoteOwner) -> None:
        self._loop = loop
        self._owner = owner
        self.births: dict[int, Fork] = {}  # asked for, no answer yet
        self._wanted: dict[str, int] = {}  # modules that forks import, and how often that was needed
        self._children: dict[int, ForkedProcess] = {}  # not reaped
        self._waiting: deque[tuple[str, tuple[object, ...], tuple[int, ...]]] = deque()  # packets the socket refused
        self._env = {key: value for key, value in os.environ.items() if key not in ZYGOTE_ENV}  # as its forks find it
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        close_in_forks(ours)
        with theirs:
            try:
                self._popen = subprocess.Popen(
                    interpreter_argv("regrow.actors.hosting.zygote", str(theirs.fileno())),
                    env=interpreter_env({**ZYGOTE_ENV, **os.environ}, tuple(search_path())),
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        self._sock = ours
        self.pid = self._popen.pid
        self._pidfd = open_pidfd(self.pid)
        self._ended = False
        self._started_at = monotonic()
        loop.watch(Interest(ours.fileno(), self._ready, self._failed), READ)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return monotonic() - self._started_at

    @property
    def owes(self) -> bool:
        """Whether any of its forks lives, or is being born."""
        return bool(self._children or self.births)

    def env_changes(self, env: Mapping[str, str]) -> dict[str, str | None]:
        """Say what has to change in the environment of its forks to become this one. Runs in: any thread."""
        changed: dict[str, str | None] = {key: value for key, value in env.items() if self._env.get(key) != value}
        return changed | dict.fromkeys(self._env.keys() - env.keys())

    # What it is asked.

    def preload(self, modules: Sequence[str]) -> None:
        """Have it import these before it forks again."""
        self._send(PRELOAD, list(modules))

    def want(self, module: str, path: Sequence[str], cwd: str) -> None:
        """Have it share this module once it has time, or soon if that is said again; if it can be shared."""
        said = self._wanted.get(module, 0)
        self._wanted[module] = said + 1
        if said < WANTED_MAX:
            self._send(WANT, module, list(path), cwd)

    def ask(self, number: int, grace: float, *, spare: bool) -> Fork:
        """Ask for a fork. Nobody needs it yet if it is a `spare`. Errors: OSError: no descriptors left."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        close_in_forks(ours)
        fd = theirs.detach()
        try:
            self._send(FORK, number, float(grace), spare, fds=(fd,), owned=True)
        except OSError:
            os.close(fd)
            ours.close()
            raise
        fork = self.births[number] = Fork(self, ours)
        return fork

    def guard(self, ward: Ward) -> None:
        """Have it end this one, too, if we die."""
        self._send(GUARD, ward.number, ward.pid, ward.first_signal, float(ward.grace), fds=(ward.pidfd,))

    def release(self, number: int) -> None:
        """A process under its guard has ended."""
        self._send(RELEASE, number)

    def watch(self, limit: float, page_fd: int) -> None:
        """Have it end us if we do not beat in this page for so many seconds; 0: never."""
        self._send(WATCH, float(limit), fds=(page_fd,) if limit else ())

    # Its end.

    def close(self) -> None:
        """Have it end; do not wait. For one whose forks have all ended."""
        if not self._ended:
            self._ended = True
            self._loop.forget(self._sock.fileno())
            self._sock.close()
            self._forget_waiting()
            self._loop.watch(Interest(self._pidfd, lambda _: self._collect(), self._say), READ)

    def close_and_wait(self) -> None:
        """Have it end, and wait for that. When there is no loop any more."""
        if self._pidfd < 0:
            return
        if not self._ended:
            self._ended = True
            self._sock.close()
        self._forget_waiting()
        for fork in self.births.values():
            fork.cradle.close()
        for child in self._children.values():  # what nobody has waited for: spares
            child.close()
        if not wait_readable(self._pidfd, _CLOSE_SECONDS):
            signal_group(self.pid, self._pidfd, signal.SIGKILL)
        self._wait()

    def die(self) -> None:
        """Settle what a zygote owes that has died, or that cannot be used any more; make sure that it has."""
        if self._ended:
            return
        self._ended = True
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        signal_process(self._pidfd, signal.SIGKILL)  # two zygotes are one too many, if only its socket has failed
        code = self._wait()
        self._forget_waiting()
        children, self._children = self._children, {}
        for child in children.values():
            child.lose_parent()
        self._owner.died(self, code)

    def _collect(self) -> None:
        self._loop.forget(self._pidfd)
        self._wait()
        self._owner.closed(self)

    def _wait(self) -> int:
        code = self._popen.wait()
        os.close(self._pidfd)
        self._pidfd = -1
        return code

    # Its socket.

    def _send(self, kind: str, *fields: object, fds: tuple[int, ...] = (), owned: bool = False) -> None:
        """`owned`: these descriptors are only there to be sent, and are closed then. Of others a copy waits.

        Errors: OSError, and then they are still the caller's.
        """
        if not self._ended and not self._waiting:
            try:
                transmit(self._sock, kind, *fields, fds=fds)
            except BlockingIOError:
                self._keep(kind, fields, fds, owned=owned)
                return
            except (BrokenPipeError, ConnectionResetError):
                pass  # it died; the loop says so next, and what it owes is settled there
        elif not self._ended:
            self._keep(kind, fields, fds, owned=owned)
            return
        if owned:
            _close_all(fds)

    def _keep(self, kind: str, fields: tuple[object, ...], fds: tuple[int, ...], *, owned: bool) -> None:
        self._waiting.append((kind, fields, fds if owned else tuple(map(os.dup, fds))))
        self._loop.watch(Interest(self._sock.fileno(), self._ready, self._failed), READ | WRITE)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        while events & READ and not self._ended:
            try:
                packet = receive(self._sock)
            except BlockingIOError:
                return
            if packet is None:
                self.die()
                return
            self._receive(*packet)

    def _flush(self) -> None:
        while self._waiting:
            kind, fields, fds = self._waiting[0]
            try:
                transmit(self._sock, kind, *fields, fds=fds)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):  # of one that died we read next
                return
            self._waiting.popleft()
            _close_all(fds)
        self._loop.watch(Interest(self._sock.fileno(), self._ready, self._failed), READ)

    def _forget_waiting(self) -> None:
        for _, _, fds in self._waiting:
            _close_all(fds)
        self._waiting.clear()

    def _receive(self, kind: str, fields: list[object], fds: list[int]) -> None:
        match kind, fields:
            case "forked", [int(number), int(pid)]:
                fork = self.births.pop(number)
                if not fds:  # the kernel had none left for us
                    self._owner.unheld(fork)
                    return
                fork.process = self._children[number] = ForkedProcess(pid, fds[0])
                self._owner.forked(fork)
            case "refused", [int(number), str(why)]:
                self._owner.refused(self.births.pop(number), why)
            case "ended", [int(number), int(status), int(max_rss_bytes)]:
                child = self._children.pop(number, None)
                if child is not None:  # else we could not hold it
                    child.ended(ProcessEnd(status, max_rss_bytes))
                if not self.owes:
                    self._owner.settled(self)
            case "imported", [str(module), bool(fresh)]:
                self._owner.imported(self, module, fresh=fresh)
            case "unfit", [str(module), str(why), bool(spoiled)]:
                self._owner.unfit(self, module, why, spoiled=spoiled)
            case "warned", [str(text)]:
                self._owner.warned(text)
            case _:
                raise AssertionError(f"system: unexpected {kind!r} with {len(fields)} fields from the zygote")

    def _failed(self, error: Exception) -> None:
        self._say(error)
        self.die()

    def _say(self, error: Exception) -> None:
        self._owner.warned(f"zygote: {type(error).__name__}: {error}")


def _close_all(fds: tuple[int, ...]) -> None:
    for fd in fds:
        os.close(fd)
