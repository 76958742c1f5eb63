"""What hosted processes find at their start: copied when it is set, bounded, and refused with the name of the key."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from regrow.actors import Actor, ActorSystem, Blob
from regrow.actors.environment_data import ENVIRONMENT_MAX_BYTES, EnvironmentData
from regrow.protocol.errors import CodecError
from regrow.protocol.records import record


@record("environment.site")
@dataclass(frozen=True)
class Site:
    name: str


def test_it_is_a_mapping_of_values_that_are_copied_when_they_are_set_and_when_they_are_read() -> None:
    data = EnvironmentData()
    rows = [1]
    data["rows"], data["site"] = rows, Site("Paris")
    rows.append(2)
    assert data["rows"] == [1]
    assert data["rows"] is not data["rows"]
    assert dict(data) == {"rows": [1], "site": Site("Paris")}
    del data["rows"]
    assert ("rows" in data, len(data), data.get("rows")) == (False, 1, None)
    assert repr(data) == "<EnvironmentData: site>"


def test_it_is_inherited_as_it_is_said() -> None:
    data, heir, grandchild = EnvironmentData(), EnvironmentData(), EnvironmentData()
    data["at"] = (1, {2})
    heir.inherit(data.said())
    heir["own"] = True
    grandchild.inherit(heir.said())
    assert dict(grandchild) == {"at": (1, {2}), "own": True}
    assert dict(data) == {"at": (1, {2})}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [print]}, r"environment_data\['it'\]\['a'\]\[0\]: expected data, not code"),
        (Blob(b""), r"environment_data\['it'\]: expected a plain value"),
        (bytes(ENVIRONMENT_MAX_BYTES), rf"environment_data\['it'\]: expected at most {ENVIRONMENT_MAX_BYTES} bytes"),
    ],
)
def test_what_cannot_be_given_is_refused_with_its_key_and_what_was_set_stays(value: object, expected: str) -> None:
    data = EnvironmentData()
    data["it"] = 1
    with pytest.raises(CodecError, match=expected):
        data["it"] = value
    assert data["it"] == 1


def test_a_ref_is_refused() -> None:
    with ActorSystem("environment") as system:
        with pytest.raises(CodecError, match=r"environment_data\['who'\]: expected data, not a ref"):
            system.environment_data["who"] = system.spawn(Actor)
        assert system.environment_data is system.environment_data


def test_all_values_together_are_bounded_and_one_may_take_the_place_of_another() -> None:
    data = EnvironmentData()
    half = bytes(ENVIRONMENT_MAX_BYTES // 2 - 100)
    data["a"], data["b"] = half, half
    data["a"] = half
    with pytest.raises(CodecError, match=r"environment_data\['c'\]"):
        data["c"] = half
    del data["b"]
    data["c"] = half


def test_a_key_is_a_text() -> None:
    with pytest.raises(TypeError, match="expected a str as key, got 1"):
        EnvironmentData()[1] = 1  # type: ignore[index]
