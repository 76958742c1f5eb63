"""A stage for the supervisor's core: its commands are carried out by puppets, its timers by a number that we move."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Hashable
from typing import Any

from regrow.actors.child_spec import ChildSpec, Delays, Restart, Start
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.backoff import NO_BACKOFF
from regrow.supervision.core import SupervisorCore
from regrow.supervision.decay import FailureDecay
from regrow.supervision.errors import SupervisionError
from regrow.supervision.events import SupervisionEvent
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.mind import Mind
from regrow.supervision.results import ChildCounts, ChildInfo, Children, Reconfigured, Result
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.states import ChildState
from regrow.supervision.strategy import Strategy

BOOM = Crash("ValueError", "boom")
OFTEN = RestartIntensity(1000, 1.0)


def child(child_id: str, restart: Restart | str = Restart.PERMANENT, **more: Any) -> ChildSpec:
    """A child that is nobody's class: only the core ever sees it."""
    return ChildSpec(id=child_id, start=Start(object), restart=Restart(restart), **more)


class Stage:
    """Plays every child of one supervisor. By default a start is ready at once and a stop obeyed at once.

    `starts[id]`: what the next starts do, in turn, the last for ever: "ready", "ignore", "hang", or a reason to fail.
    `stops[id]`: "obey", "hang" (only a kill ends it), "immortal" (nothing does), or the reason it ends with.
    """

    def __init__(
        self,
        *children: ChildSpec,
        strategy: Strategy | str = Strategy.ONE_FOR_ONE,
        intensity: RestartIntensity | FailureDecay = OFTEN,
        backoff: Delays = NO_BACKOFF,
        auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER,
        seed: int = 0,
    ) -> None:
        self.spec = SupervisorSpec(Strategy(strategy), children, intensity, backoff, AutoShutdown(auto_shutdown), "top")
        self.core: Mind[Any] = SupervisorCore(self.spec, random.Random(seed))
        self.now = 100.0
        self.starts: dict[str, list[str | ExitReason]] = {}
        self.stops: dict[str, str | ExitReason] = {}
        self.log: list[str] = []
        self.facts: list[SupervisionEvent] = []
        self.commands: list[do.Command] = []
        self.answers: dict[Hashable, Result | SupervisionError] = {}
        self.timers: dict[do.TimerKey, float] = {}
        self.lives: dict[str, int] = {}  # the life of every child that somebody would see in `ps`
        self.ready: set[int] = set()
        self.attempts: list[float] = []  # when children were restarted, seen from outside
        self.restarts: dict[str, int] = {}
        self.confirmed = False
        self.start_error: SupervisionError | None = None
        self.exited: ExitReason | None = None
        self.asked_inside: dict[str, tuple[int, object]] = {}
        self._asked = 0
        self._news: deque[ev.CoreEvent] = deque()
        self._busy = False

    def boot(self) -> Stage:
        self.feed(ev.Booted())
        return self

    def feed(self, event: ev.CoreEvent) -> None:
        self._news.append(event)
        if self._busy:
            return
        self._busy = True
        while self._news:
            for command in self.core.receive(self._news.popleft(), self.now):
                self._obey(command)
        self._busy = False

    def take_log(self) -> list[str]:
        taken, self.log = self.log, []
        return taken

    # What children do on their own.

    def crash(self, child_id: str, reason: ExitReason = BOOM) -> None:
        life = self.lives.pop(child_id)
        self.ready.discard(life)
        self.feed(ev.LifeEnded(child_id, life, reason))

    def finish(self, child_id: str, reason: ExitReason = NORMAL) -> None:
        self.crash(child_id, reason)

    def become_ready(self, child_id: str, info: object = None) -> None:
        self.ready.add(self.lives[child_id])
        self.feed(ev.LifeReady(child_id, self.lives[child_id], info))

    def fail_start(self, child_id: str, reason: ExitReason = BOOM) -> None:
        self.feed(ev.LifeFailed(child_id, self.lives.pop(child_id), reason))

    def follow(self, child_id: str, result: Reconfigured | None = None, error: str | None = None) -> None:
        """Let a supervisor below answer that it follows (with `result`), refuses (`error`) or cannot (neither)."""
        self.feed(ev.LifeReconfigured(child_id, self.asked_inside.pop(child_id)[0], result, error))

    # What users do.

    def request(self, request: ask.Request) -> int:
        self._asked += 1
        self.feed(ev.Requested(request, self._asked))
        return self._asked

    def ask(self, request: ask.Request) -> Result | SupervisionError:
        return self.answers[self.request(request)]

    def stop(self, reason: ExitReason = SHUTDOWN) -> None:
        self.feed(ev.StopRequested(reason))

    def pass_time(self, seconds: float) -> None:
        """Move time on, firing what is due on the way, in order."""
        end = self.now + seconds
        while due := sorted((at, index, key) for index, (key, at) in enumerate(self.timers.items()) if at <= end):
            at, _, key = due[0]
            self.now = max(self.now, at)
            del self.timers[key]
            self.feed(ev.TimerFired(key))
        self.now = end

    # What is to be seen.

    def ref(self, child_id: str) -> Any:
        """What a child is reached by, in all its lives."""
        return f"ref of {child_id}"

    @property
    def over(self) -> bool:
        return self.exited is not None

    def info(self, child_id: str) -> ChildInfo:
        return next(info for info in self.core.children(self.now) if info.id == child_id)

    def state(self, child_id: str) -> ChildState:
        return self.info(child_id).state

    def states(self) -> dict[str, str]:
        return {info.id: str(info.state) for info in self.core.children(self.now)}

    def listed(self) -> list[str]:
        children = self.ask(ask.WhichChildren())
        assert isinstance(children, Children)
        return [info.id for info in children.children]

    def counts(self) -> tuple[int, int, int, int]:
        counts = self.ask(ask.CountChildren())
        assert isinstance(counts, ChildCounts)
        return counts.specs, counts.active, counts.supervisors, counts.workers

    def saw(self, kind: type[SupervisionEvent]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def _obey(self, command: do.Command) -> None:
        assert self.exited is None, f"a command after ExitSelf: {command}"
        self.commands.append(command)
        match command:
            case do.StartLife(child_id, life, _):
                assert child_id not in self.lives, f"a second live incarnation of {child_id}"
                self.log.append(f"start {child_id}")
                self.lives[child_id] = life
                restarts = self.info(child_id).restarts
                if restarts > self.restarts.get(child_id, 0):
                    self.attempts.append(self.now)
                self.restarts[child_id] = restarts
                self._news.append(ev.LifeBegun(child_id, life, self.ref(child_id), life))
                self._play_start(child_id, life)
            case do.StopLife(child_id, life, _, _):
                self.log.append(f"stop {child_id}")
                how = self.stops.get(child_id, "obey")
                if how not in {"hang", "immortal"}:
                    self._end(child_id, life, SHUTDOWN if isinstance(how, str) else how)
            case do.KillLife(child_id, life):
                self.log.append(f"kill {child_id}")
                if self.stops.get(child_id) != "immortal":
                    self._end(child_id, life, KILLED)
            case do.ReconfigureLife(child_id, life, message):
                self.log.append(f"ask {child_id}")
                self.asked_inside[child_id] = (life, message)
            case do.SetTimer(key, at):
                self.timers[key] = at
            case do.CancelTimer(key):
                self.timers.pop(key, None)
            case do.Reply(to, value):
                assert to not in self.answers, "answered twice"
                self.answers[to] = value
            case do.Refuse(to, error):
                assert to not in self.answers, "answered twice"
                self.answers[to] = error
            case do.Announce(event):
                self.facts.append(event)
            case do.ForgetChild(child_id):
                self.restarts.pop(child_id, None)
                self.log.append(f"forget {child_id}")
            case do.ConfirmStart():
                self.confirmed = True
            case do.FailStart(error):
                self.start_error = error
            case do.ExitSelf(reason):
                self.exited = reason

    def _play_start(self, child_id: str, life: int) -> None:
        script = self.starts.get(child_id, ["ready"])
        step = script.pop(0) if len(script) > 1 else script[0]
        if step == "ready":
            self.ready.add(life)
            self._news.append(ev.LifeReady(child_id, life))
        elif step == "ignore":
            del self.lives[child_id]
            self._news.append(ev.LifeIgnored(child_id, life))
        elif not isinstance(step, str):
            del self.lives[child_id]
            self._news.append(ev.LifeFailed(child_id, life, step))

    def _end(self, child_id: str, life: int, reason: ExitReason) -> None:
        if self.lives.get(child_id) != life:
            return
        del self.lives[child_id]
        if life in self.ready:
            self._news.append(ev.LifeEnded(child_id, life, reason))
        else:
            self._news.append(ev.LifeFailed(child_id, life, reason))
