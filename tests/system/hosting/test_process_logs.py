"""What hosted processes log with `logging`: it all comes home, in its order, filtered where it is made."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator

import pytest
from hosting_bench import WAIT, Bench
from logging_actors import Chronicler

from regrow.actors import ActorExited, LogReceived, OutputCaptured
from regrow.actors.hosting import LogsLost
from regrow.protocol.exits import Crash
from regrow.protocol.host.messages import LogRecord


class Kept(logging.Handler):
    """Keeps what a logger at home is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, root = Kept(), logging.getLogger()
    root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def of_app(bench: Bench) -> list[LogRecord]:
    return [event.record for event in bench.events.seen if isinstance(event, LogReceived)]


def test_nothing_of_logging_is_sent_unless_it_is_wanted(bench: Bench) -> None:
    ref = bench.start(target=Chronicler)
    ref.ask(("app", logging.CRITICAL, "%d", 1), timeout=WAIT)
    ref.shutdown()
    bench.events.wait(ActorExited)
    assert of_app(bench) == []


def test_all_of_a_flood_comes_home_in_its_order_before_the_end(bench: Bench) -> None:
    bench.system.hosting.set_log_level("info")
    ref = bench.start(target=Chronicler)
    ref.tell(("app", logging.INFO, "number %d", 5_000))
    ref.tell("crash")
    end = bench.events.wait(ActorExited)
    assert isinstance(end.reason, Crash)
    records = [record for record in of_app(bench) if record.context["logger"] == "app"]
    lost = sum(record.dropped for record in of_app(bench))
    assert len(records) + lost == 5_000
    numbers = [record.context["number"] for record in records]
    assert numbers == sorted(numbers)  # type: ignore[type-var]
    assert records[-1].text == "number 4999"
    assert not [event for event in bench.events.seen if isinstance(event, LogsLost)]


def test_a_warning_is_on_its_way_before_the_process_can_die_of_what_comes_next(bench: Bench) -> None:
    bench.system.hosting.set_log_level("debug")
    ref = bench.start(target=Chronicler)
    ref.tell(("app", logging.DEBUG, "soon %d", 3))
    ref.tell(("app", logging.WARNING, "at once %d", 1))
    ref.tell("die")
    bench.events.wait(ActorExited)
    texts = [record.text for record in of_app(bench)]
    assert texts == ["soon 0", "soon 1", "soon 2", "at once 0"]


def test_what_is_not_wanted_is_not_even_made_there_and_that_can_change(bench: Bench) -> None:
    hosting = bench.system.hosting
    hosting.set_log_level("warning")
    hosting.set_log_level(logging.DEBUG, "app.db")
    ref = bench.start(target=Chronicler)
    assert ref.ask("levels", timeout=WAIT) == [30, 10]
    ref.ask(("app", logging.INFO, "refused %d", 1), timeout=WAIT)
    ref.ask(("app.db", logging.DEBUG, "wanted %d", 1), timeout=WAIT)
    hosting.set_log_level("info")
    hosting.set_log_level(None, "app.db")
    assert ref.ask("levels", timeout=WAIT) == [20, 0]
    ref.ask(("app", logging.INFO, "wanted, too %d", 1), timeout=WAIT)
    ref.ask(("app.db", logging.DEBUG, "no more %d", 1), timeout=WAIT)
    hosting.set_log_level(None)
    assert ref.ask("levels", timeout=WAIT) == [30, 0]
    ref.shutdown()
    bench.events.wait(ActorExited)
    assert [record.text for record in of_app(bench)] == ["wanted 0", "wanted, too 0"]


def test_a_level_that_nobody_knows_is_refused(zygote_bench: Bench) -> None:
    with pytest.raises(ValueError, match="level: expected a number or one of trace, debug"):
        zygote_bench.system.hosting.set_log_level("loud")


def test_one_call_brings_the_records_to_the_loggers_of_their_names_at_home(bench: Bench, kept: Kept) -> None:
    proxy = bench.system.hosting.route_logs(logging.getLogger())
    ref = bench.start(target=Chronicler)
    ref.ask("error", timeout=WAIT)
    ref.ask(("app.db", logging.INFO, "row %d", 1), timeout=WAIT)
    first, second = kept.records.get(timeout=WAIT), kept.records.get(timeout=WAIT)
    assert (first.name, first.levelname, first.process) == ("app", "ERROR", ref.pid)
    assert first.getMessage().startswith("lost it\nStack (most recent call last):")
    assert "LookupError: not there" in (first.exc_text or "")
    assert (first.filename, first.funcName) == ("logging_actors.py", "on_receive")
    assert (second.name, second.getMessage(), second.__dict__["number"]) == ("app.db", "row 0", 0)
    proxy.shutdown()


def test_a_fork_of_user_code_writes_to_stderr(bench: Bench) -> None:
    bench.system.hosting.set_log_level("info")
    ref = bench.start(target=Chronicler)
    ref.tell("fork")
    bench.events.wait(OutputCaptured, lambda event: event.line == "said in a fork")
    assert of_app(bench) == []
