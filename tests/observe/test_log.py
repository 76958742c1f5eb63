"""Events as log lines, and how many of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from regrow.actors.bus import EventBus
from regrow.observe.log import LineRate, attach_logger
from regrow.protocol.exits import SHUTDOWN, Crash
from regrow.supervision.events import (
    BackoffWasReset,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartScheduled,
    SupervisorStarted,
    Unstopped,
)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    logger.enable("regrow")
    sink = logger.add(lambda message: found.append(str(message).rstrip("\n")), format="{level}|{message}", level=0)
    yield found
    logger.remove(sink)
    logger.disable("regrow")


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def failed(child: str = "db") -> ChildStartFailed:
    return ChildStartFailed(supervisor="shop", child_id=child, life=1, reason=Crash("ValueError", "no disk", "trace\n"))


def test_each_event_is_one_line(lines: list[str]) -> None:
    bus = EventBus()
    attach_logger(bus, logger, "DEBUG")
    for event in (
        SupervisorStarted(supervisor="shop"),
        ChildStarted(supervisor="shop", child_id="db", life=1, restarts=0),
        ChildTerminated(supervisor="shop", child_id="db", life=1, reason=Crash("E", "a\nb", "t"), expected=False),
        RestartScheduled(supervisor="shop", child_id="db", delay=0.0, failures=1, group=("db",)),
        RestartScheduled(supervisor="shop", child_id="db", delay=0.4, failures=3, group=("db", "web")),
        ChildStarted(supervisor="shop", child_id="db", life=2, restarts=1),
        BackoffWasReset(supervisor="shop", child_id="db", life=2),
        failed(),
        IntensityReached(supervisor="shop", child_id="db", max_restarts=3, max_seconds=5.0),
        ChildTerminated(supervisor="shop", child_id="db", life=2, reason=SHUTDOWN, expected=True),
        Unstopped(supervisor="shop", child_id="db", life=2),
    ):
        bus.publish(event)
    assert lines == [
        "DEBUG|shop is running, all of its children have started",
        "INFO|shop/db is running",
        "WARNING|shop/db ended: crash: E: a",
        "INFO|shop/db restarts now (failure 1 in a row)",
        "INFO|shop/db restarts in 400ms (failure 3 in a row, together with web)",
        "INFO|shop/db is running again, restart 1",
        "DEBUG|shop/db is stable; its next failure is the first again",
        "WARNING|shop/db failed to start: crash: ValueError: no disk",
        "ERROR|shop/db was one restart too many; shop gives up (3 restarts in 5s)",
        "DEBUG|shop/db has stopped (shutdown)",
        "ERROR|shop/db could not be stopped; its thread is abandoned and may still run",
    ]


def test_lines_below_the_level_are_left_out(lines: list[str]) -> None:
    bus = EventBus()
    attach_logger(bus, logger, "WARNING")
    bus.publish(ChildStarted(supervisor="shop", child_id="db", life=1, restarts=0))
    bus.publish(failed())
    assert lines == ["WARNING|shop/db failed to start: crash: ValueError: no disk"]


def test_a_child_that_fails_again_and_again_gets_few_lines_and_the_count_of_the_others(lines: list[str]) -> None:
    bus, now = EventBus(), Time()
    attach_logger(bus, logger, now=now, rate=LineRate(burst=3, per_second=0.5))
    for _ in range(1000):
        bus.publish(failed())
    assert len(lines) == 3
    now.seconds = 2.0
    bus.publish(failed())
    assert lines[3:] == [
        "WARNING|shop/db failed to start: crash: ValueError: no disk (997 more lines about it were left out)"
    ]
    bus.publish(failed())
    assert len(lines) == 4


def test_one_noisy_child_does_not_silence_another(lines: list[str]) -> None:
    bus = EventBus()
    attach_logger(bus, logger, now=Time(), rate=LineRate(burst=1, per_second=0.0))
    for _ in range(10):
        bus.publish(failed("noisy"))
    bus.publish(failed("quiet"))
    assert [line.partition(" ")[0] for line in lines] == ["WARNING|shop/noisy", "WARNING|shop/quiet"]


def test_giving_up_is_said_whatever_the_rate(lines: list[str]) -> None:
    bus = EventBus()
    attach_logger(bus, logger, now=Time(), rate=LineRate(burst=1, per_second=0.0))
    bus.publish(failed())
    bus.publish(failed())
    bus.publish(IntensityReached(supervisor="shop", child_id="db", max_restarts=1, max_seconds=5.0))
    assert lines[1:] == [
        "ERROR|shop/db was one restart too many; shop gives up (1 restart in 5s) (1 more lines about it were left out)"
    ]


def test_what_is_attached_can_be_detached(lines: list[str]) -> None:
    bus = EventBus()
    detach = attach_logger(bus, logger)
    detach()
    bus.publish(failed())
    assert lines == []


def test_braces_in_a_reason_are_text(lines: list[str]) -> None:
    bus = EventBus()
    attach_logger(bus, logger)
    reason = Crash("KeyError", "{missing} {0}", "")
    bus.publish(ChildStartFailed(supervisor="shop", child_id="{db}", life=1, reason=reason))
    assert lines == ["WARNING|shop/{db} failed to start: crash: KeyError: {missing} {0}"]


def test_what_was_left_out_and_not_yet_told_is_told_at_the_end(lines: list[str]) -> None:
    bus = EventBus()
    detach = attach_logger(bus, logger, now=Time(), rate=LineRate(burst=1, per_second=0.0))
    for _ in range(10):
        bus.publish(failed())
    detach()
    assert lines[1:] == ["INFO|9 more lines about shop/db were left out"]
