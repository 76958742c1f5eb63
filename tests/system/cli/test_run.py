"""`regrow run` and `regrow tree` as real processes with real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.system.cli.app import App
from tests.system.waiting import FACTOR

pytestmark = pytest.mark.system


def test_a_tree_starts_can_be_seen_and_is_stopped_in_reverse_order(app: App) -> None:
    inner = '[[tree.child]]\nid = "pool"\ntype = "supervisor"\n' + app.steady("three").replace(
        "tree.child", "tree.child.child"
    )
    run = app.run(app.policy(f'[tree]\nname = "shop"\n{app.steady("one", "two")}\n{inner}\n'))
    run.wait_for("shop is up")
    shown = app.call("tree")
    assert shown.returncode == 0, shown.stderr
    rows = shown.stdout.splitlines()
    assert rows[0].startswith(f"shop  running  Supervisor  pid {run.process.pid}, up ")
    assert [row.split("  up ")[0] for row in rows[1:]] == [
        "├── one  running  Steady",
        "├── two  running  Steady",
        "└── pool  running  Supervisor",
        "    └── three  running  Steady",
    ]
    sockets = list((app.directory / "regrow").glob("*.sock"))
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in sockets] == [(f"{run.process.pid}.sock", 0o600)]
    found = json.loads(app.call("tree", "--pid", str(run.process.pid), "--json").stdout)
    assert [child["path"] for child in found["children"]] == ["shop/one", "shop/two", "shop/pool"]

    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    assert app.noted() == [*(f"start:{name}" for name in ("one", "two", "three")), "stop:three", "stop:two", "stop:one"]
    assert "SIGTERM: stopping in reverse order, within 25s" in run.text()
    assert "stopped in order" in run.text()
    assert not sockets[0].exists()
    gone = app.call("tree")
    assert (gone.returncode, "no running tree found" in gone.stderr) == (4, True)


def test_a_supervisor_in_a_process_of_its_own_is_part_of_the_tree_and_obeys_the_policy(app: App) -> None:
    inner = app.steady("two").replace("tree.child", "tree.child.child")
    pool = f'[[tree.child]]\nid = "pool"\ntype = "supervisor"\nisolation = "process"\n{inner}'
    one = f'{app.steady("one")}isolation = "process"\n'
    run = app.run(app.policy(f'[tree]\n{one}\n{pool}\n[policy."root/pool/two"]\nrestart = "transient"\n'))
    run.wait_for("root is up")
    found = json.loads(app.call("tree", "--json").stdout)
    first, second = found["children"]
    inside = second["children"][0]
    assert [inside["path"], inside["state"]] == ["root/pool/two", "running"]
    assert inside["pid"] == second["pid"]
    assert len({found["pid"], first["pid"], second["pid"]}) == 3

    os.kill(first["pid"], signal.SIGKILL)
    run.wait_for("root/one is running again, restart 1")
    assert "root/one ended: SIGKILL" in run.text()
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    assert app.noted() == ["start:one", "start:two", "start:one", "stop:two", "stop:one"]


def test_programs_are_children_too_with_their_readiness_and_their_last_words(app: App) -> None:
    steady = """
[[tree.child]]
id = "clock"
command = ["sh", "-c", "echo now it is $WHAT; exec sleep 1000"]
env = { WHAT = "ready" }
ready = { line = "is ready$" }
stop_signal = "INT"
"""
    run = app.run(app.policy(f"[tree]\n{steady}"))
    run.wait_for("root is up")
    assert "[clock stdout] now it is ready" in run.text()
    program = json.loads(app.call("tree", "--json").stdout)["children"][0]["pid"]
    assert program != run.process.pid
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    assert not Path(f"/proc/{program}").exists()

    failing = '[[tree.child]]\nid = "boom"\ncommand = ["sh", "-c", "sleep 0.1; echo no disk >&2; exit 3"]\n'
    run = app.run(app.policy(f"[tree]\nintensity = {{ max_restarts = 1 }}\n{failing}"))
    assert run.end() == 1, run.text()
    report = run.text().partition("regrow: root gave up\n")[2].splitlines()
    assert report[0].startswith("  root/boom ended 2 times in ")
    assert report[2:] == ["    last reason: exit status 3", "    its last lines on stderr:", "      no disk"]


def test_what_a_program_below_a_hosted_supervisor_prints_is_shown_here_too(app: App) -> None:
    pool = """
[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
  [[tree.child.child]]
  id = "inner"
  type = "supervisor"
  isolation = "process"
    [[tree.child.child.child]]
    id = "clock"
    command = ["sh", "-c", "echo now it is; exec sleep 1000"]
"""
    run = app.run(app.policy(f"[tree]\n{pool}"))
    run.wait_for("[pool] [inner] [clock stdout] now it is")
    run.wait_for("root is up")
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_interrupt_stops_in_order_too(app: App) -> None:
    run = app.run(app.policy(f"[tree]\n{app.steady('one')}"))
    run.wait_for("root is up")
    run.signal(signal.SIGINT)
    assert run.end() == 0, run.text()
    assert app.noted() == ["start:one", "stop:one"]


STUBBORN = '[[tree.child]]\nid = "mule"\nstart = "app:Stubborn"\nshutdown = "infinity"\n'


def test_a_second_signal_kills_what_does_not_stop(app: App) -> None:
    run = app.run(app.policy(f"[tree]\n{STUBBORN}"))
    run.wait_for("root is up")
    run.signal(signal.SIGTERM)
    run.wait_for("SIGTERM: stopping")
    run.wait_for("the mule stays")  # only who does not stop is named; before this it would just end
    run.signal(signal.SIGTERM)
    assert run.end() == 128 + signal.SIGTERM, run.text()
    assert "SIGTERM again: killing what is left" in run.text()
    assert re.search(r"not in order: .*mule", run.text())


def test_the_grace_bounds_the_stop_of_the_whole_tree(app: App) -> None:
    run = app.run("--grace", "300ms", app.policy(f"[tree]\n{app.steady('one')}\n{STUBBORN}"))
    run.wait_for("root is up")
    begun = time.monotonic()
    run.signal(signal.SIGINT)
    assert run.end() == 128 + signal.SIGINT, run.text()
    assert time.monotonic() - begun < 10 * FACTOR
    assert "not in order" in run.text()


def test_a_child_that_dies_at_every_start_is_restarted_later_and_later_and_then_explained(
    app: App,
) -> None:
    backoff = 'backoff = { base = "200ms", factor = 2, jitter = "none" }'
    child = f'[[tree.child]]\nid = "db"\nstart = "app:Dies"\nargs = ["{app.notes}"]\n'
    run = app.run(app.policy(f'[tree]\nname = "shop"\n{backoff}\n{child}'))
    assert run.end() == 1, run.text()

    starts = app.times("start:dies")
    gaps = [starts[1] - app.times("dies:dies")[0], *(later - sooner for sooner, later in pairwise(starts[1:]))]
    assert len(starts) == 4
    for gap, delay in zip(gaps, (0.0, 0.2, 0.4)):
        assert delay <= gap < delay + 0.19 * FACTOR, gaps

    report = run.text().partition("regrow: shop gave up\n")[2].splitlines()
    assert report[0].startswith("  shop/db failed to start or ended 4 times in ")
    assert report[0].endswith("; shop allows 3 restarts in 5s")
    assert report[1:3] == [
        "    3 restarts, after waits of 0s, 200ms, 400ms",
        "    last reason: crash: ValueError: no disk (before it was ready)",
    ]
    assert report[3] == "      Traceback (most recent call last):"
    assert report[-2:] == ["      ValueError: no disk", "    before that: crash: RuntimeError: the first time"]


def test_a_tight_crash_loop_does_not_flood_the_log(app: App) -> None:
    flags = 'intensity = { max_restarts = 2000, max_seconds = "1h" }\nbackoff = { base = 0, cap = 0 }'
    child = f'[[tree.child]]\nid = "db"\nstart = "app:Dies"\nargs = ["{app.notes}"]\n'
    run = app.run(app.policy(f"[tree]\n{flags}\n{child}"))
    assert run.end() == 1, run.text()
    assert len(app.times("start:dies")) == 2001
    assert len(run.text().splitlines()) < 100
    assert len(run.text()) < 20_000
    assert "more lines about it were left out" in run.text()


def test_a_child_that_cannot_start_is_a_failed_start(app: App) -> None:
    child = '[[tree.child]]\nid = "db"\nstart = "app:NoSuch"\n'
    run = app.run(app.policy(f"[tree]\n{app.steady('one')}\n{child}"))
    assert run.end() == 3
    assert "regrow: root did not start\n  root/db failed to start: " in run.text()
    assert "app" in run.text()
    assert app.noted() == ["start:one", "stop:one"]


def test_a_signal_ends_a_start_that_hangs(app: App) -> None:
    run = app.run(app.policy(f'[tree]\n{app.steady("one")}\n[[tree.child]]\nid = "slow"\nstart = "app:Slow"\n'))
    run.wait_for("root/one is running")
    run.signal(signal.SIGTERM)
    assert run.end() == 128 + signal.SIGTERM, run.text()
    assert "SIGTERM while the tree starts" in run.text()


def test_a_tree_that_has_finished_its_work_ends_with_0(app: App) -> None:
    flags = 'auto_shutdown = "any_significant"'
    child = '[[tree.child]]\nid = "job"\nstart = "app:Done"\nrestart = "transient"\nsignificant = true\n'
    run = app.run(app.policy(f"[tree]\n{flags}\n{app.steady('one')}\n{child}"))
    assert run.end() == 0, run.text()
    assert "root has finished: job ended" in run.text()
    assert app.noted() == ["start:one", "stop:one"]


def test_a_tree_in_a_module_can_be_run_under_a_policy(app: App) -> None:
    policy = '[policy."root/b"]\nrestart = "temporary"\n[policy."root/a"]\nshutdown = "brutal_kill"\n'
    run = app.run("app:tree", "--policy", app.policy(policy))
    run.wait_for("root/b ended: normal")
    shown = json.loads(app.call("tree", "--json").stdout)
    assert [child["name"] for child in shown["children"]] == ["a"]
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_the_log_can_be_json_and_flags_can_come_from_the_environment(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    control = app.directory / "c.sock"
    run = app.run("--log-format", "json", "--control", str(control), app.policy(f"[tree]\n{app.steady('one')}"))
    run.wait_for("root is up")
    assert app.call("tree", "--control", str(control)).returncode == 0
    busy = app.call("run", "--control", str(control), "shop.toml")
    assert (busy.returncode, "is in use by a running tree" in busy.stderr) == (3, True)
    run.signal(signal.SIGTERM)
    assert run.end() == 0
    lines = [json.loads(line) for line in run.text().splitlines()]
    assert {"level": "INFO", "message": "root/one is running", "child": "one"}.items() <= lines[0].items()
