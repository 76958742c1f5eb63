"""The error tree: who is at fault is in the class, and the text says what, where, expected and got."""

from __future__ import annotations

import pytest

from regrow.protocol import errors
from regrow.protocol.errors import (
    CodecError,
    FrameTooLarge,
    GarbageReceived,
    LocalProtocolError,
    ProtocolError,
    RegrowError,
    RemoteProtocolError,
)


def test_the_class_says_who_is_at_fault() -> None:
    assert issubclass(ProtocolError, RegrowError)
    assert issubclass(CodecError, LocalProtocolError)
    assert issubclass(FrameTooLarge, LocalProtocolError)
    assert issubclass(GarbageReceived, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ProtocolError("it broke"), "it broke"),
        (RemoteProtocolError("ack.lease_id", expected="int", got="one"), "ack.lease_id: expected int, got 'one'"),
        (
            CodecError("message.x", expected="exactly str", got=1.5),
            "cannot encode message.x: expected exactly str, got float 1.5",
        ),
        (
            CodecError("m", expected="data", got=pytest),
            "cannot encode m: expected data, got module <module 'pytest'",
        ),
        (
            CodecError("m", expected="data", got=ValueError(1)),
            "cannot encode m: expected data, got ValueError ValueError(1)",
        ),
        (CodecError("m", expected="data", got=errors.shown), "cannot encode m: expected data, got function <function"),
        (
            GarbageReceived("frame header", expected="a frame", head=b"Trace"),
            "frame header: expected a frame, got b'Trace'",
        ),
    ],
)
def test_the_text_says_all(error: ProtocolError, text: str) -> None:
    assert str(error).startswith(text)
    assert type(error).__name__ in repr(error)


def test_the_class_of_what_came_is_named_with_its_module() -> None:
    from decimal import Decimal

    assert "got decimal.Decimal Decimal('1')" in str(CodecError("m", expected="x", got=Decimal(1)))


def test_garbage_keeps_its_head() -> None:
    assert GarbageReceived("x", expected="y", head=b"abc").head == b"abc"


def test_long_values_are_shown_short() -> None:
    assert len(str(RemoteProtocolError("x", expected="y", got="z" * 10_000))) < 200


def test_what_cannot_be_shown_is_named() -> None:
    class Broken(int):
        def __repr__(self) -> str:
            raise RuntimeError

    assert "__repr__ raised" in errors.shown([Broken()]) or "Broken" in errors.shown([Broken()])
    assert errors.shown(10**5000)


def test_what_is_too_deep_for_repr_does_not_harm_the_error() -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert repr(RemoteProtocolError("x", expected="y", got=deep))
