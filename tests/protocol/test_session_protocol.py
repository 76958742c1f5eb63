"""Both ends of a session on one table: who may say what, when; and who has fallen silent."""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol.errors import FrameTooLarge, LocalProtocolError, RemoteProtocolError
from regrow.protocol.session import Intervals, Phase, Role, SessionProtocol, decode_message, encode_message
from regrow.protocol.session.messages import (
    Accepted,
    Ack,
    Await,
    Busy,
    Cancel,
    ChangeDead,
    Closing,
    Connect,
    DeadLetters,
    Drain,
    ErrorMessage,
    ExtendLease,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Invoke,
    Lease,
    ListDead,
    Message,
    Pause,
    Progress,
    Ready,
    Result,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
    Success,
)
from regrow.protocol.session.states import LINKS, MESSAGE_TYPES, MOVES, RECEIVES, SENDS, Link

READY = Ready(
    connection_id="c1",
    heartbeat_interval_ms=1000,
    heartbeat_misses=2,
    lease_ms=20_000,
    lease_renew_ms=5000,
    max_message_bytes=100_000,
)
SAMPLES: dict[type[Message], Message] = {
    type(message): message
    for message in (
        Hello(gateway="g"),
        Connect(role="worker", token="t", instance="i"),
        READY,
        Heartbeat(sequence=1),
        HeartbeatAck(sequence=1),
        Invoke(request_id="r", function="f", arguments=b"", lease_id=1),
        Ack(request_id="r", lease_id=1),
        Busy(request_id="r", lease_id=1),
        Progress(request_id="r", done=0.5),
        Result(request_id="r", lease_id=1, outcome=Success(b"")),
        ResultAck(request_id="r", lease_id=1),
        ExtendLease(requests=()),
        Lease(request_id="r", lease_id=1),
        Cancel(request_id="r"),
        Pause(),
        Drain(grace_ms=1000),
        Closing(reason="done"),
        ErrorMessage(scope="request", code="x", text="y"),
        Submit(request_id="r", function="f", arguments=b""),
        Accepted(request_id="r"),
        Await(request_ids=("r",)),
        Settled(request_id="r", outcome=Success(b"")),
        StatusRequest(),
        Status(values={}),
        ListDead(query_id="q"),
        ChangeDead(query_id="q", what="retry", request_ids=("r",)),
        DeadLetters(query_id="q"),
    )
}
assert set(SAMPLES) == set(MESSAGE_TYPES)


class Pair:
    """A worker's or client's end and a gateway's, with what is under way between them."""

    def __init__(self, role: Role = Role.WORKER) -> None:
        self.peer = SessionProtocol(role)
        self.gateway = SessionProtocol(Role.GATEWAY)
        self.to_gateway: list[bytes] = []
        self.to_peer: list[bytes] = []

    def say(self, message: Message, now: float = 0.0) -> Message | None:
        """The peer says something and the gateway hears it."""
        return self.gateway.receive(self.peer.send(message, now), now)

    def hear(self, message: Message, now: float = 0.0) -> Message | None:
        """The gateway says something and the peer hears it."""
        return self.peer.receive(self.gateway.send(message, now), now)

    def connect(self, *, paused: bool = False, now: float = 0.0) -> Pair:
        self.hear(Hello(gateway="g"), now)
        self.say(
            Connect(
                role="client" if self.peer.role is Role.CLIENT else "worker", token="t", instance="i", paused=paused
            ),
            now,
        )
        self.hear(READY, now)
        return self

    @property
    def phases(self) -> tuple[Phase, Phase]:
        return self.peer.phase, self.gateway.phase


def end_in(role: Role, peer: Role, phase: Phase) -> SessionProtocol:
    """One end as it is in a phase, whatever led there."""
    end = SessionProtocol(role)
    end.phase = phase
    end.peer = peer
    if phase > Phase.HANDSHAKING:
        end.connect = Connect(role="client" if Role.CLIENT in (role, peer) else "worker", token="", instance="")
    return end


def sample(kind: type[Message], link: Link) -> Message:
    if kind is Connect:
        return Connect(role="client" if Role.CLIENT in link else "worker", token="", instance="")
    return SAMPLES[kind]


EVERY_CASE = list(itertools.product(LINKS, Phase, MESSAGE_TYPES))


class TestTable:
    def test_has_a_row_for_every_link_and_phase(self) -> None:
        assert set(LINKS) == {(r, Role.GATEWAY) for r in (Role.WORKER, Role.CLIENT)} | {
            (Role.GATEWAY, r) for r in (Role.WORKER, Role.CLIENT)
        }
        for table in (SENDS, RECEIVES):
            assert all(set(rows) == set(Phase) for rows in table.values())

    def test_every_message_can_be_sent_by_somebody(self) -> None:
        assert set().union(*(kinds for rows in SENDS.values() for kinds in rows.values())) == set(MESSAGE_TYPES)

    def test_what_may_be_sent_in_a_phase_may_be_received_in_it(self) -> None:
        for link, phase in itertools.product(LINKS, Phase):
            assert SENDS[link][phase] <= RECEIVES[link][phase]

    def test_what_was_sent_before_a_move_may_be_received_after_it(self) -> None:
        for link in LINKS:
            assert SENDS[link][Phase.ACTIVE] <= RECEIVES[link][Phase.DRAINING]
            for earlier in (Phase.HANDSHAKING, Phase.ACTIVE, Phase.DRAINING):
                assert SENDS[link][earlier] <= RECEIVES[link][Phase.CLOSING]

    def test_nothing_of_a_later_phase_may_be_received_before(self) -> None:
        for link in LINKS:
            assert RECEIVES[link][Phase.ACTIVE] == SENDS[link][Phase.ACTIVE]
            assert RECEIVES[link][Phase.HANDSHAKING] == SENDS[link][Phase.HANDSHAKING]

    def test_both_kinds_of_peer_shake_hands_alike(self) -> None:
        for phase in (Phase.NEW, Phase.HANDSHAKING):
            assert SENDS[(Role.GATEWAY, Role.WORKER)][phase] == SENDS[(Role.GATEWAY, Role.CLIENT)][phase]
            assert SENDS[(Role.WORKER, Role.GATEWAY)][phase] == SENDS[(Role.CLIENT, Role.GATEWAY)][phase]

    def test_results_and_renewals_go_on_while_draining(self) -> None:
        assert {Result, ExtendLease, Heartbeat} <= SENDS[(Role.WORKER, Role.GATEWAY)][Phase.DRAINING]
        assert {ResultAck, Lease, HeartbeatAck} <= SENDS[(Role.GATEWAY, Role.WORKER)][Phase.DRAINING]
        assert Invoke not in SENDS[(Role.GATEWAY, Role.WORKER)][Phase.DRAINING]

    @pytest.mark.parametrize("kind", MESSAGE_TYPES)
    def test_connect_only_while_handshaking(self, kind: type[Message]) -> None:
        for link, phase in itertools.product(LINKS, Phase):
            if kind is Connect and kind in SENDS[link][phase]:
                assert phase is Phase.HANDSHAKING

    def test_every_sender_and_receiver_does_what_the_table_says(self) -> None:
        for link, phase, kind in EVERY_CASE:
            message = sample(kind, link)
            sender = end_in(link[0], link[1], phase)
            if kind is Ready:
                sender.connect = Connect(role="worker", token="", instance="")
            if kind in SENDS[link][phase]:
                assert decode_message(sender.send(message, 0.0)) == message
                assert sender.phase == max(phase, MOVES.get(kind, phase))
            else:
                with pytest.raises(LocalProtocolError):
                    sender.send(message, 0.0)
                assert sender.phase is phase

    def test_every_receiver_does_what_the_table_says(self) -> None:
        for link, phase, kind in EVERY_CASE:
            message = sample(kind, link)
            receiver = end_in(link[1], link[0], phase)
            receiver.connect = None if kind is Connect else Connect(role="worker", token="", instance="")
            if phase is Phase.CLOSED:
                assert receiver.receive(encode_message(message), 0.0) is None
            elif kind in RECEIVES[link][phase]:
                assert receiver.receive(encode_message(message), 0.0) == message
                assert receiver.phase == max(phase, MOVES.get(kind, phase))
            else:
                with pytest.raises(RemoteProtocolError):
                    receiver.receive(encode_message(message), 0.0)
                assert receiver.phase is phase


class TestConversation:
    @pytest.mark.parametrize("role", [Role.WORKER, Role.CLIENT])
    def test_hello_connect_ready_make_both_active(self, role: Role) -> None:
        pair = Pair(role)
        assert pair.phases == (Phase.NEW, Phase.NEW)
        pair.hear(Hello(gateway="g"))
        assert pair.phases == (Phase.HANDSHAKING, Phase.HANDSHAKING)
        pair.say(Connect(role="client" if role is Role.CLIENT else "worker", token="t", instance="i"))
        assert pair.phases == (Phase.HANDSHAKING, Phase.HANDSHAKING)
        assert pair.gateway.peer is role
        pair.hear(READY)
        assert pair.phases == (Phase.ACTIVE, Phase.ACTIVE)
        assert (
            pair.peer.intervals
            == pair.gateway.intervals
            == Intervals(heartbeat=1.0, misses=2, lease=20.0, lease_renew=5.0, max_message_bytes=100_000)
        )

    def test_work_goes_there_and_back(self) -> None:
        pair = Pair().connect()
        assert pair.hear(SAMPLES[Invoke]) == SAMPLES[Invoke]
        for kind in (Ack, Progress, ExtendLease, Result, Busy):
            assert pair.say(SAMPLES[kind]) == SAMPLES[kind]
        for answer in (ResultAck, Lease, Cancel):
            assert pair.hear(SAMPLES[answer]) == SAMPLES[answer]

    def test_a_client_submits_and_hears_the_end(self) -> None:
        pair = Pair(Role.CLIENT).connect()
        for kind in (Submit, Await, Cancel, StatusRequest, Heartbeat):
            assert pair.say(SAMPLES[kind])
        for answer in (Accepted, Progress, Settled, Status, HeartbeatAck):
            assert pair.hear(SAMPLES[answer])

    def test_after_pause_nothing_new_comes_and_results_still_go(self) -> None:
        pair = Pair().connect()
        pair.say(Pause())
        assert pair.phases == (Phase.DRAINING, Phase.DRAINING)
        with pytest.raises(
            LocalProtocolError, match=r"'invoke': expected .* in this phase of a gateway, got 'DRAINING'"
        ):
            pair.gateway.send(SAMPLES[Invoke], 0.0)
        for kind in (Result, ExtendLease, Heartbeat):
            assert pair.say(SAMPLES[kind])

    def test_an_invoke_that_crossed_a_pause_is_received(self) -> None:
        pair = Pair().connect()
        invoke = pair.gateway.send(SAMPLES[Invoke], 0.0)
        pause = pair.peer.send(Pause(), 0.0)
        assert pair.peer.receive(invoke, 0.0) == SAMPLES[Invoke]
        assert pair.gateway.receive(pause, 0.0) == Pause()
        assert pair.say(Busy(request_id="r", lease_id=1, reason="draining"))

    def test_a_submit_that_crossed_a_drain_is_received(self) -> None:
        pair = Pair(Role.CLIENT).connect()
        submit = pair.peer.send(SAMPLES[Submit], 0.0)
        pair.hear(Drain(grace_ms=1))
        assert pair.gateway.receive(submit, 0.0) == SAMPLES[Submit]
        assert not pair.peer.may_send(Submit)

    def test_a_pause_during_a_drain_is_taken(self) -> None:
        pair = Pair().connect()
        pair.hear(Drain(grace_ms=1))
        assert pair.say(Pause()) == Pause()
        assert pair.hear(Drain(grace_ms=1)) == Drain(grace_ms=1)
        assert pair.phases == (Phase.DRAINING, Phase.DRAINING)

    def test_who_reconnects_while_shutting_down_is_never_active(self) -> None:
        pair = Pair().connect(paused=True)
        assert pair.phases == (Phase.DRAINING, Phase.DRAINING)
        assert not pair.gateway.may_send(Invoke)
        assert pair.say(SAMPLES[Result])

    def test_closing_is_answered_and_results_before_it_acknowledged(self) -> None:
        pair = Pair().connect()
        pair.say(Closing(reason="done", release=True))
        assert pair.phases == (Phase.CLOSING, Phase.CLOSING)
        assert pair.hear(ResultAck(request_id="r", lease_id=1))
        assert pair.hear(Closing(reason="bye"))
        with pytest.raises(LocalProtocolError):
            pair.peer.send(SAMPLES[Result], 0.0)

    def test_closing_may_cross_anything(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        connect = pair.peer.send(Connect(role="worker", token="t", instance="i"), 0.0)
        pair.hear(Closing(reason="going away"))
        assert pair.gateway.receive(connect, 0.0)
        assert pair.gateway.phase is Phase.CLOSING

    def test_a_refused_token_is_told_before_ready(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        pair.say(Connect(role="worker", token="wrong", instance="i"))
        refusal = ErrorMessage(scope="connection", code="unauthorized", text="no", fatal=True)
        assert pair.hear(refusal) == refusal
        assert pair.hear(Closing(reason="unauthorized"))

    def test_after_close_what_comes_is_ignored_and_nothing_goes(self) -> None:
        pair = Pair().connect()
        pair.peer.close()
        assert pair.peer.receive(b"garbage", 0.0) is None
        with pytest.raises(LocalProtocolError, match="expected nothing in this phase"):
            pair.peer.send(SAMPLES[Heartbeat], 0.0)
        assert not pair.peer.may_send(Closing)

    def test_phases_never_go_back(self) -> None:
        pair = Pair().connect()
        pair.say(Closing(reason="x"))
        pair.gateway.receive(encode_message(Pause()), 0.0)
        assert pair.gateway.phase is Phase.CLOSING

    def test_unknown_kinds_are_ignored_but_count_as_life(self) -> None:
        pair = Pair().connect()
        assert pair.gateway.receive(msgpack.packb(["from_the_future", {}]), 50.0) is None
        assert pair.gateway.silent_for(51.0) == 1.0


class TestHandshakeRules:
    def test_a_second_connect_is_refused(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        connect = Connect(role="worker", token="t", instance="i")
        pair.say(connect)
        with pytest.raises(LocalProtocolError, match="one on a connection"):
            pair.peer.send(connect, 0.0)
        with pytest.raises(RemoteProtocolError, match="one on a connection"):
            pair.gateway.receive(encode_message(connect), 0.0)

    def test_nobody_connects_in_anothers_name(self) -> None:
        pair = Pair(Role.CLIENT)
        pair.hear(Hello(gateway="g"))
        with pytest.raises(LocalProtocolError, match=r"connect.role: expected client, got 'worker'"):
            pair.peer.send(Connect(role="worker", token="t", instance="i"), 0.0)

    def test_ready_needs_a_connect(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        with pytest.raises(LocalProtocolError, match="ready: expected a connect before it"):
            pair.gateway.send(READY, 0.0)
        with pytest.raises(RemoteProtocolError, match="ready: expected a connect before it"):
            pair.peer.receive(encode_message(READY), 0.0)

    @pytest.mark.parametrize(
        "name", ["heartbeat_interval_ms", "heartbeat_misses", "lease_ms", "lease_renew_ms", "max_message_bytes"]
    )
    def test_an_interval_of_nothing_is_refused(self, name: str) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        pair.say(Connect(role="worker", token="t", instance="i"))
        values = {field: getattr(READY, field) for field in READY.__dataclass_fields__}
        bad = Ready(**{**values, name: 0})
        with pytest.raises(LocalProtocolError, match=f"ready.{name}: expected more than 0, got 0"):
            pair.gateway.send(bad, 0.0)
        with pytest.raises(RemoteProtocolError, match=f"ready.{name}: expected more than 0, got 0"):
            pair.peer.receive(encode_message(bad), 0.0)
        assert pair.phases == (Phase.HANDSHAKING, Phase.HANDSHAKING)

    def test_work_before_ready_is_an_error_of_the_peer(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g"))
        with pytest.raises(RemoteProtocolError, match=r"'result': expected .*connect.* in this phase of a gateway"):
            pair.gateway.receive(encode_message(SAMPLES[Result]), 0.0)

    def test_a_client_cannot_act_as_a_worker(self) -> None:
        pair = Pair(Role.CLIENT).connect()
        with pytest.raises(RemoteProtocolError):
            pair.gateway.receive(encode_message(SAMPLES[Result]), 0.0)
        with pytest.raises(LocalProtocolError):
            pair.gateway.send(SAMPLES[Invoke], 0.0)

    def test_what_is_no_message_is_refused(self) -> None:
        with pytest.raises(LocalProtocolError, match="session message 'str'"):
            SessionProtocol(Role.WORKER).send("hello", 0.0)  # type: ignore[arg-type]


class TestBounds:
    def test_what_is_larger_than_ready_allows_is_not_sent(self) -> None:
        pair = Pair().connect()
        large = Result(request_id="r", lease_id=1, outcome=Success(bytes(100_000)))
        with pytest.raises(FrameTooLarge, match="'result': expected at most 100000 bytes"):
            pair.peer.send(large, 0.0)

    def test_what_is_larger_than_this_end_takes_is_refused_unread(self) -> None:
        gateway = SessionProtocol(Role.GATEWAY, max_bytes=100)
        with pytest.raises(RemoteProtocolError, match="at most 100 bytes"):
            gateway.receive(bytes(101), 0.0)
        with pytest.raises(FrameTooLarge):
            gateway.send(Hello(gateway="g" * 100), 0.0)
        assert gateway.phase is Phase.NEW


class TestSilence:
    def test_nobody_is_silent_before_anything_was_said(self) -> None:
        end = SessionProtocol(Role.GATEWAY)
        assert end.silent_for(1000.0) == 0.0
        assert not end.beat_missed(1000.0)

    def test_a_peer_that_never_answers_is_silent_from_our_first_word(self) -> None:
        end = SessionProtocol(Role.GATEWAY)
        end.send(Hello(gateway="g"), 10.0)
        assert end.silent_for(14.0) == 4.0
        assert not end.beat_missed(1000.0)

    def test_the_agreed_number_of_beats_may_be_missed_and_no_more(self) -> None:
        pair = Pair().connect(now=100.0)
        for end in (pair.peer, pair.gateway):
            assert not end.beat_missed(102.0)
            assert end.beat_missed(102.001)

    def test_anything_that_is_said_counts_as_a_beat(self) -> None:
        pair = Pair().connect(now=100.0)
        pair.say(SAMPLES[Progress], 101.5)
        assert pair.gateway.silent_for(103.0) == 1.5
        assert not pair.gateway.beat_missed(103.0)
        assert pair.peer.beat_missed(103.0)

    def test_a_clock_that_is_read_late_gives_no_negative_silence(self) -> None:
        pair = Pair().connect(now=100.0)
        assert pair.gateway.silent_for(99.0) == 0.0


class TestFeatures:
    def agree(
        self, offered: tuple[str, ...], asked: tuple[str, ...], granted: tuple[str, ...]
    ) -> tuple[SessionProtocol, SessionProtocol]:
        pair = Pair()
        pair.hear(Hello(gateway="g", features=offered))
        pair.say(Connect(role="worker", token="t", instance="i", features=asked))
        pair.hear(replace(READY, features=granted))
        return pair.peer, pair.gateway

    def test_what_ready_grants_holds_at_both_ends(self) -> None:
        for end in self.agree(("a", "b", "c"), ("b", "c", "d"), ("b",)):
            assert [feature for feature in "abcd" if end.has(feature)] == ["b"]

    def test_before_ready_there_are_none(self) -> None:
        pair = Pair()
        pair.hear(Hello(gateway="g", features=("a",)))
        pair.say(Connect(role="worker", token="t", instance="i", features=("a",)))
        assert not pair.peer.has("a")
        assert not pair.gateway.has("a")

    @pytest.mark.parametrize(("offered", "asked"), [((), ("a",)), (("a",), ()), (("b",), ("b",))])
    def test_ready_cannot_grant_what_was_not_offered_and_asked_for(
        self, offered: tuple[str, ...], asked: tuple[str, ...]
    ) -> None:
        with pytest.raises(LocalProtocolError, match=r"ready\.features: expected some of .*, got \['a'\]"):
            self.agree(offered, asked, ("a",))
        pair = Pair()
        pair.hear(Hello(gateway="g", features=offered))
        pair.say(Connect(role="worker", token="t", instance="i", features=asked))
        with pytest.raises(RemoteProtocolError, match=r"ready\.features"):
            pair.peer.receive(encode_message(replace(READY, features=("a",))), 0.0)

    def test_a_peer_that_has_never_heard_of_features_has_none(self) -> None:
        kind, fields = msgpack.unpackb(encode_message(Hello(gateway="g", features=("a",))))
        assert decode_message(msgpack.packb([kind, {"gateway": fields["gateway"]}])) == Hello(gateway="g")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(MESSAGE_TYPES)), max_size=40),
    st.sampled_from([Role.WORKER, Role.CLIENT]),
)
def test_whatever_two_honest_ends_say_in_flight_they_never_blame_each_other(
    script: list[tuple[bool, type[Message]]], role: Role
) -> None:
    """Each end says what its own table allows, deliveries lag behind at will; nobody ever sees an error of the peer."""
    pair = Pair(role).connect()
    for by_peer, kind in script:
        end, queue = (pair.peer, pair.to_gateway) if by_peer else (pair.gateway, pair.to_peer)
        if kind in (Hello, Connect, Ready):  # here: a delivery of what waits longest for this end
            waiting = pair.to_peer if by_peer else pair.to_gateway
            if waiting:
                end.receive(waiting.pop(0), 0.0)
        elif end.may_send(kind):
            queue.append(end.send(SAMPLES[kind], 0.0))
    for data in pair.to_gateway:
        pair.gateway.receive(data, 0.0)
    for data in pair.to_peer:
        pair.peer.receive(data, 0.0)
    assert pair.peer.phase >= Phase.ACTIVE
