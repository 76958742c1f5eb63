"""Whatever happens, in whatever order, these hold. The stage itself checks: never two live incarnations of a child, no
command after ExitSelf, nobody answered twice."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from regrow.actors.child_spec import BrutalKill, Grace, Restart
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.backoff import NO_BACKOFF, Backoff
from regrow.supervision.events import RestartScheduled
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.states import ALIVE, ChildState
from regrow.supervision.strategy import Strategy
from tests.supervision.stage import BOOM, Stage, child

IDS = ("a", "b", "c", "d")
REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("x"), BOOM, KILLED]
STARTS: list[Any] = ["ready", "ready", "hang", "ignore", BOOM]
STOPS: list[Any] = ["obey", "obey", "hang", "immortal", BOOM]

specs = st.builds(
    child,
    st.sampled_from(IDS),
    st.sampled_from(Restart),
    shutdown=st.sampled_from([None, BrutalKill(), Grace(0.5), Grace(2.0)]),
    backoff=st.sampled_from([None, None, Backoff(initial=1.0, base=1.0), NO_BACKOFF]),
)


class AnyOrder(RuleBasedStateMachine):
    """Children and users do what they like; timers fire as time passes."""

    stage: Stage

    @initialize(
        children=st.lists(specs, max_size=4, unique_by=lambda spec: spec.id),
        strategy=st.sampled_from(Strategy),
        auto_shutdown=st.sampled_from(AutoShutdown),
        intensity=st.builds(RestartIntensity, st.integers(0, 6), st.sampled_from([0.5, 3.0])),
        starts=st.dictionaries(st.sampled_from(IDS), st.lists(st.sampled_from(STARTS), min_size=1, max_size=4)),
        stops=st.dictionaries(st.sampled_from(IDS), st.sampled_from(STOPS)),
    )
    def set_up(
        self,
        children: list[Any],
        strategy: Strategy,
        auto_shutdown: AutoShutdown,
        intensity: RestartIntensity,
        starts: dict[str, list[Any]],
        stops: dict[str, Any],
    ) -> None:
        self.stage = Stage(
            *children,
            strategy=strategy,
            auto_shutdown=auto_shutdown,
            intensity=intensity,
            backoff=Backoff(base=0.3, cap=4.0, reset_after=2.0),
        )
        self.stage.starts.update(starts)
        self.stage.stops.update(stops)
        self.asked = 0
        self.stage.boot()

    @property
    def running(self) -> list[str]:
        return [name for name, life in self.stage.lives.items() if life in self.stage.ready]

    @property
    def hanging(self) -> list[str]:
        return [name for name, life in self.stage.lives.items() if life not in self.stage.ready]

    @precondition(lambda self: self.running)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def a_child_ends(self, data: st.DataObject, reason: ExitReason) -> None:
        self.stage.crash(data.draw(st.sampled_from(self.running)), reason)

    @precondition(lambda self: self.hanging)
    @rule(data=st.data(), ok=st.booleans())
    def a_start_ends(self, data: st.DataObject, ok: bool) -> None:
        name = data.draw(st.sampled_from(self.hanging))
        if ok:
            self.stage.become_ready(name)
        else:
            self.stage.fail_start(name)

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 2.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.stage.pass_time(seconds)

    @rule(spec=specs)
    def somebody_adds(self, spec: Any) -> None:
        self._ask(ask.StartChild(spec))

    @rule(
        kind=st.sampled_from([ask.TerminateChild, ask.RestartChild, ask.DeleteChild, ask.GetChildSpec]),
        name=st.sampled_from(IDS),
    )
    def somebody_asks(self, kind: Any, name: str) -> None:
        self._ask(kind(name))

    @rule(name=st.sampled_from(IDS), life=st.integers(0, 30), kind=st.sampled_from(["ready", "ended", "failed"]))
    def ghosts_speak(self, name: str, life: int, kind: str) -> None:
        if self.stage.lives.get(name) == life:
            return
        before = self.stage.states()
        event: Any = {
            "ready": ev.LifeReady(name, life),
            "ended": ev.LifeEnded(name, life, BOOM),
            "failed": ev.LifeFailed(name, life, BOOM),
        }[kind]
        current = {info.id: info.life for info in self.stage.core.children(self.stage.now)}
        if current.get(name) == life:
            return  # not a ghost: the table still holds this life, it has only ended
        self.stage.feed(event)
        assert self.stage.states() == before

    @rule()
    def stale_timers_fire(self) -> None:
        before = self.stage.states()
        for name in IDS:
            self.stage.feed(ev.TimerFired(do.RestartDue(name, 10_000)))
            self.stage.feed(ev.TimerFired(do.BackoffReset(name, 10_000)))
            self.stage.feed(ev.TimerFired(do.StopDeadline(name, 10_000)))
        self.stage.feed(ev.TimerFired(do.GroupDue(10_000)))
        assert self.stage.states() == before

    @rule()
    def the_supervisor_is_stopped(self) -> None:
        self.stage.stop()

    def _ask(self, request: Any) -> None:
        if self.stage.exited is None:
            self.stage.request(request)
            self.asked += 1

    @invariant()
    def the_table_agrees_with_the_world(self) -> None:
        for info in self.stage.core.children(self.stage.now):
            if info.state in {ChildState.STARTING, ChildState.RUNNING}:
                assert self.stage.lives[info.id] == info.life
            if info.state in {ChildState.STOPPED, ChildState.BACKOFF}:
                alive = self.stage.lives.get(info.id)
                assert alive is None or self.stage.stops.get(info.id) == "immortal"

    @invariant()
    def nothing_lives_that_the_table_has_forgotten(self) -> None:
        known = {info.id for info in self.stage.core.children(self.stage.now) if info.state in ALIVE}
        for name in self.stage.lives.keys() - known:
            assert self.stage.stops.get(name) == "immortal"

    @invariant()
    def a_child_that_waits_has_something_that_wakes_it(self) -> None:
        if self.stage.exited is not None:
            return
        for info in self.stage.core.children(self.stage.now):
            if info.state is not ChildState.BACKOFF:
                continue
            own = any(isinstance(key, do.RestartDue) and key.child_id == info.id for key in self.stage.timers)
            group = any(isinstance(key, do.GroupDue) for key in self.stage.timers)
            assert own or group or self.stage.lives, f"{info.id} waits for nothing"

    @invariant()
    def a_child_that_stops_has_a_deadline(self) -> None:
        for info in self.stage.core.children(self.stage.now):
            if info.state is ChildState.STOPPING:
                keys = {do.StopDeadline(info.id, info.life), do.KillDeadline(info.id, info.life)}
                assert keys & self.stage.timers.keys()

    @invariant()
    def nobody_is_left_unanswered_at_the_end(self) -> None:
        if self.stage.exited is not None:
            assert len(self.stage.answers) == self.asked
            assert self.stage.timers == {}
            assert not [name for name in self.stage.lives if self.stage.stops.get(name) != "immortal"]

    @invariant()
    def the_intensity_is_never_exceeded(self) -> None:
        intensity = self.stage.spec.intensity
        if self.stage.spec.strategy is Strategy.ONE_FOR_ONE:  # where an attempt is a child
            for last in self.stage.attempts:
                within = [at for at in self.stage.attempts if last - intensity.max_seconds <= at <= last]
                assert len(within) <= intensity.max_restarts

    @invariant()
    def restarts_are_announced_before_they_begin(self) -> None:
        if any(info.restarts for info in self.stage.core.children(self.stage.now)):
            assert self.stage.saw(RestartScheduled)

    def teardown(self) -> None:
        if not hasattr(self, "stage"):
            return
        ids = [info.id for info in self.stage.core.children(self.stage.now)]
        living = [name for name in ids if self.stage.state(name) in {ChildState.STARTING, ChildState.RUNNING}]
        ending = self.stage.core.phase == "stopping"
        self.stage.take_log()
        self.stage.stop()
        self.stage.pass_time(10_000.0)
        assert self.stage.exited is not None
        if not ending:
            orders = [line.split()[1] for line in self.stage.log if line.startswith(("stop", "kill"))]
            first_orders = [name for name in dict.fromkeys(orders) if name in living]
            assert first_orders == living[::-1], "stopped in reverse start order"
        self.nobody_is_left_unanswered_at_the_end()


AnyOrder.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestAnyOrder = AnyOrder.TestCase
