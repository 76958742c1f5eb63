"""Hosting: what an actor system needs to run children in OS processes of their own.

One object a system, made on first use: an I/O thread, a zygote, and the lives that they serve.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from ...protocol.codec import encode
from ...protocol.errors import LocalProtocolError, RegrowError
from ...protocol.exits import ExitReason, crash_of
from ...protocol.host.messages import Init, LogLevels, Window
from ...protocol.limits import WINDOW_BYTES, WINDOW_MESSAGES
from ..actor import Actor
from ..child_spec import ChildSpec
from ..errors import NameTaken, SystemClosed
from ..lineage import path_below
from ..outcome import StartFailed, StartOutcome
from .broadcasting import tell_all
from .carried import Sharing
from .conception import ProcessState, conceive
from .errors import NotImportable
from .events import HostingFault, HostingWarning
from .exec_launcher import DirectProcess, ExecLauncher
from .hang import beat_seconds
from .hang_watch import HangWatch
from .hosted_process import HostedProcess
from .hosted_ref import HostedRef
from .import_path import ImportPath, import_in_progress, path_of
from .launcher import Launcher, LaunchRequest
from .limits import options_of
from .log_levels import checked_level
from .loop import IoLoop
from .os_process import has_zygote
from .peer import Peer
from .quarantine import Quarantine, Sieve
from .succession import Succession
from .verdicts import Verdict
from .wear import wears_out
from .zygote_launcher import ZygoteLauncher
from .zygote_settings import ZygoteSettings

if TYPE_CHECKING:
    from ...protocol.ref_token import RefToken
    from ..broadcast import Broadcast
    from ..ref import ActorRef
    from ..signals import ExitReport
    from ..system import ActorSystem
    from .program import Program

__all__ = ("Hosting",)

ORPHAN_GRACE_SECONDS: Final = 1.0  # for a process whose host has died; with margin, all are gone within 2 s
SPARES: Final = 1  # enough for restarts; of more that start at once, each asks for its fork anyway
PRELOADED: Final = ("regrow.actors", "regrow.actors.hosting.child")


class Hosting(ZygoteSettings):
    """Begins lives in processes. Runs in: any thread.

    `orphan_grace`: seconds that processes get to end well when this one has died; then they are killed.
    """

    def __init__(self, system: ActorSystem) -> None:
        self.orphan_grace = ORPHAN_GRACE_SECONDS
        self._system = system
        loop = IoLoop(on_error=lambda error: system.bus.publish(HostingFault(None, crash_of(error))))
        self.hang_watch: Final = HangWatch(system.clock, loop.call)
        self._exec = ExecLauncher(self._guard_direct if has_zygote() else None)
        zygote: ZygoteLauncher | None = None
        if has_zygote():
            zygote = ZygoteLauncher(loop, fallback=self._exec, warn=self._warn, preload=PRELOADED, spares=SPARES)
        super().__init__(zygote, system.clock, loop)
        self._lock = threading.Lock()
        self._lives: weakref.WeakSet[HostedProcess] = weakref.WeakSet()
        self._closed = False
        self._log_levels: dict[str, int] = {}  # numbers by the names of loggers
        self.quarantine = Quarantine(system.bus.publish, system.clock.now)
        self.programs: Final[dict[Program, None]] = {}  # that run; each step on it is one for all threads

    @property
    def loop(self) -> IoLoop:
        """The I/O thread, for whoever else watches processes."""
        return self._loop

    def verdicts(self) -> Mapping[HostedRef, Verdict]:
        """Give what each process that lives is judged to be. Runs in: any thread."""
        return self.hang_watch.verdicts()

    def lives(self) -> tuple[HostedProcess, ...]:
        """Give the processes of children that have not ended, in no order. Runs in: any thread."""
        with self._lock:
            return tuple(life for life in self._lives if life.state is not ProcessState.DEAD)

    @property
    def processes(self) -> int:
        """How many children and programs live in processes of their own."""
        return len(self.lives()) + len(self.programs)

    def replace_stopped_zygote(self) -> None:
        """End the zygote if somebody has stopped it, for it owes an answer; its processes go on. Runs in: the loop."""
        if self._zygote is not None:
            self._zygote.kill_if_stopped()

    def note_death(self, life: HostedProcess, reason: ExitReason, report: ExitReport, digest: int) -> None:
        """Hear what one that has died had in hand. Runs in: the loop."""
        deaths = life.limits.deaths_before_quarantine if life.asked is None else 0  # else it was not the message
        held = self.quarantine.died(life.ref, reason, report, digest=digest, deaths=deaths)
        present = life.ref.process  # another one, if it was replaced while it had this to finish
        if held is not None and present is not None and present is not life:
            present.peer.outlet, present.peer.straight = Sieve(self.quarantine, life.ref, present.doorstep), False

    def prepare_guard(self) -> None:
        """Be able to guard at once: to be called before a process is started that has to be guarded."""
        if self._zygote is not None:
            self._zygote.prepare()

    def guard(self, pid: int, pidfd: int, *, first_signal: int = 0) -> Callable[[], None]:
        """Let a process of somebody else die with this one, even if this one is SIGKILLed. Call the result once it has
        ended. Nothing is done where there is no zygote.
        """
        if self._zygote is None:
            return lambda: None
        return self._zygote.guard(pid, pidfd, first_signal=first_signal, grace=self.orphan_grace)

    def begin(
        self,
        spec: ChildSpec,
        parent: ActorRef | None,
        ref: ActorRef | None,
        on_outcome: Callable[[StartOutcome], None],
    ) -> HostedRef:
        """Begin one life of a child in a process of its own; never waits for it. As `ActorSystem.begin`."""
        if ref is None:
            path = path_below(parent, spec.id)
            ref = HostedRef(self._system, name=spec.name or spec.id, actor_class=Actor, path=path)
        hosted = cast("HostedRef", ref)
        if self._system.relations.is_living(hosted):
            raise ValueError(f"begin: expected a ref whose last life has ended, got {hosted}, alive")
        incarnation = hosted.incarnation + 1
        try:
            life, request = self._conceive(spec, parent, hosted, incarnation, on_outcome)
        except (RegrowError, OSError) as error:
            on_outcome(StartFailed(hosted, incarnation, crash_of(error), None, error))
            return hosted
        if wears_out(spec.limits):
            life.succession = Succession(life, partial(self._begin_heir, life, spec, parent))
        hosted.bind(life)
        try:
            self._system.enroll(hosted, name=spec.name, root=parent is None)
        except (SystemClosed, NameTaken) as error:
            request.close()
            life.refuse(error)
            return hosted
        if parent is not None:
            self._system.relations.tie(hosted, parent)
        self._launch(life, spec, request)
        return hosted

    def _begin_heir(
        self,
        first: HostedProcess,
        spec: ChildSpec,
        parent: ActorRef | None,
        incarnation: int,
        on_outcome: Callable[[StartOutcome], None],
    ) -> HostedProcess:
        """Begin another process of a child that lives. Errors: RegrowError, OSError. Runs in: the I/O thread."""
        heir, request = self._conceive(spec, parent, first.ref, incarnation, on_outcome, waits_for=first.ref.urn)
        heir.succession = first.succession
        self._launch(heir, spec, request)
        return heir

    def _launch(self, life: HostedProcess, spec: ChildSpec, request: LaunchRequest) -> None:
        try:
            life.begin()
        except (RegrowError, OSError) as error:
            request.close()
            life.refuse(error)
            return
        window = life.limits.window_messages, life.limits.window_bytes
        if window != (None, None):
            life.peer.outlet.send(Window(window[0] or WINDOW_MESSAGES, window[1] or WINDOW_BYTES))
        if life.options["log_levels"] != self.log_levels():  # they have changed since it was told
            self._send_log_levels(life)
        self._launcher(spec).launch(request, life.launched)
        self._loop.call(life.listen)

    def _conceive(
        self,
        spec: ChildSpec,
        parent: ActorRef | None,
        ref: HostedRef,
        incarnation: int,
        on_outcome: Callable[[StartOutcome], None],
        waits_for: str | None = None,
    ) -> tuple[HostedProcess, LaunchRequest]:
        """Make all that one process needs on this side. Errors: RegrowError, OSError; then nothing is left open."""
        if self._system.closed:
            raise SystemClosed(self._system.name)
        peer = Peer(self._system, hosted=ref)
        named = self._named(spec)
        sharing = Sharing(peer.say)
        args = encode((spec.start.args, dict(spec.start.kwargs)), refs=sharing.say, root="arguments")
        init = self._init(spec, named, args, incarnation, ref, None if parent is None else peer.say(parent))
        begun, request = conceive(spec, init, named, parent, on_outcome, shared=sharing.found, waits_for=waits_for)
        life = HostedProcess(self._system, self._loop, ref, peer, begun)
        peer.outlet = life.doorstep
        if self.quarantine.holds(ref.urn):
            peer.outlet = Sieve(self.quarantine, ref, life.doorstep)
        with self._lock:
            self._lives.add(life)
        return life, request

    def log_levels(self) -> dict[str, object]:
        """Give the levels that `set_log_level` has set, as numbers, by the names of loggers. Runs in: any thread."""
        with self._lock:
            return dict(self._log_levels)

    def set_log_level(self, level: str | int | None, logger: str = "") -> None:
        """Have hosted processes send home what this logger of `logging` says from this level on; "" is the root.

        Those that run hear of it at once, all others at their start. None: as if it had never been set. While no level
        is set nothing of `logging` is sent. Errors: ValueError for a level that nobody knows.
        """
        number = None if level is None else checked_level(level)
        with self._lock:
            self._log_levels.pop(logger, None)
            if number is not None:
                self._log_levels[logger] = number
            lives = tuple(self._lives)
        for life in lives:
            self._send_log_levels(life)

    def _send_log_levels(self, life: HostedProcess) -> None:
        with contextlib.suppress(LocalProtocolError):  # it has not been told what to become, and will be
            life.peer.outlet.send(LogLevels(self.log_levels()))

    def route_logs(self, logger: object | None = None, *, level: str | int = "info") -> ActorRef:
        """Hand what hosted processes log to this logger: of `logging`, loguru (None), structlog, or what has `.info`.

        Gives the actor that does so, on a thread of its own with 10,000 records at most waiting for it; `shutdown()`
        ends it. Errors: TypeError for what is no logger, ValueError for a level that nobody knows.
        """
        from ..roles.logger_proxy import LoggerProxy

        checked_level(level)
        proxy = self._system.spawn(LoggerProxy, logger)
        self.set_log_level(level)
        return proxy

    def broadcast(self, refs: Iterable[ActorRef], message: object) -> Broadcast:
        """Tell all of them the same. It is encoded once, however many processes get it; a local actor gets the object.

        Gives how many took it, and who did not: who is dead, or whose outbox is full, keeps nobody else from getting
        it, and a DeadLetter tells of it. Among all that the caller tells one of them it keeps its order.
        Runs in: any thread; waits only for mailboxes that let senders wait.
        Errors, before anybody is told: CodecError, also for a Blob or a socket in it, which only one can have;
        FrameTooLarge.
        """
        return tell_all(refs, message)

    def close(self, timeout: float = 5.0) -> None:
        """Kill what still lives, then end the zygote and the I/O thread. Blocks up to `timeout` seconds."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            lives = tuple(self._lives)
        clock = self._system.clock
        deadline = clock.now() + max(timeout, 2.0)
        for life in lives:
            life.kill()
        for life in lives:
            life.stopped.wait(max(0.0, deadline - clock.now()))
        self._loop.close(max(0.5, deadline - clock.now()))
        if self._zygote is not None:
            self._zygote.close()

    def _launcher(self, spec: ChildSpec) -> Launcher:
        if spec.launcher == "exec" or self._zygote is None:
            return self._exec
        return self._zygote

    def _named(self, spec: ChildSpec) -> ImportPath:
        importing = import_in_progress()
        if importing is not None:
            raise NotImportable(
                importing,
                f"its module starts a process ({spec.id!r}) while it is being imported; "
                'put what starts things under `if __name__ == "__main__":`',
            )
        return path_of(spec.start.target)

    def _init(
        self, spec: ChildSpec, named: ImportPath, args: bytes, incarnation: int, ref: HostedRef, parent: RefToken | None
    ) -> Init:
        limits = spec.limits
        return Init(
            target=named.target,
            args=args,
            incarnation=incarnation,
            name=ref.name,
            urn=ref.urn,
            parent=parent,
            options={
                **options_of(limits),
                "orphan_grace": self.orphan_grace,
                "host_pid": os.getpid(),
                "path": ref.path,
                "dispatcher": spec.dispatcher,
                "beat_seconds": beat_seconds(limits),
                "log_levels": self.log_levels(),
                "digests": self.quarantine.suspects(ref),
            },
            context=self._system.environment_data.said(),
        )

    def _guard_direct(self, process: DirectProcess, grace: float) -> None:
        if self._zygote is not None and process.pidfd is not None:
            process.on_closed = self._zygote.guard(process.pid, process.pidfd, first_signal=0, grace=grace)

    def _warn(self, text: str) -> None:
        self._system.bus.publish(HostingWarning(text))
