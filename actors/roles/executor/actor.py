"""The shell of the executor: an actor of the main process that does what `ExecutorCore` decides.

What lives here: carrying out commands, the one timer of the core, the beat to the leases, and passing on to the bus
what the link says of itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from ....protocol.exits import Crash
from ...actor import Actor
from ...errors import ActorDeadError
from ...hosting.errors import OutboxFull
from ...ref import ActorRef
from ..calling import FunctionTable, UserFunction
from ..invocation import Invocation
from ..link_messages import RoleLogged
from ..log_sender import LogSender
from ..messages import (
    Adopt,
    Adopted,
    CancelInvocation,
    FunctionTarget,
    HeartbeatMeasured,
    InvocationFinished,
    InvocationOffered,
    InvocationProgressed,
    InvocationRefused,
    InvocationTaken,
    LinkStateChanged,
    OutboxEmptied,
    PauseLink,
    ResultStored,
    RunFinished,
    RunFunction,
    SayWhenEmpty,
    SlotReady,
)
from .backend import Backend
from .core import ExecutorCore
from .events import (
    CancelSlot,
    Command,
    Drained,
    DrainStarted,
    Event,
    InterruptSlot,
    KillSlot,
    RunsAbandoned,
    SlotDown,
    SlotUp,
    StartRun,
    TimeReached,
)
from .inline import InlineBackend
from .link_watch import LinkWatch
from .process import ProcessBackend
from .request import ExecutorSettings, ExecutorStatistics
from .runner import invocation_of
from .slots import SlotKind
from .thread import ThreadBackend

if TYPE_CHECKING:
    from ...timers import Timer

__all__ = ("AskExecutor", "Executor", "ExecutorDrained", "ExecutorPlan", "ExecutorStatus", "LinkAdopted", "StartDrain")

LINK: Final = "link"
"""The registered name of the connection process."""

_BEAT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorPlan:
    """What an executor runs and where. `local` holds the functions that stay in this process."""

    settings: ExecutorSettings
    functions: Mapping[str, FunctionTarget]
    local: Mapping[str, UserFunction] = field(default_factory=dict)
    log_level: str = "debug"
    link_silence_beats: int = 15
    processes: int | None = None  # None: as many as may run at once

    @property
    def slots(self) -> tuple[tuple[int, SlotKind], ...]:
        """`capacity` slots of every kind that a function asks for; of processes, which cost memory, perhaps fewer."""
        kinds: list[Literal["process", "thread", "inline"]] = ["process", "thread", "inline"]
        used = [kind for kind in kinds if any(f.isolation == kind for f in self.functions.values())]
        most = self.settings.capacity
        processes = most if self.processes is None else min(self.processes, most)
        names = [kind for kind in used for _ in range(processes if kind == "process" else most)]
        return tuple(enumerate(names))


@dataclass(frozen=True, slots=True)
class StartDrain:
    """Worker -> executor: take nothing new, finish what is here, then publish ExecutorDrained."""

    reason: str = "draining"


@dataclass(frozen=True, slots=True)
class ExecutorDrained:
    """On the bus: nothing runs, and the gateway has acknowledged every result."""


@dataclass(frozen=True, slots=True)
class LinkAdopted:
    """On the bus: a link process has taken over."""

    epoch: int
    pid: int


@dataclass(frozen=True, slots=True)
class AskExecutor:
    """Answered with ExecutorStatus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorStatus:
    """How the executor is."""

    alive: bool
    running: int
    waiting: int
    unstored: int
    capacity: int
    draining: bool
    pids: tuple[int, ...]
    statistics: ExecutorStatistics


class Executor(Actor):
    """Runs functions for the link. Never blocks: backends report back by message."""

    def __init__(self, plan: ExecutorPlan) -> None:
        super().__init__()
        self._plan = plan
        self._core = ExecutorCore(plan.settings, plan.functions, plan.slots)
        self._kinds = dict(plan.slots)
        self._backends: dict[str, Backend] = {}
        self._link: Adopt | None = None
        self._link_watch = LinkWatch(plan.link_silence_beats)
        self._wake: tuple[float, Timer] | None = None
        self._was_alive = False
        self._drained = False
        self._redeliver = False  # an outcome did not fit into what waits for the link
        self._sender = LogSender(
            self._log_home, source="executor", epoch=self.system.clock.epoch, level=plan.log_level, pid=os.getpid()
        )

    def on_start(self) -> None:
        """Bring up the places where functions run."""
        by_kind: dict[SlotKind, list[int]] = {}
        for slot, kind in self._plan.slots:
            by_kind.setdefault(kind, []).append(slot)
        table = FunctionTable(dict(self._plan.local))
        for kind, slots in by_kind.items():
            backend: Backend
            match kind:
                case "process":
                    backend = ProcessBackend(slots, self.system)
                case "thread":
                    backend = ThreadBackend(slots, table, self._context)
                case _:
                    backend = InlineBackend(slots, table, self._context)
            self._backends[kind] = backend
            backend.start(self._tell_self)
        self.every(_BEAT_SECONDS, _Beat())

    def on_stop(self) -> None:
        """End the places that are this actor's own."""
        for backend in self._backends.values():
            backend.close(1.0)

    def on_failure(self, *_: object) -> None:
        """End them too; the next life brings up its own."""
        self.on_stop()

    def on_receive(self, message: object) -> object:
        """Let the core decide, or pass on."""
        match message:
            case (
                InvocationOffered()
                | CancelInvocation()
                | ResultStored()
                | RunsAbandoned()
                | RunFinished()
                | SlotUp()
                | SlotDown()
            ):
                self._decide(message)
            case SlotReady():
                self._slot_ready(message)
            case Adopt():
                self._adopt(message)
            case InvocationProgressed():
                self._to_link("connection", message)
            case LinkStateChanged() | HeartbeatMeasured():
                self.system.bus.publish(message)
            case OutboxEmptied():
                if self._drained:
                    self.system.bus.publish(ExecutorDrained())
            case StartDrain():
                self._to_link("connection", PauseLink(reason=message.reason))
                self._decide(DrainStarted())
            case _Beat():
                self._on_beat()
            case _Wake():
                self._wake = None
                self._decide(TimeReached())
            case AskExecutor():
                return self._status()
        return None

    def _decide(self, event: Event) -> None:
        for command in self._core.receive(event, self.system.clock.now()):
            self._carry_out(command)
        alive = self._core.slots.alive
        if alive != self._was_alive:
            self._was_alive = alive
            self._to_link("leases", self._core.beat())
        self._arm()

    def _on_beat(self) -> None:
        self._to_link("leases", self._core.beat())
        link = self.system.whereis(LINK)
        if self._link_watch.beat(link) and link is not None:
            text = f"the link has not answered for {self._plan.link_silence_beats} beats; it is killed and replaced"
            self.system.bus.publish(RoleLogged(self.name, "error", text, {}))
            link.kill()
        if self._redeliver:
            self._redeliver = False
            for finished in self._core.redeliver():
                self._to_link("outbox", finished)

    def _slot_ready(self, ready: SlotReady) -> None:
        backend = self._backends.get("process")
        if isinstance(backend, ProcessBackend):
            incarnation = backend.incarnation_of(ready.slot, ready.pid)
            if incarnation is not None:
                self._decide(SlotUp(slot=ready.slot, incarnation=incarnation, pid=ready.pid))

    def _carry_out(self, command: Command) -> None:
        match command:
            case StartRun():
                self._backend(command.slot).run(command.slot, command.incarnation, command.run)
            case CancelSlot():
                self._backend(command.slot).cancel(command.slot, command.request_id, command.reason)
            case InterruptSlot():
                self._backend(command.slot).interrupt(command.slot, command.request_id, command.reason)
            case KillSlot():
                self._backend(command.slot).kill(command.slot, command.incarnation, command.reason)
            case InvocationTaken() | InvocationRefused() | Adopted():
                self._to_link("connection", command)
            case InvocationFinished():
                self._to_link("outbox", command)
            case Drained():
                self._drained = True
                self._to_link("outbox", SayWhenEmpty())

    def _adopt(self, link: Adopt) -> None:
        self._link = link
        self._decide(link)
        self._to_link("leases", self._core.beat())
        if self._drained:
            self._to_link("outbox", SayWhenEmpty())
        self.system.bus.publish(LinkAdopted(link.epoch, link.pid))

    def _arm(self) -> None:
        wanted = self._core.next_wake
        if self._wake is not None:
            if self._wake[0] == wanted:
                return
            self._wake[1].cancel()
            self._wake = None
        if wanted is not None:
            delay = max(0.0, wanted - self.system.clock.now())
            self._wake = (wanted, self.send_after(delay, _Wake()))

    def _backend(self, slot: int) -> Backend:
        return self._backends[self._kinds[slot]]

    def _to_link(self, role: Literal["connection", "outbox", "leases"], message: object) -> None:
        if self._link is None:
            return
        ref: ActorRef = getattr(self._link, role)
        try:
            ref.tell(message)
        except ActorDeadError:
            return  # the link is being replaced; its next life asks for all that it needs (Adopt)
        except OutboxFull:
            # The link does not read just now. What is advisory is dropped; outcomes are said again with a later beat.
            self._redeliver = self._redeliver or isinstance(message, InvocationFinished)

    def _tell_self(self, event: object) -> None:
        try:
            self.ref.tell(event)
        except ActorDeadError:
            return  # this executor has ended; so has whatever it ran

    def _context(self, run: RunFunction) -> Invocation:
        return invocation_of(run, now=self.system.clock.now, log=self._log, report=self._progress)

    def _progress(self, request_id: str, done: float, total: float | None, note: str) -> None:
        self._tell_self(InvocationProgressed(request_id=request_id, done=done, total=total, note=note))

    def _log(self, level: str, text: str, context: Mapping[str, object], exception: Crash | None) -> None:
        self._sender.log(level, text, context, exception)

    def _log_home(self, record: object) -> object:
        sink = self.system.log_sink
        if sink is None:
            return False
        sink(record, self.ref)  # type: ignore[arg-type]  # a LogRecord; the sender makes nothing else
        return None

    def _status(self) -> ExecutorStatus:
        core = self._core
        return ExecutorStatus(
            alive=core.slots.alive,
            running=core.running,
            waiting=core.waiting,
            unstored=core.unstored,
            capacity=core.settings.capacity,
            draining=core.draining,
            pids=core.slots.pids,
            statistics=core.statistics,
        )


@dataclass(frozen=True, slots=True)
class _Beat:
    """Tell the leases what runs."""


@dataclass(frozen=True, slots=True)
class _Wake:
    """The core's time has come."""
