"""Every event that has words gets its line, whatever its fields are called."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import cast

import pytest

from regrow.actors import ActorRef
from regrow.actors.hosting import HangEnded, HangSuspected
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
    "seconds": 1.25,
    "limit": 60.0,
    "group": ("part",),
    "expected": False,
    "record": LogRecord(level="info", text="hello", at=0.0, source="part"),
    "error": ValueError("no"),
    "digest": 0xF00D,
    "reports": (),
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


def test_what_hangs_is_said_with_its_message_and_its_limit() -> None:
    ref = cast("ActorRef", REF)
    told = line_of(HangSuspected(ref, 1, "deadlocked", 30.0, 60.0, "Order"))
    assert told is not None
    assert (told.level, told.text) == (
        "WARNING",
        "part has been deadlocked for 30s, with Order in hand; it is ended after 1m",
    )
    blocked = line_of(HangSuspected(ref, 1, "blocked", 60.0, None, None))
    assert blocked is not None
    assert blocked.text == "part has been blocked for 1m"
    ended = line_of(HangEnded(ref, 1, "deadline", "busy", 5.04, 5.0, "Order"))
    assert ended is not None
    assert ended.text == "part is ended (the deadline is over; busy) after 5s, 5s are allowed, with Order in hand"
    hung = line_of(HangEnded(ref, 1, "stopped", "stopped", 10.5, 10.0, None))
    assert hung is not None
    assert hung.text == "part is ended (stopped) after 10.5s, 10s are allowed"


def test_an_event_without_words_has_no_line() -> None:
    assert line_of(object()) is None
