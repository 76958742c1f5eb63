"""What an executor decides: who runs where, what is refused, what a death means, when a run must end.

What lives here: the pure rules, `receive(event, now) -> [command]`. What must not: processes, threads, clocks, codecs
of user values. The shell (`actor.py`) executes the commands and asks again at `next_wake`.

A request waits, runs, has ended (until the outbox has stored its outcome), and is forgotten. A run that must end
(deadline, cancel, lost lease) climbs a ladder: flag, interrupt, kill of that one process.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from math import inf
from typing import Final, Literal, assert_never

from ....protocol.session.messages import Failure, FailureKind
from ..messages import (
    Adopt,
    Adopted,
    CancelInvocation,
    ExecutorBeat,
    FunctionTarget,
    Held,
    InvocationFinished,
    InvocationOffered,
    InvocationRefused,
    InvocationTaken,
    ResultStored,
    RunFinished,
)
from ..outcomes import outcome_to_bytes
from .deaths import DeathCounts
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
from .pacing import Pacing
from .request import ExecutorSettings, ExecutorStatistics, Phase, Request, Rung, deadline_of
from .slots import SlotTable

__all__ = ("ExecutorCore",)

_UNSTORED_PER_SLOT: Final = 16  # outcomes a slot that may wait for the outbox before nothing new is taken


class ExecutorCore:
    """The rules of an executor. Runs in: whatever thread calls it, one at a time. Never blocks."""

    def __init__(
        self,
        settings: ExecutorSettings,
        functions: Mapping[str, FunctionTarget],
        slots: Iterable[tuple[int, Literal["process", "thread", "inline"]]],
    ) -> None:
        self.settings = settings
        self.functions = functions
        self.slots = SlotTable(slots)
        self._counts: Counter[str] = Counter()
        self.draining = False
        self._drained_said = False
        self._epoch = 0  # of the link that was told last what is held
        self._requests: dict[str, Request] = {}
        self._due: dict[str, float] = {}  # request -> when its next rung, or its deadline, is due
        self._waiting: deque[str] = deque()
        self._running = 0
        self._ended = 0  # outcomes that the outbox has not stored yet
        self._deaths = DeathCounts()
        self._pacing = Pacing()
        self._turn = inf  # when the rate of a function lets the next of its requests begin

    # ── what others may read ────────────────────────────────────────────────────────────────────────────────────────

    @property
    def next_wake(self) -> float | None:
        """When `TimeReached` is wanted next."""
        wake = min(self._due.values(), default=inf)
        return None if wake == self._turn == inf else min(wake, self._turn)

    @property
    def running(self) -> int:
        """Runs in progress."""
        return self._running

    @property
    def waiting(self) -> int:
        """Requests that were taken and wait for a slot."""
        return len(self._waiting)

    @property
    def unstored(self) -> int:
        """Outcomes that the outbox has not stored yet."""
        return self._ended

    def held(self) -> tuple[Held, ...]:
        """Everything that this executor is still responsible for."""
        return tuple(
            Held(request_id=r.request_id, lease_id=r.lease_id, running=r.phase is not Phase.ENDED)
            for r in self._requests.values()
            if not r.lost
        )

    def beat(self) -> ExecutorBeat:
        """What the leases are told."""
        return ExecutorBeat(
            alive=self.slots.alive,
            running=self._running,
            capacity=self.settings.capacity + self.settings.prefetch,
            held=self.held(),
        )

    @property
    def statistics(self) -> ExecutorStatistics:
        """Counts since this executor started."""
        return ExecutorStatistics(**self._counts)

    # ── the one entry ───────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: Event, now: float) -> list[Command]:
        """Decide what follows from `event` at `now` (monotonic seconds)."""
        commands: list[Command] = []
        match event:
            case InvocationOffered():
                self._offered(event, now, commands)
            case CancelInvocation():
                self._cancel(event, now, commands)
            case ResultStored():
                self._stored(event)
            case RunFinished():
                self._run_finished(event, commands)
            case SlotUp():
                self.slots.up(event.slot, event.incarnation, event.pid)
            case SlotDown():
                self._slot_down(event, commands)
            case TimeReached():
                self._time_reached(now, commands)
            case DrainStarted():
                self.draining = True
            case RunsAbandoned():
                self._abandon(commands)
            case Adopt():
                self._adopt(event, commands)
            case _:
                assert_never(event)
        self._fill_slots(now, commands)
        if self.draining and not self._requests and not self._drained_said:
            self._drained_said = True
            commands.append(Drained())
        return commands

    # ── taking work ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _offered(self, offer: InvocationOffered, now: float, commands: list[Command]) -> None:
        known = self._requests.get(offer.request_id)
        if known is not None:
            self._offered_again(known, offer, commands)
            return
        if self.draining:
            self._refuse(offer, "draining", commands)
            return
        if self._running + len(self._waiting) >= self.settings.capacity + self.settings.queue_bound:
            self._refuse(offer, "at capacity", commands)
            return
        if self._ended >= _UNSTORED_PER_SLOT * self.settings.capacity:
            self._refuse(offer, "the outbox is full", commands)
            return
        self._counts["taken"] += 1
        commands.append(InvocationTaken(request_id=offer.request_id, lease_id=offer.lease_id))
        function = self.functions.get(offer.function)
        if function is None:
            names = ", ".join(sorted(self.functions)) or "none"
            text = f"function {offer.function!r}: expected one that this worker serves ({names})"
            request = self._new_request(offer, FunctionTarget(name=offer.function, target=""), None)
            self._end(request, Failure("unknown_function", "UnknownFunction", text), commands)
            return
        request = self._new_request(offer, function, deadline_of(offer, function, now))
        deaths = self._deaths.of(offer.request_id)
        if deaths >= self._deaths_allowed(function):
            self._end(request, self._quarantine(request, deaths), commands)
            return
        if request.deadline is not None:
            self._due[request.request_id] = request.deadline
        self._line_up(request)

    def _new_request(self, offer: InvocationOffered, function: FunctionTarget, deadline: float | None) -> Request:
        request = Request(
            offer.request_id, offer.lease_id, function, offer.arguments, offer.attempt, deadline, offer.headers
        )
        self._requests[offer.request_id] = request
        return request

    def _offered_again(self, known: Request, offer: InvocationOffered, commands: list[Command]) -> None:
        """The gateway delivered a request twice: it runs once, under the newer lease."""
        if offer.lease_id < known.lease_id:
            return
        if known.lost:
            self._refuse(offer, "ending an earlier run of the same request", commands)
            return
        known.lease_id = offer.lease_id
        commands.append(InvocationTaken(request_id=known.request_id, lease_id=known.lease_id))
        if known.phase is Phase.ENDED:
            commands.append(known.finished())

    def _refuse(self, offer: InvocationOffered, reason: str, commands: list[Command]) -> None:
        self._counts["refused"] += 1
        commands.append(InvocationRefused(request_id=offer.request_id, lease_id=offer.lease_id, reason=reason))

    def _line_up(self, request: Request) -> None:
        """Let it wait behind all that are at least as urgent."""
        place = len(self._waiting)
        while place and self._requests[self._waiting[place - 1]].function.priority < request.function.priority:
            place -= 1
        self._waiting.insert(place, request.request_id)

    def _fill_slots(self, now: float, commands: list[Command]) -> None:
        passed: list[str] = []
        self._turn = inf
        while self._waiting and self._running < self.settings.capacity:
            request = self._requests[self._waiting.popleft()]
            turn = self._pacing.turn_at(request.function, now)
            self._turn = min(self._turn, inf if turn is None else turn)
            slot = None if turn is not None else self.slots.take(request.function.isolation, request.request_id)
            if slot is None:
                passed.append(request.request_id)
                continue
            request.phase, request.slot = Phase.RUNNING, slot.index
            self._running += 1
            self._pacing.began(request.function, now)
            left = None if request.deadline is None else max(0.0, request.deadline - now)
            run = request.run_on(slot.incarnation, left)
            commands.append(StartRun(slot=slot.index, incarnation=slot.incarnation, run=run))
            self._counts["runs"] += 1
        self._waiting.extendleft(reversed(passed))

    # ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run_finished(self, event: RunFinished, commands: list[Command]) -> None:
        slot = self.slots.release(event.slot, event.incarnation, event.request_id)
        request = self._requests.get(event.request_id)
        if slot is None or request is None or request.slot != event.slot or request.phase is not Phase.RUNNING:
            self._counts["stale"] += 1
            return
        self._deaths.forgive(request.request_id)
        self._end(request, request.as_told(event.outcome), commands)

    def _slot_down(self, event: SlotDown, commands: list[Command]) -> None:
        request_id = self.slots.down(event.slot, event.incarnation)
        request = self._requests.get(request_id) if request_id is not None else None
        if request is None or request.phase is not Phase.RUNNING:
            return
        self._counts["deaths"] += 1
        if request.ending is not None:
            kind, text = request.ending
            if request.rung is Rung.KILLED:
                killed = self.slots.kind(event.slot) == "process"
                text += f"; it did not heed the interrupt, and {'its process was killed' if killed else event.reason}"
            self._end(request, Failure(kind, kind.capitalize(), text), commands)
            return
        deaths = self._deaths.add(request.request_id)
        if deaths >= self._deaths_allowed(request.function):
            self._end(request, self._quarantine(request, deaths), commands)
        elif request.reruns < request.function.retries:
            request.reruns += 1
            request.phase, request.slot = Phase.WAITING, -1
            self._running -= 1
            self._pacing.ended(request.function)
            self._counts["rerun"] += 1
            self._waiting.appendleft(request.request_id)
        else:
            text = f"the process that ran {request.function.name!r} died: {event.reason}"
            failure = Failure("executor_died", "ExecutorDied", text, event.detail, retryable=True)
            self._end(request, failure, commands)

    def _deaths_allowed(self, function: FunctionTarget) -> int:
        own = function.deaths_before_quarantine
        return self.settings.deaths_before_quarantine if own is None else own

    def _quarantine(self, request: Request, deaths: int) -> Failure:
        self._counts["quarantined"] += 1
        name = request.function.name
        text = f"request {request.request_id} of {name!r} killed its process {deaths} times; not run again"
        return Failure("quarantined", "Quarantined", text)

    def _end(self, request: Request, outcome: Failure | bytes, commands: list[Command]) -> None:
        if request.phase is Phase.RUNNING:
            self._running -= 1
            self._pacing.ended(request.function)
        request.phase, request.slot, request.arguments = Phase.ENDED, -1, b""
        self._due.pop(request.request_id, None)
        self._counts["finished"] += 1
        self._ended += 1
        if request.lost:
            self._forget(request)
            return
        request.outcome = outcome if isinstance(outcome, bytes) else outcome_to_bytes(outcome)
        commands.append(request.finished())

    def _stored(self, event: ResultStored) -> None:
        request = self._requests.get(event.request_id)
        if request is not None and request.phase is Phase.ENDED and event.lease_id >= request.lease_id:
            self._forget(request)

    def _forget(self, request: Request) -> None:
        """An ended request is over."""
        self._ended -= 1
        del self._requests[request.request_id]

    def redeliver(self) -> list[InvocationFinished]:
        """Everything that the outbox should have by now, once more."""
        return [r.finished() for r in self._requests.values() if r.phase is Phase.ENDED and not r.lost]

    def _adopt(self, event: Adopt, commands: list[Command]) -> None:
        self._epoch = event.epoch
        commands.append(Adopted(epoch=self._epoch, held=self.held(), paused=self.draining))
        commands.extend(self.redeliver())

    def _abandon(self, commands: list[Command]) -> None:
        """Drop what waits and kill what can be killed; a run in a thread goes on, and so is still held."""
        self.draining = self._drained_said = True
        for request in tuple(self._requests.values()):
            if request.phase is Phase.WAITING:
                request.lost = True
                self._waiting.remove(request.request_id)
                self._end(request, b"", commands)
            elif request.phase is Phase.RUNNING and self.slots.kind(request.slot) == "process":
                request.lost, request.rung = True, Rung.KILLED
                request.ending = request.ending or ("cancelled", "the worker ended")
                self._due.pop(request.request_id, None)
                incarnation = self.slots.incarnation(request.slot)
                commands.append(KillSlot(slot=request.slot, incarnation=incarnation, reason="the worker ends"))
        commands.append(Adopted(epoch=self._epoch, held=self.held(), paused=True))

    # ── the ladder ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _cancel(self, event: CancelInvocation, now: float, commands: list[Command]) -> None:
        request = self._requests.get(event.request_id)
        if request is None:
            return
        request.lost = request.lost or event.lost
        if request.phase is Phase.ENDED:
            if request.lost:
                self._forget(request)
        elif request.ending is None:
            self._climb(request, "cancelled", event.reason, now, commands)

    def _time_reached(self, now: float, commands: list[Command]) -> None:
        due = [self._requests[request_id] for request_id, when in self._due.items() if when <= now]
        for request in due:
            where = "while it waited for a free slot" if request.phase is Phase.WAITING else "while it ran"
            self._climb(request, "deadline", f"the deadline of {request.function.name!r} passed {where}", now, commands)

    def _climb(self, request: Request, kind: FailureKind, text: str, now: float, commands: list[Command]) -> None:
        """Take the next rung. The first one fixes why the run ends."""
        if request.ending is None:
            request.ending = (kind, text)
        kind, text = request.ending
        if request.phase is Phase.WAITING:
            self._waiting.remove(request.request_id)
            self._end(request, Failure(kind, kind.capitalize(), text), commands)
            return
        match request.rung:
            case Rung.NONE:
                request.rung = Rung.FLAGGED
                self._due[request.request_id] = now + self.settings.cancel_grace
                commands.append(CancelSlot(slot=request.slot, request_id=request.request_id, reason=text))
            case Rung.FLAGGED:
                request.rung = Rung.INTERRUPTED
                self._due[request.request_id] = now + self.settings.interrupt_grace
                commands.append(InterruptSlot(slot=request.slot, request_id=request.request_id, reason=text))
            case Rung.INTERRUPTED:
                request.rung = Rung.KILLED
                del self._due[request.request_id]
                self._counts["killed"] += 1
                incarnation = self.slots.incarnation(request.slot)
                commands.append(KillSlot(slot=request.slot, incarnation=incarnation, reason=text))
            case Rung.KILLED:
                raise AssertionError("a killed run has no next rung")
