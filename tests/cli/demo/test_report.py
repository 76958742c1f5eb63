"""The demo judges itself; each promise that is broken must be named."""

import json

import pytest

from regrow.cli.demo.report import Beats, KillRecord, Report


def good() -> Report:
    return Report(
        submitted=10,
        completed=10,
        log_records_sent=5,
        log_records_received=4,
        log_records_lost_in_kills=1,
        kills=[KillRecord("link", "SIGKILL", 12.0)],
        interval_ms=100,
        isolated=Beats(200, 9.0, 3.0),
        same_loop=Beats(20, 1900.0, 1800.0),
        thread=Beats(20, 1900.0, 1800.0),
    )


def test_a_run_without_a_fault_passes() -> None:
    assert good().faults_found() == []
    assert "All as promised." in good().as_text()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("lost", 1, "lost"),
        ("completed", 9, "9 completed"),
        ("failed", 1, "ended in an error"),
        ("log_records_received", 3, "log records"),
        ("kills", [KillRecord("link", "SIGKILL", None)], "did not recover"),
        ("isolated", Beats(), "no heartbeat"),
        ("isolated", Beats(10, 50.1, 1.0), "50.1 ms late"),
        ("orphans", 2, "left behind"),
    ],
)
def test_each_broken_promise_is_named(field: str, value: object, word: str) -> None:
    report = good()
    setattr(report, field, value)
    assert any(word in text for text in report.faults_found())
    assert "NOT AS PROMISED" in report.as_text()


def test_the_json_has_the_documented_keys() -> None:
    found = json.loads(good().as_json())
    assert {
        "submitted", "completed", "lost", "duplicates", "log_records_sent", "log_records_received",
        "log_records_lost_in_kills", "orphans", "kills", "heartbeat",
    } <= set(found)  # fmt: skip
    assert found["kills"] == [{"target": "link", "signal": "SIGKILL", "recovery_ms": 12.0}]
    assert set(found["heartbeat"]) == {"interval_ms", "isolated", "same_loop", "thread"}
    assert set(found["heartbeat"]["thread"]) == {"count", "worst_lateness_ms", "p99_lateness_ms"}
