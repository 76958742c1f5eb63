"""`regrow ps`, with a program that answers as these tests want."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrow.cli import exit_codes
from regrow.cli.control import ControlServer
from regrow.cli.main import main
from regrow.observe.process_rows import ProcessRow

ROWS = (
    ProcessRow(depth=0, path="shop", name="shop", kind="host", pid=7, state="running", cpu_seconds=1.0, age=10.0),
    ProcessRow(depth=1, path="shop/db", name="db", kind="actor", pid=8, state="ready", verdict="stopped", in_flight=3),
)


@pytest.fixture
def answers() -> dict[str, object]:
    return {"processes": [row.to_json() for row in ROWS]}


@pytest.fixture
def control(tmp_path: Path, answers: dict[str, object]) -> Iterator[str]:
    server = ControlServer(tmp_path / "c.sock", {"processes": lambda _request: answers})
    yield str(server.path)
    server.close()


def test_a_pipe_gets_one_line_a_process(control: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--control", control]) == exit_codes.OK
    assert [line.split()[:4] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["shop", "7", "running", "-"],
        ["shop/db", "8", "ready", "stopped"],
    ]


def test_a_terminal_gets_a_tree_as_wide_as_it_is(
    control: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["ps", "--control", control]) == exit_codes.OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["NAME", "PID"], ["shop", "7"], ["└", "db"]]
    assert max(map(len, lines)) <= 40


def test_json_is_one_object_with_all_fields(control: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--json", "--control", control]) == exit_codes.OK
    found = json.loads(capsys.readouterr().out)
    assert found["processes"] == [row.to_json() for row in ROWS]
    assert set(found) == {"pid", "processes"}


@pytest.mark.parametrize(
    "wrong",
    [{}, {"processes": 3}, {"processes": [3]}, {"processes": [{}]}, {"processes": [ROWS[0].to_json() | {"pid": "7"}]}],
)
def test_an_answer_that_is_none_is_said_to_be_none(
    wrong: dict[str, object], control: str, answers: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    answers.clear()
    answers.update(wrong)
    assert main(["ps", "--control", control]) == exit_codes.UNREACHABLE
    assert "expected processes, got" in capsys.readouterr().err


def test_nobody_there_is_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--control", str(tmp_path / "none.sock")]) == exit_codes.UNREACHABLE
    assert "there is no such socket" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--watch", "0"], ["--watch", "soon"], ["--timeout", "x"], ["--pid", "x"], ["shop"]])
def test_flags_that_make_no_sense_are_usage(flags: list[str]) -> None:
    assert main(["ps", *flags]) == exit_codes.USAGE


def test_the_look_is_taken_again_until_it_is_interrupted(
    control: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Interrupted:
        def wait(self, timeout: float) -> None:
            waits.append(timeout)
            if len(waits) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr("regrow.cli.ps.Event", Interrupted)
    assert main(["ps", "--json", "--watch", "2", "--control", control]) == exit_codes.OK
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(waits) == 3
    assert [json.loads(line)["processes"][0]["cpu_percent"] for line in lines] == [None, 0.0, 0.0]
    assert all(0 <= wait <= 2 * (number + 1) for number, wait in enumerate(waits))


def test_a_screen_is_cleared_before_each_look_and_shows_as_many_rows_as_it_has(
    control: str, answers: dict[str, object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def wait(self, timeout: float) -> None:
            raise KeyboardInterrupt

    answers["processes"] = [row.to_json() | {"pid": number} for number, row in enumerate([ROWS[0]] * 50)]
    monkeypatch.setattr("regrow.cli.ps.Event", Interrupted)
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(["ps", "--watch", "1", "--control", control]) == exit_codes.OK
    shown = capsys.readouterr().out
    assert shown.startswith("\x1b[H\x1b[J")
    assert len(shown.splitlines()) == 23
    assert shown.splitlines()[-1] == "and 29 more"
