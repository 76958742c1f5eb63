"""The session against a gateway that does as the test says: handshakes, losses, drains, garbage."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from role_stage import FakeGateway, FakeSession, fake_gateway

from regrow.actors import ActorRef, ActorSystem
from regrow.actors.roles.connection import Connection
from regrow.actors.roles.holdings import ConnectionSettings
from regrow.actors.roles.link_messages import (
    Joined,
    OwedKnown,
    ResultAcknowledged,
    ResultWanted,
    SendResult,
    SessionEnded,
    SessionReady,
)
from regrow.actors.roles.messages import (
    Adopted,
    CancelInvocation,
    Held,
    InvocationOffered,
    InvocationProgressed,
    InvocationRefused,
    InvocationTaken,
    LinkStateChanged,
    PauseLink,
)
from regrow.actors.roles.outbox_store import OwedResult
from regrow.actors.roles.outcomes import outcome_to_bytes
from regrow.actors.roles.reconnect import Patience
from regrow.actors.testing import Probe
from regrow.protocol.session.features import PROGRESS
from regrow.protocol.session.messages import (
    Ack,
    Busy,
    Cancel,
    Closing,
    Connect,
    Drain,
    ErrorMessage,
    Failure,
    Hello,
    InFlight,
    Invoke,
    Lease,
    Message,
    Pause,
    Progress,
    Result,
    ResultAck,
    Success,
)
from regrow.supervision import Backoff

INVOKE = Invoke(request_id="r1", function="f", arguments=b"args", lease_id=4, deadline_ms=900)


class Stage:
    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self.system = ActorSystem()
        self.executor, self.outbox = Probe(self.system), Probe(self.system)
        self.ref: ActorRef[Connection] | None = None

    def begin(
        self, *urls: str, tokens: tuple[str, ...] = ("t",), patience: Patience | None = None
    ) -> ActorRef[Connection]:
        settings = ConnectionSettings(
            urls=urls or (self.gateway.url,),
            tokens=tokens,
            instance="i",
            name="n",
            functions=("f",),
            capacity=2,
            delays=Backoff(base=0.01, cap=0.05, jitter="none"),
            patience=patience or Patience(),
        )
        self.ref = self.system.spawn(Connection, settings, self.executor.ref)
        return self.ref

    def introduce(self, *, held: tuple[Held, ...] = (), owed: tuple[OwedResult, ...] = (), epoch: int = 1) -> None:
        self.tell(OwedKnown(epoch, owed), Joined(self.outbox.ref, "outbox"), Adopted(epoch=epoch, held=held))

    def tell(self, *messages: object) -> None:
        assert self.ref is not None
        for message in messages:
            self.ref.tell(message)

    def active(self) -> FakeSession:
        """Begin, introduce, and let the gateway admit."""
        self.begin()
        self.introduce()
        session = self.gateway.session()
        session.admit()
        self.outbox.fish(SessionReady)
        return session

    def phase(self, phase: str) -> LinkStateChanged:
        return self.executor.fish(LinkStateChanged, match=lambda changed: changed.phase == phase)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with fake_gateway() as gateway:
        stage = Stage(gateway)
        yield stage
        stage.system.shutdown()


# ── handshake ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_says_who_it_is_and_what_it_holds_and_tells_everybody_when_it_is_in(stage: Stage) -> None:
    stage.begin()
    stage.introduce(held=(Held(request_id="a", lease_id=1),), owed=(OwedResult("b", 2, b""),), epoch=7)
    session = stage.gateway.session()
    connect = session.admit()
    assert (connect.instance, connect.epoch, connect.token, connect.functions) == ("i", 7, "t", ("f",))
    assert set(connect.in_flight) == {InFlight(request_id="a", lease_id=1), InFlight(request_id="b", lease_id=2)}
    ready = stage.outbox.fish(SessionReady)
    assert (ready.connection_id, ready.intervals.heartbeat) == ("c", 5.0)
    assert stage.phase("ready").latency > 0


def test_it_says_nothing_before_outbox_and_executor_have_spoken(stage: Stage) -> None:
    stage.begin()
    session = stage.gateway.session()
    session.say(Hello(gateway="g"))
    stage.tell(OwedKnown(1, ()))
    stage.executor.fish(LinkStateChanged)
    assert session.heard.empty()
    stage.tell(Adopted(epoch=1))
    assert isinstance(session.hear(), Connect)


def test_a_gateway_of_another_version_is_given_up(stage: Stage) -> None:
    stage.begin()
    stage.introduce()
    stage.gateway.session().say(Hello(gateway="g", versions=("regrow.v9",)))
    refused = stage.phase("refused")
    assert refused.code == "unsupported"
    assert refused.reason == ("unsupported version: expected a gateway that speaks regrow.v1, got one of regrow.v9")


def test_a_fatal_error_is_given_up_with_its_code(stage: Stage) -> None:
    stage.begin()
    stage.introduce()
    session = stage.gateway.session()
    session.say(Hello(gateway="g"))
    session.hear()
    session.say(ErrorMessage(scope="connection", code="unauthorized", text="bad token", fatal=True))
    assert stage.phase("refused").code == "unauthorized"
    assert stage.gateway.sessions.empty()


def test_the_frame_with_the_token_is_not_logged_at_any_level(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage.begin()
    stage.introduce()
    stage.gateway.session().admit()
    stage.phase("ready")
    assert [record for record in caplog.records if record.name == "websockets.client"] == []


def test_a_refusal_that_may_pass_is_met_with_another_try(stage: Stage) -> None:
    stage.gateway.refusals = [(503, {}), (503, {"Retry-After": "0.05"})]
    stage.begin()
    stage.introduce()
    assert stage.phase("waiting").code == "http_503"
    assert stage.phase("waiting").retry_in >= 0.05
    stage.gateway.session().admit()
    stage.phase("ready")


def test_a_401_is_final(stage: Stage) -> None:
    stage.gateway.refusals = [(401, {})]
    stage.begin()
    assert stage.phase("refused").code == "unauthorized"


def test_a_gateway_that_is_not_there_is_waited_for_with_growing_waits(stage: Stage) -> None:
    stage.begin("ws://127.0.0.1:9")
    waits = [stage.phase("waiting").retry_in for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.01, 0.02, 0.04])


def test_progress_is_said_only_if_the_gateway_has_use_for_it(stage: Stage) -> None:
    stage.begin()
    stage.introduce()
    plain = stage.gateway.session()
    plain.admit()
    stage.outbox.fish(SessionReady)
    progressed = InvocationProgressed(request_id="r1", done=0.5)
    stage.tell(progressed, InvocationRefused(request_id="r1", lease_id=4, reason="at capacity"))
    assert isinstance(plain.hear(), Busy)
    plain.websocket.socket.close()
    able = stage.gateway.session()
    assert PROGRESS in able.admit(features=(PROGRESS,)).features
    stage.outbox.fish(SessionReady)
    stage.tell(progressed)
    assert able.hear() == Progress(request_id="r1", done=0.5)


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_invocation_goes_to_the_executor_and_its_word_comes_back(stage: Stage) -> None:
    session = stage.active()
    session.say(INVOKE)
    offered = stage.executor.fish(InvocationOffered)
    assert (offered.request_id, offered.arguments, offered.lease_id, offered.deadline_ms) == ("r1", b"args", 4, 900)
    stage.tell(InvocationTaken(request_id="r1", lease_id=4))
    assert session.hear() == Ack(request_id="r1", lease_id=4)
    stage.tell(InvocationRefused(request_id="r2", lease_id=5, reason="at capacity"))
    assert session.hear() == Busy(request_id="r2", lease_id=5, reason="at capacity")


def test_without_an_executor_the_answer_is_busy(stage: Stage) -> None:
    session = stage.active()
    stage.executor.ref.stop()
    session.say(INVOKE)
    assert session.hear() == Busy(request_id="r1", lease_id=4, reason="the executor is down")


def test_a_result_is_sent_and_its_acknowledgement_goes_to_the_outbox(stage: Stage) -> None:
    session = stage.active()
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"value")))))
    assert session.hear() == Result(request_id="r1", lease_id=4, outcome=Success(b"value"))
    session.say(ResultAck(request_id="r1", lease_id=4))
    assert stage.outbox.fish(ResultAcknowledged) == ResultAcknowledged("r1", 4, True)


def test_a_request_whose_result_waits_is_not_run_again(stage: Stage) -> None:
    session = stage.active()
    stage.tell(SendResult(OwedResult("r1", 3, outcome_to_bytes(Success(b"value")))))
    session.hear()
    session.say(INVOKE)
    assert session.hear() == Ack(request_id="r1", lease_id=4)
    assert stage.outbox.fish(ResultWanted) == ResultWanted("r1", 4)


def test_a_result_over_the_bound_of_the_session_is_a_failure_that_says_so(stage: Stage) -> None:
    stage.begin()
    stage.introduce()
    session = stage.gateway.session()
    session.admit(max_message_bytes=1000)
    stage.outbox.fish(SessionReady)
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"x" * 5000)))))
    result = session.hear()
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Failure)
    assert result.outcome.kind == "bad_result"
    assert "1000" in result.outcome.text


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        (Cancel(request_id="r1", reason="the client left"), False),
        (Lease(request_id="r1", lease_id=4, lost=True), True),
    ],
)
def test_cancels_and_lost_leases_reach_the_executor(stage: Stage, said: Message, lost: bool) -> None:
    session = stage.active()
    session.say(said)
    cancel = stage.executor.fish(CancelInvocation)
    assert (cancel.request_id, cancel.lost) == ("r1", lost)


# ── loss ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_session_is_said_and_the_next_claims_what_is_held(stage: Stage) -> None:
    session = stage.active()
    stage.tell(InvocationTaken(request_id="r1", lease_id=4))
    session.hear()
    session.websocket.socket.close()
    stage.outbox.fish(SessionEnded)
    connect = stage.gateway.session().admit()
    assert connect.in_flight == (InFlight(request_id="r1", lease_id=4),)
    stage.outbox.fish(SessionReady)


@pytest.mark.parametrize("garbage", [b"\xc1", b"\x92\xa5ready\x80", b"", "text", b"\xdd\xff\xff\xff\xff"])
def test_garbage_from_the_gateway_ends_the_session_and_nothing_else(stage: Stage, garbage: bytes | str) -> None:
    session = stage.active()
    session.websocket.send(garbage)
    assert stage.phase("waiting").code == "protocol"
    stage.gateway.session().admit()
    stage.outbox.fish(SessionReady)
    assert stage.ref is not None
    assert stage.ref.incarnation == 1


def test_an_error_about_a_request_leaves_the_session_alone(stage: Stage) -> None:
    session = stage.active()
    session.say(ErrorMessage(scope="request", code="unknown_request", text="?", request_id="r9"))
    session.say(INVOKE)
    stage.executor.fish(InvocationOffered)
    assert stage.gateway.sessions.empty()


def test_a_gateway_that_does_not_read_any_more_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.actors.roles.wire.SEND_SECONDS", 0.2)
    stage.begin()
    stage.introduce()
    session = stage.gateway.session()
    session.admit(max_message_bytes=8 << 20)
    stage.outbox.fish(SessionReady)
    session.deaf.set()
    try:
        for number in range(40):
            stage.tell(SendResult(OwedResult(f"r{number}", 1, outcome_to_bytes(Success(b"x" * (1 << 20))))))
        stage.outbox.fish(SessionEnded, timeout=10)
    finally:
        session.deaf.clear()
    stage.gateway.session().admit(max_message_bytes=8 << 20)
    stage.outbox.fish(SessionReady)


def test_a_result_that_something_on_the_way_finds_too_big_does_not_end_every_session_to_come(stage: Stage) -> None:
    first = stage.active()
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"x" * 5000)))))
    first.hear()
    first.websocket.close(1009, "message too big")
    stage.outbox.fish(SessionEnded)
    assert stage.phase("waiting").code == "too_big"
    second = stage.gateway.session()
    second.admit()
    stage.outbox.fish(SessionReady)
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"x" * 5000)))))
    result = second.hear()
    assert isinstance(result, Result)
    assert isinstance(result.outcome, Failure)
    assert result.outcome.kind == "bad_result"


def test_without_patience_it_is_given_up_after_so_many_attempts(stage: Stage) -> None:
    stage.begin("ws://127.0.0.1:9", patience=Patience(max_attempts=3))
    refused = stage.phase("refused")
    assert refused.code == "gave_up"
    assert "after 3 attempts" in refused.reason


# ── several gateways, several tokens ─────────────────────────────────────────────────────────────────────────────────


def test_a_gateway_that_is_not_there_is_left_for_the_next(stage: Stage) -> None:
    stage.begin("ws://127.0.0.1:9", stage.gateway.url)
    stage.introduce()
    stage.gateway.session().admit()
    assert stage.phase("ready").url == stage.gateway.url


def test_a_drain_goes_to_another_gateway(stage: Stage) -> None:
    with fake_gateway() as other:
        stage.begin(stage.gateway.url, other.url)
        stage.introduce()
        old = stage.gateway.session()
        old.admit()
        assert stage.phase("ready").url == stage.gateway.url
        old.say(Drain(grace_ms=60_000))
        other.session().admit()
        assert stage.phase("ready").url == other.url
        assert old.hear() == Closing(reason="moved to another session")


def test_a_refused_token_is_replaced_by_the_other_one_at_once(stage: Stage) -> None:
    stage.begin(tokens=("old", "new"))
    stage.introduce()
    first = stage.gateway.session()
    first.say(Hello(gateway="g"))
    said = first.hear()
    assert isinstance(said, Connect)
    assert said.token == "old"
    first.say(ErrorMessage(scope="connection", code="unauthorized", text="no", fatal=True))
    assert stage.phase("waiting").retry_in == 0.0
    assert stage.gateway.session().admit().token == "new"
    stage.phase("ready")


@pytest.mark.parametrize("code", [4401, 4403])
def test_when_both_tokens_are_refused_it_is_given_up(stage: Stage, code: int) -> None:
    stage.gateway.refusals = [(401, {})]
    stage.begin(tokens=("old", "new"))
    stage.introduce()
    session = stage.gateway.session()
    session.say(Hello(gateway="g"))
    session.hear()
    session.websocket.close(code, "no")
    assert stage.phase("refused").code in ("unauthorized", "out_of_scope")
    assert stage.gateway.sessions.empty()


# ── drain and end ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_draining_gateway_is_left_only_when_the_next_session_is_ready(stage: Stage) -> None:
    old = stage.active()
    old.say(Drain(grace_ms=5000))
    new = stage.gateway.session()
    stage.tell(SendResult(OwedResult("r1", 4, outcome_to_bytes(Success(b"1")))))
    assert isinstance(old.hear(), Result)
    new.admit()
    stage.outbox.fish(SessionReady)
    assert old.hear() == Closing(reason="moved to another session")
    old.gone()
    stage.tell(SendResult(OwedResult("r2", 5, outcome_to_bytes(Success(b"2")))))
    assert isinstance(new.hear(), Result)


def test_a_pause_is_said_and_kept_over_reconnects(stage: Stage) -> None:
    session = stage.active()
    stage.tell(PauseLink())
    assert session.hear() == Pause(reason="draining")
    session.websocket.socket.close()
    assert stage.gateway.session().admit().paused


def test_its_end_gives_every_lease_back(stage: Stage) -> None:
    session = stage.active()
    assert stage.ref is not None
    stage.ref.shutdown()
    said = session.hear()
    assert isinstance(said, Closing)
    assert said.release
    session.gone()


def test_an_end_of_its_own_keeps_the_leases_of_what_runs(stage: Stage) -> None:
    session = stage.active()
    assert stage.ref is not None
    stage.tell(InvocationTaken(request_id="r1", lease_id=1))
    assert isinstance(session.hear(), Ack)
    stage.ref.shutdown()
    said = session.hear()
    assert isinstance(said, Closing)
    assert not said.release


@pytest.mark.parametrize("abandoned", [True, False])
def test_leases_are_given_back_when_what_ran_is_over(stage: Stage, abandoned: bool) -> None:
    session = stage.active()
    assert stage.ref is not None
    stage.tell(InvocationTaken(request_id="r1", lease_id=1))
    assert isinstance(session.hear(), Ack)
    if abandoned:
        stage.tell(Adopted(epoch=1, paused=True), InvocationRefused(request_id="r2", lease_id=1, reason="draining"))
        assert isinstance(session.hear(), Busy)
    else:
        stage.executor.ref.stop()
    stage.ref.shutdown()
    said = session.hear()
    assert isinstance(said, Closing)
    assert said.release
