"""A gateway that goes away lets its workers go first."""

from __future__ import annotations

import pytest

from regrow.protocol.session.messages import Connect, Drain, Heartbeat, Result
from tests.conformance.case import case
from tests.conformance.connect.stage import Stage

pytestmark = pytest.mark.system


@case("J-06", "J-07")
def test_the_old_connection_is_closed_when_the_next_one_is_ready_and_not_before(stage: Stage) -> None:
    """inngest-js: GATEWAY_CLOSING -> new connection becomes active; old socket closed only after the new is ready."""
    first = stage.begin()
    stage.gateway.script.admits = False
    first.say(Drain(grace_ms=20_000))
    second = stage.gateway.session(2)
    first.expect_more(Heartbeat, 3)
    assert not first.over
    second.admit()
    second.expect(Heartbeat)
    first.expect_end()
    assert stage.worker.watch.link.connection_id == second.connection_id


@case("Y-05")
def test_one_drain_after_the_other_is_followed_each_time(stage: Stage) -> None:
    """inngest-py drain: two consecutive drains each reconnect; exact state sequence."""
    session = stage.begin()
    for number in (2, 3):
        stage.phases.seen.clear()
        session.say(Drain(grace_ms=20_000))
        session = stage.gateway.session(number)
        stage.phases.expect("ready")
        assert stage.phases.names == ["draining", "connecting", "ready"]
    for left in stage.gateway.sessions[:2]:
        left.expect_end()


@case("J-38")
def test_what_runs_may_be_finished_where_it_came_from(stage: Stage) -> None:
    """inngest: a gateway that drains persists and acknowledges replies."""
    first = stage.begin()
    stage.run(first, "a")
    first.say(Drain(grace_ms=20_000))
    stage.phases.expect("draining")
    stage.calls.let_go("a")
    assert first.expect(Result).request_id == "a"
    assert stage.gateway.session(2).expect(Connect).in_flight == ()
    first.expect_end()


@case("J-06")
def test_a_gateway_that_drains_and_breaks_off_is_left_at_once(stage: Stage) -> None:
    """inngest gateway: a worker that does not leave is closed with connect_gateway_closing."""
    first = stage.begin()
    stage.run(first, "a")
    first.say(Drain(grace_ms=20_000))
    stage.phases.expect("draining")
    stage.proxy.cut()
    second = stage.gateway.session(2)
    assert [each.request_id for each in second.expect(Connect).in_flight] == ["a"]
    stage.calls.let_go("a")
    second.expect(Result)


@case("J-40")
def test_a_second_drain_before_the_next_connection_is_ready_changes_nothing(stage: Stage) -> None:
    """inngest-js loses the first socket when it is told twice; here it is closed as ever."""
    first = stage.begin()
    stage.gateway.script.admits = False
    first.say(Drain(grace_ms=20_000), Drain(grace_ms=20_000))
    second = stage.gateway.session(2)
    first.say(Drain(grace_ms=20_000))
    first.expect_more(Heartbeat, 2)
    second.admit()
    second.expect(Heartbeat)
    first.expect_end()
    assert len(stage.gateway.sessions) == 2
