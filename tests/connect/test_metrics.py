"""Metrics: what is counted, how it is written, and that no peer can make them many."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrow.actors import ActorSystem
from regrow.actors.roles.executor.actor import ExecutorStatus
from regrow.actors.roles.executor.request import ExecutorStatistics
from regrow.actors.roles.messages import HeartbeatMeasured, LinkStateChanged
from regrow.connect import Gateway
from regrow.connect.broker import BrokerCore, BrokerSettings
from regrow.connect.gateway_metrics import GatewayMetrics
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.metrics import Counter, Family, Histogram, Sample, counter, exposition, gauge
from regrow.connect.metrics.families import LABEL_CHARS, LABEL_VALUES, OTHER
from regrow.connect.worker_metrics import WorkerMetrics
from regrow.connect.worker_watch import LinkStatus

REFERENCE = Path(__file__).parents[2] / "docs/reference/metrics.md"
THREADS, EACH = 8, 500

UP = ExecutorStatus(
    alive=True,
    running=1,
    waiting=0,
    unstored=0,
    capacity=2,
    draining=False,
    pids=(10, 11),
    statistics=ExecutorStatistics(taken=3),
)
READY = LinkStatus(phase="ready", readies=1, links=1)

EXPECTED = """\
# HELP jobs_total Jobs \\\\ done\\nso far.
# TYPE jobs_total counter
jobs_total{name=""} 1.0
jobs_total{name="a\\\\b\\nc\\"d{}"} 2.0
# HELP level Now.
# TYPE level gauge
level 0.5
# HELP wait_seconds Waited.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.1"} 1.0
wait_seconds_bucket{le="1.0"} 3.0
wait_seconds_bucket{le="+Inf"} 4.0
wait_seconds_count 4.0
wait_seconds_sum 7.1
"""


def test_text_is_what_prometheus_reads_and_hostile_values_are_escaped() -> None:
    pytest.importorskip("prometheus_client")
    jobs = Counter("jobs_total", "Jobs \\ done\nso far.", label="name")
    jobs.add(2, 'a\\b\nc"d{}')
    jobs.add()
    wait = Histogram("wait_seconds", "Waited.", (0.1, 1.0))
    for value in (0.1, 0.5, 1.0, 5.5):
        wait.observe(value)
    assert exposition((jobs.family(), gauge("level", "Now.", 0.5), wait.family())).decode() == EXPECTED


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    with pytest.raises(ValueError, match="pip install 'regrow\\[metrics\\]'"):
        exposition(())
    with pytest.raises(ValueError, match="expected prometheus-client to be installed"):
        Gateway(options=GatewayOptions(metrics=True))


def test_a_peer_cannot_make_more_series_than_are_allowed_nor_long_ones() -> None:
    many = Counter("many_total", "Many.", label="name")
    for number in range(10 * LABEL_VALUES):
        many.add(1, f"{number}")
    many.add(1, "x" * 10 * LABEL_CHARS)
    samples = many.family().samples
    assert len(samples) == LABEL_VALUES + 1
    values = {sample.labels[0][1]: sample.value for sample in samples}
    assert values[OTHER] == 9 * LABEL_VALUES + 1
    long = Counter("long_total", "Long.", label="name")
    long.add(1, "x" * 10 * LABEL_CHARS)
    assert long.family().samples[0].labels == (("name", "x" * LABEL_CHARS),)


def test_nothing_is_lost_when_many_threads_count_at_once() -> None:
    counted = Counter("counted_total", "Counted.", label="name")
    measured = Histogram("measured", "Measured.", (1.0,))
    gate = threading.Barrier(THREADS)

    def count() -> None:
        gate.wait(10)
        for number in range(EACH):
            counted.add(1, f"{number % 2}")
            measured.observe(number % 3)

    threads = [threading.Thread(target=count) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [sample.value for sample in counted.family().samples] == [THREADS * EACH / 2] * 2
    assert Sample(float(THREADS * EACH), (), "_count") in measured.family().samples


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a number >= 0"):
        Counter("c_total", "C.").add(-1)
    with pytest.raises(ValueError, match="expected bounds that grow"):
        Histogram("h", "H.", (1.0, 0.5))


def test_counts_that_others_keep_are_shown_by_label_in_order() -> None:
    family = counter("ended_total", "Ended.", {"b": 2, "a": 1}, label="ending")
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ((("ending", "a"),), 1.0),
        ((("ending", "b"),), 2.0),
    ]


# ── the worker's readiness ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("measured")
    yield system
    system.shutdown(5.0)


def test_a_worker_is_ready_only_with_a_session_an_executor_and_room(system: ActorSystem) -> None:
    metrics = WorkerMetrics(system)
    assert metrics.reasons(READY, UP) == ()
    assert metrics.reasons(LinkStatus(phase="waiting", reason="refused"), UP) == (
        "no session with the gateway: waiting refused",
    )
    assert metrics.reasons(READY, None) == ("the executor does not answer",)
    down = ExecutorStatus(
        alive=False,
        running=0,
        waiting=0,
        unstored=3,
        capacity=2,
        draining=True,
        pids=(),
        statistics=ExecutorStatistics(),
    )
    assert metrics.reasons(READY, down) == (
        "no process that runs functions is up",
        "draining",
        "the outbox is full: 3 results wait to be stored",
    )
    metrics.close()


def test_a_session_whose_gateway_has_gone_silent_is_not_ready(system: ActorSystem) -> None:
    metrics = WorkerMetrics(system)
    system.bus.publish(LinkStateChanged(phase="ready"))
    measured = HeartbeatMeasured(
        count=1, interval=5.0, worst_lateness=0.0, p99_lateness=0.0, silence=4.0, silence_limit=15.0
    )
    system.bus.publish(measured)
    assert metrics.reasons(READY, UP) == ()
    system.bus.publish(
        HeartbeatMeasured(
            count=2, interval=5.0, worst_lateness=0.0, p99_lateness=0.0, silence=100.0, silence_limit=15.0
        )
    )
    (reason,) = metrics.reasons(READY, UP)
    assert reason.startswith("heard nothing from the gateway for 100.")
    metrics.close()


# ── the reference ────────────────────────────────────────────────────────────────────────────────────────────────────


def families_of_a_worker(system: ActorSystem) -> tuple[Family, ...]:
    metrics = WorkerMetrics(system)
    metrics.close()
    beat = HeartbeatMeasured(count=1, interval=5.0, worst_lateness=0.0, p99_lateness=0.0)
    return metrics.families(READY, beat, UP)


def families_of_a_gateway() -> tuple[Family, ...]:
    core = BrokerCore(BrokerSettings(), generation=1, rng=random.Random(1))
    shell = dict.fromkeys(("draining", "uptime_s", "connections", "messages_received", "loop_lag_recent_ms"), 0)
    return GatewayMetrics().families({**shell, **core.status()})


def rows(families: tuple[Family, ...]) -> list[str]:
    made = []
    for family in families:
        label = f"`{family.label}`" if family.label else ""
        made.append(f"| `{family.name}` | {family.kind} | {label} | {family.help} |")
    return made


@pytest.mark.parametrize("part", ["Gateway", "Worker"])
def test_the_reference_lists_every_metric_in_its_order(part: str, system: ActorSystem) -> None:
    families = families_of_a_worker(system) if part == "Worker" else families_of_a_gateway()
    section = REFERENCE.read_text().partition(f"## {part}\n")[2].partition("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("| `")]
    assert found == rows(families)
