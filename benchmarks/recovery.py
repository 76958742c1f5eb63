"""How fast what was killed is back: the link of a worker under load, an actor. (Hosted processes: `processes.py`.)

`python -m benchmarks.recovery [--quick] [--json] [--kills N]`. The link is killed again and again while a client (a
process of its own) keeps a gateway (another one, on SQLite) and the worker's functions busy; then everything that was
submitted has to be completed, and nothing may be left behind. Times are taken by a subscriber of the worker's event
bus: the wait that the supervisor announced is not part of a recovery, everything else is.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from benchmarks.restarts import measure_actor, measure_pykka
from benchmarks.rows import Row, median_and_spread, print_rows
from regrow.actors import ActorSystem

if TYPE_CHECKING:
    from regrow.connect.worker import Worker

LINK_TARGET_MS = 50.0
ACTOR_TARGET_US = 200.0
PUBLISHED_MS = 612.0
PUBLISHED = "a TypeScript SDK's worker thread, published: 605 to 619 ms"

BASE, CAP = 0.02, 0.5  # seconds, of the waits before restarts
WAIT = 30.0  # seconds until something that must happen is taken for not happening
IN_FLIGHT = 16
BETWEEN_KILLS = 0.2  # seconds under load, READY, before the next kill


# What runs in the processes that are started here.


def spin(turns: int) -> int:
    """Compute for about a millisecond: the function that the load consists of."""
    total = 0
    for number in range(turns):
        total += number * number
    return total


def be_client(url: str, token: str) -> int:
    """Keep IN_FLIGHT invocations going until stdin ends; print what became of them as JSON."""
    from regrow.cli.demo.load import Load
    from regrow.cli.demo.workload import Job

    load = Load(url, token, (Job("spin", 10_000) for _ in count()), in_flight=IN_FLIGHT)
    load.start()
    sys.stdin.read()
    tally = load.finish()
    print(json.dumps([tally.submitted, tally.completed, tally.first_errors]))
    return 0


# The link of a worker.


@dataclass(slots=True)
class Kill:
    """One kill of the link; milliseconds but for `delay`, which are the seconds that the supervisor announced."""

    delay: float
    noticed: float  # SIGKILL -> RestartScheduled
    started: float  # end of the delay -> the new process and its tree are ready
    adopted: float  # end of the delay -> the executor has handed over what runs
    dialed: float  # end of the delay -> the dial begins
    ready: float  # end of the delay -> READY


@dataclass(slots=True)
class LinkRun:
    """All kills of a run, and what was left of it."""

    kills: list[Kill] = field(default_factory=list)
    submitted: int = 0
    completed: int = 0
    errors: list[str] = field(default_factory=list)
    orphans: int = 0
    descriptors: int = 0  # more in the main process after the last kill than before the first one
    descriptors_after: int = 0  # more in it after the worker's end than before its start


class Stamps:
    """When what was published, by kind, of what came after the last `clear`. Runs in: the threads that publish."""

    def __init__(self, system: ActorSystem) -> None:
        from regrow.actors.roles.executor.actor import LinkAdopted
        from regrow.actors.roles.messages import LinkStateChanged
        from regrow.supervision.events import ChildStarted, RestartScheduled

        self.at: dict[str, float] = {}
        self.delay = 0.0
        self.pid: int | None = None  # of the link that became ready
        kinds = (LinkAdopted, LinkStateChanged, ChildStarted, RestartScheduled)
        self.close = system.bus.subscribe(self._hear, *kinds)

    def clear(self) -> None:
        self.at, self.pid = {}, None

    def _hear(self, event: object) -> None:
        now = time.monotonic()
        name = getattr(event, "phase", type(event).__name__)
        if getattr(event, "child_id", "link") == "link":
            self.at.setdefault(name, now)
            self.delay = getattr(event, "delay", self.delay)
        if name == "ready":
            self.pid = getattr(event, "pid", None)


def measure_link(kills: int, *, loaded: bool) -> LinkRun:
    """Kill the link of a worker again and again."""
    from regrow.cli.demo.observer import ProcessCensus

    run = LinkRun()
    census = ProcessCensus()
    before = _descriptors()
    with tempfile.TemporaryDirectory(prefix="regrow-recovery-") as folder:
        token = secrets.token_urlsafe(16)
        with _gateway(Path(folder), token) as url, _worker(url, token, Path(folder), kills) as worker:
            worker.wait_ready(WAIT)
            client = _client(url, token) if loaded else None
            stamps = Stamps(worker.system)
            time.sleep(1.0)
            while_it_runs = _descriptors()
            for _ in range(kills):
                run.kills.append(_kill_link(worker, stamps))
                census.take()
                time.sleep(BETWEEN_KILLS)
            stamps.close()
            if client is not None:
                said, _ = client.communicate("", timeout=4 * WAIT)
                run.submitted, run.completed, run.errors = json.loads(said)
            run.descriptors = _settled(lambda: _descriptors() - while_it_runs)
    run.descriptors_after = _settled(lambda: _descriptors() - before)
    run.orphans = _settled(lambda: len(census.alive()))
    return run


def _kill_link(worker: Worker, stamps: Stamps) -> Kill:
    pid = worker.link_pid
    if pid is None:
        raise RuntimeError("expected a link that is ready, got none")
    stamps.clear()
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    if not worker.watch.wait(lambda: stamps.pid not in {None, pid}, WAIT):
        raise RuntimeError(f"expected READY within {WAIT:g} s, got {worker.watch.link}")
    _settled(lambda: "ChildStarted" not in stamps.at)
    at, scheduled = stamps.at, stamps.at["RestartScheduled"]
    due = scheduled + stamps.delay
    names = ("ChildStarted", "LinkAdopted", "connecting", "ready")
    return Kill(stamps.delay, (scheduled - killed) * 1000, *(round((at[name] - due) * 1000, 3) for name in names))


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - one descriptor less while looking


def _settled(left: Callable[[], int]) -> int:
    """Wait for up to 3 s until nothing is left; give what is."""
    end = time.monotonic() + 3.0
    while (found := left()) > 0 and time.monotonic() < end:
        time.sleep(0.001)
    return found


@contextmanager
def _gateway(folder: Path, token: str) -> Iterator[str]:
    """Run `regrow gateway`, as anybody would; gives its url."""
    arguments = ["--port=0", f"--token={token}", f"--store=sqlite:{folder / 'gateway.sqlite'}", "--log-level=ERROR"]
    command = [sys.executable, "-m", "regrow.cli", "gateway", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@contextmanager
def _worker(url: str, token: str, folder: Path, kills: int) -> Iterator[Worker]:
    from regrow.connect.worker import Worker, WorkerOptions
    from regrow.connect.worker_tree import TreeOptions
    from regrow.supervision import Backoff, RestartIntensity

    backoff = Backoff(base=BASE, cap=CAP, jitter="none", reset_after=60.0)
    tree = TreeOptions(intensity=RestartIntensity(kills, 600.0), backoff=backoff)
    options = WorkerOptions(tree=tree, preload=("benchmarks.recovery",))
    worker = Worker(url, token=token, name="recovery", capacity=2, state_dir=folder / "worker", options=options)
    worker.function(spin)
    with worker:
        yield worker


def _client(url: str, token: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.recovery", "--client", url, token]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# The table.


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer kills, under a minute")
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--kills", type=int, default=20, help="of the link, under load")
    parser.add_argument("--client", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    from loguru import logger

    logger.remove()
    logging.getLogger("regrow.actors").setLevel(logging.CRITICAL + 1)  # every end is one that was asked for here
    if arguments.client:
        return be_client(*arguments.client)
    kills = 8 if arguments.quick and arguments.kills == 20 else arguments.kills
    crashes = 200 if arguments.quick else 1000

    loaded = measure_link(kills, loaded=True)
    idle = measure_link(max(3, kills // 2), loaded=False)
    rows = [*_link_rows("under load", loaded), *_link_rows("idle", idle), *_balance(loaded, idle)]
    took, spread = median_and_spread(measured := measure_actor(crashes))
    theirs, _ = median_and_spread(measure_pykka(crashes))
    target, met = f"<= {ACTOR_TARGET_US:g} us p50", took <= ACTOR_TARGET_US
    what, peer = "actor crashed -> ready, supervised", "pykka, restarts itself"
    rows.append(Row(what, took, "us", peer, theirs, theirs / took, target, met, spread))
    rows.append(_plain("  p95", _p95(measured), "us"))
    print_rows(f"Recovery: the link killed {kills} times under load", rows, as_json=arguments.json)
    return 0


def _link_rows(how: str, run: LinkRun) -> list[Row]:
    took, spread = median_and_spread([kill.ready for kill in run.kills])
    target, met = f"<= {LINK_TARGET_MS:g} ms p50", took <= LINK_TARGET_MS
    what, ratio = f"link killed, {how}: wait over -> READY", PUBLISHED_MS / took
    rows = [Row(what, took, "ms", PUBLISHED, PUBLISHED_MS, ratio, target, met, spread)]
    parts = {
        "kill -> noticed and announced": [kill.noticed for kill in run.kills],
        "wait over -> dial begins": [kill.dialed for kill in run.kills],
        "wait over -> process and its tree ready": [kill.started for kill in run.kills],
        "wait over -> it knows what runs": [kill.adopted for kill in run.kills],
    }
    return [*rows, *(_plain(f"  {part}", *_ms(values)) for part, values in parts.items())]


def _balance(*runs: LinkRun) -> list[Row]:
    """What has to be nothing."""
    submitted = sum(run.submitted for run in runs)
    wrong = sum(abs(kill.delay - _wait(number)) > 1e-6 for run in runs for number, kill in enumerate(run.kills))
    found = {
        f"of {submitted} invocations not completed": submitted - sum(run.completed for run in runs),
        f"waits that were not 0, {BASE:g}, {2 * BASE:g} ... {CAP:g} s": wrong,
        "processes left behind": sum(run.orphans for run in runs),
        "descriptors more after the kills": sum(max(0, run.descriptors) for run in runs),
        "descriptors more after the worker": sum(max(0, run.descriptors_after) for run in runs),
    }
    for run in runs:
        for error in run.errors:
            print(error, file=sys.stderr)
    return [Row(what, value, "", "", None, None, "0", value == 0) for what, value in found.items()]


def _wait(restarts_before: int) -> float:
    return 0.0 if restarts_before == 0 else float(min(BASE * 2 ** (restarts_before - 1), CAP))


def _ms(values: list[float]) -> tuple[float, str, str]:
    middle, spread = median_and_spread(values)
    return middle, "ms", spread


def _plain(what: str, value: float, unit: str, spread: str = "") -> Row:
    return Row(what, value, unit, "", None, None, "", None, spread)


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


if __name__ == "__main__":
    raise SystemExit(main())
