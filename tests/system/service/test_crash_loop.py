"""A child that dies at every start, under `regrow run`: growing waits, an end, a report; no heat, little log."""

from __future__ import annotations

import json
import re
import resource
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.system.service.programs import Program, Service
from tests.system.waiting import FACTOR

CODE = """
import os, time

from regrow.actors import Actor

LIVES = os.environ["LIVES"]


class Database(Actor):
    def on_start(self):
        with open(LIVES, "a+") as notes:
            notes.write(f"{time.monotonic()}\\n")
            notes.seek(0)
            lives = len(notes.readlines())
        if lives > 1:
            raise OSError("no disk")
        self.send_after(0.02, "die")

    def on_receive(self, message):
        raise RuntimeError("the disk is gone")
"""
COMMAND = 'command = ["sh", "-c", "cat /proc/uptime >> $LIVES; sleep 0.02; echo no disk >&2; exit 3"]'
KINDS = {
    "an actor": 'start = "app:Database"',
    "a hosted process": 'start = "app:Database"\nisolation = "process"',
    "a program": COMMAND,
}
BASE, CAP, RESTARTS = 0.1, 0.4, 6
WAITS = (0.0, 0.1, 0.2, 0.4, 0.4, 0.4)
POLICY = f"""
[tree]
name = "shop"
intensity = {{ max_restarts = {RESTARTS}, max_seconds = "1m" }}
backoff = {{ base = "100ms", factor = 2, cap = "400ms", jitter = "none", reset_after = "1m" }}
[[tree.child]]
id = "db"
"""


def cpu_seconds() -> float:
    """Give the CPU time of all programs that have ended, with all that they have reaped."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def crash_loop(service: Service, kind: str, policy: str = POLICY, *flags: str) -> tuple[Program, list[float], float]:
    """Run it to its end; give the program, when each life began, and the CPU time of all of it."""
    lives = service.directory / "lives"
    (service.directory / "app.py").write_text(CODE)
    (service.directory / "shop.toml").write_text(f"{policy}{KINDS[kind]}\n")
    before = cpu_seconds()
    run = service.program("run", *flags, "shop.toml", env={"LIVES": str(lives)})
    assert run.end() == 1, run.text()
    spent = cpu_seconds() - before
    run.gone()
    return run, [float(line.split()[0]) for line in lives.read_text().splitlines()], spent


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_tried_again_at_growing_waits_then_given_up_and_explained(service: Service, kind: str) -> None:
    run, lives, spent = crash_loop(service, kind)
    assert len(lives) == RESTARTS + 1
    gaps = [later - sooner for sooner, later in pairwise(lives)]
    for gap, wait in zip(gaps, WAITS, strict=True):
        assert wait - 0.011 <= gap < wait + 0.8 * FACTOR, gaps  # /proc/uptime has hundredths
    report = run.text().partition("regrow: shop gave up\n")[2]
    assert re.match(r"  shop/db (failed to start or )?ended 7 times in \S+s; shop allows 6 restarts in 1m\n", report)
    assert "6 restarts, after waits of 0s, 100ms, 200ms, 400ms, 400ms, 400ms" in report
    assert "no disk" in report
    assert run.text().count("gave up\n") == 1
    assert len(run.text().splitlines()) < 60
    assert spent < 4.0 * FACTOR


def test_between_two_tries_nothing_is_computed(service: Service) -> None:
    """The CPU time of a loop with 3 s of waits is that of the same loop without, and a little."""
    longer = POLICY.replace('base = "100ms"', 'base = "600ms"').replace('cap = "400ms"', 'cap = "600ms"')
    none = POLICY.replace('base = "100ms"', 'base = "0s"').replace('cap = "400ms"', 'cap = "0s"')
    _, lives, waiting = crash_loop(service, "an actor", longer)
    (service.directory / "lives").unlink()
    _, _, hot = crash_loop(service, "an actor", none)
    assert lives[-1] - lives[0] >= 3.0
    assert waiting - hot < 1.5, (waiting, hot)  # half of the waits: the same work costs more on a busy machine


def test_the_log_of_a_long_loop_is_bounded_and_readable_by_programs(service: Service) -> None:
    policy = POLICY.replace(f"max_restarts = {RESTARTS}", "max_restarts = 200")
    policy = policy.replace('base = "100ms"', 'base = "1ms"').replace('cap = "400ms"', 'cap = "2ms"')
    run, lives, _ = crash_loop(service, "a program", policy, "--log-format", "json")
    assert len(lives) == 201
    log, _, report = run.text().partition("regrow: shop gave up\n")
    records = [json.loads(line) for line in log.splitlines()]
    said_of_it = [record for record in records if record.get("event") != "OutputCaptured"]
    assert len(said_of_it) < 60
    assert any("left out" in record["message"] for record in said_of_it)
    assert len(records) < 60 + 200 + 50 * 20 * FACTOR  # what it says itself has a rate of its own
    assert "shop/db ended 201 times, the last 32 in " in report
    assert len(report.splitlines()) < 20


def test_an_inner_supervisor_that_gives_up_is_restarted_by_the_outer_one_until_that_gives_up_too(
    service: Service, tmp_path: Path
) -> None:
    inner = """
[tree]
name = "shop"
intensity = { max_restarts = 2, max_seconds = "1m" }
backoff = { base = "20ms", jitter = "none" }
[[tree.child]]
id = "pool"
type = "supervisor"
intensity = { max_restarts = 1, max_seconds = "1m" }
backoff = { base = "20ms", jitter = "none" }
[[tree.child.child]]
id = "db"
"""
    begin = time.monotonic()
    run, lives, _ = crash_loop(service, "a program", inner)
    assert time.monotonic() - begin < 15 * FACTOR
    assert len(lives) == 3 * 2  # three lives of the pool, two of the program in each
    report = run.text().partition("regrow: shop gave up\n")[2]
    assert "shop/pool" in report
    assert "shop/pool/db" in report
    assert "no disk" in report
