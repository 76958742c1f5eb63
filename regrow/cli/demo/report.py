"""What the demo found, as a value: judged by itself, printed as text for people or as one JSON object for programs.

What lives here: the numbers and the judgement of them. What must not: measuring.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

__all__ = ("BOUND_MS", "Beats", "KillRecord", "Report")

BOUND_MS = 50.0  # a heartbeat of the isolated process that is later than this fails the demo


@dataclass(frozen=True, slots=True)
class KillRecord:
    """One injected fault: what it hit, with what, and how long until the part worked again; None: it never did."""

    target: str
    signal: str
    recovery_ms: float | None


@dataclass(frozen=True, slots=True)
class Beats:
    """How punctual the heartbeats of one arrangement were."""

    count: int = 0
    worst_lateness_ms: float = 0.0
    p99_lateness_ms: float = 0.0


@dataclass(slots=True, kw_only=True)
class Report:
    """Everything that the demo counts."""

    seconds: float = 0.0
    seed: int = 0
    files_found: int = 0
    submitted: int = 0
    completed: int = 0
    failed: int = 0  # settled, but not as a result
    lost: int = 0
    duplicates: int = 0
    log_records_sent: int = 0
    log_records_received: int = 0
    log_records_lost_in_kills: int = 0
    orphans: int = 0
    first_errors: list[str] = field(default_factory=list)
    kills: list[KillRecord] = field(default_factory=list)
    interval_ms: float = 0.0
    isolated: Beats = field(default_factory=Beats)
    same_loop: Beats | None = None
    thread: Beats | None = None

    def faults_found(self) -> list[str]:
        """Name everything that was not as promised; empty means that the demo passed."""
        wrong: list[str] = []
        if self.lost or self.completed != self.submitted:
            wrong.append(f"{self.lost} of {self.submitted} invocations lost, {self.completed} completed")
        if self.failed:
            wrong.append(f"{self.failed} invocations ended in an error, first: {'; '.join(self.first_errors)}")
        if self.log_records_received + self.log_records_lost_in_kills != self.log_records_sent:
            wrong.append(
                f"{self.log_records_sent} log records sent, {self.log_records_received} received, "
                f"{self.log_records_lost_in_kills} known to have died with a killed process"
            )
        wrong.extend(
            f"{kill.target} did not recover from {kill.signal}" for kill in self.kills if kill.recovery_ms is None
        )
        if not self.isolated.count:
            wrong.append("no heartbeat was sent")
        if self.isolated.worst_lateness_ms > BOUND_MS:
            wrong.append(f"a heartbeat was {self.isolated.worst_lateness_ms:.1f} ms late, the bound is {BOUND_MS:g} ms")
        if self.orphans:
            wrong.append(f"{self.orphans} processes were left behind")
        return wrong

    def as_json(self) -> str:
        """Give one JSON object."""
        heartbeat: dict[str, object] = {"interval_ms": self.interval_ms, "isolated": asdict(self.isolated)}
        if self.same_loop is not None:
            heartbeat["same_loop"] = asdict(self.same_loop)
        if self.thread is not None:
            heartbeat["thread"] = asdict(self.thread)
        counts = (
            "seconds", "seed", "files_found", "submitted", "completed", "failed", "lost", "duplicates",
            "log_records_sent", "log_records_received", "log_records_lost_in_kills", "orphans",
        )  # fmt: skip
        return json.dumps(
            {
                **{name: getattr(self, name) for name in counts},
                "kills": [asdict(kill) for kill in self.kills],
                "heartbeat": heartbeat,
                "wrong": self.faults_found(),
            },
            indent=2,
        )

    def as_text(self) -> str:
        """Give the report that people read."""
        lines = [
            "",
            f"invocations   {self.submitted} submitted, {self.completed} completed, {self.lost} lost",
            f"              {self.duplicates} run more than once, because a process died under them",
            f"log records   {self.log_records_sent} sent, {self.log_records_received} received",
            f"              {self.log_records_lost_in_kills} died inside a killed process",
            f"processes     {self.orphans} left behind",
            "",
        ]
        if self.kills:
            lines.append("faults        recovered after")
            for kill in self.kills:
                took = "never" if kill.recovery_ms is None else f"{kill.recovery_ms:.0f} ms"
                lines.append(f"  {kill.signal:<8} {kill.target:<10} {took:>9}")
            lines.append("")
        lines.append(f"heartbeats every {self.interval_ms:g} ms     count     p99 late   worst late")
        for name, beats in (
            ("regrow: a process of its own", self.isolated),
            ("(a) on the user's loop", self.same_loop),
            ("(b) in a thread beside it", self.thread),
        ):
            if beats is not None:
                lines.append(
                    f"  {name:<29}{beats.count:>6} {beats.p99_lateness_ms:>9.1f} ms {beats.worst_lateness_ms:>9.1f} ms"
                )
        wrong = self.faults_found()
        lines.extend(["", *(f"NOT AS PROMISED: {text}" for text in wrong)] if wrong else ["", "All as promised."])
        return "\n".join(lines)
