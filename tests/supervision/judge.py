"""What is right: a naive supervisor's bookkeeping, written from the rules and not from the code, beside each core.

What lives here: the checks of one core's commands. What must not: whatever makes events happen (world.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import ANY

from regrow.actors.child_spec import BrutalKill, Grace, Infinity, Restart
from regrow.protocol.exits import ExitReason
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import errors as err
from regrow.supervision import events as fact
from regrow.supervision import requests as ask
from regrow.supervision.results import ChildInfo, Children, Done
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.states import ChildState
from regrow.supervision.strategy import Strategy
from tests.supervision.naive import ALIVE, READY, comes_back, count_children, excess, within_one_life

if TYPE_CHECKING:
    from tests.supervision.world import Node

__all__ = ("Judge",)

A_HAIR = 1e-9  # seconds; sums of floats


class Judge:
    """Sees every event and command of one core, and objects."""

    def __init__(self, node: Node, spec: SupervisorSpec) -> None:
        self.node = node
        self.spec = spec
        self.order = [child.id for child in spec.children]
        self.specs = {child.id: child for child in spec.children}
        self.booted = self.ending = self.was_ending = False
        self.owed = set(self.order)  # whom the boot will still decide upon
        self.boot_lives: set[int] = set()
        self.group: tuple[str, ...] = ()  # announced last
        self.attempts: list[float] = []  # when it has restarted something
        self.scheduled = False  # since the last attempt
        self.withdrawn: set[str] = set()  # terminated by name, and not started since
        self.not_before: dict[str, float] = {}
        self.failures: Counter[str] = Counter()
        self.ready_at: dict[int, float] = {}
        self.stop_at: dict[int, float] = {}
        self.told: Counter[tuple[type[object], int]] = Counter()  # facts about lives
        self.open: dict[object, ask.Request] = {}  # requests that wait for their answer
        self.event: ev.CoreEvent = ev.Booted()
        self.seen: dict[str, ChildInfo] = {}
        self.readied: set[int] = set()  # lives that have said that they are ready
        self.was_calm = False
        self.following = False  # a new spec: until it has said that it does
        self.has_followed = self.to_reorder = False

    @property
    def now(self) -> float:
        return self.node.world.now

    # Before and after each event.

    def before(self, event: ev.CoreEvent) -> None:
        self.event = event
        self.seen = self._table()
        self.was_calm = self.node.core.phase == "running"
        self.was_ending = self.ending
        if isinstance(event, ev.LifeReady) and self._is_current(event):
            self.readied.add(event.life)  # a ghost's word does not count
        if isinstance(event, ev.Requested):
            self.open[event.reply_to] = event.request
            if isinstance(event.request, ask.TerminateChild):
                named = str(event.request.child_id)
                self.not_before.pop(named, None)
                self.owed.discard(named)
                self.withdrawn.add(named)
            elif isinstance(event.request, ask.Reconfigure):
                self._may_follow(event.request.spec)
        elif isinstance(event, ev.StopRequested):
            self.ending = True

    def after(self, commands: list[do.Command]) -> None:
        table = self._table()
        if not self.node.core.ended:
            if self.to_reorder:
                self._reorder(table)
            assert list(table) == self.order, f"{self.node.name}: expected {self.order}, got {list(table)}"
            self._check_moves(table)
        self._check_news(commands)
        if isinstance(self.event, ev.Requested):
            self._check_answer(self.event.request, self.event.reply_to, commands)
        assert self.ending == (self.node.core.phase == "stopping")

    def _may_follow(self, spec: object) -> None:
        """From now on it may stop and start what it likes, in any order, but never two of one, and it comes to rest."""
        if not isinstance(spec, SupervisorSpec) or not self.booted or self.following or self.ending:
            return
        self.spec = spec
        self.following = self.has_followed = self.to_reorder = True
        self.attempts.clear()
        self.failures.clear()
        self.not_before.clear()
        self.specs |= {child.id: child for child in spec.children}

    def _reorder(self, table: dict[str, ChildInfo]) -> None:
        """A spec that was taken over gives the order; what is not in it stands behind."""
        self.to_reorder = False
        static = [child.id for child in self.spec.children if child.id in table]
        self.order = [*static, *(child_id for child_id in self.order if child_id in table and child_id not in static)]

    def command(self, command: do.Command) -> None:
        match command:
            case do.StartLife():
                self._start(command)
            case do.StopLife():
                self._stop(command)
            case do.KillLife():
                self._kill(command)
            case do.SetTimer(_, at):
                assert at >= self.now
            case do.Reply(to, value):
                request = self.open.pop(to)
                if isinstance(request, ask.TerminateChild):
                    assert value == Done()
                    assert not self.node.living(str(request.child_id)), "said to be done with a child that lives"
                elif isinstance(request, ask.Reconfigure):
                    self.following = False
            case do.Refuse(to, error):
                request = self.open.pop(to)
                if isinstance(error, err.SupervisorStopping):
                    assert self.ending
                elif isinstance(request, ask.Reconfigure):
                    assert isinstance(error, err.CannotReconfigure)
                elif isinstance(error, err.FailedToStartChild) and isinstance(request, ask.RestartChild):
                    self.withdrawn.add(request.child_id)  # whoever asked knows, and nobody tries again
            case do.Announce(event):
                self._fact(event)
            case do.ForgetChild(child_id):
                assert not self.node.living(child_id)
                self.order.remove(child_id)
                self.specs.pop(child_id)
                del self.failures[child_id]
                self.not_before.pop(child_id, None)
            case do.ConfirmStart():
                assert not self.booted
                assert not self.ending
                self.booted = True
                self.owed.clear()
            case do.FailStart():
                assert not self.booted
            case do.ExitSelf():
                assert self.ending
                assert not self.open, f"{self.node.name} ends and owes an answer to {self.open}"
            case _:
                pass

    # Orders.

    def _start(self, order: do.StartLife) -> None:
        child_id, spec = order.child_id, order.spec
        assert not self.ending, "a start after the end has begun"
        assert all(life.number < order.life for life in self.node.lives), "a number given twice"
        asked = self.event.request if isinstance(self.event, ev.Requested) else None
        if isinstance(asked, ask.StartChild) and asked.spec is spec:
            self.order.append(child_id)
            self.specs[child_id] = spec
        elif asked == ask.RestartChild(child_id):
            pass
        elif self.following:
            self.specs[child_id] = spec
        elif not self.booted:
            self._start_at_boot(order)
        else:
            self._restart(order)
        assert self.specs[child_id] is spec or self.has_followed
        self.withdrawn.discard(child_id)
        self.not_before.pop(child_id, None)

    def _start_at_boot(self, order: do.StartLife) -> None:
        assert order.child_id in self.owed
        self.owed.remove(order.child_id)
        for life in self.node.living():
            if life.number in self.boot_lives:
                assert life.ready, f"{order.child_id} is started before {life} is ready"
                assert self.order.index(life.child_id) < self.order.index(order.child_id)
        self.boot_lives.add(order.life)

    def _restart(self, order: do.StartLife) -> None:
        """A start that nobody has asked for: within the intensity, and not before its time."""
        assert order.child_id in self.group or order.child_id in self.not_before, "a start that was not announced"
        promise = self.not_before.get(order.child_id, 0.0)
        assert self.now >= promise - A_HAIR, f"{order.child_id} starts {promise - self.now} s early"
        assert order.spec.restart is not Restart.TEMPORARY
        if self.spec.strategy is Strategy.ONE_FOR_ONE or self.scheduled:
            self.scheduled = False
            self.attempts.append(self.now)
            assert self._excess(-A_HAIR) <= 0, "more restarts than the intensity allows"

    def _stop(self, order: do.StopLife) -> None:
        if self.has_followed:  # and so has its spec
            return
        shutdown = self.specs[order.child_id].effective_shutdown
        expected = self.now + shutdown.seconds if isinstance(shutdown, Grace) else None
        assert not isinstance(shutdown, BrutalKill)
        assert order.deadline == expected
        assert order.life not in self.stop_at, "asked to stop twice"
        self.stop_at[order.life] = self.now
        self._check_victim(order.child_id)

    def _kill(self, order: do.KillLife) -> None:
        if self.has_followed:
            return
        shutdown = self.specs[order.child_id].effective_shutdown
        assert not isinstance(shutdown, Infinity)
        if isinstance(shutdown, Grace):
            assert self.now >= self.stop_at[order.life] + shutdown.seconds, "killed before its time"
        else:
            self._check_victim(order.child_id)

    def _check_victim(self, child_id: str) -> None:
        """Who is stopped: whom someone has named, whoever shares the fate of another, and at the end all, in order."""
        if isinstance(self.event, ev.Requested) and self.event.request == ask.TerminateChild(child_id):
            return
        if self.ending:
            later = self.order[self.order.index(child_id) + 1 :]
            assert not [life for other in later for life in self.node.living(other)], "not the last one that lives"
        else:
            assert self.spec.strategy is not Strategy.ONE_FOR_ONE
            assert child_id in self.group, f"{child_id} is stopped and nobody said that it would be restarted"

    # Facts.

    def _fact(self, event: fact.SupervisionEvent) -> None:
        life = getattr(event, "life", None)
        if isinstance(life, int):
            self.told[type(event), life] += 1
            again = self.told[type(event), life]
            assert again == 1, f"told twice: {event}"
        match event:
            case fact.ChildStarted():
                self.ready_at[event.life] = self.now
            case fact.ChildStartFailed():
                self.ending = self.ending or event.life in self.boot_lives  # a boot that fails ends the supervisor
            case fact.RestartScheduled():
                self._scheduled(event)
            case fact.BackoffWasReset():
                delays = self.specs[event.child_id].backoff or self.spec.backoff
                assert self.now >= self.ready_at[event.life] + delays.reset_after - A_HAIR
                assert self.failures.pop(event.child_id, 0) > 0 or self.has_followed
            case fact.IntensityReached():
                self.attempts.append(self.now)  # the one that is not made
                assert self._excess(A_HAIR) > 0 or self.has_followed, "gives up too early"
                self.ending = True
            case fact.SignificantChildEnded():
                self.ending = True
            case fact.Unstopped():
                self.node.life_of(event.child_id, event.life).written_off = True
            case _:
                pass

    def _scheduled(self, event: fact.RestartScheduled) -> None:
        assert not self.ending
        assert event.delay >= 0
        self.failures[event.child_id] = event.failures if self.has_followed else self.failures[event.child_id] + 1
        assert event.failures == self.failures[event.child_id]
        assert event.child_id in event.group
        match self.spec.strategy:
            case Strategy.ONE_FOR_ONE:
                assert event.group == (event.child_id,)
            case Strategy.ONE_FOR_ALL:
                assert list(event.group) == self.order
            case Strategy.REST_FOR_ONE:
                assert list(event.group) == self.order[self.order.index(event.group[0]) :]
        self.scheduled = True
        self.group = event.group
        for member in event.group:
            self.not_before[member] = max(self.not_before.get(member, 0.0), self.now + event.delay)

    # What an event must have led to.

    def _check_news(self, commands: list[do.Command]) -> None:
        event = self.event
        if isinstance(event, ev.TimerFired):
            return
        if not isinstance(event, ev.LifeEnded | ev.LifeFailed | ev.LifeReady | ev.LifeIgnored):
            return
        info = self.seen.get(event.child_id)
        if info is None or info.life != event.life or info.state not in ALIVE:
            assert commands == [], f"a ghost has moved something: {event} led to {commands}"
        elif isinstance(event, ev.LifeEnded):
            if not self.booted and info.state is not ChildState.STOPPING:
                self.owed.add(info.id)
            assert self.told[fact.ChildTerminated, event.life] == 1
            assert self.told[fact.ChildStarted, event.life] == 1 or info.state is ChildState.STOPPING
            if self.booted and self.was_calm and not self.following and info.state is not ChildState.STOPPING:
                self._check_verdict(info, event.reason, commands)
        elif isinstance(event, ev.LifeFailed) and info.state is ChildState.STARTING:
            assert self.told[fact.ChildStartFailed, event.life] == 1

    def _check_verdict(self, info: ChildInfo, reason: ExitReason, commands: list[do.Command]) -> None:
        """A child has ended on its own while the supervisor had nothing else in hand: the table of restart types."""
        said = [command.event for command in commands if isinstance(command, do.Announce)]
        restart = comes_back(info.restart, reason)
        given_up = any(isinstance(event, fact.IntensityReached) for event in said)
        assert (any(isinstance(event, fact.RestartScheduled) for event in said) or given_up) == restart
        forgotten = do.ForgetChild(info.id) in commands
        assert forgotten == (info.restart is Restart.TEMPORARY)
        others = any(
            other.significant and (other.state in ALIVE or other.state is ChildState.BACKOFF)
            for other in self.seen.values()
            if other.id != info.id
        )
        mode = self.spec.auto_shutdown
        wanted = mode is AutoShutdown.ANY_SIGNIFICANT or (mode is AutoShutdown.ALL_SIGNIFICANT and not others)
        expected = info.significant and not restart and wanted
        assert any(isinstance(event, fact.SignificantChildEnded) for event in said) == expected

    def _check_moves(self, table: dict[str, ChildInfo]) -> None:
        for child_id, info in table.items():
            seen = self.seen.get(child_id)
            if seen is None:
                continue
            assert info.life >= seen.life
            if info.life == seen.life:
                assert info.state in within_one_life(seen.state), f"{child_id}: {seen.state} -> {info.state}"

    def _check_answer(self, request: ask.Request, to: object, commands: list[do.Command]) -> None:
        answer = next((c for c in commands if isinstance(c, do.Reply | do.Refuse) and c.to == to), None)
        got = None if answer is None else answer.value if isinstance(answer, do.Reply) else type(answer.error)
        if isinstance(request, ask.WhichChildren):
            assert isinstance(got, Children)
            assert [info.id for info in got.children] == list(self.seen)[::-1]
            return
        if isinstance(request, ask.CountChildren):
            assert got == count_children(self.seen.values(), self.readied)
            return
        if isinstance(request, ask.StartChildWith | ask.Reconfigure):
            return
        child_id = request.spec.id if isinstance(request, ask.StartChild) else str(request.child_id)
        assert got == self._expected(request, self.seen.get(child_id)), f"{request}: {got}"
        started = any(isinstance(command, do.StartLife) and command.child_id == child_id for command in commands)
        assert started == (got is None and isinstance(request, ask.StartChild | ask.RestartChild))

    def _expected(self, request: ask.Request, info: ChildInfo | None) -> object:
        """Give the value of the answer, the type of the error, or None if it is to come later."""
        if info is None and not isinstance(request, ask.StartChild):
            return err.ChildNotFound
        if isinstance(request, ask.GetChildSpec):
            if self.has_followed:
                return ANY
            spec = self.specs[str(request.child_id)]
            was_ready = info is not None and info.life in self.ready_at
            let_go = was_ready and spec.restart is Restart.TEMPORARY  # of what it was started with
            return replace(spec, start=replace(spec.start, args=(), kwargs={})) if let_go else spec
        if self.was_ending:
            return err.SupervisorStopping
        never = self.spec.auto_shutdown is AutoShutdown.NEVER
        if isinstance(request, ask.StartChild) and request.spec.significant and never:
            return err.InvalidSpec  # it was drawn for the spec before
        if info is None:
            return None
        if isinstance(request, ask.StartChild):
            return err.AlreadyStarted if info.state in ALIVE and not info.restarting else err.AlreadyPresent
        if isinstance(request, ask.TerminateChild):
            return None if info.state in ALIVE else Done()
        if info.state in READY:
            return err.ChildRunning
        if info.state is not ChildState.STOPPED or info.id in self.owed:
            return err.ChildRestarting
        return Done() if isinstance(request, ask.DeleteChild) else None

    # When nothing happens any more.

    def check_rest(self) -> None:
        """Nothing is under way: then nothing may wait."""
        if self.node.core.ended or not self.booted:
            return
        assert self.node.core.phase == "running", f"{self.node.name} is still {self.node.core.phase}"
        assert not self.open
        assert not self.following
        for info in self._table().values():
            assert info.state in {ChildState.RUNNING, ChildState.STOPPED}, f"{info.id} is {info.state} for ever"
            assert len(self.node.living(info.id)) == (info.state is ChildState.RUNNING)
            if info.restart is Restart.PERMANENT and info.state is ChildState.STOPPED:
                assert info.id not in self.not_before or info.id in self.withdrawn, f"{info.id} was promised to be back"

    def _is_current(self, event: ev.LifeReady) -> bool:
        return event.child_id in self.seen and self.seen[event.child_id].life == event.life

    def _table(self) -> dict[str, ChildInfo]:
        return {info.id: info for info in self.node.core.children(self.now)}

    def _excess(self, slack: float) -> float:
        return excess(self.spec.intensity, self.attempts, self.now, slack)
