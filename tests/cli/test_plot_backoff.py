"""`regrow plot-backoff`: flags, policy files, drawings, and what it says of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regrow.cli import exit_codes
from regrow.cli.main import main

SHOP = """
[tree]
name = "shop"
backoff = { kind = "ladder", steps = [0, 1, 5] }

[[tree.child]]
id = "db"
start = "shop.db:Database"

[[tree.child]]
id = "pool"
type = "supervisor"
intensity = { kind = "decay", threshold = 2 }
child_backoff = { kind = "constant", seconds = 3 }

  [[tree.child.child]]
  id = "reader"
  start = "shop.pool:Reader"

[policy."shop/db"]
backoff = { steps = [0, 2] }
"""

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def shop(tmp_path: Path) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(SHOP)
    return str(path)


def plotted(capsys: Capture, *flags: str) -> list[str]:
    assert main(["plot-backoff", *flags]) == exit_codes.OK
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def refused(capsys: Capture, *flags: str) -> str:
    assert main(["plot-backoff", *flags]) == exit_codes.USAGE
    return capsys.readouterr().err.rstrip().rpartition("Error: ")[2]


def test_without_flags_it_draws_the_defaults(capsys: Capture) -> None:
    lines = plotted(capsys)
    assert lines[0] == "exponential, initial 0s, base 200ms, factor 2, cap 30s, jitter full, reset_after 15.1s"
    assert [line.split()[0] for line in lines[3:15]] == [str(number) for number in range(1, 13)]
    assert lines[-2] == "Allowed: 3 restarts in 5s."
    assert lines[-1].startswith("A supervisor whose child dies at once gives up after 3 restarts, ")


def test_flags_are_the_keys_of_a_policy_file(capsys: Capture) -> None:
    flags = ("--kind", "ladder", "--steps", "0, 100ms,1s", "--initial", "5", "--restarts", "4")
    lines = plotted(capsys, *flags, "--threshold", "2.5", "--decay", "1m")
    assert lines[0] == "ladder, steps 0s 100ms 1s, initial 5s, reset_after 500ms"
    assert [line.split()[2] for line in lines[3:7]] == ["5s", "0s", "100ms", "1s"]
    assert lines[-2] == "Allowed: a count of 2.5 restarts that halves every 1m."


def test_the_first_restart_may_wait_as_the_others_do(capsys: Capture) -> None:
    lines = plotted(capsys, "--initial", "none", "--jitter", "none", "--base", "1s", "--restarts", "3")
    assert [line.split()[2] for line in lines[3:6]] == ["1s", "2s", "4s"]


def test_a_child_of_a_policy_file_is_drawn_with_all_that_counts_for_it(capsys: Capture, shop: str) -> None:
    lines = plotted(capsys, "--policy", shop, "--path", "shop/db", "--restarts", "3")
    assert lines[0] == "shop/db: ladder, steps 0s 2s, initial none, reset_after 1s"
    lines = plotted(capsys, "--policy", shop, "--path", "shop/pool/reader")
    assert lines[0] == "shop/pool/reader: constant, seconds 3s, initial 0s, reset_after 3s"
    assert lines[-2:] == [
        "Allowed: a count of 2 restarts that halves every 30s.",
        "A supervisor whose child dies at once gives up after 2 restarts, 3s after its first death.",
    ]


def test_a_child_inside_another_process_has_the_changes_that_travel_there(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "moved.toml"
    moved = '[policy."shop/pool"]\nisolation = "process"\n[policy."shop/pool/*"]\nbackoff = { seconds = 9 }\n'
    path.write_text(SHOP.replace('[policy."shop/db"]\nbackoff = { steps = [0, 2] }\n', moved))
    lines = plotted(capsys, "--policy", str(path), "--path", "shop/pool/reader")
    assert lines[0] == "shop/pool/reader: constant, seconds 9s, initial 0s, reset_after 9s"
    in_file = path.read_text().replace('type = "supervisor"', 'type = "supervisor"\nisolation = "process"')
    path.write_text(in_file)
    assert plotted(capsys, "--policy", str(path), "--path", "shop/pool/reader") == lines


def test_flags_are_laid_over_the_policy_file(capsys: Capture, shop: str) -> None:
    lines = plotted(capsys, "--policy", shop, "--path", "shop/db", "--initial", "7", "--max-restarts", "9")
    assert lines[0] == "shop/db: ladder, steps 0s 2s, initial 7s, reset_after 1s"
    assert lines[-2] == "Allowed: 9 restarts in 5s."


def test_json_has_the_steps_and_when_it_gives_up(capsys: Capture) -> None:
    assert main(["plot-backoff", "--kind", "constant", "--seconds", "2", "--restarts", "2", "--json"]) == exit_codes.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["backoff"] == "constant, seconds 2s, initial 0s, reset_after 2s"
    assert shown["steps"][1] == {
        "restart": 2,
        "delay": {"least": 2.0, "median": 2.0, "most": 2.0},
        "at": {"least": 2.0, "median": 2.0, "most": 2.0},
    }
    assert shown["giving_up"] is None


def test_the_same_seed_draws_the_same(capsys: Capture) -> None:
    assert plotted(capsys, "--seed", "5", "--runs", "50") == plotted(capsys, "--seed", "5", "--runs", "50")
    assert plotted(capsys, "--seed", "5", "--runs", "50") != plotted(capsys, "--seed", "6", "--runs", "50")


def test_the_drawing_is_written(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    assert plotted(capsys, "--svg", str(path))[-1] == f"wrote {path}"
    assert path.read_text().startswith("<svg ")
    assert "gives up" in path.read_text()


def test_a_drawing_that_cannot_be_written_says_why(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "plot.svg"
    assert main(["plot-backoff", "--svg", str(path)]) == exit_codes.USAGE
    assert f"{path}: No such file or directory" in capsys.readouterr().err


def test_a_wait_of_tenacity_is_imported(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "waits_to_plot.py").write_text("import tenacity\nslow = tenacity.wait_incrementing(2, 3)\n")
    flags = ("--kind", "tenacity", "--wait", "waits_to_plot:slow", "--app-dir", str(tmp_path), "--restarts", "3")
    assert [line.split()[2] for line in plotted(capsys, *flags)[3:6]] == ["0s", "2s", "5s"]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            "--kind laddr",
            (
                '--kind: expected one of "exponential", "constant", "ladder", "decorrelated", "akka", "tenacity",'
                ' got "laddr"; did you mean "ladder"?'
            ),
        ),
        (
            "--kind akka --base 3",
            (
                '--base: expected no such key with kind = "akka", which has min_backoff, max_backoff, random_factor,'
                " initial, reset_after, got 3"
            ),
        ),
        (
            "--seconds 3",
            '--seconds: expected a key of kind "exponential" (initial, base, factor, cap, jitter, reset_after)',
        ),
        ("--kind ladder", '--steps: expected a value, which kind "ladder" needs'),
        (
            "--base 5s,3s --jitter some",
            (
                '--base: expected a duration (seconds, or text such as "250ms", "1.5s", "2m"), got "5s,3s"\n'
                '--jitter: expected one of "full", "equal", "none", got "some"'
            ),
        ),
        ("--base 40s", "--cap: expected at least base (40), got 30.0"),
        ("--base 3 --cap 2", "--cap: expected at least as long as base, 3s, got 2"),
        ("--max-restarts 1.5", "--max-restarts: expected an integer, got 1.5"),
        (
            "--threshold 2 --max-restarts 3",
            '--max-restarts: expected no such key with kind = "decay", which has threshold, decay, got 3',
        ),
        (
            "--kind tenacity --wait no.such:wait",
            (
                "--wait: expected the import path of a wait strategy (no module: 'no' is not on sys.path),"
                " got 'no.such:wait'"
            ),
        ),
        ("--path shop/db", "--policy and --path belong together."),
        ("--policy shop.toml", "--policy and --path belong together."),
    ],
)
def test_a_mistake_in_the_flags_is_usage(capsys: Capture, flags: str, text: str) -> None:
    assert refused(capsys, *flags.split()) == text


def test_a_path_that_is_not_there_gets_the_nearest_one(capsys: Capture, shop: str) -> None:
    assert refused(capsys, "--policy", shop, "--path", "shop/bd") == (
        f"regrow: {shop}: --path: expected one of shop/db, shop/pool, shop/pool/reader, got shop/bd;"
        " did you mean shop/db?"
    )
    assert "expected the path of a child, got shop" in refused(capsys, "--policy", shop, "--path", "shop")


def test_a_mistake_in_the_file_is_said_with_its_line(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('[tree]\nbackoff = { kind = "akkka" }\n')
    assert f"{path}:2: tree.backoff.kind: expected one of" in refused(capsys, "--policy", str(path), "--path", "root/a")
