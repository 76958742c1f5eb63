"""Message classes as maps: every annotation is checked, every mistake named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.exits import Crash, ExitReason, Normal
from regrow.protocol.frames import Buffer
from regrow.protocol.ref_token import RefToken
from regrow.protocol.schema import Schema, snake_case


@dataclass(frozen=True)
class Left:
    value: int


@dataclass(frozen=True)
class Right:
    text: str
    kind: str = "own"


@dataclass(frozen=True)
class Everything:
    number: int
    real: float = 1.0
    flag: bool = False
    text: str = ""
    data: bytes = b""
    body: Buffer = b""
    anything: object = None
    mode: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    lefts: tuple[Left, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    maybe: int | None = None
    perhaps: Left | None = None
    nested: Left = Left(0)
    either: Left | Right = Left(0)
    reason: ExitReason = Normal()
    crash: Crash | None = None
    ref: RefToken | None = None


SCHEMA = Schema(Everything, "everything")

FULL = Everything(
    1,
    2.5,
    True,
    "t",
    b"d",
    b"b",
    [1, {"x": 2}],
    "b",
    ("n", "m"),
    (Left(1), Left(2)),
    {"h": "v"},
    {"k": [1]},
    7,
    Left(3),
    Left(4),
    Right("r", "k"),
    Crash("E", "t"),
    Crash("F", "u"),
    RefToken("u"),
)


@pytest.mark.parametrize("message", [Everything(1), FULL], ids=["defaults", "full"])
def test_a_message_comes_back(message: Everything) -> None:
    assert SCHEMA.from_wire(SCHEMA.to_wire(message)) == message


def test_the_wire_form_is_plain() -> None:
    wire = SCHEMA.to_wire(FULL)
    assert wire["lefts"] == [{"value": 1}, {"value": 2}]
    assert wire["nested"] == {"value": 4}
    assert wire["perhaps"] == {"value": 3}
    assert wire["either"] == ["right", {"text": "r", "kind": "k"}]
    assert SCHEMA.to_wire(Everything(1))["perhaps"] is None


def test_unknown_fields_are_ignored_and_left_out_ones_have_their_default() -> None:
    assert SCHEMA.from_wire({"number": 1, "future": object()}) == Everything(1)


def test_whole_numbers_are_good_floats() -> None:
    back = SCHEMA.from_wire({"number": 1, "real": 3})
    assert isinstance(back.real, float)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "everything: expected a map of fields, got None"),
        ([], "everything: expected a map of fields, got []"),
        ({}, "everything.number: expected a value, got None"),
        ({"number": True}, "everything.number: expected int, got True"),
        ({"number": "1"}, "everything.number: expected int, got '1'"),
        ({"number": 1.0}, "everything.number: expected int, got 1.0"),
        ({"number": 1, "real": "x"}, "everything.real: expected float, got 'x'"),
        ({"number": 1, "real": True}, "everything.real: expected float, got True"),
        ({"number": 1, "flag": 1}, "everything.flag: expected bool, got 1"),
        ({"number": 1, "text": b"x"}, "everything.text: expected str, got b'x'"),
        ({"number": 1, "data": "x"}, "everything.data: expected bytes, got 'x'"),
        ({"number": 1, "body": "x"}, "everything.body: expected bytes or bytearray or memoryview, got 'x'"),
        ({"number": 1, "mode": "c"}, "everything.mode: expected one of a, b, got 'c'"),
        ({"number": 1, "mode": []}, "everything.mode: expected one of a, b, got []"),
        ({"number": 1, "names": "xyz"}, "everything.names: expected an array, got 'xyz'"),
        ({"number": 1, "names": ["a", 1]}, "everything.names[1]: expected str, got 1"),
        ({"number": 1, "lefts": [{"value": 1}, {}]}, "everything.lefts[1].value: expected a value, got None"),
        ({"number": 1, "lefts": [5]}, "everything.lefts[0]: expected a map of fields, got 5"),
        ({"number": 1, "headers": []}, "everything.headers: expected a map, got []"),
        ({"number": 1, "headers": {"a": 1}}, "everything.headers['a']: expected str, got 1"),
        ({"number": 1, "headers": {1: "a"}}, "everything.headers: expected a map with text keys, got 1"),
        ({"number": 1, "values": {1: "a"}}, "everything.values: expected a map with text keys, got 1"),
        ({"number": 1, "maybe": "x"}, "everything.maybe: expected int or None, got 'x'"),
        ({"number": 1, "perhaps": {"value": "x"}}, "everything.perhaps.value: expected int, got 'x'"),
        ({"number": 1, "nested": None}, "everything.nested: expected a map of fields, got None"),
        ({"number": 1, "either": {"value": 1}}, "everything.either: expected [kind, fields] with kind in left, right"),
        ({"number": 1, "either": ["up", {}]}, "everything.either: expected [kind, fields] with kind in left, right"),
        ({"number": 1, "either": ["right", {}]}, "everything.either.text: expected a value, got None"),
        ({"number": 1, "reason": "normal"}, "everything.reason: expected Normal or Shutdown or"),
        ({"number": 1, "crash": Normal()}, "everything.crash: expected Crash or None, got Normal()"),
        ({"number": 1, "ref": "u"}, "everything.ref: expected RefToken or None, got 'u'"),
    ],
)
def test_every_mistake_is_named(content: object, text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SCHEMA.from_wire(content)
    assert str(caught.value).startswith(text)


def test_an_annotation_that_the_wire_does_not_have_is_refused_when_the_schema_is_made() -> None:
    @dataclass(frozen=True)
    class Bad:
        value: complex

    @dataclass(frozen=True)
    class Worse:
        value: int | str

    for cls in (Bad, Worse):
        with pytest.raises(TypeError, match="message field: expected"):
            Schema(cls, "bad")


@pytest.mark.parametrize(
    ("name", "kind"), [("Hello", "hello"), ("HeartbeatAck", "heartbeat_ack"), ("ErrorMessage", "error_message")]
)
def test_kinds_are_class_names_in_snake_case(name: str, kind: str) -> None:
    assert snake_case(name) == kind
