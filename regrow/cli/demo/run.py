"""The demo: a gateway and a worker under load, their processes killed and frozen, everything counted.

What lives here: putting the parts together, in order, and taking them apart again. What must not: printing.
Runs in: the caller's thread, for about `seconds` plus the two baselines.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final, TypeAlias

from regrow.actors import ActorSystem, ChildSpec, Description, Grace, Isolation, Start
from regrow.actors.hosting import HostedRef
from regrow.chaos import Freeze, Kill, Plan
from regrow.cli.demo import functions
from regrow.cli.demo.kills import Breaker
from regrow.cli.demo.load import Load, Tally
from regrow.cli.demo.observer import CountingLogger, Observer, ProcessCensus
from regrow.cli.demo.report import Beats, KillRecord, Report
from regrow.cli.demo.workload import Job, jobs, library_files
from regrow.connect.worker import Worker
from regrow.connect.worker_options import WorkerOptions
from regrow.connect.worker_tree import TreeOptions
from regrow.protocol.errors import RegrowError
from regrow.supervision import Backoff, SupervisorHandle, SupervisorSpec

__all__ = ("DemoError", "DemoOptions", "Moment", "Series", "run_demo")

Series: TypeAlias = dict[str, list[tuple[float, float]]]

_FAULTS: Final = (("link", Kill()), ("executor", Kill()), ("executor", Freeze()), ("gateway", Kill()))
_LOOK_SECONDS: Final = 0.1
_DRAIN_SECONDS: Final = 15.0


class DemoError(RegrowError):
    """The demo could not run to its end; the text says what, expected and got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What can be set. `baseline_seconds`: for each of the two other arrangements, 0 leaves them out."""

    seconds: float = 20.0
    seed: int = 1
    chaos: bool = True
    interval_ms: float = 100.0
    baseline_seconds: float = 4.0
    capacity: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    gil_every: int = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to see at one moment, for a view."""

    elapsed: float
    seconds: float
    phase: str
    tally: Tally
    beats: Beats
    kills: tuple[KillRecord, ...]
    tree: Description | None
    log_lines: tuple[str, ...]
    log_records: int


def run_demo(
    options: DemoOptions, show: Callable[[Moment], None] = lambda _: None, *, series: Series | None = None
) -> Report:
    """Run it and give the report; nothing of it is left behind. Errors: DemoError; RegrowError of any part.

    `series` gets the single beats of each arrangement: (seconds since its first beat, milliseconds late).
    """
    kept: Series = {} if series is None else series
    report = Report(seconds=options.seconds, seed=options.seed, interval_ms=options.interval_ms)
    files = library_files()
    report.files_found = len(files)
    census = ProcessCensus()
    with tempfile.TemporaryDirectory(prefix="regrow-demo-") as folder:
        token, port = secrets.token_urlsafe(16), _free_port()
        with _gateway(Path(folder), port, token, options) as gateway:
            url = f"ws://127.0.0.1:{port}"
            with _worker(url, token, Path(folder), options) as (worker, logger):
                kept["isolated"] = _main_part(
                    options, report, show, _Parts(worker, gateway, logger, census, url, token, files)
                )
            if options.baseline_seconds > 0:
                for name in ("same_loop", "thread"):
                    show(_bare_moment(options, f"the same load, heartbeat: {name.replace('_', ' ')}", report))
                    beats, kept[name] = _baseline(name, url, token, options)
                    setattr(report, name, beats)
            census.take()
    report.orphans = len(census.alive())
    return report


@dataclass(frozen=True, slots=True)
class _Parts:
    worker: Worker
    gateway: HostedRef
    logger: CountingLogger
    census: ProcessCensus
    url: str
    token: str
    files: list[str]


def _main_part(
    options: DemoOptions, report: Report, show: Callable[[Moment], None], parts: _Parts
) -> list[tuple[float, float]]:
    worker = parts.worker
    observer = Observer(worker.system)
    worker.wait_ready(15.0)
    load = Load(parts.url, parts.token, _endless_jobs(parts.files, options), in_flight=options.capacity * 8)
    breaker = Breaker(worker, parts.gateway)
    plan = Plan.spread(_FAULTS if options.chaos else (), seconds=options.seconds, seed=options.seed)
    load.start()
    started = time.monotonic()
    finishing: float | None = None
    while load.running:
        elapsed = time.monotonic() - started
        parts.census.take()
        for injection in plan.due(elapsed, len(report.kills)):
            report.kills.append(breaker.carry_out(injection))
        if elapsed >= options.seconds and finishing is None:
            finishing = elapsed
            load.stop_submitting()
        phase = "under load" if finishing is None else "finishing what is in flight"
        show(_moment(options, elapsed, phase, parts, observer, load.tally, report))
        time.sleep(_LOOK_SECONDS)
    tally = load.finish()
    report.submitted, report.completed, report.failed = tally.submitted, tally.completed, tally.failed
    report.lost = tally.submitted - tally.completed - tally.failed
    report.first_errors = list(tally.first_errors)
    report.duplicates = _runs(worker) - tally.submitted
    report.isolated = observer.beats()
    if not worker.stop(_DRAIN_SECONDS):
        raise DemoError(f"the worker: expected it to drain within {_DRAIN_SECONDS:g} s, got work that is still owed")
    report.log_records_received = parts.logger.received
    report.log_records_lost_in_kills = observer.records_died
    report.log_records_sent = observer.records_numbered
    observer.close()
    first = observer.samples[0][0] if observer.samples else 0.0
    return [(due - first, late * 1000) for due, late in observer.samples]


def _runs(worker: Worker) -> int:
    executor = worker.status().executor
    if executor is None:
        raise DemoError("the executor: expected its counts within 5 s, got no answer")
    return executor.statistics.runs


def _endless_jobs(files: list[str], options: DemoOptions) -> Iterator[Job]:
    for round_ in cycle(range(1_000_000)):
        yield from jobs(files, seed=options.seed + round_, gil_every=options.gil_every)


@contextmanager
def _gateway(folder: Path, port: int, token: str, options: DemoOptions) -> Iterator[HostedRef]:
    with ActorSystem("demo-gateway") as system:
        system.hosting.preload("regrow.connect.gateway_process", "websockets.asyncio.server")
        start = Start(
            "regrow.connect.gateway_process:gateway_start",
            ("127.0.0.1", port),
            {
                "token": token,
                "store": f"sqlite:{folder / 'gateway.sqlite'}",
                "heartbeat_interval": options.interval_ms / 1000,
                "lease": 5.0,
            },
        )
        child = ChildSpec(
            id="gateway",
            name="gateway",
            start=start,
            isolation=Isolation.PROCESS,
            shutdown=Grace(5.0),
            start_timeout=20.0,
        )
        handle = SupervisorHandle.start(
            system, SupervisorSpec(children=(child,), name="demo", backoff=Backoff(reset_after=1.0))
        )
        gateway = system.whereis("gateway")
        if not isinstance(gateway, HostedRef):
            raise DemoError(f"the gateway: expected a process of its own, got {gateway!r}")
        try:
            yield gateway
        finally:
            handle.stop(timeout=10.0)


@contextmanager
def _worker(url: str, token: str, folder: Path, options: DemoOptions) -> Iterator[tuple[Worker, CountingLogger]]:
    logger = CountingLogger()
    worker = Worker(
        url,
        token=token,
        name="demo",
        capacity=options.capacity,
        logger=logger,
        state_dir=folder / "worker",
        options=WorkerOptions(
            reconnect_base=0.05,
            preload=("regrow.cli.demo.functions",),
            tree=TreeOptions(stopped_seconds=1.0),
        ),
    )
    for name in functions.__all__:
        worker.function(getattr(functions, name), name=name, deadline=30.0)
    worker.start()
    try:
        yield worker, logger
    finally:
        worker.stop(0.0)


def _baseline(name: str, url: str, token: str, options: DemoOptions) -> tuple[Beats, list[tuple[float, float]]]:
    arguments = (name, url, token, options.baseline_seconds, options.interval_ms, options.seed)
    done = subprocess.run(
        [sys.executable, "-m", "regrow.cli.demo.arrangements", *map(str, arguments)],
        stdout=subprocess.PIPE,
        timeout=options.baseline_seconds * 4 + 30,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"arrangement {name}: expected exit status 0, got {done.returncode}")
    found = json.loads(done.stdout)
    beats = Beats(found["count"], found["worst_lateness_ms"], found["p99_lateness_ms"])
    return beats, [(index * options.interval_ms / 1000, late) for index, late in enumerate(found["values_ms"])]


def _moment(
    options: DemoOptions, elapsed: float, phase: str, parts: _Parts, observer: Observer, tally: Tally, report: Report
) -> Moment:
    try:
        tree = parts.worker.root.describe_tree(timeout=0.2)
    except RegrowError:
        tree = None  # a part that is being replaced just now does not answer; the next look will show it
    return Moment(
        elapsed=elapsed,
        seconds=options.seconds,
        phase=phase,
        tally=tally,
        beats=observer.beats(),
        kills=tuple(report.kills),
        tree=tree,
        log_lines=tuple(parts.logger.last),
        log_records=parts.logger.received,
    )


def _bare_moment(options: DemoOptions, phase: str, report: Report) -> Moment:
    tally = Tally(report.submitted, report.completed, report.failed, report.lost)
    return Moment(
        options.seconds, options.seconds, phase, tally, report.isolated, tuple(report.kills), None, (),
        report.log_records_received,
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
