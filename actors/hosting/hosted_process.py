"""The parent's side of one hosted process: one life of a HostedRef, from its launch to its one announced end.

Runs in: the I/O thread, but for what a Cell may be asked by anybody. State moves only in the I/O thread.

STARTING, READY, STOPPING, DEAD: each may go to DEAD at once. Death is the pidfd, never the end of a pipe, which a
grandchild may hold open. Then: drain the socket, drain the pipes, reap once, announce once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from ...protocol.errors import LocalProtocolError
from ...protocol.exits import ExitReason, is_abnormal
from ...protocol.host.messages import Exited, Hello, InitFailed, InitIgnored, LinkMessage, Logs, Ready, Stop
from ...protocol.host.protocol import LinkProtocol
from ...protocol.host.states import Side
from ..errors import StartTimeout, SystemClosed
from ..events import ActorStarted, DeadLetter
from ..mailbox import Envelope
from ..outcome import Ignored, Started, StartFailed
from ..signals import Down, ExitReport
from .alarms import Alarms
from .black_box import Recorded
from .conception import Conception, ProcessState
from .deadlines import remaining_ms
from .death import Remains, reason_of, report_of
from .doorstep import Doorstep
from .encoded import plain
from .errors import LaunchFailed, LinkLost, Quarantined
from .hang_watch import DUMP_GRACE_SECONDS, watch_over
from .launcher import LaunchedProcess, LaunchOutcome, discard, slay
from .link_socket import LinkSocket
from .log_intake import LogIntake
from .loop import READ, Interest, IoLoop
from .os_process import ProcessEnd
from .pace import Pace
from .peer import Peer
from .pipes import OutputPipes
from .remote_ref import Interest as Interests
from .succession import Succession
from .upkeep import Upkeep

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem
    from .hosted_ref import HostedRef

__all__ = ("HostedProcess",)

TERM_AT: Final = 0.6  # of the time to stop: then SIGTERM, for one that no longer reads its socket
SILENT_EXIT_SECONDS: Final = 2.0  # a process that has closed its socket has to be gone by then
REAPER_SECONDS: Final = 1.0  # between looks at a zygote that owes the status of a dead process; it takes under 1 ms


class HostedProcess:
    """Implements Cell."""

    def __init__(self, system: ActorSystem, loop: IoLoop, ref: HostedRef, peer: Peer, begun: Conception) -> None:
        self.system = system
        self.ref = ref
        self.peer = peer
        self.incarnation = begun.init.incarnation
        self.parent = begun.parent
        self.limits = begun.limits
        self.options = begun.init.options  # that it is told to begin with
        self.state = ProcessState.STARTING
        self.stopped = threading.Event()  # set when the exit has been announced
        self.interest = Interests()
        self._begun = begun
        self._loop = loop
        protocol = LinkProtocol(Side.PARENT, incarnation=self.incarnation, acknowledge_on_receipt=False)
        self._link = LinkSocket(loop, begun.sock, protocol, on_message=self._receive, on_end=self._link_ended)
        peer.reads = self._link.read_here
        self._pipes = OutputPipes(system, loop, ref, (begun.stdout_fd, begun.stderr_fd))
        self.doorstep = doorstep = Doorstep(self._link, peer.refused, begun.waits_for)
        self.pace = peer.pace = Pace(
            self._link, loop, system, whom=lambda: ref, backlog=peer.backlog, kept=lambda: doorstep.kept
        )
        self.succession: Succession | None = None  # set before it begins, for one that is replaced when it is worn out
        self._lock = threading.Lock()  # guards the two below
        self._process: LaunchedProcess | None = None
        self._killing = False
        self.started_at: float | None = None
        self.alarms = Alarms(system.clock, loop)
        self.upkeep = Upkeep(self, self._broke)
        self._last_words: Exited | InitFailed | InitIgnored | None = None
        self._fault: Exception | None = None  # it broke the protocol, or we made a mistake about it
        self._timed_out: StartTimeout | None = None
        self.asked: ExitReason | None = None  # to end, for this reason
        self._stop_deadline: float | None = None
        self._logs = LogIntake(system, ref, self.incarnation)
        self.watch = watch_over(self, begun.black_box, self._signal)

    # What a cell can do, on any thread.

    @property
    def alive(self) -> bool:
        """True as long as it takes messages."""
        return self.state is not ProcessState.DEAD and not self._killing and self.peer.open

    @property
    def pid(self) -> int | None:
        """Its number, None before it is launched."""
        return None if self._process is None else self._process.pid

    @property
    def recorded(self) -> Recorded:
        """What its black box says."""
        return self._begun.black_box.read()

    @property
    def load(self) -> int:
        """How many messages it was given and is not done with, as its page says: a moment's value."""
        try:
            handled = self._begun.black_box.handled()
        except ValueError:  # it has died, and its page is closed
            return 0
        load = self._link.said - handled
        if not self.peer.straight:
            load += self.doorstep.kept
        return load if load > 0 else 0  # noqa: FURB136 - a third of the time

    @property
    def full(self) -> bool:
        """Whether it has a window of messages that it has not begun with."""
        return self.pace.full()

    def put(self, envelope: Envelope) -> None:
        """Send a message over. Errors: ActorDeadError, CodecError, OutboxFull, Quarantined."""
        send = self.post if self.succession is None else self.succession.put
        try:
            send(envelope)
        except Quarantined as error:  # told of without a lock: who hears of it may send to this one, or end it
            if envelope.reply_to is None:
                self.system.bus.publish(DeadLetter(self.ref, plain(envelope.message), str(error)))
            raise

    def post(self, envelope: Envelope) -> None:
        """Send a message to this very process."""
        if not self.alive:
            raise self.peer.dead(self.ref)
        self.peer.post(self.ref, envelope)

    def exit_signal(
        self,
        sender: ActorRef | None,
        reason: ExitReason,
        *,
        incarnation: int = 0,
        report: ExitReport | None = None,  # noqa: ARG002 - what the reason does not say stays here
    ) -> None:
        """Send an exit signal over to the root. One that lost its parent by it, and may not hear, is killed at last."""
        self.peer.ties.signal_exit(self.ref, self.interest, sender, reason, incarnation)
        if self.succession is not None:
            self.succession.signalled(self, sender, reason, incarnation)
        orphaned = sender is not None and sender is self._begun.parent and not self.system.relations.is_living(sender)
        if orphaned and is_abnormal(reason):
            self.stop_request(reason, self.system.clock.now() + self.system.hosting.orphan_grace)

    def down_signal(self, down: Down) -> None:
        """Never comes: the root's monitors are those of its own system."""

    def withdraw_down(self, monitor: int) -> None:
        """As above."""

    def stop_request(self, reason: ExitReason, deadline: float | None) -> None:
        """Walk the ladder: STOP, SIGTERM at 60 % of the time, SIGKILL to the group at the deadline."""
        self._loop.call(lambda: (self if self.succession is None else self.succession.active).stop(reason, deadline))

    def kill(self) -> None:
        """SIGKILL to its group; the exit is announced soon after. So end its heir, and the one that it replaces."""
        (self.slay if self.succession is None else self.succession.kill)()

    def slay(self) -> None:
        """SIGKILL to the group of this very process. Runs in: any thread."""
        with self._lock:
            self._killing, self.peer.straight = True, False
            process = self._process
        if process is not None:
            slay(process)

    def linked(self, peer: ActorRef) -> None:
        """Have the root linked to `peer`, unless it asked for that itself."""
        if self.interest.linked(peer) and peer is not self._begun.parent:
            self.peer.ties.request_link(peer, self.ref.urn)

    def unlinked(self, peer: ActorRef) -> None:
        """Have the root unlinked from `peer`, unless it asked for that itself."""
        if self.interest.unlinked(peer):
            self.peer.ties.request_unlink(peer, self.ref.urn)

    # Birth.

    def begin(self) -> None:
        """Say what it is to become; the launch comes next, then `listen`. Runs in: the starter's thread.

        Errors: CodecError, FrameTooLarge for arguments that cannot be said.
        """
        try:
            self._begun.say_init(self._link)
        except LocalProtocolError:
            if self.asked is None:  # else it has been told to stop already, and will
                raise

    def listen(self) -> None:
        """Open the ears, after the launch, which takes longer. Runs in: the I/O thread."""
        if self.state is not ProcessState.DEAD:
            self._link.start()
            self._pipes.start(self._broke)
            self.alarms.set("start", self.system.clock.now() + self._begun.start_timeout, self._start_timed_out)

    def launched(self, outcome: LaunchOutcome) -> None:
        """Take the process, or hear that there is none. Runs in: any thread."""
        if isinstance(outcome, LaunchFailed):
            self.refuse(outcome)
        else:
            self._loop.call(lambda: self._adopt(outcome))

    def refuse(self, error: Exception) -> None:
        """End a life for which there will be no process. Runs in: any thread."""
        self._fault = error
        if not self._loop.call(lambda: self._finish(ProcessEnd(None))):
            self._finish(ProcessEnd(None))  # the system is closed: there is no I/O thread that could mind

    def _adopt(self, outcome: LaunchedProcess) -> None:
        if self.state is ProcessState.DEAD:  # launched after all, when nobody waited any more
            discard(outcome, self._loop, self._broke)
            return
        with self._lock:
            self._process = outcome
            self._pipes.pid = outcome.pid
            killing = self._killing
        self._loop.watch(Interest(outcome.death_fd, lambda _: self._died(outcome), self._broke), READ)
        if killing:
            slay(outcome)
        else:
            self.system.hosting.hang_watch.add(self.watch)
            self.upkeep.look()

    def _start_timed_out(self) -> None:
        if self.state is ProcessState.STARTING:
            self._timed_out = StartTimeout(self.ref, self._begun.start_timeout)
            if self._process is None:
                self._finish(ProcessEnd(None))  # the zygote does not answer
                self.system.hosting.replace_stopped_zygote()
            else:
                self.watch.dump_then_kill()

    # Life.

    def _receive(self, message: LinkMessage) -> None:
        match message:
            case Hello():
                if self.asked is None:  # else it has been told to stop already, and will
                    self._open_up()
            case Ready(info):
                self._ready(self.peer.decode(info) if len(info) else None)
            case Logs():
                self._logs.take(message)
            case Exited() | InitFailed() | InitIgnored():
                self._last_words = message
            case _:
                self.peer.receive(message)

    def _open_up(self) -> None:
        """Let in what waits for its ears; then tells go straight to the link, if nobody has to look at them first."""
        self.doorstep.open()
        with self._lock:
            if self.succession is None and self.peer.outlet is self.doorstep and not self._killing:
                self.peer.outlet, self.peer.straight = self._link, True

    def _ready(self, info: object) -> None:
        self.alarms.drop("start")
        self.started_at = self.system.clock.now()
        if self.state is ProcessState.STARTING:
            self.state = ProcessState.READY
        if self._begun.waits_for is None:
            self.system.bus.publish(ActorStarted(self.ref, self.incarnation))
        self.upkeep.ready(self.started_at)
        self._begun.on_outcome(Started(self.ref, self.incarnation, info))
        if self.succession is not None:
            self.succession.check()

    # Stop.

    def stop(self, reason: ExitReason, deadline: float | None) -> None:
        """Stop this very process."""
        if self.state is ProcessState.DEAD:
            return
        if self.state is ProcessState.READY:
            self.state = ProcessState.STOPPING
        self.asked = self.asked or reason
        with contextlib.suppress(LocalProtocolError):  # it has said its last words already
            self._link.send(Stop(reason, remaining_ms(self.system, deadline)))
        if self.succession is not None:
            self.succession.stopping(self, reason, deadline)
        if deadline is None or (self._stop_deadline is not None and deadline >= self._stop_deadline):
            return
        self._stop_deadline = deadline
        now = self.system.clock.now()
        self.alarms.set("term", now + TERM_AT * max(0.0, deadline - now), lambda: self._signal(signal.SIGTERM))
        self.alarms.set("kill", max(now, deadline - DUMP_GRACE_SECONDS), self.watch.dump_then_kill)

    def _signal(self, signo: int) -> None:
        if self._process is not None:
            self._process.send_signal(signo)

    def _link_ended(self, error: Exception | None) -> None:
        if error is not None:
            self._broke(error)
        elif self.state is not ProcessState.DEAD:
            lost = LinkLost(self.ref, SILENT_EXIT_SECONDS)
            self.alarms.set("silent", self.system.clock.now() + SILENT_EXIT_SECONDS, lambda: self._broke(lost))

    def _broke(self, error: Exception) -> None:
        """It cannot be talked to any more: end it."""
        self._fault = self._fault or error
        self.slay()

    # Death.

    def _died(self, process: LaunchedProcess) -> None:
        self._loop.forget(process.death_fd)
        self._link.drain()
        self._pipes.drain()
        process.reap(self._reaped)
        self.alarms.set("reaper", self.system.clock.now() + REAPER_SECONDS, self._reaper_is_late)

    def _reaper_is_late(self) -> None:
        self.system.hosting.replace_stopped_zygote()
        self.alarms.set("reaper", self.system.clock.now() + REAPER_SECONDS, self._reaper_is_late)

    def _reaped(self, end: ProcessEnd) -> None:
        self._pipes.drain()  # whoever held them open has been swept
        self._finish(end)

    def _finish(self, end: ProcessEnd) -> None:
        if self.state is ProcessState.DEAD:
            return
        was_ready = self.started_at is not None
        self.state, self.peer.straight = ProcessState.DEAD, False
        self.alarms.close()
        self._link.close()
        self.system.hosting.hang_watch.remove(self.watch)
        remains = Remains(
            pid=self.pid,
            incarnation=self.incarnation,
            begun_as=None if self.succession is None else self.succession.begun_as,
            end=end,
            words=self._last_words,
            error=self._fault or self._timed_out,
            hang=self.watch.hang,
            killed=self._killing,
            asked=self.asked,
            stacks=self.watch.stacks(),
            recorded=self._begun.black_box.close(),
            stderr=self._pipes.close(),
            vitals=self.upkeep.vitals,
            started_at=self.started_at,
        )
        reason = reason_of(remains)
        report = report_of(remains, reason, self.system.clock.now())
        self.system.hosting.note_death(self, reason, report, remains.recorded.digest)
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()
        self._logs.end(remains.recorded.log_sequence)
        self.peer.close(reason, report)
        for body in self.doorstep.forget():
            self.system.bus.publish(DeadLetter(self.ref, self.peer.decode(body), f"it ended first: {reason}"))
        if self.succession is None:
            self._announce(reason, report, was_ready=was_ready)
        else:
            announce = partial(self._announce, reason, report, was_ready=was_ready)
            self.succession.ended(self, reason, report, announce)

    def _announce(self, reason: ExitReason, report: ExitReport, *, was_ready: bool) -> None:
        if not was_ready and self.parent is not None:
            self.system.relations.untie(self.ref, self.parent)
        if not isinstance(self._fault, SystemClosed):  # else it was never among the living
            self.system.announce_exit(self.ref, self.incarnation, reason, report)
        self.stopped.set()
        if was_ready:
            return
        if isinstance(self._last_words, InitIgnored):
            self._begun.on_outcome(Ignored(self.ref, self.incarnation))
        else:
            error = self._timed_out or self._fault
            self._begun.on_outcome(StartFailed(self.ref, self.incarnation, reason, report, error))
