"""Bugs that other supervisors had in strategies and specs, and the rules that keep them out."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest

from regrow.actors import ActorSystem, ChildSpec, Ignore, Restart, Start
from regrow.actors.child_spec import BrutalKill, Grace, Infinity
from regrow.actors.testing import Puppet, Script, crash
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    AutoShutdown,
    ChildStarted,
    DynamicSpec,
    DynamicSupervisorHandle,
    InvalidSpec,
    MaxChildren,
    ShutdownError,
    SignificantChildEnded,
    SupervisorHandle,
    SupervisorSpec,
)
from regrow.supervision import requests as ask
from regrow.supervision.child import is_shutdown_error
from regrow.supervision.results import StartedChild
from tests.conformance.case import case
from tests.conformance.tree import end_child, puppet, ref_of, start
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, OFTEN, Stage, child


@case("B-17")
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("ended_first", [True, False])
def test_b_17_a_temporary_sibling_is_never_started_again(strategy: str, ended_first: bool) -> None:
    stage = Stage(child("a"), child("t", "temporary"), child("z"), strategy=strategy).boot()
    if ended_first:
        stage.crash("t")
    stage.crash("a")
    assert stage.states() == {"a": "running", "z": "running"}
    assert stage.log.count("start t") == 1


@case("B-18")
def test_b_18_the_id_of_a_temporary_child_that_ended_is_free() -> None:
    stage = Stage(child("t", "temporary")).boot()
    stage.crash("t")
    answer = stage.ask(ask.StartChild(child("t", "temporary")))
    assert isinstance(answer, StartedChild)


class _Large:
    """Something that one does not want to keep."""


@case("B-18")
def test_b_18_what_a_temporary_child_was_started_with_is_let_go(system: ActorSystem, facts: Facts) -> None:
    handle = start(system)
    argument = _Large()
    known = weakref.ref(argument)
    spec = ChildSpec(id="t", start=Start(_Holding, (argument,)), restart=Restart.TEMPORARY)
    handle.start_child(spec)
    del argument, spec
    handle.terminate_child("t")
    facts._events.clear()
    gc.collect()
    assert known() is None


class _Holding(Puppet):
    """Forgets what it is given, so that only its spec has it."""

    def __init__(self, _argument: object) -> None:
        super().__init__()


@case("B-19")
def test_b_19_a_dynamic_child_that_declines_leaves_nothing_that_could_break_the_end(system: ActorSystem) -> None:
    handle = DynamicSupervisorHandle.start(system, DynamicSpec())
    ignored = handle.start_child(puppet("a", Script(on_start=crash(Ignore()))))
    running = handle.start_child(puppet("b"))
    assert ignored.ref is None
    assert [info.ref for info in handle.which_children()] == [running.ref]
    handle.stop(timeout=5.0)
    assert system.relations.living() == ()


@case("B-20")
def test_b_20_a_child_that_was_added_belongs_to_the_group() -> None:
    stage = Stage(child("a"), strategy="one_for_all").boot()
    stage.ask(ask.StartChild(child("added")))
    stage.take_log()
    stage.crash("a")
    assert stage.take_log() == ["stop added", "start a", "start added"]


@case("B-21")
def test_b_21_extra_arguments_and_places_survive_restarts(system: ActorSystem, facts: Facts) -> None:
    seen: list[object] = []

    def begin(*args: object) -> Start:
        seen.append(args)
        return Start(Puppet)

    handle = DynamicSupervisorHandle.start(system, DynamicSpec(OFTEN, NO_BACKOFF, 1, ("extra",)))
    started = handle.start_child(ChildSpec(id="a", start=Start(begin, ("own",))))
    assert started.ref is not None
    for life in (2, 3):
        started.ref.tell(lambda puppet: puppet.exit(BOOM))
        facts.wait(ChildStarted, life=life)
        with pytest.raises(MaxChildren):
            handle.start_child(ChildSpec(id="b", start=Start(Puppet)))
    assert seen == [("extra", "own")] * 3
    handle.terminate_child(started.ref)
    assert handle.count_children().active == 0
    assert handle.start_child(ChildSpec(id="b", start=Start(begin))).ref is not None


@case("B-22")
@pytest.mark.parametrize("shutdown", [Grace(0), Grace(0.0), Grace(5), Infinity(), BrutalKill(), None], ids=repr)
def test_b_22_no_time_at_all_is_a_legal_shutdown(
    system: ActorSystem, shutdown: Grace | Infinity | BrutalKill | None
) -> None:
    start(system, puppet("a", shutdown=shutdown)).stop()


REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("x"), KILLED, BOOM]


@case("B-22")
@pytest.mark.parametrize("restart", list(Restart))
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_b_22_an_end_is_judged_alike_in_a_stop_a_request_and_a_stop_of_all(
    restart: Restart, reason: ExitReason
) -> None:
    spec = child("a", restart)
    by_end, by_request, dynamic = Stage(spec), Stage(spec), DynamicStage()
    by_end.stops["a"] = by_request.stops["a"] = reason
    by_end.boot().stop()
    by_request.boot().ask(ask.TerminateChild("a"))
    added = dynamic.add(spec)
    dynamic.stops[added] = reason
    dynamic.terminate(added)
    verdicts = [bool(stage.saw(ShutdownError)) for stage in (by_end, by_request, dynamic)]
    assert verdicts == [is_shutdown_error(spec, reason)] * 3


@case("B-23")
def test_b_23_an_automatic_shutdown_is_refused_where_it_means_nothing(system: ActorSystem) -> None:
    with pytest.raises(InvalidSpec, match="auto_shutdown"):
        DynamicSupervisorHandle.start(system, DynamicSpec(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT))
    with pytest.raises(InvalidSpec, match="significant"):
        start(system, puppet("a", significant=True), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    with pytest.raises(InvalidSpec, match="significant"):
        start(system, puppet("a", significant=True, restart=Restart.TRANSIENT))


@case("B-23")
def test_b_23_and_where_it_means_something_its_reason_says_so() -> None:
    stage = Stage(child("a", "transient", significant=True), auto_shutdown="any_significant").boot()
    stage.finish("a")
    assert stage.exited == Shutdown("auto_shutdown")
    assert stage.saw(SignificantChildEnded)


@case("B-24")
def test_b_24_a_start_is_no_news_for_the_log(
    system: ActorSystem, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "regrow"):
        handle = SupervisorHandle.start(system, SupervisorSpec(children=[puppet("a")]))
        for number in range(20):
            handle.start_child(puppet(f"{number}", restart=Restart.TEMPORARY))
            end_child(handle, facts, f"{number}", NORMAL)
    assert caplog.records == []
    assert ref_of(handle, "a").is_alive()
