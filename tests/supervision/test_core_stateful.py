"""Whatever happens, in whatever order, a supervisor keeps its rules: the judge beside each core objects if not."""

from __future__ import annotations

import unittest
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from regrow.actors.child_spec import BrutalKill, ChildSpec, ChildType, Grace, Infinity, Restart, Start
from regrow.protocol.exits import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Crash,
    ExitReason,
    ExitStatus,
    Hang,
    Shutdown,
    Signaled,
)
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.backoff import NO_BACKOFF, Backoff
from regrow.supervision.decay import FailureDecay
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.strategy import Strategy
from tests.supervision.steps import count_step
from tests.supervision.world import AnySpec, Life, Node, World

IDS = ("a", "b", "c", "d")
BOOM = Crash("ValueError", "boom")
REASONS: list[ExitReason] = [
    NORMAL, SHUTDOWN, Shutdown("x"), BOOM, BOOM, KILLED, ExitStatus(0), Signaled(9), Hang("blocked"), NOPROC,
]  # fmt: skip
RESTARTS = [Restart.PERMANENT, Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY]
SHUTDOWNS = [None, None, BrutalKill(), Grace(0.0), Grace(0.5), Grace(2.0), Infinity()]
BACKOFFS = [None, None, Backoff(initial=1.0, base=1.0), Backoff(base=0.5, jitter="none", reset_after=1.0), NO_BACKOFF]

RARELY = st.sampled_from([*[False] * 7, True])
INTENSITIES = st.one_of(
    st.builds(RestartIntensity, st.sampled_from([0, 1, 2, 5, 5, 20]), st.sampled_from([0.5, 3.0, 20.0])),
    st.builds(FailureDecay, st.sampled_from([0.5, 1.0, 2.5, 10.0]), st.sampled_from([0.5, 5.0])),
)


@st.composite
def children(draw: st.DrawFn, mode: AutoShutdown, inner: st.SearchStrategy[SupervisorSpec] | None = None) -> ChildSpec:
    """A valid child for a supervisor with this auto_shutdown; now and then a supervisor."""
    restart = draw(st.sampled_from(RESTARTS))
    is_supervisor = inner is not None and draw(st.sampled_from([True, False, False]))
    return ChildSpec(
        id=draw(st.sampled_from(IDS)),
        start=Start(object, (draw(inner),) if is_supervisor and inner is not None else ()),
        restart=restart,
        shutdown=draw(st.sampled_from(SHUTDOWNS)),
        type=ChildType.SUPERVISOR if is_supervisor else ChildType.WORKER,
        significant=mode is not AutoShutdown.NEVER and restart is not Restart.PERMANENT and draw(st.booleans()),
        backoff=draw(st.sampled_from(BACKOFFS)),
    )


@st.composite
def supervisors(draw: st.DrawFn, depth: int = 0) -> SupervisorSpec:
    mode = draw(st.sampled_from(AutoShutdown))
    inner = supervisors(depth - 1) if depth else None
    return SupervisorSpec(
        strategy=draw(st.sampled_from(Strategy)),
        children=draw(
            st.lists(children(mode, inner), min_size=1, max_size=3 if depth else 4, unique_by=lambda spec: spec.id)
        ),
        intensity=draw(INTENSITIES),
        backoff=draw(st.sampled_from([Backoff(base=0.3, cap=4.0, reset_after=2.0), NO_BACKOFF])),
        auto_shutdown=mode,
    )


@st.composite
def crowds(draw: st.DrawFn) -> DynamicSpec:
    return DynamicSpec(
        intensity=draw(INTENSITIES),
        backoff=draw(st.sampled_from([Backoff(base=0.3, cap=4.0, reset_after=2.0), NO_BACKOFF])),
        max_children=draw(st.sampled_from([None, None, 1, 3])),
        extra_arguments=draw(st.sampled_from([(), ("extra",)])),
        template=draw(st.one_of(st.none(), children(AutoShutdown.NEVER))),
    )


class Supervision(RuleBasedStateMachine):
    """One supervisor, or with DEPTH a tree: lives, users, mail and timers do what they like."""

    DEPTH = 0
    world: World

    def top(self) -> st.SearchStrategy[AnySpec]:
        return supervisors(self.DEPTH)

    @initialize(
        data=st.data(),
        prompt=st.sampled_from([True, True, False]),
        dawdlers=st.sets(st.sampled_from(IDS), max_size=2),
        flaky=st.sets(st.sampled_from(IDS), max_size=2),
    )
    def begin(self, data: st.DataObject, prompt: bool, dawdlers: set[str], flaky: set[str]) -> None:
        self.world = World(data.draw(self.top()))
        self.world.flaky = flaky
        self.prompt = prompt
        self.dawdlers = dawdlers

    @precondition(lambda self: self.over)
    @rule(data=st.data(), prompt=st.sampled_from([True, True, False]), flaky=st.sets(st.sampled_from(IDS), max_size=2))
    def another_world_begins(self, data: st.DataObject, prompt: bool, flaky: set[str]) -> None:
        self.begin(data, prompt, self.dawdlers, flaky)

    @property
    def over(self) -> bool:
        return self.world.root.over

    def node(self, data: st.DataObject, nodes: list[Node] | None = None) -> Node:
        return data.draw(st.sampled_from(self.world.open_nodes() if nodes is None else nodes))

    @property
    def lives(self) -> list[Life]:
        return list(self.world.open_lives())

    @property
    def killable(self) -> list[Life]:
        return [life for node in self.world.open_nodes() for life in node.lives if life.killed and not life.over]

    @property
    def with_mail(self) -> list[Node]:
        return [node for node in self.world.open_nodes() if node.mail]

    @property
    def with_timers(self) -> list[Node]:
        return [node for node in self.world.open_nodes() if node.due()]

    # What comes, and when.

    @precondition(lambda self: self.with_mail and not self.prompt)
    @rule(data=st.data())
    def any_mail_arrives(self, data: st.DataObject) -> None:
        node = self.node(data, self.with_mail)
        node.deliver(data.draw(st.integers(0, len(node.mail) - 1)))

    @precondition(lambda self: self.with_mail and not self.prompt)
    @rule()
    def all_mail_arrives(self) -> None:
        for node in self.with_mail:
            while node.mail and not node.over:
                node.deliver()

    @precondition(lambda self: not self.over)
    @rule(seconds=st.sampled_from([0.0, 0.1, 0.5, 2.0, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    @precondition(lambda self: self.with_timers)
    @rule(data=st.data())
    def any_timer_fires(self, data: st.DataObject) -> None:
        node = self.node(data, self.with_timers)
        node.fire(data.draw(st.sampled_from(node.due())))

    @precondition(lambda self: not self.over)
    @rule()
    def everything_calms_down(self) -> None:
        self.world.calm_down()
        for node in self.world.nodes:
            if not node.over:
                node.judge.check_rest()

    # What lives do.

    @precondition(lambda self: self.lives)
    @rule(data=st.data(), reason=st.sampled_from(REASONS), abandoned=st.booleans())
    def a_life_ends(self, data: st.DataObject, reason: ExitReason, abandoned: bool) -> None:
        life = data.draw(st.sampled_from(self.lives))
        if life.ready or not data.draw(st.booleans()):
            life.end(reason, abandoned=abandoned)
        else:
            life.ignore()

    @precondition(lambda self: any(life.ready for life in self.lives))
    @rule(data=st.data(), times=st.sampled_from([1, 1, 2, 5]))
    def a_child_crashes(self, data: st.DataObject, times: int) -> None:
        """Once, or again and again as soon as it is back."""
        child_id = data.draw(st.sampled_from([life for life in self.lives if life.ready])).child_id
        for _ in range(times):
            for life in [life for life in self.lives if life.child_id == child_id and life.ready][:1]:
                life.end(BOOM)
                self.the_prompt_do_not_wait()

    @precondition(lambda self: any(not life.ready for life in self.lives))
    @rule(data=st.data())
    def a_life_is_ready(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from([life for life in self.lives if not life.ready])).say_ready()

    @precondition(lambda self: not self.over)
    @rule()
    def all_do_as_they_are_told(self) -> None:
        for life in self.lives:
            life.obey()

    @precondition(lambda self: self.killable)
    @rule(data=st.data())
    def a_killed_life_ends(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.killable)).end(KILLED)

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def a_life_hardens(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.lives)).stubborn = True

    # What nobody sent: news of lives and timers that are no more.

    @precondition(lambda self: any(node.lives for node in self.world.open_nodes()))
    @rule(data=st.data(), kind=st.sampled_from(["ready", "ended", "failed", "ignored", "begun"]))
    def a_ghost_speaks(self, data: st.DataObject, kind: str) -> None:
        node = self.node(data, [node for node in self.world.open_nodes() if node.lives])
        number = data.draw(st.integers(0, len(node.lives)))
        child_id = data.draw(st.sampled_from(IDS))
        if any(info.id == child_id and info.life == number for info in node.core.children(self.world.now)):
            return  # not a ghost
        event: Any = {
            "begun": ev.LifeBegun(child_id, number, None, 0),  # type: ignore[arg-type]
            "ready": ev.LifeReady(child_id, number),
            "ended": ev.LifeEnded(child_id, number, BOOM),
            "failed": ev.LifeFailed(child_id, number, BOOM),
            "ignored": ev.LifeIgnored(child_id, number),
        }[kind]
        before = node.core.children(self.world.now)
        node.feed(event)
        assert node.core.children(self.world.now) == before

    @precondition(lambda self: any(node.spent for node in self.world.open_nodes()))
    @rule(data=st.data())
    def a_spent_timer_fires_again(self, data: st.DataObject) -> None:
        node = self.node(data, [node for node in self.world.open_nodes() if node.spent])
        key = data.draw(st.sampled_from(list(node.spent)))
        if key in node.timers or ev.TimerFired(key) in node.mail or node.spent[key] > self.world.now:
            return
        before = node.core.children(self.world.now)
        node.feed(ev.TimerFired(key))
        assert node.core.children(self.world.now) == before

    # What users do.

    @precondition(lambda self: self.world.open_nodes())
    @rule(data=st.data())
    def somebody_adds_a_child(self, data: st.DataObject) -> None:
        node = self.node(data)
        inner = supervisors(0) if self.DEPTH else None
        if isinstance(node.core, DynamicCore) and (node.core.spec.template is not None) != (data.draw(RARELY)):
            for number in range(data.draw(st.sampled_from([1, 3]))):
                node.request(ask.StartChildWith((number,)))
        else:
            node.request(ask.StartChild(data.draw(children(node.judge.spec.auto_shutdown, inner))))

    @precondition(lambda self: self.world.open_nodes())
    @rule(
        data=st.data(),
        kind=st.sampled_from([ask.TerminateChild, ask.TerminateChild, ask.RestartChild, ask.DeleteChild]),
    )
    def somebody_changes_a_child(self, data: st.DataObject, kind: Any) -> None:
        node = self.node(data)
        node.request(kind(data.draw(st.sampled_from([*node.judge.order, "a"]))))

    @precondition(lambda self: self.world.open_nodes())
    @rule(
        data=st.data(),
        request=st.sampled_from([ask.WhichChildren(), ask.CountChildren(), *(ask.GetChildSpec(name) for name in IDS)]),
    )
    def somebody_asks(self, data: st.DataObject, request: ask.Request) -> None:
        self.node(data).request(request)

    @precondition(lambda self: self.world.open_nodes())
    @rule(data=st.data(), reason=st.sampled_from([SHUTDOWN, NORMAL, Shutdown("deploy"), BOOM]), sure=st.integers(0, 19))
    def somebody_stops_a_supervisor(self, data: st.DataObject, reason: ExitReason, sure: int) -> None:
        if sure == 19:  # not too often: there is nothing more to see after it
            self.node(data).send(ev.StopRequested(reason))

    @invariant()
    def the_prompt_do_not_wait(self) -> None:
        """In most worlds mail is fast and all but the dawdlers do at once what they are told."""
        while self.prompt and (self.with_mail or self._hurry()):
            self.all_mail_arrives()

    def _hurry(self) -> bool:
        moved = [life.obey() for life in self.lives if life.child_id[0] not in self.dawdlers]
        return any(moved)

    @invariant()
    def a_step_is_counted(self) -> None:
        count_step(type(self).__name__)

    @invariant()
    def nobody_lives_under_the_dead(self) -> None:
        for node in self.world.nodes:
            if node.over:
                assert all(life.over or life.written_off for life in node.lives)

    def teardown(self) -> None:
        if not hasattr(self, "world") or not self.world.whole:
            return
        self.world.root.send(ev.StopRequested())
        self.world.calm_down()
        for node in self.world.open_nodes():  # only who was killed, and given up because it ran on, is asked by nobody
            assert node.life is not None
            assert node.life.written_off
            assert not node.living()


class Trees(Supervision):
    """Supervisors under supervisors."""

    DEPTH = 2


class Followers(Supervision):
    """Trees that are told to become other ones, at any moment."""

    DEPTH = 1

    @precondition(lambda self: self.world.open_nodes())
    @rule(data=st.data())
    def somebody_changes_the_spec(self, data: st.DataObject) -> None:
        node = self.node(data)
        new = data.draw(supervisors(1 if node is self.world.root else 0))
        old = {child.id: child for child in node.judge.spec.children}
        same = data.draw(st.sets(st.sampled_from(IDS)))  # of these, those that were there before
        kept = [old.get(child.id, child) if child.id in same else child for child in new.children]
        significant = new.auto_shutdown is not AutoShutdown.NEVER
        kept = [replace(child, significant=child.significant and significant) for child in kept]
        node.request(ask.Reconfigure(replace(new, children=kept)))


class Crowds(Supervision):
    """A supervisor of children that come and go, some of them supervisors."""

    DEPTH = 1

    def top(self) -> st.SearchStrategy[AnySpec]:
        return crowds()


def sized(machine: type[Supervision]) -> type[unittest.TestCase]:
    """Give the test of a machine: short in a usual run, as long as the profile says in a soak."""
    case = machine.TestCase
    case.settings = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
    if settings.get_current_profile_name() != "soak":
        case.settings = settings(case.settings, max_examples=40, stateful_step_count=25)
    return case


TestSupervision = sized(Supervision)
TestTrees = sized(Trees)
TestFollowers = sized(Followers)
TestCrowds = sized(Crowds)
