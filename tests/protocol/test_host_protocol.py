"""Both ends of a link on one table: who may say what, in which lane, with which credit."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol.errors import CodecError, FrameTooLarge, GarbageReceived, LocalProtocolError, RemoteProtocolError
from regrow.protocol.exits import NORMAL, SHUTDOWN
from regrow.protocol.frames import Frame, FrameReader, encode_frame
from regrow.protocol.host import LinkProtocol, Side, State
from regrow.protocol.host.messages import (
    MISSING,
    Acknowledge,
    Ask,
    ClosePort,
    Exited,
    Hello,
    Init,
    LinkMessage,
    Logs,
    Parcel,
    Ready,
    Reply,
    Stop,
    Tell,
    Tells,
    Window,
)
from regrow.protocol.host.protocol import Carrying, Piece
from regrow.protocol.host.states import CREDITED, MESSAGE_TYPES, ORDERED, TRANSITIONS
from regrow.protocol.host.wire import NUMBERS, encode_link_message
from regrow.protocol.limits import DESCRIPTORS_MAX, FRAME_MAX_BYTES, INLINE_MAX_BYTES, SHARED_FRAME_BYTES

from .test_host_messages import SAMPLES as MESSAGES

SAMPLES: dict[type[LinkMessage], LinkMessage] = {type(message): message for message in reversed(MESSAGES)}
SAMPLES[Hello] = Hello(1234, 7)
SAMPLES[Init] = Init("m:T", b"", 7)


class Pair:
    """Both ends of one link."""

    def __init__(self, **options: int | bool) -> None:
        self.parent = LinkProtocol(Side.PARENT, incarnation=7, **options)  # type: ignore[arg-type]
        self.child = LinkProtocol(Side.CHILD, incarnation=7, **options)  # type: ignore[arg-type]

    def down(self, *messages: LinkMessage) -> list[LinkMessage]:
        """The parent says these, the child hears them."""
        for message in messages:
            self.parent.send(message)
        return self.child.receive_data(bytes_of(self.parent.data_to_send()))

    def up(self, *messages: LinkMessage) -> list[LinkMessage]:
        """The child says these, the parent hears them."""
        for message in messages:
            self.child.send(message)
        return self.parent.receive_data(bytes_of(self.child.data_to_send()))

    def start(self) -> Pair:
        self.up(Hello(1, 7))
        self.down(Init("m:T", b"", 7))
        self.up(Ready())
        return self

    @property
    def states(self) -> tuple[State, State]:
        return self.parent.state, self.child.state


def frame(message: LinkMessage, sequence: int = 0, acked: int = 0) -> bytes:
    head, body = encode_link_message(message)
    return encode_frame(Frame(NUMBERS[type(message)], head + bytes(body), sequence, acked))


def credit_of(message: LinkMessage) -> int:
    if isinstance(message, Tells):
        return len(message.bodies)
    return int(type(message.message if isinstance(message, Parcel) else message) in CREDITED)


def take(end: LinkProtocol, piece: Piece) -> list[LinkMessage]:
    """Deliver a piece, and what travels beside it."""
    if isinstance(piece, Carrying):
        end.receive_descriptors(piece.descriptors)
        return end.receive_data(piece.data)
    return end.receive_data(piece)


def bytes_of(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data if isinstance(piece, Carrying) else piece for piece in pieces)


EVERY_CASE = list(itertools.product(Side, State, MESSAGE_TYPES))


class TestTable:
    def test_has_a_row_for_every_side_and_state(self) -> None:
        assert all(set(TRANSITIONS[side]) == set(State) for side in Side)

    def test_every_message_can_be_said_by_somebody(self) -> None:
        assert {kind for rows in TRANSITIONS.values() for row in rows.values() for kind in row} == set(MESSAGE_TYPES)

    def test_states_never_go_back(self) -> None:
        for rows in TRANSITIONS.values():
            for state, row in rows.items():
                assert all(after >= state for after in row.values())

    def test_every_state_but_the_last_has_a_way_on(self) -> None:
        for state in State:
            ways = {after for rows in TRANSITIONS.values() for after in rows[state].values()}
            assert state is State.ENDED or any(after > state for after in ways)

    def test_whatever_the_parent_or_a_port_may_say_is_taken_after_the_end(self) -> None:
        for side in (Side.PARENT, Side.PORT):
            for row in TRANSITIONS[side].values():
                assert row.keys() <= TRANSITIONS[side][State.ENDED].keys()

    def test_whatever_the_child_may_say_before_it_knows_of_the_stop_is_taken_after_it(self) -> None:
        for state in (State.NEW, State.GREETED, State.INITIALIZING, State.ACTIVE):
            assert TRANSITIONS[Side.CHILD][state].keys() <= TRANSITIONS[Side.CHILD][State.STOPPING].keys()

    def test_every_end_sends_what_the_table_says(self) -> None:
        for side, state, kind in EVERY_CASE:
            end = LinkProtocol(side)
            end.state = state
            after = TRANSITIONS[side][state].get(kind)
            if after is None or state is State.ENDED:
                with pytest.raises(LocalProtocolError):
                    end.send(SAMPLES[kind])
                assert end.state is state
                assert not end.has_data_to_send
            else:
                end.send(SAMPLES[kind])
                assert end.state is after
                assert end.has_data_to_send

    def test_every_end_receives_what_the_table_says(self) -> None:
        for side, state, kind in EVERY_CASE:
            end = LinkProtocol(side)
            end.state = state
            data = frame(SAMPLES[kind], sequence=credit_of(SAMPLES[kind]))
            end.receive_descriptors((-1, -1) if kind is Parcel else ())
            after = TRANSITIONS[side.other][state].get(kind)
            if after is None:
                with pytest.raises(RemoteProtocolError):
                    end.receive_data(data)
                assert end.state is state
                assert end.failure is not None
            else:
                assert end.receive_data(data) == ([] if kind in (Acknowledge, Window) else [SAMPLES[kind]])
                assert end.state is after


class TestLife:
    def test_hello_init_ready_make_both_active(self) -> None:
        pair = Pair()
        assert pair.states == (State.NEW, State.NEW)
        assert pair.up(Hello(1, 7)) == [Hello(1, 7)]
        assert pair.states == (State.GREETED, State.GREETED)
        assert pair.down(Init("m:T", b"args", 7)) == [Init("m:T", b"args", 7)]
        assert pair.states == (State.INITIALIZING, State.INITIALIZING)
        assert pair.up(Ready(b"info")) == [Ready(b"info")]
        assert pair.states == (State.ACTIVE, State.ACTIVE)

    def test_the_parent_need_not_wait_for_the_hello(self) -> None:
        pair = Pair()
        pair.parent.send(Init("m:T", b"args", 7))
        pair.parent.send(Tell("", b"x"))
        assert pair.up(Hello(1, 7)) == [Hello(1, 7)]
        assert pair.down() == [Init("m:T", b"args", 7), Tell("", b"x")]
        assert pair.up(Ready()) == [Ready()]
        assert pair.states == (State.ACTIVE, State.ACTIVE)

    def test_a_message_may_be_told_while_the_child_starts(self) -> None:
        pair = Pair()
        pair.up(Hello(1, 7))
        assert pair.down(Init("m:T", b"", 7), Tell("", b"x"))[1] == Tell("", b"x")
        assert pair.up(Ask("boss", 1, b"?")) == [Ask("boss", 1, b"?")]
        assert pair.down(Reply(1, True, b"!")) == [Reply(1, True, b"!")]

    def test_stop_and_ready_may_cross(self) -> None:
        pair = Pair()
        pair.up(Hello(1, 7))
        pair.down(Init("m:T", b"", 7))
        pair.child.send(Ready())
        pair.parent.send(Stop(SHUTDOWN))
        assert pair.parent.receive_data(bytes_of(pair.child.data_to_send())) == [Ready()]
        assert pair.child.receive_data(bytes_of(pair.parent.data_to_send())) == [Stop(SHUTDOWN)]
        assert pair.states == (State.STOPPING, State.STOPPING)
        assert pair.up(Exited(NORMAL)) == [Exited(NORMAL)]

    def test_what_crosses_the_end_is_taken_and_nothing_is_sent_after_it(self) -> None:
        pair = Pair().start()
        pair.parent.send(Tell("", b"late"))
        pair.parent.send(Stop(SHUTDOWN))
        assert pair.up(Exited(NORMAL)) == [Exited(NORMAL)]
        assert pair.child.receive_data(bytes_of(pair.parent.data_to_send())) == [Stop(SHUTDOWN), Tell("", b"late")]
        assert pair.states == (State.ENDED, State.ENDED)
        for end in (pair.parent, pair.child):
            with pytest.raises(LocalProtocolError, match="got 'ENDED'"):
                end.send(Tell("", b"x"))

    def test_a_child_that_goes_on_after_its_last_words_breaks_the_protocol(self) -> None:
        pair = Pair().start()
        pair.up(Exited(NORMAL))
        with pytest.raises(RemoteProtocolError, match="'logs': expected nothing from the child in this state"):
            pair.parent.receive_data(frame(SAMPLES[Logs]))

    def test_each_side_says_only_its_own(self) -> None:
        pair = Pair().start()
        with pytest.raises(LocalProtocolError, match=r"'init': expected .* from the child in this state, got 'ACTIVE'"):
            pair.child.send(SAMPLES[Init])
        with pytest.raises(LocalProtocolError, match="'str'"):
            pair.child.send("hello")  # type: ignore[arg-type]

    def test_after_a_refusal_nothing_has_changed(self) -> None:
        pair = Pair().start()
        with pytest.raises(CodecError):
            pair.child.send(Exited(NORMAL, {"x": print}))
        with pytest.raises(FrameTooLarge):
            pair.child.send(Tell("", bytes(FRAME_MAX_BYTES)))
        assert not pair.child.has_data_to_send
        assert pair.up(Tell("", b"x")) == [Tell("", b"x")]


class TestPort:
    def test_both_ends_talk_from_the_first_moment_until_one_says_that_it_is_closed(self) -> None:
        first, second = LinkProtocol(Side.PORT), LinkProtocol(Side.PORT)
        first.send(Tell("", b"1"))
        second.send(Tell("", b"2"))
        first.send(ClosePort(SHUTDOWN))
        assert second.receive_data(bytes_of(first.data_to_send())) == [Tell("", b"1"), ClosePort(SHUTDOWN)]
        assert first.receive_data(bytes_of(second.data_to_send())) == [Tell("", b"2")]
        for end in (first, second):
            with pytest.raises(LocalProtocolError, match="got 'ENDED'"):
                end.send(Tell("", b"x"))

    def test_nothing_of_a_process_can_be_said_between_ports(self) -> None:
        for kind in (Hello, Init, Stop, Logs):
            with pytest.raises(RemoteProtocolError, match="from the port in this state"):
                LinkProtocol(Side.PORT).receive_data(frame(SAMPLES[kind]))


class TestLanes:
    def test_control_goes_ahead_of_data(self) -> None:
        pair = Pair().start()
        assert pair.down(Tell("", b"1"), Tell("", b"2"), Stop(SHUTDOWN)) == [
            Stop(SHUTDOWN),
            Tell("", b"1"),
            Tell("", b"2"),
        ]

    def test_logs_are_taken_when_nothing_else_waits(self) -> None:
        pair = Pair().start()
        assert pair.child.takes_logs
        pair.child.send(Tell("", b"x"))
        assert not pair.child.takes_logs
        pair.up(Exited(NORMAL))
        assert not pair.child.takes_logs

    def test_last_words_stay_last(self) -> None:
        pair = Pair().start()
        said: list[LinkMessage] = [Reply(1, True, b"v"), SAMPLES[Logs], Exited(NORMAL)]
        assert pair.up(*said) == said

    @pytest.mark.parametrize("kind", sorted(ORDERED - {ClosePort}, key=str))
    def test_what_tells_of_an_end_never_overtakes_an_answer(self, kind: type[LinkMessage]) -> None:
        end = LinkProtocol(Side.CHILD)
        end.state = State.STOPPING
        end.send(Reply(1, True, b"v"))
        end.send(SAMPLES[kind])
        frames = FrameReader().feed(bytes_of(end.data_to_send()))
        assert [frame.type for frame in frames] == [NUMBERS[Reply], NUMBERS[kind]]

    def test_tells_that_go_together_share_a_frame(self) -> None:
        pair = Pair().start()
        pair.parent.tell("urn:1", (b"1", b"", b"3"))
        data = bytes_of(pair.parent.data_to_send())
        assert len(FrameReader().feed(data)) == 1
        assert pair.child.receive_data(data) == [Tells("urn:1", (b"1", b"", b"3"))]
        assert pair.parent.in_flight == 3
        pair.up(Reply(1, True, b""))
        assert pair.parent.in_flight == 0

    def test_tells_too_large_for_one_frame_share_several(self) -> None:
        pair = Pair(window_bytes=2**30).start()
        bodies = [bytes([number]) * (SHARED_FRAME_BYTES // 3) for number in range(8)]
        bodies[4] = bytes(2 * SHARED_FRAME_BYTES)
        pair.parent.tell("u", bodies)
        heard = pair.child.receive_data(bytes_of(pair.parent.data_to_send()))
        assert [len(each.bodies) if isinstance(each, Tells) else 1 for each in heard] == [3, 1, 1, 3]
        assert [
            bytes(body)
            for each in heard
            if isinstance(each, Tells | Tell)
            for body in (each.bodies if isinstance(each, Tells) else (each.body,))
        ] == bodies

    def test_one_that_is_too_large_stops_none_of_the_others(self) -> None:
        pair = Pair().start()
        with pytest.raises(FrameTooLarge):
            pair.parent.tell("u", (b"1", bytes(FRAME_MAX_BYTES)))
        assert not pair.parent.has_data_to_send
        assert pair.down(Tell("u", b"2")) == [Tell("u", b"2")]

    def test_an_end_that_takes_none_says_so(self) -> None:
        pair = Pair()
        assert not pair.parent.takes_tells
        assert pair.start().parent.takes_tells
        pair.up(Exited(NORMAL))
        assert not pair.parent.takes_tells

    def test_descriptors_travel_with_the_first_byte_of_their_message(self) -> None:
        pair = Pair().start()
        pair.parent.send(Tell("u", b"before"))
        pair.parent.send(Parcel(Tell("u", b"x" * INLINE_MAX_BYTES), (7, 8)))
        pair.parent.send(Tell("u", b"after"))
        pieces = pair.parent.data_to_send()
        assert [piece.descriptors for piece in pieces if isinstance(piece, Carrying)] == [(7, 8)]
        heard = [message for piece in pieces for message in take(pair.child, piece)]
        assert heard == [
            Tell("u", b"before"),
            Parcel(Tell("u", b"x" * INLINE_MAX_BYTES), (7, 8)),
            Tell("u", b"after"),
        ]
        assert pair.parent.give_back_descriptors() == pair.child.give_back_descriptors() == ()

    def test_an_init_with_descriptors_moves_the_state_as_any_other_and_only_the_parent_says_it(self) -> None:
        pair = Pair()
        init = Init("a:b", b"args", 7)
        pair.parent.send(Parcel(init, (7,)))
        pieces = pair.parent.data_to_send()
        assert [message for piece in pieces for message in take(pair.child, piece)] == [Parcel(init, (7,))]
        assert (pair.parent.state, pair.child.state) == (State.INITIALIZING, State.INITIALIZING)
        with pytest.raises(LocalProtocolError, match="link message 'init'"):
            pair.parent.send(Parcel(init, (8,)))
        with pytest.raises(LocalProtocolError, match="link message 'init'"):
            pair.child.send(Parcel(init, (8,)))
        with pytest.raises(RemoteProtocolError, match="link message 'init'"):
            pair.parent.receive_data(frame(Parcel(init, (8,))))

    def test_an_init_of_an_older_life_is_ignored_and_its_descriptors_are_given_back(self) -> None:
        child = LinkProtocol(Side.CHILD, incarnation=2)
        child.receive_descriptors([7])
        assert child.receive_data(frame(Parcel(Init("a:b", b"args", 1), (-1,)))) == []
        assert child.give_back_descriptors() == (7,)

    def test_a_message_without_its_descriptors_breaks_the_link(self) -> None:
        pair = Pair().start()
        with pytest.raises(RemoteProtocolError, match="descriptors: expected 2 beside the message, got 1"):
            pair.child.receive_descriptors([7])
            pair.child.receive_data(frame(Parcel(Tell("", b""), (0, 0)), sequence=1))

    def test_descriptors_that_found_no_room_are_missing_in_their_own_message_only(self) -> None:
        pair = Pair().start()
        for count in (2, 3, 1):
            pair.parent.send(Parcel(Tell("urn:a", b""), (7,) * count))
        data = bytes_of(pair.parent.data_to_send())
        pair.child.receive_descriptors([1, 2])
        pair.child.receive_descriptors([3], incomplete=True)
        pair.child.receive_descriptors([], incomplete=True)
        assert [message.descriptors for message in pair.child.receive_data(data) if isinstance(message, Parcel)] == [
            (1, 2),
            (3, MISSING, MISSING),
            (MISSING,),
        ]

    def test_what_is_missing_is_not_given_back(self) -> None:
        pair = Pair()
        pair.child.receive_descriptors([3], incomplete=True)
        assert pair.child.give_back_descriptors() == (3,)

    def test_more_than_a_message_can_have_break_the_link(self) -> None:
        pair = Pair()
        with pytest.raises(RemoteProtocolError, match=f"descriptors: expected at most {DESCRIPTORS_MAX}, got 'more'"):
            pair.child.receive_descriptors([7] * DESCRIPTORS_MAX, incomplete=True)

    def test_descriptors_without_a_message_break_the_link_before_there_are_too_many(self) -> None:
        pair = Pair().start()
        with pytest.raises(RemoteProtocolError, match="whose message is still to come"):
            for number in range(5):
                pair.child.receive_descriptors([number] * DESCRIPTORS_MAX)
        assert len(pair.child.give_back_descriptors()) == 5 * DESCRIPTORS_MAX

    def test_what_is_left_at_the_end_is_given_back(self) -> None:
        pair = Pair().start()
        pair.parent.send(Parcel(Tell("", b""), (7, 8)))
        pair.parent.receive_descriptors([9])
        assert sorted(pair.parent.give_back_descriptors()) == [7, 8, 9]
        assert pair.parent.give_back_descriptors() == ()

    def test_with_a_limit_control_overtakes_what_still_waits(self) -> None:
        pair = Pair().start()
        for _ in range(3):
            pair.parent.send(Tell("", bytes(100)))
        first = pair.parent.data_to_send(1)
        assert len(FrameReader().feed(b"".join(first))) == 1
        pair.parent.send(Stop(SHUTDOWN))
        rest = FrameReader().feed(bytes_of(pair.parent.data_to_send()))
        assert [frame.type for frame in rest] == [NUMBERS[Stop], NUMBERS[Tell], NUMBERS[Tell]]
        assert pair.parent.data_to_send() == []
        assert not pair.parent.has_data_to_send

    def test_a_limit_is_reached_by_whole_frames(self) -> None:
        pair = Pair().start()
        for _ in range(10):
            pair.parent.send(Tell("", bytes(100)))
        assert len(FrameReader().feed(bytes_of(pair.parent.data_to_send(300)))) == 3

    def test_large_bodies_are_given_as_they_are(self) -> None:
        pair = Pair().start()
        body = bytes(INLINE_MAX_BYTES)
        pair.parent.send(Tell("", b"small"))
        pair.parent.send(Tell("", body))
        pair.parent.send(Tell("", b"small"))
        pieces = pair.parent.data_to_send()
        assert len(pieces) == 3
        assert pieces[1] is body
        assert [m.body for m in pair.child.receive_data(b"".join(pieces)) if isinstance(m, Tell)] == [
            b"small",
            body,
            b"small",
        ]

    def test_large_bodies_can_be_received_in_place(self) -> None:
        pair = Pair().start()
        pair.parent.send(Tell("", bytes(200_000)))
        stream = bytes_of(pair.parent.data_to_send())
        assert pair.child.receive_data(stream[:50]) == []
        room = pair.child.reader.wanted()
        assert room is not None
        room[:] = stream[50:]
        messages = pair.child.receive_frames(pair.child.reader.filled(len(room)))
        assert messages == [Tell("", bytes(200_000))]


class TestIncarnations:
    def test_frames_of_an_older_life_are_ignored(self) -> None:
        parent = LinkProtocol(Side.PARENT, incarnation=7)
        assert parent.receive_data(frame(Hello(1, 6)) + frame(SAMPLES[Logs]) + frame(Ready())) == []
        assert parent.state is State.NEW
        assert parent.ignored_frames == 3
        assert parent.receive_data(frame(Hello(2, 7))) == [Hello(2, 7)]
        assert parent.state is State.GREETED

    def test_an_init_for_an_older_life_is_ignored(self) -> None:
        pair = Pair()
        pair.up(Hello(1, 7))
        assert pair.child.receive_data(frame(Init("m:T", b"", 6))) == []
        assert pair.child.receive_data(frame(Init("m:T", b"", 7))) == [Init("m:T", b"", 7)]

    def test_a_later_life_is_an_error(self) -> None:
        with pytest.raises(RemoteProtocolError, match=r"hello.incarnation: expected 7, got 8"):
            LinkProtocol(Side.PARENT, incarnation=7).receive_data(frame(Hello(1, 8)))

    def test_without_a_life_of_its_own_an_end_takes_the_first_that_comes(self) -> None:
        parent = LinkProtocol(Side.PARENT)
        parent.receive_data(frame(Hello(1, 3)))
        assert parent.incarnation == 3
        child = LinkProtocol(Side.CHILD)
        child.send(Hello(1, 3))
        assert child.incarnation == 3

    def test_nobody_speaks_for_another_life(self) -> None:
        with pytest.raises(LocalProtocolError, match=r"hello.incarnation: expected 7, got 8"):
            LinkProtocol(Side.CHILD, incarnation=7).send(Hello(1, 8))

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(RemoteProtocolError, match=r"hello.version: expected 1, got 2"):
            LinkProtocol(Side.PARENT, incarnation=7).receive_data(frame(Hello(1, 7, version=2)))


class TestCredit:
    def test_every_frame_tells_what_was_finished(self) -> None:
        pair = Pair().start()
        pair.down(Tell("", b"1"), Ask("", 1, b"2"))
        assert pair.parent.in_flight == 2
        pair.up(Reply(1, True, b""))
        assert pair.parent.in_flight == 0

    def test_replies_and_logs_need_no_credit(self) -> None:
        pair = Pair(window_messages=1).start()
        pair.up(Reply(1, True, b""), SAMPLES[Logs])
        assert pair.child.in_flight == 0
        assert pair.child.has_credit

    def test_the_window_counts_what_is_sent_and_what_waits(self) -> None:
        pair = Pair(window_messages=2).start()
        pair.parent.send(Tell("", b"1"))
        assert pair.parent.has_credit
        pair.parent.send(Tell("", b"2"))
        assert not pair.parent.has_credit
        pair.down()
        assert not pair.parent.has_credit
        pair.up()
        assert pair.parent.has_credit

    def test_the_window_counts_bytes_too(self) -> None:
        pair = Pair(window_bytes=100).start()
        pair.down(Tell("", bytes(200)))
        assert not pair.parent.has_credit

    def test_credit_goes_alone_at_half_of_the_window(self) -> None:
        pair = Pair(window_messages=4).start()
        pair.down(Tell("", b"1"))
        assert not pair.child.has_data_to_send
        pair.down(Tell("", b"2"))
        assert pair.child.has_data_to_send
        assert pair.up() == []
        assert pair.parent.in_flight == 0
        assert not pair.child.has_data_to_send

    def test_no_credit_is_sent_after_the_last_words(self) -> None:
        pair = Pair(window_messages=2).start()
        pair.up(Exited(NORMAL))
        pair.parent.state = State.ACTIVE
        pair.down(Tell("", b"1"), Tell("", b"2"))
        assert not pair.child.has_data_to_send

    def test_the_shell_may_say_itself_when_a_message_is_finished(self) -> None:
        pair = Pair(acknowledge_on_receipt=False, window_messages=2).start()
        pair.down(Tell("", b"1"), Tell("", b"2"))
        pair.up(SAMPLES[Logs])
        assert pair.parent.in_flight == 2
        pair.child.acknowledge()
        pair.up(SAMPLES[Logs])
        assert pair.parent.in_flight == 1
        with pytest.raises(LocalProtocolError, match="at most 1 unfinished, got 2"):
            pair.child.acknowledge(2)

    def test_the_shell_may_say_how_many_still_wait(self) -> None:
        pair = Pair(acknowledge_on_receipt=False, window_messages=4).start()
        pair.down(*(Tell("", b"x") for _ in range(4)))
        assert pair.child.has_unfinished
        assert not pair.child.has_data_to_send
        pair.child.finished_but(3)
        assert not pair.child.has_data_to_send  # one of four is not worth a frame
        pair.child.finished_but(1)
        pair.child.finished_but(2)  # as counted a moment ago: what is finished stays so
        assert pair.up() == []
        assert (pair.parent.in_flight, pair.parent.has_room) == (1, True)
        assert not pair.child.has_unfinished

    def test_half_of_the_bytes_is_worth_a_frame_too(self) -> None:
        pair = Pair(acknowledge_on_receipt=False, window_bytes=1000).start()
        pair.down(Tell("", bytes(600)))
        assert (pair.parent.has_credit, pair.parent.has_room) == (True, False)
        assert pair.child.has_unfinished
        pair.child.finished_but(0)
        assert pair.up() == []
        assert pair.parent.has_room
        pair.down(Tell("", b"x"))
        assert not pair.child.has_unfinished  # the bytes before are forgotten

    def test_a_window_counts_from_the_frame_on_that_announces_it(self) -> None:
        pair = Pair(acknowledge_on_receipt=False, window_messages=4).start()
        pair.down(Tell("", b"x"), Tell("", b"x"))
        assert pair.child.has_unfinished
        assert pair.down(Window(6, 100)) == []
        assert (pair.parent.has_credit, pair.child.has_unfinished) == (True, False)
        pair.down(*(Tell("", b"x") for _ in range(4)))
        assert not pair.parent.has_credit

    @pytest.mark.parametrize("window", [Window(0, 1), Window(1, 0), Window(-1, 1), Window(1, 2**31)])
    def test_a_window_that_makes_no_sense_changes_nothing(self, window: Window) -> None:
        pair = Pair(window_messages=1).start()
        with pytest.raises(LocalProtocolError, match=r"window\..*expected 1 to"):
            pair.parent.send(window)
        assert not pair.parent.has_data_to_send
        with pytest.raises(RemoteProtocolError, match=r"window\..*expected 1 to"):
            pair.child.receive_data(frame(window))
        pair.parent.send(Tell("", b"x"))
        assert not pair.parent.has_credit

    def test_counters_wrap(self) -> None:
        pair = Pair().start()
        for end, other in ((pair.parent, pair.child), (pair.child, pair.parent)):
            end._sent = 2**32 - 2
            other._received = other._finished = other._told = 2**32 - 2
        for _ in range(4):
            assert pair.down(Tell("", b"x"), Tell("", b"y"))
            assert pair.up(Tell("", b"z"))
        assert pair.parent.in_flight == 0

    @pytest.mark.parametrize("sequence", [0, 2, 5])
    def test_a_lost_or_repeated_message_is_noticed(self, sequence: int) -> None:
        pair = Pair().start()
        with pytest.raises(RemoteProtocolError, match=r"frame sequence: expected '?1"):
            pair.child.receive_data(frame(Tell("", b"x"), sequence=sequence))

    def test_nobody_finishes_what_was_not_sent(self) -> None:
        pair = Pair().start()
        with pytest.raises(RemoteProtocolError, match="frame acked: expected at most 0, got 1"):
            pair.parent.receive_data(frame(SAMPLES[Logs], acked=1))


class TestBrokenPeers:
    def test_garbage_breaks_the_link_for_good(self) -> None:
        pair = Pair().start()
        for _ in range(2):
            with pytest.raises(GarbageReceived) as caught:
                pair.parent.receive_data(b"Traceback (most recent call last):")
            assert caught.value.head.startswith(b"Traceback")
            assert pair.parent.failure is caught.value

    def test_what_was_good_before_garbage_is_not_lost(self) -> None:
        pair = Pair().start()
        pair.child.send(Reply(1, True, b"v"))
        data = bytes_of(pair.child.data_to_send()) + b"Segmentation fault"
        assert pair.parent.receive_data(data) == [Reply(1, True, b"v")]
        assert pair.parent.failure is not None
        with pytest.raises(GarbageReceived):
            pair.parent.receive_data(b"")

    def test_what_was_good_before_an_illegal_message_is_not_lost(self) -> None:
        pair = Pair().start()
        data = frame(Reply(1, True, b"v")) + frame(Hello(1, 7)) + frame(Reply(2, True, b"v"))
        assert pair.parent.receive_data(data) == [Reply(1, True, b"v")]
        with pytest.raises(RemoteProtocolError, match="'hello'"):
            pair.parent.receive_data(b"")

    def test_a_frame_over_the_limit_of_this_end_is_refused(self) -> None:
        pair = Pair(max_bytes=100).start()
        pair.child.send(Tell("", bytes(200)))
        with pytest.raises(GarbageReceived, match="expected at most 100 bytes"):
            pair.parent.receive_data(bytes_of(pair.child.data_to_send()))

    def test_seeded_mutations_end_in_our_error_or_in_messages(self) -> None:
        rng = random.Random(20240611)
        for _ in range(1500):
            pair = Pair()
            pair.child.send(Hello(1, 7))
            stream = bytes_of(pair.child.data_to_send())
            pair.parent.receive_data(stream)
            pair.down(Init("m:T", b"", 7))
            said = [Ready(), Tell("u", b"abc"), Ask("u", 3, b"x"), SAMPLES[Logs], SAMPLES[Reply]]
            for message in rng.sample(said, 4):
                with contextlib.suppress(LocalProtocolError):
                    pair.child.send(message)
            data = bytearray(bytes_of(pair.child.data_to_send()))
            for _ in range(rng.randint(1, 3)):
                place = rng.randrange(len(data))
                match rng.randrange(4):
                    case 0:
                        data[place] = rng.randrange(256)
                    case 1:
                        del data[place : place + rng.randint(1, 5)]
                    case 2:
                        data[place:place] = rng.randbytes(3)
                    case _:
                        data[place] ^= 1 << rng.randrange(8)
            with contextlib.suppress(RemoteProtocolError):
                at = rng.randrange(len(data) + 1)
                pair.parent.receive_data(bytes(data[:at]))
                pair.parent.receive_data(bytes(data[at:]))


kinds = st.sampled_from([kind for kind in MESSAGE_TYPES if kind not in (Acknowledge, Window)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((Side.PARENT, Side.CHILD)), kinds, st.booleans()), max_size=40))
def test_whatever_two_honest_ends_say_in_flight_they_never_blame_each_other(
    script: list[tuple[Side, type[LinkMessage], bool]],
) -> None:
    """Each end says what its own table allows, deliveries lag behind at will; nobody ever sees an error of the peer."""
    pair = Pair(window_messages=4)
    ends = {Side.PARENT: pair.parent, Side.CHILD: pair.child}
    wires: dict[Side, list[Piece]] = {Side.PARENT: [], Side.CHILD: []}
    for side, kind, deliver in script:
        end = ends[side]
        if deliver and wires[side]:
            take(end, wires[side].pop(0))
        elif kind in TRANSITIONS[side][end.state] and end.state is not State.ENDED:
            end.send(SAMPLES[kind])
        wires[side.other] += end.data_to_send()
    for side, wire in wires.items():
        for piece in wire:
            take(ends[side], piece)
