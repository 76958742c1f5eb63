"""Link messages as frames: every message comes back, every mistake of a peer is named."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol.codec import encode
from regrow.protocol.errors import CodecError, LocalProtocolError, RemoteProtocolError
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitStatus, Shutdown, Signaled
from regrow.protocol.frames import Frame
from regrow.protocol.host.messages import (
    Acknowledge,
    Ask,
    ClosePort,
    DemonitorRequest,
    DownSignal,
    Exited,
    ExitSignal,
    Hello,
    Init,
    InitFailed,
    InitIgnored,
    KillRequest,
    LinkMessage,
    LinkRequest,
    LogLevels,
    Logs,
    MonitorRequest,
    Parcel,
    Ready,
    Reply,
    Stop,
    StopRequest,
    Tell,
    Tells,
    UnlinkRequest,
    Window,
)
from regrow.protocol.host.states import MESSAGE_TYPES
from regrow.protocol.host.wire import KINDS, NUMBERS, decode_link_message, encode_link_message
from regrow.protocol.ref_token import RefToken

SAMPLES: list[LinkMessage] = [
    Hello(1234, 7),
    Init("package.module:Thing", b"args", 7),
    Init("m:T", b"", 1, "name", "urn:1", RefToken("urn:0", "boss", "main"), {"nice": 5}, {"trace": (1, 2)}),
    Ready(),
    Ready(b"info"),
    InitIgnored(),
    InitFailed(Crash("E", "text", "trace"), {"stderr": "tail"}),
    Stop(SHUTDOWN, 5000),
    Stop(Shutdown("too old")),
    Exited(NORMAL, {"uptime": 1.5}),
    Acknowledge(),
    Window(512, 2**20),
    Tell("", b"body"),
    Tell("urn:ü", b""),
    Tells("urn:ü", (b"one", b"", b"three")),
    Parcel(Ask("urn:1", 1, b"body"), (-1, -1)),
    Parcel(Tell("urn:1", b"body"), (-1,)),
    Parcel(Reply(1, True, b"body"), (-1,)),
    Parcel(Init("a:b", b"args", 1), (-1,)),
    Ask("urn:1", 2**32 - 1, b"body"),
    Reply(0, True, b"value"),
    Reply(1, False, b"error"),
    Reply(2, False, Crash("E", "text", "trace")),
    StopRequest("urn:1", SHUTDOWN, 100),
    KillRequest("urn:1"),
    LinkRequest("urn:1", "urn:2"),
    UnlinkRequest("urn:1", "urn:2"),
    MonitorRequest(5, "urn:1"),
    DemonitorRequest(5),
    ExitSignal("urn:1", "urn:2", KILLED, 3),
    DownSignal(5, Signaled(9), 3),
    ClosePort(Crash("E", "text", "trace")),
    Logs(12, b"records"),
    LogLevels({"": 20, "app.db": 10}),
]


def frame_of(message: LinkMessage) -> Frame:
    head, body = encode_link_message(message)
    return Frame(NUMBERS[type(message)], head + bytes(body))


def test_the_samples_hold_every_message() -> None:
    assert {type(message) for message in SAMPLES} == set(MESSAGE_TYPES) == set(NUMBERS) == set(KINDS)


@pytest.mark.parametrize("message", SAMPLES, ids=repr)
def test_every_message_comes_back(message: LinkMessage) -> None:
    frame = frame_of(message)
    assert decode_link_message(frame) == message
    assert decode_link_message(frame._replace(payload=memoryview(frame.payload))) == message


@settings(max_examples=60, deadline=None)
@given(st.text(), st.integers(0, 2**32 - 1), st.binary())
def test_bodies_and_names_of_all_kinds_come_back(to: str, ask_id: int, body: bytes) -> None:
    for message in (
        Tell(to, body),
        Tells(to, (body, b"")),
        Ask(to, ask_id, body),
        Ask(to, ask_id, body, True),
        Reply(ask_id, True, body),
    ):
        assert decode_link_message(frame_of(message)) == message


def test_the_body_is_neither_copied_nor_decoded() -> None:
    body = memoryview(b"\xc1" * 10)
    assert encode_link_message(Tell("urn", body))[1] is body
    payload = bytearray(b"\x03\x00urnbody")
    back = decode_link_message(Frame(NUMBERS[Tell], memoryview(payload)))
    assert isinstance(back, Tell)
    assert isinstance(back.body, memoryview)
    assert back.body.obj is payload


def test_type_numbers_are_unique_and_leave_room_for_batches() -> None:
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert max(NUMBERS.values()) < 128


@pytest.mark.parametrize(
    ("number", "payload", "text"),
    [
        (0, b"", "link frame type: expected one of this version, got 0"),
        (127, b"", "link frame type: expected one of this version, got 127"),
        (NUMBERS[Parcel], b"", "parcel: expected 1 to 64 descriptors and a tell, an ask, a reply or an init"),
        (NUMBERS[Parcel], b"\x00\x10\x01\x00u", "parcel: expected 1 to 64 descriptors"),
        (NUMBERS[Parcel], b"\x41\x10\x01\x00u", "parcel: expected 1 to 64 descriptors"),
        (NUMBERS[Parcel], b"\x01\x60\x01\x10\x01\x00u", "parcel: expected 1 to 64 descriptors"),
        (NUMBERS[Parcel], b"\x01\x10\x01", "tell: expected a whole head before the body"),
        (NUMBERS[Tells], b"", "tells: expected as many bodies as are announced"),
        (NUMBERS[Tells], b"\x01\x00u", "tells: expected as many bodies as are announced"),
        (NUMBERS[Tells], b"\x01\x00u\x00\x00\x00\x00", "tells: expected as many bodies as are announced"),
        (NUMBERS[Tells], b"\x01\x00u\x02\x00\x00\x00\x01\x00\x00\x00", "tells: expected as many bodies"),
        (NUMBERS[Tells], b"\x01\x00u\x01\x00\x00\x00\x02\x00\x00\x00a", "tells: expected as many bodies"),
        (NUMBERS[Tells], b"\x01\x00u\x01\x00\x00\x00\x01\x00\x00\x00ab", "tells: expected as many bodies"),
        (NUMBERS[Tells], b"\x01\x00u\xff\xff\xff\xff", "tells: expected as many bodies as are announced"),
        (NUMBERS[Hello], b"", "message: expected one msgpack value"),
        (NUMBERS[Hello], encode([]), "hello: expected a map of fields, got []"),
        (NUMBERS[Hello], encode({"pid": 1}), "hello.incarnation: expected a value"),
        (NUMBERS[Stop], encode({"reason": "normal"}), "stop.reason: expected Normal or Shutdown"),
        (NUMBERS[Logs], encode({"pid": "1", "records": b""}), "logs.pid: expected int, got '1'"),
        (NUMBERS[Tell], b"\x05", "tell: expected a whole head before the body"),
        (NUMBERS[Tell], b"\x05\x00abc", "tell: expected a whole head before the body"),
        (NUMBERS[Tell], b"\x01\x00\xff", "urn: expected UTF-8"),
        (NUMBERS[Ask], b"\x05", "ask: expected a whole head before the body"),
        (NUMBERS[Ask], b"\x05\x00\x00\x00\x05\x00abc", "ask: expected a whole head before the body"),
        (NUMBERS[Reply], b"\x05\x00\x00\x00", "reply: expected a whole head before the body"),
        (NUMBERS[Reply], b"\x05\x00\x00\x00\x07", "reply: expected kind 0"),
        (NUMBERS[Reply], b"\x05\x00\x00\x00\x02\x01", "exit reason: expected [kind, ...]"),
        (NUMBERS[Reply], b"\x05\x00\x00\x00\x02\x91\xa6normal", "reply.body: expected a crash, got Normal()"),
    ],
)
def test_every_mistake_of_a_peer_is_named(number: int, payload: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_link_message(Frame(number, payload))
    assert str(caught.value).startswith(text)


def test_unknown_fields_are_ignored() -> None:
    frame = Frame(NUMBERS[Hello], encode({"pid": 1, "incarnation": 2, "mood": "good"}))
    assert decode_link_message(frame) == Hello(1, 2)


def test_what_cannot_be_said_is_named() -> None:
    with pytest.raises(CodecError) as caught:
        encode_link_message(Exited(NORMAL, {"job": [print]}))
    assert caught.value.path == "exited.report['job'][0]"
    with pytest.raises(LocalProtocolError, match="ask_id: expected 0 to 2"):
        encode_link_message(Ask("", 2**32, b""))
    with pytest.raises(LocalProtocolError, match="ask_id"):
        encode_link_message(Reply(-1, True, b""))
    with pytest.raises(CodecError, match="cannot encode urn: expected at most 65535 bytes"):
        encode_link_message(Tell("u" * 65536, b""))
    with pytest.raises(LocalProtocolError, match=r"one of protocol.host.messages"):
        encode_link_message("hello")  # type: ignore[arg-type]


def test_what_only_the_whole_message_makes_too_deep_is_refused() -> None:
    deep: object = 1
    for _ in range(1023):
        deep = [deep]
    with pytest.raises(CodecError, match="at most 1024 levels"):
        encode_link_message(Exited(NORMAL, {"a": deep, "b": 1}))


def test_a_signal_given_by_its_enum_is_said_as_a_number() -> None:
    import signal

    back = decode_link_message(frame_of(DownSignal(1, Signaled(signal.SIGKILL))))
    assert isinstance(back, DownSignal)
    assert back.reason == Signaled(9)
    assert decode_link_message(frame_of(Exited(ExitStatus(3)))) == Exited(ExitStatus(3))
