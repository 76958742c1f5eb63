"""What user functions log, wherever they run, reaches the user's own logger, of any kind."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from loguru import logger as loguru_logger

import regrow
from regrow.connect.worker import Worker, WorkerOptions

MakeWorker = Callable[..., Worker]
EXPECTED = {
    ("info", "hi by regrow"),
    ("warning", "by the invocation"),
    ("error", "hi by logging"),
    ("info", "hi by print"),
}


class Recorder:
    """An object with methods, as somebody's own logger."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def debug(self, text: str, **context: object) -> None:
        self.lines.append(("debug", text, context))

    def info(self, text: str, **context: object) -> None:
        self.lines.append(("info", text, context))

    def warning(self, text: str, **context: object) -> None:
        self.lines.append(("warning", text, context))

    def error(self, text: str, **context: object) -> None:
        self.lines.append(("error", text, context))

    def said(self) -> set[tuple[str, str]]:
        return {(level, text) for level, text, _ in self.lines}


def test_an_object_with_methods_gets_text_context_and_exceptions(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    recorder = Recorder()
    make_worker("speak", logger=recorder)
    pid = client.invoke("speak", "hi")
    eventually(lambda: recorder.said() >= EXPECTED)
    context = next(context for _, text, context in recorder.lines if text == "by the invocation")
    assert context["function"] == "speak"
    assert context["kind"] == "context"
    assert context["source_pid"] == pid
    eventually(lambda: any("LookupError: told" in text for _, text in recorder.said()))


def test_loguru_gets_them_at_their_level_even_if_regrow_itself_is_disabled(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    records: list[tuple[str, str, float]] = []
    sink = loguru_logger.add(
        lambda line: records.append((line.record["level"].name.lower(), line.record["message"], line.record["time"])),  # type: ignore[attr-defined]
        level=0,
    )
    loguru_logger.disable("regrow")
    try:
        make_worker("speak")
        client.invoke("speak", "hi")
        eventually(lambda: {(level, text) for level, text, _ in records} >= EXPECTED)
    finally:
        loguru_logger.enable("regrow")
        loguru_logger.remove(sink)


def test_the_standard_library_gets_them_with_the_time_they_were_made_at(
    make_worker: MakeWorker,
    client: regrow.Client,
    eventually: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    target = logging.getLogger("tests.worker")
    with caplog.at_level(logging.DEBUG, logger="tests.worker"):
        make_worker("speak", logger=target)
        client.invoke("speak", "hi")
        eventually(lambda: {(r.levelname.lower(), r.getMessage()) for r in caplog.records} >= EXPECTED)
    record = next(r for r in caplog.records if r.getMessage() == "hi by regrow")
    assert record.number == 1  # type: ignore[attr-defined]
    assert record.name == "tests.worker"


def test_what_is_below_the_level_does_not_even_leave_its_process(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    recorder = Recorder()
    make_worker("speak", logger=recorder, options=WorkerOptions(log_level="error"))
    client.invoke("speak", "hi")
    eventually(lambda: ("error", "hi by logging") in recorder.said())
    assert ("info", "hi by regrow") not in recorder.said()


def test_records_of_a_process_that_is_killed_arrive_or_are_counted(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    recorder = Recorder()
    worker = make_worker("speak_and_die", logger=recorder, options=WorkerOptions(deaths_before_quarantine=1))
    with pytest.raises(regrow.RegrowError):
        client.invoke("speak_and_die", timeout=20)

    def accounted() -> bool:
        logs = worker.status().logs
        if logs is None:
            return False
        arrived = sum(text.startswith("record ") for _, text in recorder.said())
        return arrived + sum(logs.died_with.values()) + sum(logs.gaps.values()) == 50

    eventually(accounted)


def test_a_logger_that_raises_ends_nothing(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    class Broken:
        def info(self, text: str) -> None:
            raise RuntimeError("disk full")

    worker = make_worker("speak", logger=Broken())
    client.invoke("speak", "hi")
    eventually(lambda: (logs := worker.status().logs) is not None and logs.failed >= 4)
    assert worker.status().healthy
