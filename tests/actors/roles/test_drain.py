"""A gateway that drains, and the next one: make before break, over real sockets on a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from link_stage import LinkStage
from role_stage import FakeGateway, FakeSession, fake_gateway

from regrow.actors.roles.link_messages import ResultAcknowledged, SendResult, SessionReady
from regrow.actors.roles.messages import (
    Held,
    InvocationOffered,
    InvocationRefused,
    InvocationTaken,
    LinkStateChanged,
    PauseLink,
)
from regrow.actors.roles.outbox_store import OwedResult
from regrow.actors.roles.outcomes import outcome_to_bytes
from regrow.protocol.session.messages import (
    Ack,
    Busy,
    Closing,
    Drain,
    ExtendLease,
    InFlight,
    Invoke,
    Lease,
    Message,
    Result,
    ResultAck,
    Success,
)
from regrow.protocol.session.states import Phase

GRACE = 100.0
HELD = Held(request_id="r1", lease_id=4)


@pytest.fixture
def gateways() -> Iterator[list[FakeGateway]]:
    with fake_gateway() as one, fake_gateway() as two:
        yield [one, two]


@pytest.fixture
def stage(gateways: list[FakeGateway]) -> Iterator[LinkStage]:
    stage = LinkStage(*(gateway.url for gateway in gateways))
    yield stage
    stage.system.shutdown()


def ready(stage: LinkStage, gateway: FakeGateway) -> FakeSession:
    session = gateway.session()
    session.admit(heartbeat_interval_ms=3_600_000)
    assert stage.phase("ready").url == gateway.url
    stage.outbox.fish(SessionReady)
    stage.advance(0.0)  # the others have heard of it, too
    return session


def drain(stage: LinkStage, session: FakeSession) -> None:
    session.say(Drain(grace_ms=round(GRACE * 1000)))
    stage.phase("draining")


def rest_of(session: FakeSession) -> list[Message]:
    """Give what is still said until it has gone."""
    said = []
    while (message := session.heard.get(timeout=5)) is not None:
        said.append(message)
    return said


def test_what_is_held_is_finished_where_it_came_from_and_then_the_next_gateway_is_dialed(
    stage: LinkStage, gateways: list[FakeGateway]
) -> None:
    stage.introduce()
    old = ready(stage, gateways[0])
    old.say(Invoke(request_id="r1", function="f", arguments=b"", lease_id=4))
    stage.executor.fish(InvocationOffered)
    stage.tell(InvocationTaken(request_id="r1", lease_id=4))
    assert isinstance(old.hear(), Ack)
    drain(stage, old)
    assert gateways[1].sessions.empty()
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"1")))))
    assert isinstance(old.hear(), Result)
    old.say(ResultAck(request_id="r1", lease_id=4))
    stage.outbox.fish(ResultAcknowledged)
    new = gateways[1].session()
    assert new.admit().in_flight == ()
    assert rest_of(old) == [Closing(reason="moved to another session")]


def test_what_the_executor_has_not_yet_answered_is_something_to_stay_for(
    stage: LinkStage, gateways: list[FakeGateway]
) -> None:
    stage.introduce()
    old = ready(stage, gateways[0])
    for request_id in ("r1", "r2"):
        old.say(Invoke(request_id=request_id, function="f", arguments=b"", lease_id=4))
        stage.executor.fish(InvocationOffered)
    drain(stage, old)
    stage.tell(InvocationTaken(request_id="r1", lease_id=4))
    assert old.hear() == Ack(request_id="r1", lease_id=4)
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"1")))))
    assert isinstance(old.hear(), Result)
    old.say(ResultAck(request_id="r1", lease_id=4))
    stage.outbox.fish(ResultAcknowledged)
    assert gateways[1].sessions.empty()
    stage.tell(InvocationRefused(request_id="r2", lease_id=4, reason="no room"))
    assert isinstance(old.hear(), Busy)
    ready(stage, gateways[1])


def test_a_lease_that_is_lost_is_nothing_to_stay_for(stage: LinkStage, gateways: list[FakeGateway]) -> None:
    stage.introduce(HELD)
    old = ready(stage, gateways[0])
    drain(stage, old)
    old.say(Lease(request_id="r1", lease_id=4, lost=True))
    ready(stage, gateways[1])


def test_when_the_grace_is_nearly_over_the_next_is_dialed_all_the_same_and_told_what_is_held(
    stage: LinkStage, gateways: list[FakeGateway]
) -> None:
    stage.introduce(HELD)
    old = ready(stage, gateways[0])
    drain(stage, old)
    stage.advance(0.79 * GRACE)
    assert gateways[1].sessions.empty()
    stage.advance(0.01 * GRACE)
    assert gateways[1].session().admit().in_flight == (InFlight(request_id="r1", lease_id=4),)
    assert Closing(reason="moved to another session") in rest_of(old)


def test_renewals_go_over_the_session_that_is_in_use(stage: LinkStage, gateways: list[FakeGateway]) -> None:
    stage.introduce(HELD)
    old = ready(stage, gateways[0])
    stage.advance(10.0)
    assert isinstance(old.hear(), ExtendLease)
    drain(stage, old)
    stage.advance(10.0)
    assert isinstance(old.hear(), ExtendLease), "until there is another one"
    stage.advance(0.8 * GRACE - 10.0)
    new = ready(stage, gateways[1])
    before = [message for message in rest_of(old) if not isinstance(message, Closing)]
    assert all(isinstance(message, ExtendLease) for message in before)
    stage.advance(10.0)
    assert isinstance(new.hear(), ExtendLease)


def test_two_drains_in_a_row_leave_one_socket(stage: LinkStage, gateways: list[FakeGateway]) -> None:
    stage.introduce()
    one = ready(stage, gateways[0])
    drain(stage, one)
    two = ready(stage, gateways[1])
    drain(stage, two)
    three = ready(stage, gateways[1])  # the first one still drains, so there is no other to go to
    for left in (one, two):
        assert rest_of(left) == [Closing(reason="moved to another session")]
    assert three.heard.empty()
    assert [gateway.sessions.empty() for gateway in gateways] == [True, True]


def test_one_that_drains_again_before_the_next_is_ready_is_left_once(
    stage: LinkStage, gateways: list[FakeGateway]
) -> None:
    stage.introduce()
    old = ready(stage, gateways[0])
    drain(stage, old)
    old.say(Drain(grace_ms=1000))
    ready(stage, gateways[1])
    assert rest_of(old) == [Closing(reason="moved to another session")]
    assert [gateway.sessions.empty() for gateway in gateways] == [True, True]


def test_a_gateway_that_goes_before_its_grace_is_over_is_followed_at_once(
    stage: LinkStage, gateways: list[FakeGateway]
) -> None:
    stage.introduce(HELD)
    old = ready(stage, gateways[0])
    drain(stage, old)
    old.websocket.socket.close()
    stage.phase("connecting")
    again = gateways[0].session()  # it may have restarted, and know what we hold
    assert again.admit().in_flight == (InFlight(request_id="r1", lease_id=4),)


def test_while_the_worker_itself_drains_it_comes_back_paused(stage: LinkStage, gateways: list[FakeGateway]) -> None:
    stage.introduce()
    old = ready(stage, gateways[0])
    stage.tell(PauseLink())
    drain(stage, old)
    new = gateways[1].session()
    assert new.admit().paused
    stage.outbox.fish(SessionReady)
    assert new.session.phase is Phase.DRAINING, "nobody may send it new work"
    assert stage.executor.fish(LinkStateChanged, match=lambda said: said.url == gateways[1].url)
