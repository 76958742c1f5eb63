"""`regrow ps` of a running `regrow run` and `regrow worker`, whose processes work, hang, stop and host others."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.cli.app import App
from tests.system.logged_program import environment
from tests.system.waiting import FACTOR, WAIT, until

pytestmark = pytest.mark.system

WORK = '''
import threading
import time

from regrow.actors import Actor


class Busy(Actor):
    """Works on one message for ever."""

    def on_start(self):
        self.send_after(0.0, "spin")
        self.send_after(0.0, "more")

    def on_receive(self, message):
        while True:
            sum(range(1000))


class Waits(Actor):
    def on_start(self):
        self.send_after(0.0, "read")

    def on_receive(self, message):
        threading.Event().wait()
'''
TREE = """
[tree]
name = "shop"

[[tree.child]]
id = "clock"
command = ["sleep", "1000"]

[[tree.child]]
id = "idle"
start = "work:Waits"
isolation = "process"
limits = { stopped_seconds = "infinity" }
shutdown = "brutal_kill"

[[tree.child]]
id = "busy"
start = "work:Busy"
isolation = "process"
shutdown = "brutal_kill"

[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
limits = { stopped_seconds = "infinity" }
  [[tree.child.child]]
  id = "first"
  start = "work:Waits"
  isolation = "process"
  shutdown = "brutal_kill"
  [[tree.child.child]]
  id = "deep"
  type = "supervisor"
  isolation = "process"
    [[tree.child.child.child]]
    id = "program"
    command = ["sleep", "1001"]
"""

SMALL = """
[tree]
name = "shop"

[[tree.child]]
id = "busy"
start = "work:Busy"
isolation = "process"
shutdown = "brutal_kill"
"""

Row = dict[str, Any]


def rows_of(app: App, *flags: str) -> dict[str, Row]:
    done = app.call("ps", "--json", *flags)
    assert done.returncode == 0, done.stderr
    return {row["path"]: row for row in json.loads(done.stdout)["processes"]}


def seen(app: App, condition: Callable[[dict[str, Row]], object]) -> dict[str, Row]:
    """Look until it is so."""
    rows: dict[str, Row] = {}

    def look() -> object:
        rows.clear()
        rows.update(rows_of(app))
        return condition(rows)

    until(look, timeout=2 * WAIT, what=lambda: json.dumps(rows, indent=1))
    return rows


@pytest.fixture
def tree(app: App) -> str:
    (app.directory / "work.py").write_text(WORK)
    return app.policy(TREE)


@pytest.fixture
def small(app: App) -> str:
    (app.directory / "work.py").write_text(WORK)
    return app.policy(SMALL)


def test_a_tree_of_processes_is_shown_with_what_each_of_them_does(app: App, tree: str) -> None:
    run = app.run(tree)
    run.wait_for("shop is up")
    rows = seen(app, lambda rows: rows["shop/busy"]["verdict"] == "busy" and rows["shop/idle"]["in_hand"])
    assert [(row["depth"], row["name"]) for row in rows.values() if not row["name"].startswith("[")] == [
        (0, "shop"),
        (1, "busy"),
        (1, "clock"),
        (1, "idle"),
        (1, "pool"),
        (2, "deep"),
        (3, "program"),
        (2, "first"),
    ]
    host, busy, clock = rows["shop"], rows["shop/busy"], rows["shop/clock"]
    assert (host["pid"], host["kind"], host["state"]) == (run.process.pid, "host", "running")
    assert (busy["kind"], busy["state"], busy["in_hand"]) == ("actor", "ready", "str 'spin'")
    assert busy["in_hand_seconds"] > 1.0
    assert busy["cpu_percent"] > 5.0
    assert busy["cpu_seconds"] > 0.5
    assert busy["age"] >= busy["uptime"] > 1.0
    assert busy["resident_bytes"] > busy["own_bytes"] > 2**20
    assert (busy["restarts"], busy["incarnation"]) == (0, 1)
    assert (clock["kind"], clock["state"], clock["verdict"]) == ("command", "ready", None)
    assert Path(f"/proc/{clock['pid']}/comm").read_text() == "sleep\n"
    program = rows["shop/pool/deep/program"]
    assert Path(f"/proc/{program['pid']}/cmdline").read_bytes() == b"sleep\x001001\x00"
    assert rows["shop/[zygote]"]["depth"] == 1
    assert rows["shop/pool/[zygote]"]["depth"] == 2
    assert rows["shop/pool/first"]["in_hand"] == "str 'read'"

    os.kill(rows["shop/idle"]["pid"], signal.SIGKILL)
    rows = seen(app, lambda rows: rows.get("shop/idle", {}).get("restarts") == 1)
    assert rows["shop/idle"]["incarnation"] == 2
    os.kill(rows["shop/pool/first"]["pid"], signal.SIGKILL)
    seen(app, lambda rows: rows.get("shop/pool/first", {}).get("restarts") == 1)

    plain = app.call("ps").stdout.splitlines()
    assert plain[0].split()[:4] == ["NAME", "PID", "STATE", "VERDICT"]
    shown = [line.split()[0] for line in plain[1:]]
    assert [path for path in shown if "[" not in path] == [path for path in rows if "[" not in path]
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_it_answers_while_processes_are_stopped_and_says_what_it_cannot_know(app: App, tree: str) -> None:
    run = app.run(tree)
    run.wait_for("shop is up")
    rows = seen(app, lambda rows: "shop/pool/deep/program" in rows)
    pids = [rows[path]["pid"] for path in ("shop/idle", "shop/pool", "shop/[zygote]")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    rows = seen(app, lambda rows: rows["shop/pool"]["verdict"] == "stopped")
    assert time.monotonic() - begun < 15 * FACTOR
    assert [rows[path]["verdict"] for path in ("shop/idle", "shop/[zygote]", "shop/clock")] == ["stopped"] * 2 + [None]
    below = [row for path, row in rows.items() if path.startswith("shop/pool/")]
    assert {(row["kind"], row["state"], row["verdict"]) for row in below} == {("other", "unknown", None)}
    assert {"[first]", "[deep]", "[sleep]"} <= {row["name"] for row in below}
    assert all(row["resident_bytes"] for row in below)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    seen(app, lambda rows: rows.get("shop/pool/deep/program", {}).get("state") == "ready")
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_a_watch_looks_again_and_again_and_ends_well_on_interrupt(app: App, small: str) -> None:
    run = app.run(small)
    run.wait_for("shop is up")
    command = [sys.executable, "-m", "regrow.cli", "ps", "--json", "--watch", "100ms"]
    watch = subprocess.Popen(command, env=environment(app.directory), stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    looks = [json.loads(watch.stdout.readline())["processes"] for _ in range(3)]
    assert all("shop/busy" in {row["path"] for row in look} for look in looks)
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=WAIT)
    assert watch.returncode == 0

    again = subprocess.Popen(command, env=environment(app.directory), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert again.stdout is not None
    again.stdout.readline()
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    _, error = again.communicate(timeout=WAIT)
    assert again.returncode == 4
    assert b"no answer" in error


def test_who_reads_only_the_beginning_or_nothing_at_all_ends_it_well(app: App, small: str) -> None:
    run = app.run(small)
    run.wait_for("shop is up")
    command = [sys.executable, "-m", "regrow.cli", "ps", "--watch", "100ms"]
    env = environment(app.directory)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        assert watch.stdout.readline().startswith(b"NAME ")
        watch.stdout.close()
        assert (watch.wait(WAIT), watch.stderr.read()) == (0, b"")
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command[:-2]]
    closed = subprocess.run(shell, env=env, stderr=subprocess.PIPE, timeout=WAIT, check=False)
    assert (closed.returncode, closed.stderr) == (0, b"")
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_a_terminal_gets_a_drawn_tree_that_fits(app: App, small: str) -> None:
    run = app.run(small)
    run.wait_for("shop is up")
    ours, theirs = pty.openpty()
    try:
        env = environment(app.directory, COLUMNS="90")
        command = [sys.executable, "-m", "regrow.cli", "ps"]
        done = subprocess.run(command, env=env, stdout=theirs, stderr=theirs, timeout=WAIT, check=True)
        assert done.returncode == 0
        said = b""
        while select.select([ours], [], [], 0)[0]:
            said += os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    lines = said.decode().split("\r\n")
    assert lines[0].startswith("NAME ")
    assert lines[1].startswith("shop ")
    assert lines[2].startswith("├ busy ")
    assert max(map(len, lines)) <= 90
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_what_cannot_answer_is_said_in_one_line(app: App) -> None:
    none = app.call("ps")
    assert (none.returncode, "no running tree found" in none.stderr) == (4, True)

    run = app.run(app.policy(f"[tree]\n{app.steady('one')}"))
    run.wait_for("root is up")
    assert [row["kind"] for row in rows_of(app).values()] == ["host"]
    run.signal(signal.SIGSTOP)
    late = app.call("ps", "--timeout", "300ms", "--pid", str(run.process.pid))
    assert (late.returncode, "no answer (not within 0.3 s)" in late.stderr) == (4, True)
    run.signal(signal.SIGKILL)
    run.end()
    stale = app.call("ps", "--pid", str(run.process.pid))
    assert (stale.returncode, "nobody listens there any more" in stale.stderr) == (4, True)
    gone = app.call("ps")
    assert (gone.returncode, "no running tree found" in gone.stderr) == (4, True)


WORKER = """
import time

import regrow

worker = regrow.Worker("ws://127.0.0.1:9", token="t", capacity=2)


@worker.function
def nap(seconds: float) -> None:
    time.sleep(seconds)
"""


def test_a_worker_can_be_looked_at_too(app: App) -> None:
    (app.directory / "jobs.py").write_text(WORKER)
    run = app.run_verb("worker", "jobs")
    until(lambda: list((app.directory / "regrow").glob("*.sock")), what=run.text)
    until(lambda: app.call("ps").returncode == 0, what=run.text)
    rows = seen(app, lambda rows: sum(row["kind"] == "actor" for row in rows.values()) == 3)
    assert [row["name"] for row in rows.values() if row["kind"] == "actor"] == [
        "link",
        "pool/executor-0",
        "pool/executor-1",
    ]
    assert [child["name"] for child in json.loads(app.call("tree", "--json").stdout)["children"]][:2] == [
        "logger_proxy",
        "executor",
    ]
    refused = app.call("reload")
    assert (refused.returncode, "unknown verb 'reload'" in refused.stderr) == (4, True)
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    assert not list((app.directory / "regrow").glob("*.sock"))
