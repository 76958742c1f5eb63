"""A supervisor as an actor: it feeds its mind with what happens, and carries out what the mind says.

What lives here: carrying out, for every kind of supervisor. What must not: any decision; those are in mind.py and what
it reads next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, assert_never

from ..actors.actor import Actor
from ..actors.child_spec import Isolation
from ..actors.describe import Description
from ..actors.errors import ActorDeadError, NameTaken
from ..actors.life import Life
from ..actors.mailbox import Envelope
from ..actors.outcome import Ignored, Started, StartFailed, StartOutcome
from ..actors.ref import ActorRef
from ..actors.replies import answer_at_end
from ..actors.signals import Exit
from ..protocol.exits import ExitReason
from . import commands as do
from . import core_events as ev
from .circles import asking_branch, refuse_circle
from .description import describe_supervisor
from .errors import FailedToStartChild, SupervisionError
from .follow import SpecFound, ask_to_follow, find_spec
from .mind import Mind
from .report_log import log_reports
from .requests import (
    CountChildren,
    DeleteChild,
    GetChildSpec,
    Reconfigure,
    ReconfigureFrom,
    Request,
    RestartChild,
    StartChild,
    StartChildWith,
    StopSupervisor,
    TerminateChild,
    WhichChildren,
)
from .results import Done
from .tree import TOP, DescribeBelow, DescribeTree, TreePart, TreeWalk, send_part

if TYPE_CHECKING:
    from ..actors.child_spec import ChildSpec, Start
    from ..actors.handshake import StartHandle
    from ..actors.replies import ReplyHandle
    from ..actors.timers import Timer

__all__ = ("SupervisorShell",)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the start of a life ended, on its way from the thread of that life to the supervisor's."""

    child_id: str
    life: int
    outcome: StartOutcome
    name: str | None  # that it was to be registered under


class SupervisorShell(Actor):
    """An actor that starts, watches, restarts and stops others, as its mind decides.

    Requests (requests.py) are sent with `ask`, or by the methods of a handle. Its mailbox is never blocked: a child
    that hangs in its start or its stop is a state, and requests are answered meanwhile.
    """

    trap_exit = True
    describes_tree = True  # answers DescribeTree

    def __init__(self, mind: Mind[Any]) -> None:
        self._core = mind
        self._events: deque[ev.CoreEvent] = deque()
        self._feeding = False
        self._starting: StartHandle | None = None  # set from on_start on
        self._start_error: SupervisionError | None = None
        self._refs: dict[str, ActorRef[Any]] = {}  # by child id, as long as the core has the child
        self._lives: dict[tuple[str, int], tuple[str, int]] = {}  # (urn, incarnation) -> (child id, life)
        self._timers: dict[do.TimerKey, Timer] = {}
        self._replies: dict[Hashable, ReplyHandle] = {}
        self._numbers = count(1)
        self._walks: dict[int, TreeWalk] = {}

    def restart_counts(self) -> dict[ActorRef[Any], int]:
        """How often each child was restarted since it was added. Runs in: any thread; asks nobody."""
        return self._core.restarts()

    def on_start(self) -> None:
        """Order the first child's start; the handshake is over when the last one is ready."""
        self._starting = self.defer_start()
        self.system.part(log_reports)
        self._feed(ev.Booted())

    def on_stop_request(self, reason: ExitReason) -> None:
        """Stop the children, last started first; end when none is left."""
        refuse_circle(self._alive(), self.ref)
        self._feed(ev.StopRequested(reason))

    def on_receive(self, message: object) -> object:
        """Take what happened, or a request."""
        match message:
            case Exit():
                self._child_exited(message)
            case _Outcome():
                self._start_ended(message)
            case ev.LifeReconfigured():
                self._feed(message)
            case ev.TimerFired():
                self._timers.pop(message.key, None)
                self._feed(message)
            case StopSupervisor(reason):
                refuse_circle(self._alive(), self.ref)
                answer_at_end(self._alive())
                self._feed(ev.StopRequested(reason))
            case DescribeTree():
                self._describe_tree(message)
            case DescribeBelow(collector, walk, place):
                send_part(self.describe(), self._refs, collector, walk, place)
                return True
            case TreePart():
                self._take_part(message)
            case (
                StartChild()
                | StartChildWith()
                | TerminateChild()
                | RestartChild()
                | DeleteChild()
                | WhichChildren()
                | CountChildren()
                | GetChildSpec()
                | Reconfigure()
            ):
                self._requested(message)
            case ReconfigureFrom(start):
                self._find_spec(start)
            case SpecFound():
                self._spec_found(message)
            case _:
                return super().on_receive(message)
        return None

    def describe(self) -> Description:
        """Say what it is and what its children are, as far as it knows without asking them."""
        return describe_supervisor(super().describe(), self._core, self.system.clock.now())

    def _requested(self, request: Request) -> None:
        branch = asking_branch(self._alive()) if isinstance(request, Reconfigure) else None
        ending = self._core.awaited_end(request, branch)
        refuse_circle(self._alive(), ending)
        number = next(self._numbers)
        self._replies[number] = reply = self.defer_reply()
        if ending is not None:
            reply.until(ending)
        self._feed(ev.Requested(request, number))

    def _feed(self, event: ev.CoreEvent) -> None:
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._events:
                for command in self._core.receive(self._events.popleft(), self.system.clock.now()):
                    self._execute(command)
        finally:
            self._feeding = False

    def _execute(self, command: do.Command) -> None:  # noqa: C901, PLR0912 - one flat case a command
        match command:  # the frequent ones first: each case that does not match takes its time
            case do.Announce(event):
                self.system.bus.publish(event)
            case do.StartLife(child_id, life, spec):
                self._start_life(child_id, life, spec)
            case do.StopLife(child_id, _, deadline, reason):
                self._refs[child_id].shutdown(reason, deadline=deadline)
            case do.KillLife(child_id):
                self._refs[child_id].kill()
            case do.ReconfigureLife(child_id, life, message):
                ask_to_follow(self._refs[child_id], message, self._alive(), child_id=child_id, life=life)
            case do.ForgetChild(child_id):
                self._refs.pop(child_id, None)
            case do.SetTimer(key, at):
                delay = max(0.0, at - self.system.clock.now())
                self._timers[key] = self.send_after(delay, ev.TimerFired(key))
            case do.CancelTimer(key):
                timer = self._timers.pop(key, None)
                if timer is not None:
                    timer.cancel()
            case do.Reply(to, value):
                self._replies.pop(to).set(value)
            case do.Refuse(to, error):
                self._replies.pop(to).fail(error)
            case do.ConfirmStart():
                if self._starting is not None:
                    self._starting.ready()
            case do.FailStart(error):
                self._start_error = error
            case do.ExitSelf(reason):
                self._end(reason)
            case _:
                assert_never(command)

    def _end(self, reason: ExitReason) -> None:
        if isinstance(self._start_error, FailedToStartChild) and self._starting is not None:
            self._starting.fail(self._start_error)
        self.exit(reason)

    def _start_life(self, child_id: str, life: int, spec: ChildSpec) -> None:
        cell, name = self.ref.cell, spec.name  # and no more of the spec: this is kept for as long as the life

        def on_outcome(outcome: StartOutcome) -> None:
            # Into this life's own mailbox: a later life of this supervisor counts its children's lives from 1 again.
            try:
                if cell is not None:
                    cell.put(Envelope(_Outcome(child_id, life, outcome, name), exempt=True))
            except ActorDeadError:
                return  # the supervisor has ended, and its links have told the child

        ref = self._refs.get(child_id)
        if ref is not None and self.system.relations.is_living(ref):
            ref = None  # its last life was given up and has not ended even now: it keeps its ref, the next gets another
        elif ref is not None and ref.hosted is not (spec.isolation is Isolation.PROCESS):
            ref = None  # reconfigured to live elsewhere, where refs are of another kind
        ref = self.system.begin(spec, parent=self.ref, ref=ref, on_outcome=on_outcome)
        self._refs[child_id] = ref
        self._lives[ref.urn, ref.incarnation] = (child_id, life)
        self._events.append(ev.LifeBegun(child_id, life, ref, ref.incarnation))
        reply = self._replies.get(self._core.start_awaited_by(child_id))
        if reply is not None:
            reply.until_started(ref)
        elif self._starting is not None and self._core.phase == "starting":
            self._starting.until(ref)

    def _start_ended(self, message: _Outcome) -> None:
        child_id, life, outcome = message.child_id, message.life, message.outcome
        match outcome:
            case Started(info=info):
                self._feed(ev.LifeReady(child_id, life, info))
                return
            case Ignored():
                event: ev.CoreEvent = ev.LifeIgnored(child_id, life)
            case StartFailed(reason=reason, report=report):
                event = ev.LifeFailed(
                    child_id,
                    life,
                    reason,
                    report,
                    abandoned=_runs_on(outcome.ref),
                    holder=_holder(outcome, message.name),
                )
            case _:
                assert_never(outcome)
        self._lives.pop((outcome.ref.urn, outcome.incarnation), None)
        self._feed(event)

    def _child_exited(self, message: Exit) -> None:
        sender = message.sender
        if sender is None or message.report is None:
            return  # a child may send an exit signal, which is not its own end: that one comes with a report
        begun = self._lives.pop((sender.urn, message.report.begun_as or message.incarnation), None)
        if begun is None:
            return  # somebody that is not our child, as OTP ignores exits of unknown processes
        child_id, life = begun
        self._feed(ev.LifeEnded(child_id, life, message.reason, message.report, abandoned=_runs_on(sender)))

    def _find_spec(self, start: Start) -> None:
        number = next(self._numbers)
        self._replies[number] = self.defer_reply()
        find_spec(start, type(self), number, self._alive())

    def _spec_found(self, message: SpecFound) -> None:
        if message.spec is not None:
            self._feed(ev.Requested(Reconfigure(message.spec), message.number))
        elif message.error is not None:
            self._replies.pop(message.number).fail(message.error)
        else:
            self._replies.pop(message.number).set(Done())

    def _describe_tree(self, message: DescribeTree) -> None:
        number = (self.incarnation << 32) + next(self._numbers)  # parts for an earlier life are not for this one
        self._walks[number] = walk = TreeWalk(self.defer_reply(), flat=message.flat)
        walk.timer = self.send_after(message.timeout, TreePart(number, None))
        send_part(self.describe(), self._refs, self.ref, number, TOP)

    def _take_part(self, part: TreePart) -> None:
        walk = self._walks.get(part.walk)
        if walk is not None:
            walk.take(part)
            if walk.finish():
                del self._walks[part.walk]


def _holder(failed: StartFailed, name: str | None) -> ActorRef[Any] | None:
    """Give who lives under the name that a child was to have, if that is why its start has failed."""
    error = failed.error
    if isinstance(error, NameTaken) and error.name == name and isinstance(error.holder, ActorRef):
        return error.holder
    return None


def _runs_on(ref: ActorRef[Any]) -> bool:
    """Say whether the latest life of a ref was ended by force while its thread was busy, and that thread still is."""
    cell = ref.cell
    return isinstance(cell, Life) and cell.fenced and not cell.thread_over
