"""What a worker says of a request: taken, finished, and whatever happens to the connection meanwhile."""

from __future__ import annotations

import pytest

from regrow.chaos import End
from regrow.protocol.session.messages import Ack, Busy, Connect, Failure, Heartbeat, Result, ResultAck
from tests.conformance.case import case
from tests.conformance.connect.stage import Stage, value_of

pytestmark = pytest.mark.system


@case("J-28")
def test_a_request_is_acknowledged_while_it_runs(stage: Stage) -> None:
    """inngest-js requestProcessor: request -> immediate ACK."""
    session = stage.begin()
    stage.run(session, "a")
    assert session.expect(Ack).request_id == "a"
    assert session.all(Result) == []


@case("J-29")
def test_what_a_function_returns_is_said_as_its_result(stage: Stage) -> None:
    """inngest-js: handler completes -> REPLY; integration: ACK, then REPLY with the payload."""
    session = stage.begin()
    stage.run(session, "a")
    stage.calls.let_go("a")
    result = session.expect(Result)
    assert (result.request_id, value_of(result)) == ("a", "a is done")


@case("J-30", "Y-08")
def test_a_result_that_was_acknowledged_is_not_said_again(stage: Stage) -> None:
    """inngest-js: REPLY_ACK -> forgotten; inngest-py flush: acked messages are not flushed."""
    first = stage.begin()
    stage.run(first, "a")
    stage.calls.let_go("a")
    first.expect(Result)
    first.expect_more(Heartbeat, 2)
    stage.proxy.cut()
    second = stage.gateway.session(2)
    assert second.expect(Connect).in_flight == ()
    second.expect(Heartbeat, 2)
    assert second.all(Result) == []


@case("J-31")
def test_a_function_that_is_not_served_is_answered_so_and_begins_nothing(stage: Stage) -> None:
    """inngest-js: unknown app -> no ACK, handler not called."""
    session = stage.begin()
    session.invoke("a", function="unheard_of")
    outcome = session.expect(Result).outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "unknown_function"
    assert stage.calls.begun == []


@case("J-32", "Y-07")
def test_a_result_of_a_function_that_outlives_its_connection_is_said_on_the_next_one(stage: Stage) -> None:
    """inngest-js: connection lost during execution -> buffered with exact bytes; inngest-py flush.connection_loss."""
    first = stage.begin()
    stage.run(first, "a")
    stage.proxy.refuse()
    first.expect_end()
    stage.calls.let_go("a")
    stage.calls.expect_end("a")
    stage.proxy.pass_through()
    second = stage.gateway.session(2)
    assert [each.request_id for each in second.expect(Connect).in_flight] == ["a"]
    assert value_of(second.expect(Result)) == "a is done"
    assert stage.calls.begun == ["a"]


@case("J-32", "J-49")
def test_a_result_that_was_lost_on_the_way_is_said_again(stage: Stage) -> None:
    """inngest-js WT: ack deadline passed -> to the buffer; ours is on disk, and said again in every session."""
    stage.gateway.script.misses = 6
    first = stage.begin()
    stage.run(first, "a")
    stage.proxy.swallow(to=End.TARGET)
    stage.calls.let_go("a")
    stage.phases.expect("waiting")
    stage.proxy.pass_through()
    stage.proxy.cut()  # what was dialed meanwhile and never heard of
    second = stage.gateway.session(2)
    assert value_of(second.expect(Result)) == "a is done"
    assert first.all(Result) == []


@case("J-49")
def test_a_result_whose_acknowledgement_was_lost_is_said_again_and_not_run_again(stage: Stage) -> None:
    """inngest gateway: first write wins, so a reply that is said twice does no harm."""
    stage.gateway.script.acknowledges_results = False
    first = stage.begin()
    stage.run(first, "a")
    stage.calls.let_go("a")
    said = first.expect(Result)
    stage.gateway.script.acknowledges_results = True
    stage.proxy.cut()
    assert stage.gateway.session(2).expect(Result) == said
    assert stage.calls.begun == ["a"]


@case("J-49")
def test_a_request_that_is_delivered_again_while_its_result_waits_is_not_run_again(stage: Stage) -> None:
    """inngest gateway: a reply is known by its request, whichever connection it comes by."""
    stage.gateway.script.acknowledges_results = False
    session = stage.begin()
    stage.run(session, "a")
    stage.calls.let_go("a")
    session.expect(Result)
    session.invoke("a", lease_id=2)
    assert session.expect(Result, 2).lease_id == 2
    assert stage.calls.begun == ["a"]
    session.say(ResultAck(request_id="a", lease_id=2))


@case("J-50")
def test_more_requests_than_there_is_room_for_are_given_back(stage: Stage) -> None:
    """inngest: maxWorkerConcurrency is told to the server and not enforced by its SDKs. Here a worker says Busy."""
    session = stage.begin()
    keys = [f"r{number}" for number in range(9)]  # it runs 4, and lets 4 wait
    for key in keys:
        session.invoke(key)
    assert session.expect(Busy).request_id == "r8"
    assert len(session.expect(Ack, 4).request_id) == 2


@case("Y-04")
def test_requests_run_beside_each_other(stage: Stage) -> None:
    """inngest-py concurrent_sync_functions: two blocking functions run concurrently."""
    session = stage.begin()
    stage.run(session, "a", "b")
    stage.calls.let_go("b")
    assert session.expect(Result).request_id == "b"
    stage.calls.let_go("a")
    assert session.expect(Result, 2).request_id == "a"
