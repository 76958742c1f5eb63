"""Large bodies travel beside a message and come back without a copy."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from regrow.protocol.errors import CodecError, RemoteProtocolError
from regrow.protocol.parts import decode_parts, encode_parts
from regrow.protocol.records import record
from regrow.protocol.ref_token import RefToken

BIG = bytes(range(256)) * 512
SMALL = b"small"


@record("parts.upload")
@dataclass(frozen=True)
class Upload:
    name: str
    content: object


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (BIG, 1),
        ([BIG, BIG], 2),
        ({"a": BIG, "b": SMALL, 3: (1, BIG)}, 2),
        ((Upload("x", BIG), "y"), 1),
        (Upload("x", {"deep": [BIG]}), 1),
        ([1, 2, "three"], 0),
        ({"a": SMALL}, 0),
        ((SMALL, [SMALL], Upload("x", SMALL)), 0),
        ({BIG: 1}, 0),
        ({BIG}, 0),
        ({}, 0),
        (5, 0),
    ],
)
def test_large_bodies_go_beside_and_come_back(value: object, count: int) -> None:
    head, buffers = encode_parts(value)
    assert len(buffers) == count
    assert all(view.obj is BIG for view in buffers)
    assert not count or len(head) < 200
    assert decode_parts(head, buffers) == value


def test_the_value_that_is_said_is_not_changed() -> None:
    inner = [BIG]
    value = {"a": inner}
    encode_parts(value)
    assert value == {"a": inner}
    assert inner[0] is BIG


def test_what_comes_back_is_a_view_of_what_was_received() -> None:
    head, buffers = encode_parts({"x": BIG})
    received = bytearray(buffers[0])
    back = decode_parts(head, [received])
    assert isinstance(back, dict)
    assert isinstance(back["x"], memoryview)
    assert back["x"].obj is received


@pytest.mark.parametrize("body", [bytearray(BIG), memoryview(BIG), memoryview(BIG).cast("I")])
def test_every_kind_of_bytes_goes_beside(body: bytes) -> None:
    head, buffers = encode_parts([body])
    assert decode_parts(head, buffers) == [BIG]


def test_the_threshold_is_the_callers() -> None:
    assert len(encode_parts([SMALL], threshold=len(SMALL))[1]) == 1
    assert len(encode_parts([SMALL], threshold=len(SMALL) + 1)[1]) == 0
    assert len(encode_parts([b""], threshold=0)[1]) == 0


def test_what_is_very_deep_stays_inside() -> None:
    value: object = BIG
    for _ in range(20):
        value = [value]
    head, buffers = encode_parts(value)
    assert not buffers
    assert decode_parts(head, buffers) == value


def test_refs_work_beside_bodies() -> None:
    class Ref:
        pass

    token = RefToken("u")
    head, buffers = encode_parts([Ref(), BIG], refs=lambda value: token if isinstance(value, Ref) else None)
    assert decode_parts(head, buffers, refs=lambda read: read.urn) == ["u", BIG]


def test_errors_name_the_path_in_the_callers_value() -> None:
    with pytest.raises(CodecError) as caught:
        encode_parts({"u": (Upload("x", [BIG, print]),)})
    assert caught.value.path == "message['u'][0].content[1]"


def test_a_part_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(CodecError, match="contiguous"):
        encode_parts([memoryview(BIG)[::2]])


class TestBrokenInput:
    def test_a_body_that_did_not_come(self) -> None:
        head, _ = encode_parts([BIG])
        with pytest.raises(RemoteProtocolError, match="the index of one that came"):
            decode_parts(head, [])

    def test_a_body_that_nothing_refers_to(self) -> None:
        head, _ = encode_parts([1])
        with pytest.raises(RemoteProtocolError, match="none left over"):
            decode_parts(head, [BIG])

    def test_a_body_that_is_referred_to_twice(self) -> None:
        head, buffers = encode_parts([BIG, BIG])
        twice = head.replace(b"\x01\x00\x00\x00", b"\x00\x00\x00\x00")
        with pytest.raises(RemoteProtocolError, match="the index of one that came"):
            decode_parts(twice, buffers)
