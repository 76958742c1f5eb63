"""A worker comes to its gateway, loses it, and comes back."""

from __future__ import annotations

import pytest

from regrow.chaos import End, Flow
from regrow.protocol.session import close_codes
from regrow.protocol.session.messages import Heartbeat
from tests.actors.roles.link_stage import LinkStage
from tests.conformance.case import case
from tests.conformance.connect.scripted import scripted_gateway
from tests.conformance.connect.stage import Stage

pytestmark = pytest.mark.system


@case("J-01")
def test_a_start_is_one_connection_with_one_handshake(stage: Stage) -> None:
    """inngest-js connection, integration: full handshake -> active, with a connection id."""
    session = stage.begin()
    session.expect(Heartbeat, 3)
    assert stage.worker.watch.link.connection_id == session.connection_id
    assert len(stage.gateway.sessions) == 1


@case("J-02", "J-04")
def test_a_loss_goes_through_waiting_and_connecting_to_ready(stage: Stage) -> None:
    """inngest-js connection: connecting precedes active; active -> reconnecting -> active."""
    stage.begin()
    stage.proxy.cut()
    stage.phases.expect("ready")
    names = stage.phases.names
    assert names[0] == "waiting"
    assert names[-2:] == ["connecting", "ready"]


@case("J-03", "Y-14")
def test_a_reset_is_followed_by_a_new_connection_with_an_id_of_its_own(stage: Stage) -> None:
    """inngest-js: ws.onerror -> reconnects with a new id; inngest-py reconnect.close_without_code."""
    first = stage.begin()
    stage.proxy.cut()
    second = stage.gateway.session(2)
    second.expect(Heartbeat)
    assert first.over
    assert stage.worker.watch.link.connection_id == second.connection_id != first.connection_id


@case("J-05", "Y-13")
@pytest.mark.parametrize("code", [1000, 1001, close_codes.RESTARTING])
def test_a_close_by_the_gateway_is_followed_by_a_new_connection(stage: Stage, code: int) -> None:
    """inngest-js: ws.onclose, server closes socket -> reconnects; inngest-py reconnect.close_with_code."""
    stage.begin().close(code)
    stage.gateway.session(2).expect(Heartbeat)


@case("Y-15")
@pytest.mark.parametrize("garbage", [b"\xc1\xff", b"", "text"])
def test_a_frame_that_makes_no_sense_is_followed_by_a_new_connection(stage: Stage, garbage: bytes | str) -> None:
    """inngest-py reconnect.invalid_frame -> reconnects."""
    stage.begin().say_bytes(garbage)
    stage.gateway.session(2).expect(Heartbeat)


@case("Y-15")
def test_a_frame_that_is_torn_is_followed_by_a_new_connection(stage: Stage) -> None:
    """inngest-py reconnect: transport aborted in the middle of a frame."""
    session = stage.begin()
    stage.proxy.shape(Flow(reset_after=20), to=End.CLIENT)
    session.invoke("torn" * 50)
    session.expect_end()
    stage.proxy.pass_through()
    stage.gateway.session(2).expect(Heartbeat)
    assert stage.calls.begun == []


@case("J-10")
def test_a_gateway_that_refuses_twice_is_asked_a_third_time(stage: Stage) -> None:
    """inngest-js connection: repeated start failures -> backoff, third attempt succeeds."""
    stage.gateway.script.refusals = [503, 500]
    stage.begin().expect(Heartbeat)
    assert stage.gateway.refused == [503, 500]


@case("J-22")
def test_a_gateway_that_is_asked_too_often_is_asked_again_later(stage: Stage) -> None:
    """inngest-js handshake: HTTP 429 on start -> retry succeeds."""
    stage.gateway.script.refusals = [429]
    stage.begin().expect(Heartbeat)


@case("J-23")
def test_a_gateway_that_does_not_begin_with_hello_is_left_and_tried_again(stage: Stage) -> None:
    """inngest-js handshake: first message is not HELLO -> reconnect."""
    stage.gateway.script.greets = False
    stage.proxy.pass_through()
    session = stage.gateway.session(1)
    stage.gateway.script.greets = True
    session.say_bytes(b"\x92\xadheartbeat_ack\x81\xa8sequence\x01")
    session.expect_end()
    stage.gateway.session(2).expect(Heartbeat)


@case("J-21")
def test_a_gateway_that_says_no_hello_within_ten_seconds_is_left_and_tried_again() -> None:
    """inngest-js handshake: no GATEWAY_HELLO within 10 s -> timeout and reconnect. On a clock that the test moves."""
    with scripted_gateway() as (gateway, port):
        gateway.script.greets = False
        stage = LinkStage(f"ws://127.0.0.1:{port}")
        try:
            stage.introduce()
            silent = gateway.session(1)
            stage.outbox.sync(stage.connection)
            gateway.script.greets = True
            stage.advance(10.0)
            assert stage.phase("waiting").code == "handshake_timeout"
            silent.expect_end()
            stage.advance(1.0)
            gateway.session(2)
            stage.phase("ready")
        finally:
            stage.system.shutdown()
