"""Every event that has words gets its line, whatever its fields are called."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from regrow.observe.lines import _LINES, line_of
from regrow.protocol.exits import KILLED
from regrow.protocol.host.messages import LogRecord

REF = SimpleNamespace(name="part", urn="urn:part")
VALUES: dict[str, object] = {
    "ref": REF,
    "to": REF,
    "reason": KILLED,
    "delay": 0.5,
    "max_seconds": 5.0,
    "max_restarts": 3,
    "decay": None,
    "restarts": 1,
    "count": 2,
    "group": ("part",),
    "expected": False,
    "record": LogRecord(level="info", text="hello", at=0.0, source="part"),
    "error": ValueError("no"),
}


@pytest.mark.parametrize("kind", _LINES, ids=lambda kind: kind.__name__)
def test_every_kind_of_event_has_a_line(kind: type) -> None:
    given = {
        field.name: VALUES.get(field.name, f"its {field.name}") for field in dataclasses.fields(kind) if field.init
    }
    line = line_of(kind(**given))
    assert line is not None
    assert line.text
    assert line.level.upper() in {"DEBUG", "INFO", "WARNING", "ERROR"}
    hash(line.subject)


def test_an_event_without_words_has_no_line() -> None:
    assert line_of(object()) is None
