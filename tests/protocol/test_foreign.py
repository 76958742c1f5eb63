"""Speaking to a server that is not ours: when what may be said, and what is heard without a word of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from regrow.protocol.codec import decode
from regrow.protocol.errors import CodecError, LocalProtocolError, RemoteProtocolError
from regrow.protocol.session.foreign import ForeignProtocol, ForeignSession
from regrow.protocol.session.messages import (
    Ack,
    Closing,
    Connect,
    Heartbeat,
    Hello,
    Invoke,
    Message,
    Pause,
    Ready,
    Result,
    ResultAck,
    Success,
)
from regrow.protocol.session.states import Phase

CONNECT = Connect(role="worker", token="t", instance="i", functions=("f",))
RESULT = Result(request_id="r1", lease_id=1, outcome=Success(b""))


class Json(ForeignProtocol):
    """Lines of JSON."""

    def connect(self, connect: Connect) -> Iterable[str]:
        return [json.dumps({"serves": connect.functions}), "{}"]

    def receive(self, data: str | bytes) -> Iterable[Message]:
        order = json.loads(data)
        if "run" in order:
            yield self.invoke(order["run"], "f", [1], {"b": 2}, deadline=order.get("seconds"))
        if "in" in order:
            yield self.ready(order["in"])

    def result(self, result: Result) -> Iterable[str]:
        if result.request_id == "bad":
            raise TypeError("not JSON serializable")
        return [json.dumps({"done": result.request_id})]

    def say(self, message: Message) -> Iterable[str]:
        return ["beat"] if isinstance(message, Heartbeat) else []


class Polite(Json):
    """A server that says when the worker is in, answers beats, and acknowledges results."""

    admits = True
    acknowledges = True
    silence = 30.0
    beat = 10.0


def session(protocol: type[ForeignProtocol] = Json, *, paused: bool = False) -> ForeignSession:
    made = ForeignSession(protocol())
    made.opened(0.0)
    connect = Connect(role="worker", token="t", instance="i", paused=paused)
    made.send(connect, 0.0)
    made.sent(connect, 0.0)
    return made


def test_it_greets_in_the_name_of_the_server_and_lets_the_worker_in_once_it_has_said_who_it_is() -> None:
    made = ForeignSession(Json())
    assert not made.may_send(Connect)
    assert made.opened(0.0) == (Hello(gateway="Json"),)
    assert made.send(CONNECT, 0.0) == ('{"serves": ["f"]}', "{}")
    (ready,) = made.sent(CONNECT, 0.0)
    assert isinstance(ready, Ready)
    assert made.phase is Phase.ACTIVE
    assert made.intervals is not None
    assert (made.intervals.heartbeat, made.intervals.lease_renew) == (10.0, 10.0)


def test_a_server_that_admits_is_waited_for() -> None:
    made = ForeignSession(Polite())
    made.opened(0.0)
    made.send(CONNECT, 0.0)
    assert made.sent(CONNECT, 0.0) == ()
    assert made.phase is Phase.HANDSHAKING
    assert not made.may_send(Result)
    with pytest.raises(LocalProtocolError, match="expected a connection that is ready, got 'HANDSHAKING'"):
        made.send(RESULT, 0.0)
    (ready,) = made.receive('{"in": "c7"}', 1.0)
    assert isinstance(ready, Ready)
    assert ready.connection_id == "c7"
    assert made.intervals is not None
    assert made.intervals.silence_limit == 30.0
    assert made.may_send(Result)


def test_a_worker_that_drains_is_let_in_as_one_that_drains() -> None:
    assert session(paused=True).phase is Phase.DRAINING


def test_an_order_is_an_invoke_with_its_arguments_encoded() -> None:
    (invoke,) = session().receive('{"run": "r1", "seconds": 1.5}', 0.0)
    assert isinstance(invoke, Invoke)
    assert (invoke.request_id, invoke.function, invoke.deadline_ms) == ("r1", "f", 1500)
    assert decode(invoke.arguments) == ((1,), {"b": 2})


def test_one_word_may_mean_several_or_none() -> None:
    made = session(Polite)
    assert [type(heard) for heard in made.receive('{"run": "r1", "in": "c"}', 0.0)] == [Invoke, Ready]
    assert made.receive("{}", 0.0) == ()


def test_a_result_is_acknowledged_by_being_sent_unless_the_server_does_it() -> None:
    made = session()
    assert made.send(RESULT, 0.0) == ('{"done": "r1"}',)
    assert made.sent(RESULT, 0.0) == (ResultAck(request_id="r1", lease_id=1),)
    polite = session(Polite)
    polite.receive('{"in": "c"}', 0.0)
    polite.send(RESULT, 0.0)
    assert polite.sent(RESULT, 0.0) == ()


def test_what_is_not_overridden_says_nothing() -> None:
    made = session()
    assert made.send(Ack(request_id="r1", lease_id=1), 0.0) == ()
    assert made.send(Heartbeat(sequence=1), 0.0) == ("beat",)


def test_pause_and_closing_move_it_on_and_after_the_end_it_is_deaf_and_mute() -> None:
    made = session()
    made.send(Pause(), 0.0)
    assert made.phase is Phase.DRAINING
    made.send(Closing(reason="over"), 0.0)
    assert not made.may_send(Result)
    made.close()
    assert made.receive("garbage", 0.0) == ()


@pytest.mark.parametrize("data", ["no JSON", b"\xff", "[]" * 5, '{"run": 1}x'])
def test_what_the_protocol_cannot_read_is_the_servers_breach_and_says_where_it_failed(data: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"expected what Json\.receive reads \(\w+: "):
        session().receive(data, 0.0)


def test_what_the_protocol_cannot_say_is_an_error_of_this_message_alone() -> None:
    made = session()
    with pytest.raises(CodecError, match=r"cannot encode Result: expected what Json can say .*not JSON serializable"):
        made.send(Result(request_id="bad", lease_id=1, outcome=Success(b"")), 0.0)
    assert made.send(RESULT, 0.0)


def test_silence_means_something_only_where_the_server_is_expected_to_speak() -> None:
    assert session().silent_for(1000.0) == 0.0
    polite = session(Polite)
    assert polite.silent_for(12.0) == 12.0
    polite.receive("{}", 20.0)
    assert polite.silent_for(21.0) == 1.0
