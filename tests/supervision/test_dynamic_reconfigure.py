"""How the core of a DynamicSupervisor follows another spec, on a stage."""

from __future__ import annotations

import pytest

from regrow.supervision import (
    NO_BACKOFF,
    Backoff,
    FailureDecay,
    InvalidSpec,
    MaxChildren,
    RestartIntensity,
    SupervisorSpec,
)
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.events import SupervisorReconfigured
from regrow.supervision.results import Reconfigured
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.stage import child

SLOW = Backoff(initial=1.0, jitter="none")


def test_it_follows_another_spec_and_keeps_its_children() -> None:
    stage = DynamicStage()
    children = [stage.add(child("w")) for _ in range(3)]
    new = DynamicSpec(RestartIntensity(1, 5.0), SLOW, max_children=2, extra_arguments=("new",), name="top")
    assert stage.ask(ask.Reconfigure(new)) == Reconfigured(
        own=("intensity", "backoff", "max_children", "extra_arguments")
    )
    assert [event.result.own for event in stage.saw(SupervisorReconfigured)] == [
        ("intensity", "backoff", "max_children", "extra_arguments")
    ]
    assert stage.states() == dict.fromkeys(children, "running")
    assert stage.ask(ask.GetChildSpec(children[0])) == child("w")
    assert isinstance(stage.ask(ask.StartChild(child("w"))), MaxChildren)
    stage.crash(children[0])
    stage.pass_time(1.0)
    last = [command for command in stage.commands if isinstance(command, do.StartLife)][-1]
    assert (last.child_id, last.spec.start.args) == (children[0], ("new",))
    stage.crash(children[1])
    assert stage.over


def test_a_spec_that_is_the_same_changes_nothing() -> None:
    stage = DynamicStage(template=child("t"))
    assert isinstance(stage.core, DynamicCore)
    assert stage.ask(ask.Reconfigure(stage.core.spec)) == Reconfigured()
    assert stage.saw(SupervisorReconfigured) == []


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (
            DynamicSpec(max_children=-1, name="top"),
            "max_children: expected an integer >= 0, or None for no limit, got -1",
        ),
        (DynamicSpec(), "name: expected 'top', as a running supervisor keeps its name, got None"),
        (
            DynamicSpec(template=child("t"), name="top"),
            f"template: expected no template, as it was before, got {child('t')!r}",
        ),
        (SupervisorSpec(), f"supervisor: expected a DynamicSpec, got {SupervisorSpec()!r}"),
    ],
)
def test_a_wrong_spec_changes_nothing(new: DynamicSpec | SupervisorSpec, problem: str) -> None:
    stage = DynamicStage()
    answer = stage.ask(ask.Reconfigure(new))
    assert isinstance(answer, InvalidSpec)
    assert [str(one) for one in answer.problems] == [problem]
    assert isinstance(stage.core, DynamicCore)
    assert stage.core.spec.name == "top"


def test_a_temporary_child_stays_one_whatever_the_new_template_says() -> None:
    stage = DynamicStage(template=child("t", "temporary"))
    old = stage.add_with("own")
    stage.ask(ask.Reconfigure(DynamicSpec(template=child("t"), name="top")))
    new = stage.add_with("own")
    stage.crash(old)
    stage.crash(new)
    assert stage.states() == {new: "running"}


def test_a_new_spec_holds_for_restarts_and_later_starts() -> None:
    stage = DynamicStage(template=child("old"), max_children=3)
    first = stage.add_with("own")
    assert isinstance(stage.core, DynamicCore)
    stage.core._state.follow(DynamicSpec(max_children=1, template=child("new"), extra_arguments=("extra",)))
    stage.crash(first)
    last = [command for command in stage.commands if isinstance(command, do.StartLife)][-1]
    assert (last.spec.id, last.spec.start.args) == (first, ("extra", "own"))
    assert isinstance(stage.ask(ask.StartChildWith(())), MaxChildren)


def test_restarts_that_have_been_still_count_unless_they_are_counted_in_another_way() -> None:
    stage = DynamicStage(intensity=RestartIntensity(5, 60.0))
    crashing = stage.add(child("w"))
    stage.crash(crashing)
    stage.crash(crashing)
    stage.ask(ask.Reconfigure(DynamicSpec(FailureDecay(threshold=1.0), NO_BACKOFF, name="top")))
    stage.crash(crashing)
    assert stage.states() == {crashing: "running"}
    stage.ask(ask.Reconfigure(DynamicSpec(RestartIntensity(2, 60.0), NO_BACKOFF, name="top")))
    stage.crash(crashing)
    stage.crash(crashing)
    assert stage.states() == {crashing: "running"}
    stage.ask(ask.Reconfigure(DynamicSpec(RestartIntensity(2, 59.0), NO_BACKOFF, name="top")))
    stage.crash(crashing)
    assert stage.over
