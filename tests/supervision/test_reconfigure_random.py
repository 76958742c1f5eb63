"""Whatever happens while a supervisor follows one spec after the other: in the end it is what the last one says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.child_spec import BrutalKill, ChildSpec, ChildType, Grace, Restart, Start
from regrow.protocol.exits import NORMAL, Crash
from regrow.supervision import Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.errors import CannotReconfigure, SupervisionError
from regrow.supervision.results import Reconfigured
from tests.supervision.stage import Stage

IDS = ("a", "b", "c", "d", "e")
BOOM = Crash("ValueError", "boom")

INNER = (SupervisorSpec(), SupervisorSpec(strategy=Strategy.ONE_FOR_ALL))
STARTS = (Start(object), Start(dict), *(Start(list, (inner,)) for inner in INNER))


@st.composite
def children(draw: st.DrawFn) -> ChildSpec:
    start = draw(st.sampled_from(STARTS))
    return ChildSpec(
        id=draw(st.sampled_from(IDS)),
        start=start,
        type=ChildType.SUPERVISOR if start.args else ChildType.WORKER,
        restart=draw(st.sampled_from(Restart)),
        shutdown=draw(st.sampled_from([Grace(1.0), BrutalKill()])),
    )


SPECS = st.builds(
    SupervisorSpec,
    strategy=st.sampled_from(Strategy),
    children=st.lists(children(), max_size=5, unique_by=lambda spec: spec.id),
    intensity=st.sampled_from([RestartIntensity(3, 5.0), RestartIntensity(9, 1.0)]),
    backoff=st.sampled_from([Backoff(initial=1.0, jitter="none"), Backoff(initial=0.0, base=0.0, cap=0.0)]),
    name=st.just("top"),
)
HOWS = st.one_of(
    st.tuples(st.just("spec"), SPECS),
    st.tuples(st.sampled_from(["crash", "finish", "ready", "follow", "refuse", "cannot"]), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(["terminate", "restart", "delete", "start"]), st.sampled_from(IDS)),
    st.tuples(st.just("starts"), st.tuples(st.sampled_from(IDS), st.sampled_from(["ready", "hang", "ignore", BOOM]))),
    st.tuples(st.just("stops"), st.tuples(st.sampled_from(IDS), st.sampled_from(["obey", "hang", NORMAL]))),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 6.0])),
)


class Play:
    """A supervisor on a stage, and what is known of it from outside."""

    def __init__(self, spec: SupervisorSpec) -> None:
        self.stage = Stage(
            *spec.children, strategy=spec.strategy, intensity=spec.intensity, backoff=spec.backoff
        ).boot()
        self.asked: list[int] = []

    @property
    def spec(self) -> SupervisorSpec:
        assert isinstance(self.stage.core, SupervisorCore)
        return self.stage.core.spec

    def step(self, what: str, with_: Any) -> None:
        stage = self.stage
        match what:
            case "spec":
                self.reconfigure(with_)
            case "crash" | "finish" if with_ in stage.lives and stage.lives[with_] in stage.ready:
                stage.crash(with_, BOOM if what == "crash" else NORMAL)
            case "ready" if with_ in stage.lives and stage.lives[with_] not in stage.ready:
                stage.become_ready(with_)
            case "follow" | "refuse" | "cannot" if with_ in stage.asked_inside:
                self.answer(with_, what)
            case "terminate":
                stage.request(ask.TerminateChild(with_))
            case "restart":
                stage.request(ask.RestartChild(with_))
            case "delete":
                stage.request(ask.DeleteChild(with_))
            case "start":
                stage.request(ask.StartChild(ChildSpec(id=f"{with_} by hand", start=Start(object))))
            case "starts":
                stage.starts[with_[0]] = [with_[1]]
            case "stops":
                stage.stops[with_[0]] = with_[1]
            case "wait":
                stage.pass_time(with_)

    def answer(self, child_id: str, how: str) -> None:
        life, _ = self.stage.asked_inside[child_id]
        if self.stage.lives.get(child_id) != life:
            del self.stage.asked_inside[child_id]  # it has ended, and never answers
        elif how == "cannot":
            self.stage.follow(child_id)
        else:
            follows = how == "follow"
            self.stage.follow(child_id, Reconfigured() if follows else None, None if follows else "no")

    def reconfigure(self, spec: SupervisorSpec) -> None:
        stage, before = self.stage, dict(self.stage.lives)
        same = {child.id for child in self.spec.children if child in spec.children}
        number = stage.request(ask.Reconfigure(spec))
        self.asked.append(number)
        if isinstance(stage.answers.get(number), CannotReconfigure | SupervisionError) or stage.over:
            return
        assert self.spec is spec or stage.answers.get(number) is not None
        if isinstance(result := stage.answers.get(number), Reconfigured):
            for child_id in same & set(result.kept) & before.keys():
                assert stage.lives.get(child_id) == before[child_id], f"{child_id} was the same, and was touched"

    def settle(self) -> None:
        stage = self.stage
        stage.starts, stage.stops = {}, {}
        for _ in range(12):
            for child_id, life in list(stage.lives.items()):
                if life not in stage.ready and stage.lives.get(child_id) == life:
                    stage.become_ready(child_id)
            for child_id in list(stage.asked_inside):
                self.answer(child_id, "follow")
            stage.pass_time(7.0)


@given(SPECS, st.lists(HOWS, max_size=12))
def test_in_the_end_it_is_what_the_last_spec_says(first: SupervisorSpec, steps: list[tuple[str, Any]]) -> None:
    play = Play(first)
    for what, with_ in steps:
        if not play.stage.over:
            play.step(what, with_)
    play.settle()
    stage = play.stage
    assert all(number in stage.answers for number in play.asked), "somebody was never answered"
    if stage.over:
        assert stage.lives == {}
        return
    assert stage.timers == {} or all(isinstance(key, do.BackoffReset) for key in stage.timers)
    order = [info.id for info in stage.core.children(stage.now)]
    wanted = [child.id for child in play.spec.children if child.id in order]
    assert order[: len(wanted)] == wanted, "the table is not in the order of the spec"
    last = {command.child_id: command.spec for command in stage.commands if isinstance(command, do.StartLife)}
    for child in play.spec.children:
        if child.id in stage.lives:
            assert last[child.id].start.target == child.start.target, f"{child.id} runs as what it is no more"
