"""Records: which classes may be registered, and what becomes of a bad content."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import pytest

from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.records import record, record_for_tag, record_for_type


@record("records.point")
@dataclass(frozen=True)
class Point:
    x: int
    y: int = 5
    total: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise LookupError("x is below 0")


@record("records.unit")
class Unit(Enum):
    METER = "m"


def test_a_record_comes_apart_and_together() -> None:
    known = record_for_type(Point)
    assert known is record_for_tag("records.point")
    assert known is not None
    assert known.apart(Point(1, 2)) == {"x": 1, "y": 2}
    assert known.together({"x": 1, "z": 9}) == Point(1, 5)


def test_an_enum_comes_apart_and_together() -> None:
    known = record_for_tag("records.unit")
    assert known.apart(Unit.METER) == "m"
    assert known.together("m") is Unit.METER


def test_a_class_that_is_not_registered_has_no_record() -> None:
    assert record_for_type(int) is None


@pytest.mark.parametrize("tag", ["records.unknown", 5, None, [], b"records.point"])
def test_an_unknown_tag_is_an_error_of_the_peer(tag: object) -> None:
    with pytest.raises(RemoteProtocolError, match="is its module imported"):
        record_for_tag(tag)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], "expected a map of fields"),
        ({}, "expected a field 'x'"),
        ({"x": -1}, "what Point accepts .LookupError"),
        ({"x": "a"}, "what Point accepts .TypeError"),
    ],
)
def test_a_bad_content_is_an_error_of_the_peer(content: object, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=text):
        record_for_tag("records.point").together(content)


class TestRegistering:
    @pytest.mark.parametrize("tag", ["", 5, None])
    def test_wants_a_tag(self, tag: object) -> None:
        with pytest.raises(TypeError, match="expected a tag"):
            record(tag)  # type: ignore[arg-type]

    def test_without_a_tag_is_told_what_to_write(self) -> None:
        with pytest.raises(TypeError, match=r'as in @record\("orders.placed"\)'):

            @record  # type: ignore[arg-type]
            class Forgotten:
                pass

    @pytest.mark.parametrize("value", [dataclass(type("Open", (), {})), type("Plain", (), {}), lambda: None])
    def test_wants_a_frozen_dataclass_or_an_enum(self, value: type) -> None:
        with pytest.raises(TypeError, match="expected a frozen dataclass or an enum"):
            record("records.bad")(value)

    def test_refuses_a_tag_that_another_class_has(self) -> None:
        with pytest.raises(ValueError, match=r"the tag belongs to .*test_records.Point"):

            @record("records.point")
            @dataclass(frozen=True)
            class Other:
                pass

    def test_takes_the_same_class_again(self) -> None:
        def define(module: str) -> type:
            @dataclass(frozen=True)
            class Again:
                pass

            Again.__module__ = module
            return record("records.again")(Again)

        for module in ("a", "a", "__main__", "a"):
            defined = define(module)
            assert record_for_tag("records.again").cls is defined
        with pytest.raises(ValueError, match="the tag belongs to"):
            define("b")
