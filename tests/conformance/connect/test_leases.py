"""Leases of what runs: renewed where it makes sense, given up when they are lost."""

from __future__ import annotations

import pytest

from regrow.protocol.session.messages import Cancel, Connect, Drain, ExtendLease, Heartbeat, Lease, Result
from tests.conformance.case import case
from tests.conformance.connect.scripted import Session
from tests.conformance.connect.stage import Stage
from tests.system.waiting import until

pytestmark = pytest.mark.system


def renewed(session: Session) -> list[tuple[str, int]]:
    """What the last renewal of a session was about."""
    return [(each.request_id, each.lease_id) for each in session.expect_more(ExtendLease).requests]


def expect_no_renewals(session: Session) -> None:
    """Wait until beats go on without renewals: the executor says every second what it holds, so a few may come late."""
    late = 25
    while late:
        late -= 1
        before = len(session.all(ExtendLease))
        session.expect_more(Heartbeat, 4)
        if len(session.all(ExtendLease)) == before:
            return
    raise AssertionError(f"renewals go on: {session.heard}")


@case("J-33", "J-34")
def test_what_runs_is_renewed_again_and_again_under_its_lease(stage: Stage) -> None:
    """inngest-js: EXTEND_LEASE -> sent periodically; with the lease id of the request, which is fixed here."""
    session = stage.begin()
    session.invoke("a", lease_id=7)
    stage.calls.expect_begun("a")
    for _ in range(3):
        assert renewed(session) == [("a", 7)]


@case("J-33")
def test_what_waits_and_what_is_over_is_not_renewed(stage: Stage) -> None:
    """inngest-js: the timer of a request ends with it."""
    session = stage.begin()
    expect_no_renewals(session)
    stage.run(session, "a")
    session.expect(ExtendLease)
    stage.calls.let_go("a")
    session.expect(Result)
    expect_no_renewals(session)


@case("J-35", "J-45", "Y-12")
def test_a_lease_that_is_lost_ends_the_function_and_its_renewals(stage: Stage) -> None:
    """inngest-js: lease ack without id -> dropped; inngest-py lease_extend_failure: nack cancels the user's task."""
    session = stage.begin()
    stage.run(session, "a")
    session.expect(ExtendLease)
    session.say(Lease(request_id="a", lease_id=1, lost=True))
    assert stage.calls.expect_end("a") == "cancelled"
    until(lambda: stage.running == 0)
    expect_no_renewals(session)


@case("J-46")
def test_a_late_word_about_a_lost_lease_brings_nothing_back(stage: Stage) -> None:
    """inngest-js: late lease ack after loss -> no resurrection."""
    session = stage.begin()
    stage.run(session, "a")
    session.expect(ExtendLease)
    session.say(Lease(request_id="a", lease_id=1, lost=True))
    stage.calls.expect_end("a")
    session.say(Lease(request_id="a", lease_id=1))
    until(lambda: stage.running == 0)
    expect_no_renewals(session)
    assert stage.calls.begun == ["a"]


@case("J-47")
def test_a_late_word_about_the_lease_of_what_is_over_brings_nothing_back(stage: Stage) -> None:
    """inngest-js: late lease ack after completion -> no resurrection."""
    session = stage.begin()
    stage.run(session, "a")
    stage.calls.let_go("a")
    session.expect(Result)
    session.say(Lease(request_id="a", lease_id=1))
    expect_no_renewals(session)


@case("J-35")
def test_a_request_that_is_cancelled_ends_with_a_result_that_says_so(stage: Stage) -> None:
    """inngest has no cancel message; a lost lease is its nearest word. A cancelled request is still answered."""
    session = stage.begin()
    stage.run(session, "a")
    session.say(Cancel(request_id="a"))
    assert stage.calls.expect_end("a") == "cancelled"
    assert session.expect(Result).outcome.kind == "cancelled"  # type: ignore[union-attr]


@case("J-36", "J-37")
def test_renewals_go_on_when_the_connection_does(stage: Stage) -> None:
    """inngest-js: socket not open -> extension skipped, timer survives; socket recovers -> extensions resume."""
    first = stage.begin()
    stage.run(first, "a")
    first.expect(ExtendLease)
    stage.proxy.refuse()
    stage.phases.expect("waiting")
    stage.proxy.pass_through()
    second = stage.gateway.session(2)
    assert [(each.request_id, each.lease_id) for each in second.expect(Connect).in_flight] == [("a", 1)]
    assert renewed(second) == [("a", 1)]
    assert stage.calls.begun == ["a"]


@case("J-37")
def test_what_waits_in_a_network_that_is_held_up_arrives_and_nothing_is_lost(stage: Stage) -> None:
    """inngest-js: ws.send throws -> warned, later ticks retry; here nothing throws, as the network comes back."""
    session = stage.begin()
    stage.run(session, "a")
    session.expect(ExtendLease)
    stage.proxy.hold()
    stage.calls.let_go("a")
    stage.calls.expect_end("a")
    stage.proxy.pass_through()
    session.expect(Result)
    assert len(stage.gateway.sessions) == 1


@case("J-38")
def test_what_is_held_is_renewed_where_it_came_from_and_then_with_the_same_lease_on_the_next(stage: Stage) -> None:
    """inngest-js: drain -> no extension on the draining socket; next one on the new socket with the same lease id."""
    first = stage.begin()
    stage.run(first, "a")
    first.expect(ExtendLease)
    first.say(Drain(grace_ms=1000))
    assert renewed(first) == [("a", 1)]
    second = stage.gateway.session(2)
    assert renewed(second) == [("a", 1)]
    before = len(first.all(ExtendLease))
    assert renewed(second) == [("a", 1)]
    assert len(first.all(ExtendLease)) == before


@case("J-39")
def test_a_gateway_that_drains_and_then_goes_is_not_spoken_to_any_more(stage: Stage) -> None:
    """inngest-js: replacement itself drains -> no fallback to an older connection."""
    first = stage.begin()
    stage.run(first, "a")
    first.say(Drain(grace_ms=500))
    second = stage.gateway.session(2)
    second.expect(ExtendLease)
    second.say(Drain(grace_ms=500))
    third = stage.gateway.session(3)
    assert renewed(third) == [("a", 1)]
    stage.calls.let_go("a")
    assert third.expect(Result).request_id == "a"
    assert first.all(Result) == second.all(Result) == []
