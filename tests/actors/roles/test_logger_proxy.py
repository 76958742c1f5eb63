"""Records on their way home: filtered where they are made, numbered, counted, and handed to any kind of logger."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from loguru import logger as loguru_logger

from regrow.actors import ActorSystem, SpawnOptions
from regrow.actors.hosting.events import LogsLost
from regrow.actors.roles.log_sender import LogSender, level_number, sayable
from regrow.actors.roles.log_sinks import record_sink
from regrow.actors.roles.logger import Logger, StdlibHandler
from regrow.actors.roles.logger_proxy import AskStatistics, LogGaps, LoggerProxy
from regrow.actors.testing import Probe
from regrow.protocol.exits import Crash
from regrow.protocol.host.messages import LogRecord


class BadRepr:
    def __repr__(self) -> str:
        raise ValueError("no repr")


class Lines:
    """An object with two methods only."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(f"info {text}")

    def error(self, text: str) -> None:
        self.said.append(f"error {text}")


def record(level: str = "info", text: str = "text", **given: object) -> LogRecord:
    return LogRecord(level=level, text=text, at=1_700_000_000.25, **given)  # type: ignore[arg-type]


# ── the sending end ──────────────────────────────────────────────────────────────────────────────────────────────────


def sender(taken: list[LogRecord], *, level: str = "debug", room: int = 100) -> LogSender:
    def emit(made: LogRecord) -> bool:
        if len(taken) >= room:
            return False
        taken.append(made)
        return True

    return LogSender(emit, source="s", epoch=lambda: 5.0, level=level, pid=7)


def test_records_are_numbered_and_stamped_where_they_are_made() -> None:
    taken: list[LogRecord] = []
    made = sender(taken)
    made.log("info", "one", {"n": 1})
    made.log("error", "two", {}, Crash("E", "t"))
    assert [(r.sequence, r.level, r.text, r.at, r.source, r.pid) for r in taken] == [
        (1, "info", "one", 5.0, "s", 7),
        (2, "error", "two", 5.0, "s", 7),
    ]
    assert taken[1].exception == Crash("E", "t")


def test_what_is_below_the_level_is_never_sent_and_what_has_no_room_is_counted() -> None:
    taken: list[LogRecord] = []
    made = sender(taken, level="warning", room=1)
    for level in ("debug", "info", "warning", "error"):
        made.log(level, "text", {})
    counts = made.statistics()
    assert (counts.filtered, counts.sent, counts.lost) == (2, 1, 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [(1, 1), ("x", "x"), ((1, 2), (1, 2)), (BadRepr(), "<BadRepr: __repr__ raised ValueError>"), (len, repr(len))],
)
def test_context_is_said_as_it_is_or_by_its_repr(value: object, said: object) -> None:
    assert sayable(value) == said


def test_an_unknown_level_ranks_as_info() -> None:
    assert level_number("chatty") == level_number("INFO") == 20


# ── the faces ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_logger_formats_binds_and_never_raises() -> None:
    said: list[tuple[str, str, dict[str, object]]] = []
    log = Logger(lambda level, text, context, exception: said.append((level, text, dict(context)))).bind(a=1)
    log.info("{} of {}", 1, 2, b=2)  # noqa: PLE1205 - our Logger formats as str.format does
    log.warning("braces {} stay")
    log.error("{0.missing}", object())  # noqa: PLE1205
    log.debug(BadRepr())
    assert said[0] == ("info", "1 of 2", {"a": 1, "b": 2})
    assert said[1][1] == "braces {} stay"
    assert "missing" in said[2][1]
    assert "BadRepr" in said[3][1]


def test_stdlib_records_go_the_same_way_with_their_exception() -> None:
    said: list[tuple[str, str, Crash | None]] = []
    handler = StdlibHandler(Logger(lambda level, text, context, exception: said.append((level, text, exception))))
    target = logging.getLogger("test.handler")
    target.addHandler(handler)
    try:
        raise LookupError("told")
    except LookupError:
        target.exception("%s went wrong", "it")
    level, text, crash = said[0]
    assert (level, text) == ("error", "it went wrong")
    assert crash is not None
    assert crash.type == "LookupError"


# ── the kinds of loggers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_loguru_gets_time_level_context_and_text_as_it_was() -> None:
    lines: list[str] = []
    sink = loguru_logger.add(lines.append, level=0, format="{time:X} {level} {message} {extra[n]}")
    try:
        record_sink(None)(record("warning", "no {braces} are read", context={"n": 3}))
    finally:
        loguru_logger.remove(sink)
    assert lines[0].strip() == "1700000000 WARNING no {braces} are read 3"


def test_the_standard_library_gets_time_level_and_attributes(caplog: pytest.LogCaptureFixture) -> None:
    target = logging.getLogger("test.sink")
    with caplog.at_level(logging.INFO, logger="test.sink"):
        record_sink(target)(record("error", "100 % sure", context={"n": 3, "name": "kept out"}))
        record_sink(target)(record("debug", "not enabled"))
    (made,) = caplog.records
    assert (made.getMessage(), made.created, made.levelname, made.name) == (
        "100 % sure",
        1_700_000_000.25,
        "ERROR",
        "test.sink",
    )
    assert made.n == 3  # type: ignore[attr-defined]


def test_a_plain_object_gets_context_behind_the_text_and_the_nearest_method() -> None:
    lines = Lines()
    sink = record_sink(lines)
    sink(record("info", "a", context={"n": 3}))
    sink(record("debug", "b"))
    sink(record("critical", "c", exception=Crash("E", "text", "Traceback\nE: text")))
    assert lines.said == ["info a n=3", "info b", "error c\nTraceback\nE: text"]


def test_what_is_no_logger_is_refused() -> None:
    with pytest.raises(TypeError, match="logger"):
        record_sink(object())


# ── the receiving end ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem() as system:
        yield system


def test_gaps_are_counted_by_source_and_process() -> None:
    gaps = LogGaps()
    for source, pid, number in [("a", 1, 1), ("a", 1, 4), ("a", 2, 1), ("b", 1, 2), ("b", 1, 0)]:
        gaps.came(source, pid, number)
    assert gaps.received == {"a": 3, "b": 2}
    assert gaps.missing == {"a": 2, "b": 1}


def test_the_proxy_is_the_sink_of_its_system_while_it_lives(system: ActorSystem) -> None:
    lines = Lines()
    proxy = system.spawn(LoggerProxy, lines, options=SpawnOptions(name="logger_proxy"))
    sink = system.log_sink
    assert sink is not None
    for number in (1, 2, 4):
        sink(record(text=str(number), sequence=number, source="child", pid=9), proxy)
    statistics = proxy.ask(AskStatistics(), timeout=5)
    assert [line.split()[1] for line in lines.said] == ["1", "2", "4"]
    assert statistics.received == {"child": 3}
    assert statistics.gaps == {"child": 1}
    proxy.stop()
    assert system.log_sink is None


def test_records_that_died_with_a_process_are_known(system: ActorSystem) -> None:
    proxy = system.spawn(LoggerProxy, Lines())
    system.bus.publish(LogsLost(proxy, 1, 5))
    assert proxy.ask(AskStatistics(), timeout=5).died_with == {proxy.name: 5}


def test_a_logger_that_raises_is_counted_and_ends_nothing(system: ActorSystem) -> None:
    class Broken:
        def info(self, text: str) -> None:
            raise OSError("disk full")

    proxy = system.spawn(LoggerProxy, Broken())
    sink = system.log_sink
    assert sink is not None
    for _ in range(3):
        sink(record(source="s"), proxy)
    statistics = proxy.ask(AskStatistics(), timeout=5)
    assert statistics.failed >= 3
    assert proxy.is_alive()


def test_the_death_of_a_child_is_worth_a_line(system: ActorSystem) -> None:
    lines = Lines()
    proxy = system.spawn(LoggerProxy, lines)
    probe = Probe(system, "worker-part")
    probe.ref.kill()
    proxy.ask(AskStatistics(), timeout=5)
    assert any("worker-part ended: killed" in line for line in lines.said)


def test_records_that_were_dropped_on_the_way_are_said_in_a_line_of_their_own(system: ActorSystem) -> None:
    lines = Lines()
    proxy = system.spawn(LoggerProxy, lines)
    sink = system.log_sink
    assert sink is not None
    sink(record(source="child", dropped=3), proxy)
    proxy.ask(AskStatistics(), timeout=5)
    assert any("3 log records were dropped" in line for line in lines.said)


def test_a_record_without_a_source_keeps_what_it_says_was_dropped(system: ActorSystem) -> None:
    lines = Lines()
    proxy = system.spawn(LoggerProxy, lines)
    sink = system.log_sink
    assert sink is not None
    sink(record(dropped=3), proxy)
    proxy.ask(AskStatistics(), timeout=5)
    assert any("3 log records were dropped" in line for line in lines.said)
