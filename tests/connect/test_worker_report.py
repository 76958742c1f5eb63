"""What a worker says while it drains: how long it has, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from regrow.actors import AskTimeout
from regrow.actors.roles.executor.actor import ExecutorStatus
from regrow.actors.roles.executor.request import ExecutorStatistics
from regrow.connect.service_manager import ServiceManager
from regrow.connect.worker_report import WorkerReport, drain_line
from regrow.connect.worker_watch import LinkStatus

BUSY = ExecutorStatus(
    alive=True, running=2, waiting=1, unstored=3, capacity=4, draining=True, pids=(), statistics=ExecutorStatistics()
)


@dataclass
class FakeExecutor:
    """Answers, or does not in time."""

    status: ExecutorStatus | None = BUSY

    def ask(self, _question: object, timeout: float) -> ExecutorStatus:
        if self.status is None:
            raise AskTimeout(timeout, None)
        return self.status


@dataclass
class FakeWorker:
    """What a report looks at."""

    executor: FakeExecutor = field(default_factory=FakeExecutor)
    link: LinkStatus = LinkStatus(phase="ready")

    @property
    def watch(self) -> FakeWorker:
        return self

    @property
    def system(self) -> FakeWorker:
        return self

    def whereis(self, _name: str) -> FakeExecutor:
        return self.executor


def test_a_drain_that_lasts_is_told_of_every_five_seconds() -> None:
    worker, said = FakeWorker(), list[str]()
    report = WorkerReport(worker, ServiceManager(), said.append)  # type: ignore[arg-type]
    report.look(0.0)
    assert (said, report.left(0.0)) == ([], float("inf"))
    report.stopping("SIGTERM", 10.0)
    report.look(12.0)
    assert (said, report.left(12.0)) == ([], 3.0)
    report.look(15.0)
    report.look(16.0)
    assert said == [
        "draining for 5 s: 2 run, 1 wait to run, 3 results wait to be stored; the link is ready",
    ]
    worker.executor.status = None
    report.look(20.0)
    assert said[1:] == ["draining for 10 s: the executor does not answer; the link is ready"]
    assert report.left(21.0) == pytest.approx(4.0)


def test_the_line_says_why_there_is_no_session() -> None:
    line = drain_line(7.4, BUSY, LinkStatus(phase="waiting", reason="HTTP 503"))
    assert line.startswith("draining for 7 s: ")
    assert line.endswith("the link is waiting HTTP 503")
