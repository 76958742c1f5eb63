"""Session messages as bytes: every kind comes back, every mistake of a peer is named."""

from __future__ import annotations

import contextlib
import random
from dataclasses import fields
from typing import get_args, get_type_hints

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol.errors import CodecError, LocalProtocolError, RemoteProtocolError
from regrow.protocol.session import decode_message, encode_message
from regrow.protocol.session.messages import (
    CLIENT_KINDS,
    Ack,
    Connect,
    DeadLetter,
    ErrorMessage,
    Failure,
    Heartbeat,
    Hello,
    InFlight,
    Invoke,
    Message,
    Result,
    Settled,
    Status,
    Success,
    Terms,
)
from regrow.protocol.session.states import MESSAGE_TYPES
from regrow.protocol.session.wire import KINDS

wire_integers = st.integers(-(2**63), 2**64 - 1)
st.register_type_strategy(
    Failure, st.builds(Failure, kind=st.sampled_from(["error", "deadline"]), retryable=st.booleans())
)


def messages(kind: type[Message | Terms | DeadLetter]) -> st.SearchStrategy[Message]:
    strategies: dict[str, st.SearchStrategy[object]] = {}
    for name, hint in get_type_hints(kind).items():
        if hint is int:
            strategies[name] = wire_integers
        elif hint is float:
            strategies[name] = st.floats(allow_nan=False)
        elif hint == dict[str, object]:
            strategies[name] = st.dictionaries(st.text(), wire_integers | st.text() | st.lists(st.booleans()))
        elif hint == tuple[InFlight, ...]:
            strategies[name] = st.lists(st.builds(InFlight, request_id=st.text(), lease_id=wire_integers)).map(tuple)
        elif hint == tuple[DeadLetter, ...]:
            strategies[name] = st.lists(messages(DeadLetter), max_size=3).map(tuple)
        elif hint == Terms | None:
            strategies[name] = st.none() | messages(Terms)
        elif type(None) in get_args(hint):
            strategies[name] = st.none() | st.integers(0, 1000)
        else:
            strategies[name] = st.from_type(hint)
    return st.builds(kind, **strategies)


all_messages = st.one_of(*map(messages, MESSAGE_TYPES))


@settings(max_examples=60, deadline=None)
@given(all_messages)
def test_every_message_comes_back(message: Message) -> None:
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_kind_comes_back(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    assert decode_message(encode_message(message)) == message


def test_the_wire_form_is_plain_msgpack_for_every_language() -> None:
    data = encode_message(Result(request_id="r1", lease_id=7, outcome=Success(b"x")))
    assert msgpack.unpackb(data) == [
        "result",
        {"request_id": "r1", "lease_id": 7, "outcome": ["success", {"value": b"x"}]},
    ]


def test_kinds_are_unique_and_in_snake_case() -> None:
    assert KINDS[ErrorMessage] == "error_message"
    assert len(set(KINDS.values())) == len(MESSAGE_TYPES)
    assert set(CLIENT_KINDS) < set(MESSAGE_TYPES)


def test_every_message_has_a_docstring_that_says_its_direction() -> None:
    for kind in MESSAGE_TYPES:
        assert kind.__doc__ is not None
        assert "->" in kind.__doc__ or "either way" in kind.__doc__, kind


def test_an_unknown_kind_is_none() -> None:
    assert decode_message(msgpack.packb(["from_the_future", {"a": 1}])) is None
    assert decode_message(msgpack.packb(["from_the_future", 5])) is None


def test_unknown_fields_are_ignored_and_defaults_filled_in() -> None:
    data = msgpack.packb(["heartbeat", {"sequence": 3, "mood": "good"}])
    assert decode_message(data) == Heartbeat(sequence=3)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("text", "session frame: expected a binary frame, got 'text'"),
        (b"", "session message: expected one msgpack value"),
        (b"GET / HTTP/1.1\r\n", "session message: expected one msgpack value"),
        (b"\x91" * 5000, "session message: expected one msgpack value"),
        (b"\xdd\xff\xff\xff\xff", "session message: expected one msgpack value"),
        (msgpack.packb(5), "session message: expected [kind, fields], got 5"),
        (msgpack.packb(["ack"]), "session message: expected [kind, fields], got ['ack']"),
        (msgpack.packb([5, {}]), "session message: expected [kind, fields], got [5, {}]"),
        (msgpack.packb({"kind": "ack"}), "session message: expected [kind, fields]"),
        (msgpack.packb(["ack", []]), "ack: expected a map of fields, got []"),
        (msgpack.packb(["ack", {"lease_id": 1}]), "ack.request_id: expected a value, got None"),
        (msgpack.packb(["ack", {"request_id": 1, "lease_id": 1}]), "ack.request_id: expected str, got 1"),
        (msgpack.packb(["ack", {"request_id": "r", "lease_id": True}]), "ack.lease_id: expected int, got True"),
        (
            msgpack.packb(["connect", {"role": "boss", "token": "", "instance": ""}]),
            "connect.role: expected one of worker, client, got 'boss'",
        ),
        (
            msgpack.packb(["connect", {"role": "worker", "token": "", "instance": "", "in_flight": [{"lease_id": 1}]}]),
            "connect.in_flight[0].request_id: expected a value",
        ),
        (
            msgpack.packb(["result", {"request_id": "r", "lease_id": 1, "outcome": ["failure", {"kind": "odd"}]}]),
            "result.outcome.kind: expected one of error, unknown_function",
        ),
        (msgpack.packb(["ack", msgpack.ExtType(3, b"x")]), "extension type 3: expected plain msgpack values"),
    ],
)
def test_every_mistake_of_a_peer_is_named(data: bytes | str, text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_message(data)
    assert str(caught.value).startswith(text)


def test_too_many_bytes_are_refused_unread() -> None:
    data = encode_message(Hello(gateway="g" * 100))
    with pytest.raises(RemoteProtocolError, match="expected at most 50 bytes"):
        decode_message(data, max_bytes=50)


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match=r"one of protocol.session.messages"):
        encode_message("hello")  # type: ignore[arg-type]


def test_a_field_that_cannot_be_said_is_named() -> None:
    with pytest.raises(CodecError) as caught:
        encode_message(Status(values={"workers": [object()]}))
    assert caught.value.path == "status.values['workers'][0]"


def test_what_only_the_whole_message_makes_too_deep_is_refused() -> None:
    deep: object = 1
    for _ in range(1022):
        deep = [deep]
    with pytest.raises(CodecError, match="at most 1024 levels"):
        encode_message(Status(values={"deep": deep}))


def test_seeded_mutations_of_good_messages_end_in_our_error_or_in_a_message() -> None:
    rng = random.Random(20240611)
    samples: list[Message] = [
        Hello(gateway="g1"),
        Connect(
            role="worker",
            token="t",
            instance="i",
            functions=("f", "g"),
            in_flight=(InFlight(request_id="r", lease_id=1),),
        ),
        Invoke(request_id="r", function="f", arguments=b"\x90", lease_id=4, headers={"a": "b"}),
        Result(request_id="r", lease_id=1, outcome=Failure("error", "ValueError", "bad")),
        Settled(request_id="r", outcome=Success(b"abc")),
        Ack(request_id="r", lease_id=2),
        Status(values={"workers": 3, "queue": [1, 2]}),
    ]
    for _ in range(4000):
        data = bytearray(encode_message(rng.choice(samples)))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[place] = rng.randrange(256)
                case 1:
                    del data[place:]
                case 2:
                    data[place:place] = rng.randbytes(3)
                case _:
                    data[place] ^= 1 << rng.randrange(8)
            if not data:
                break
        with contextlib.suppress(RemoteProtocolError):
            message = decode_message(bytes(data))
            assert message is None or all(hasattr(message, f.name) for f in fields(message))
