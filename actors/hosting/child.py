"""The main of a hosted process: `python -m regrow.actors.hosting.child SOCKET BLACK_BOX NAME`, or a zygote's fork.

Two threads: the I/O thread reads the host's messages; the main thread starts the root actor, waits for its end, says
the last words and leaves. SIGINT does nothing (the host drives every stop), SIGTERM asks the root to stop. When the
host has died, the root gets a short grace, then the process ends, its group with it; one that cannot, because C code
holds its GIL, is killed by the zygote.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import queue
import signal
import socket
import sys
import threading
import time
from enum import Enum
from math import inf
from types import FrameType
from typing import Final, cast

from ...protocol.errors import LocalProtocolError, ProtocolError
from ...protocol.exits import NOPROC, Crash, ExitReason, ExitStatus, Shutdown, crash_of, is_abnormal
from ...protocol.host.messages import (
    Ask,
    Exited,
    Hello,
    Init,
    InitFailed,
    InitIgnored,
    LinkMessage,
    LogLevels,
    Parcel,
    Ready,
    Stop,
    Tell,
    Tells,
)
from ...protocol.host.protocol import LinkProtocol
from ...protocol.host.states import Side
from ..births import actor_class_of
from ..child_spec import DISPATCHERS, ChildSpec, DispatcherName, Start
from ..clock import monotonic
from ..errors import BadTarget
from ..events import ActorExited, LogReceived, OutputCaptured
from ..life import Life
from ..outcome import Ignored, Started, StartFailed, StartOutcome
from ..ref import ActorRef
from ..signals import ExitReport
from ..system import ActorSystem
from .black_box import BlackBoxState, BlackBoxWriter
from .carried import Arrival
from .deadlines import deadline_of
from .digests import Digests
from .exec_launcher import restore_python_path
from .home import Home, linger_at, record_handling
from .import_path import importing_target, resolve
from .limits import apply_limits
from .link_socket import LinkSocket
from .loop import IoLoop
from .own_process import TermMask, buffer_lines, flush_output, leave, show_name
from .pace import Pace
from .peer import Peer
from .pulse import CHILD_IO, Pulse, write_stacks_at_sigusr1

__all__ = ("HostedMain", "main", "run")

FLUSH_SECONDS: Final = 1.0  # for the last words; a host that does not read for so long is gone or stopped
SHUTDOWN_SECONDS: Final = 1.0  # for what the root has left running in its system
ORPHAN_GRACE_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 1.0  # where the host does not say how often


class _HostGone(Enum):
    """The host has died, or has closed the link."""

    GONE = "gone"


class _Terminated(BaseException):
    """SIGTERM while the target is being imported."""


class HostedMain:
    """One hosted process from hello to its last words.

    What needs no descriptor is made with it, so that a zygote can make it before the fork; `attach` brings the rest.
    """

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Init | Stop | ActorExited | StartOutcome | _HostGone | int] = (
            queue.SimpleQueue()
        )
        self._system = ActorSystem()
        self._beat_seconds = BEAT_SECONDS
        self._loop = IoLoop(CHILD_IO, on_error=self._broken)
        self._protocol = LinkProtocol(Side.CHILD, acknowledge_on_receipt=False)
        self._peer = Peer(self._system)
        self._lock = threading.Lock()
        self._held: list[LinkMessage] | None = []  # what came before there was anybody to take it
        self._received = 0
        self._beside: tuple[int, ...] = ()  # descriptors that came with the Init
        self._root: ActorRef | None = None
        self._importing = False
        self._started = False
        self._stop_reason: ExitReason = Shutdown("SIGTERM")  # until the host gives another one
        self._grace = ORPHAN_GRACE_SECONDS
        self._give_up_at: float | None = None  # set when the host has gone

    def attach(self, sock: socket.socket, black_box: BlackBoxWriter, name: str) -> None:
        """Take what this process was born with. Once, before anything else."""
        self._black_box = black_box
        self._pulse = Pulse(black_box)
        self._link = LinkSocket(self._loop, sock, self._protocol, on_message=self._receive, on_end=self._link_ended)
        self._peer.outlet = self._link
        self._peer.pace = Pace(self._link, self._loop, self._system, whom=self._whom, backlog=self._backlog)
        self._system.name = name
        self._system.rng.seed()  # forks of one zygote must not throw the same dice

    def take_process(self) -> None:
        """Have the process's signals and forks come to this main. Runs in: the main thread."""
        signal.signal(signal.SIGINT, _do_nothing)  # and not SIG_IGN, which programs started here would inherit
        signal.signal(signal.SIGTERM, self._on_sigterm)
        mask = TermMask()
        os.register_at_fork(before=mask.hold, after_in_parent=mask.restore, after_in_child=self._in_fork)
        os.register_at_fork(after_in_child=mask.restore)  # after the default action is back: then it acts
        if not faulthandler.is_enabled():
            faulthandler.enable()

    def run(self) -> int:
        """Live; give the exit code. Runs in: the main thread."""
        self._black_box.begin(time.monotonic_ns())
        self._link.send(Hello(os.getpid(), self._black_box.incarnation))
        self._link.drain()  # what it is to become is here already, as a rule: no thread need be waited for
        self._link.start()
        try:
            first = self._events.get()
            if isinstance(first, Init):
                self._be_born(first)
                return self._live()
        except _Terminated:
            return self._leave_with(Exited(self._stop_reason), 0)
        except Exception as error:  # noqa: BLE001 - whatever the target raises while it is imported: say it at home
            return self._leave_with(InitFailed(crash_of(error)), 1)
        if isinstance(first, Stop):
            return self._leave_with(Exited(first.reason), 0)
        return 0 if isinstance(first, int) else self._abandon()

    def _be_born(self, init: Init) -> None:
        grace = init.options.get("orphan_grace")
        self._grace = grace if isinstance(grace, float) else ORPHAN_GRACE_SECONDS
        beat = init.options.get("beat_seconds")
        self._beat_seconds = beat if isinstance(beat, float) else BEAT_SECONDS
        apply_limits(init.options)
        parent = None if init.parent is None else self._peer.read(init.parent)
        host = parent or self._peer.remote("", "host")
        home = self._system.host_link = Home(host, self._link, self._black_box, self._loop)
        home.want(init.options.get("log_levels"))
        self._system.environment_data.inherit(init.context)
        if init.options.get("digests"):
            self._peer.digests = Digests(init.urn)
        self._importing = True
        if init.target.partition(":")[0] not in sys.modules:
            importlib.invalidate_caches()  # a zygote may have looked into the directory before the file was there
        with importing_target(init.target):
            target = resolve(init.target)
        self._importing = False
        if not callable(target):
            raise BadTarget(init.target, target)
        with Arrival(self._peer.read, self._beside) as arrival:
            arguments = self._peer.decode(init.args, arrival)  # only now: the import has registered the records in it
        self._black_box.state(BlackBoxState.IMPORTED)
        args, kwargs = cast("tuple[tuple[object, ...], dict[str, object]]", arguments)
        start = Start(target, args, kwargs)
        path = str(init.options.get("path", init.name))
        kind = actor_class_of(start)
        root = self._root = ActorRef(self._system, name=init.name, actor_class=kind, urn=init.urn, path=path)
        self._system.bus.subscribe(self._exited, ActorExited)
        self._system.bus.subscribe(self._pass_on, LogReceived, OutputCaptured)  # nobody in this process shows them
        runs_in: DispatcherName | None = next(
            (known for known in DISPATCHERS if known == init.options.get("dispatcher")), None
        )
        spec = ChildSpec(id=init.name, start=start, start_timeout=inf, dispatcher=runs_in)
        self._system.begin(spec, parent=parent, ref=root, on_outcome=self._settled)
        while True:
            with self._lock:
                held, self._held = self._held, []
                if not held:
                    self._held = None
                    return
            for message in held or ():
                self._give(message)

    def close(self) -> None:
        """End the I/O thread. For one that goes on after a life, which only a rehearsal does."""
        self._loop.close()

    def _live(self) -> int:
        root = self._root
        if root is None:
            raise AssertionError("a life without a root")
        while True:
            self._pulse.beat(root)
            try:
                event = self._events.get(timeout=self._patience())
            except queue.Empty:
                if self._give_up_at is not None and monotonic() >= self._give_up_at:
                    return self._abandon()
                continue
            match event:
                case Stop(reason, deadline_ms):
                    self._stop_reason = reason
                    self._black_box.state(BlackBoxState.STOPPING)
                    root.shutdown(reason, deadline=deadline_of(self._system, deadline_ms))
                case int():
                    root.shutdown(self._stop_reason)
                case _HostGone():
                    self._give_up_at = monotonic() + self._grace
                    root.shutdown(Shutdown("the host has gone"), deadline=self._give_up_at)
                case ActorExited(reason=reason, report=report):
                    return self._depart(reason, report)
                case Ignored():
                    return self._leave_with(InitIgnored(), 0)
                case StartFailed(reason=reason):
                    return self._leave_with(InitFailed(_said(reason)), _code_of(_said(reason)))
                case _:
                    raise AssertionError(f"unexpected event {event!r}")

    def _patience(self) -> float:
        if self._give_up_at is None:
            return self._beat_seconds
        return min(self._beat_seconds, max(0.0, self._give_up_at - monotonic()))

    def _depart(self, reason: ExitReason, report: ExitReport | None) -> int:
        rest = SHUTDOWN_SECONDS if self._give_up_at is None else max(0.0, self._give_up_at - monotonic())
        self._system.shutdown(rest)
        said = _said(reason)
        words: dict[str, object] = {}
        if report is not None and report.in_hand is not None and is_abnormal(said):
            words["in_hand"] = report.in_hand
        return self._leave_with(Exited(said, words), _code_of(said))

    def _leave_with(self, words: LinkMessage, code: int) -> int:
        if self._give_up_at is not None:
            return self._abandon()
        with contextlib.suppress(ProtocolError):  # the host has broken off already: nobody is there to listen
            if isinstance(self._system.host_link, Home):
                self._system.host_link.send_logs()
            self._link.send(words)
            self._link.flush(FLUSH_SECONDS)
        self._black_box.state(BlackBoxState.EXITED)
        return code

    def _abandon(self) -> int:
        """End without a host: what this process has started goes with it."""
        flush_output()
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        return 1

    # What comes in. Runs in: the I/O thread, the root's thread, the signal handler.

    def _receive(self, message: LinkMessage) -> None:
        if isinstance(message, Parcel) and isinstance(message.message, Init):
            self._beside, message = message.descriptors, message.message
        if isinstance(message, Init | Stop):
            self._events.put(message)
            if isinstance(message, Stop) and self._importing:
                self._stop_reason = message.reason
                os.kill(os.getpid(), signal.SIGTERM)  # interrupts the import, which may take long
            return
        if isinstance(message, Tells):
            self._received += len(message.bodies)
            self._black_box.received(self._received)
        elif isinstance(message, (Tell, Ask, Parcel)):
            self._received += 1
            self._black_box.received(self._received)
        if self._held is not None:  # once there is somebody to take it, for good
            with self._lock:
                if self._held is not None:
                    self._held.append(message)
                    return
        self._give(message)
        root = None if self._root is None else self._root.cell
        if isinstance(root, Life) and root.mailbox.in_hand is None and not root.mailbox.waiting():
            self._black_box.settled(self._received)

    def _backlog(self) -> int:
        return self._received if self._held is not None else self._peer.backlog()

    def _whom(self) -> ActorRef | None:
        home = self._system.host_link
        return home.parent if isinstance(home, Home) else None

    def _give(self, message: LinkMessage) -> None:
        home = self._system.host_link
        if isinstance(message, LogLevels) and isinstance(home, Home):
            home.want(message.levels)
        else:
            self._peer.receive(message)

    def _link_ended(self, _error: Exception | None) -> None:
        self._peer.close(NOPROC)  # first: whoever is asked to end by that may look whether the host is there
        self._events.put(_HostGone.GONE)

    def _exited(self, event: object) -> None:
        # A start that failed is an outcome, too, which comes right after this.
        if isinstance(event, ActorExited) and event.ref is self._root and self._started:
            self._events.put(event)

    def _pass_on(self, event: object) -> None:
        home = self._system.host_link
        if isinstance(home, Home) and not (isinstance(event, LogReceived) and self._system.log_sink is not None):
            home.pass_on(event, at=self._system.clock.epoch())

    def _settled(self, outcome: StartOutcome) -> None:
        if not isinstance(outcome, Started):
            self._events.put(outcome)
            return
        self._started = True
        record_handling(outcome.ref, self._black_box, self._peer.digests)
        linger_at(outcome.ref, self._link)
        self._black_box.hosts(self._system.processes_hosted)
        self._black_box.state(BlackBoxState.READY)
        info = b"" if outcome.info is None else self._peer.encode(outcome.info)
        with contextlib.suppress(LocalProtocolError):  # told to stop while it started: then nobody waits for this
            self._link.send(Ready(info))

    def _on_sigterm(self, signo: int, _frame: FrameType | None) -> None:
        if self._importing:
            self._importing = False
            raise _Terminated
        self._events.put(signo)

    def _in_fork(self) -> None:
        """A fork that user code made (os.fork, multiprocessing) is no hosted process: it must neither speak on the link
        nor swallow the SIGTERM that its own parent ends it with.
        """
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._link.disown()
        if isinstance(self._system.host_link, Home):
            self._system.host_link.disown()

    def _broken(self, error: Exception) -> None:
        sys.excepthook(type(error), error, error.__traceback__)
        self._events.put(_HostGone.GONE)


def run(socket_fd: int, black_box_fd: int, name: str, main: HostedMain) -> int:
    """Be a hosted process; give the exit code."""
    sys.argv[:] = [name]
    show_name(name)
    black_box = BlackBoxWriter(black_box_fd)
    write_stacks_at_sigusr1(black_box_fd)
    main.attach(socket.socket(fileno=socket_fd), black_box, name)
    main.take_process()
    return main.run()


def _do_nothing(_signo: int, _frame: FrameType | None) -> None:
    """Handle a signal that is not for this process."""


def _said(reason: ExitReason) -> ExitReason:
    """`sys.exit(3)` in the root's code means the process's status, as it does in any program."""
    if isinstance(reason, Crash) and reason.type == "SystemExit":
        return ExitStatus(int(reason.text) if reason.text.isdecimal() else int(reason.text not in ("", "None")))
    return reason


def _code_of(reason: ExitReason) -> int:
    if isinstance(reason, ExitStatus):
        return reason.code & 0xFF
    return int(is_abnormal(reason))


def main() -> None:
    """Entry point of a process that was executed fresh."""
    restore_python_path()
    buffer_lines()
    socket_fd, black_box_fd, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    for fd in (socket_fd, black_box_fd):
        os.set_inheritable(fd, False)
    code = 70  # EX_SOFTWARE
    try:
        code = run(socket_fd, black_box_fd, name, HostedMain())
    except BaseException as error:  # noqa: BLE001 - the last frame of this process: say it where it is captured
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        leave(code)


if __name__ == "__main__":
    main()
