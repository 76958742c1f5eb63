"""Plain msgpack, bounded: what is claimed is checked before it is believed."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol import packing
from regrow.protocol.errors import CodecError, RemoteProtocolError
from regrow.protocol.packing import extension, is_extension, pack_plain, unpack_plain

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(-(2**63), 2**63), inner),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(plain)
def test_plain_values_come_back(value: object) -> None:
    assert unpack_plain(pack_plain(value)) == value


def test_what_extends_a_plain_class_is_said_as_that_class() -> None:
    class Word(StrEnum):
        YES = "yes"

    assert unpack_plain(pack_plain((Word.YES, OrderedDict(a=1)))) == ["yes", {"a": 1}]


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a": [object()]}, "status['a'][0]", "a plain value"),
        ({"a": 2**64}, "status['a']", "an integer of 64 bits"),
        ({"a": {1}}, "status['a']", "a plain value"),
        ({"a": "\ud800"}, "status['a']", "text that UTF-8"),
    ],
)
def test_what_cannot_be_said_is_named_by_its_path(value: object, path: str, expected: str) -> None:
    with pytest.raises(CodecError) as caught:
        pack_plain(value, root="status")
    assert caught.value.path == path
    assert caught.value.expected.startswith(expected)


def test_a_failure_that_has_no_place_is_told_as_msgpack_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> object:
        raise ValueError("full")

    monkeypatch.setattr(packing, "Packer", full)
    with pytest.raises(CodecError, match=r"cannot encode message: expected a plain value \(full\)"):
        pack_plain([1])


def test_what_is_too_deep_is_refused() -> None:
    with pytest.raises(CodecError, match="at most 1024 levels"):
        pack_plain(_nested(1025))
    assert unpack_plain(pack_plain(_nested(1024)))
    with pytest.raises(RemoteProtocolError):
        unpack_plain(b"\x91" * 1025 + b"\x01")


def test_too_many_bytes_are_refused_before_they_are_read() -> None:
    with pytest.raises(RemoteProtocolError, match="message of 11 bytes: expected at most 10 bytes"):
        unpack_plain(b"\xc1" * 11, max_bytes=10)


def test_extensions_are_refused() -> None:
    packed = pack_plain([extension(5, b"x")])
    with pytest.raises(RemoteProtocolError, match="extension type 5: expected plain msgpack values"):
        unpack_plain(packed)
    assert is_extension(extension(5, b"x"))
    assert not is_extension(b"x")


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value
