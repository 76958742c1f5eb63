"""An experiment: say what should hold, break something, look whether it held.

What lives here: `Experiment`, a thin frame that times and prints. What must not: any particular fault.
Source: Principles of Chaos Engineering: steady state, hypothesis, injection, check.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from regrow.protocol.errors import RegrowError

__all__ = ("Experiment", "Finding", "HypothesisRefuted", "wait_until")


class HypothesisRefuted(RegrowError):
    """What should have held did not; the text lists each check that failed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was claimed, whether it held, what was measured."""

    claim: str
    held: bool
    measured: str

    def __str__(self) -> str:
        return f"  [{'held' if self.held else 'REFUTED'}] {self.claim}: {self.measured}"


@dataclass(slots=True)
class Experiment:
    """States its hypothesis, collects findings, prints what it found. Runs in: the caller's thread."""

    name: str
    hypothesis: str
    write: Callable[[str], object] = print
    findings: list[Finding] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        self.write(f"{self.name}\n  hypothesis: {self.hypothesis}")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.write(f"  stopped after {self.elapsed:.1f} s by {kind.__name__}")
            return
        refuted = [finding for finding in self.findings if not finding.held]
        self.write(f"  {'refuted' if refuted else 'confirmed'} in {self.elapsed:.1f} s")
        if refuted:
            raise HypothesisRefuted("; ".join(str(finding).strip() for finding in refuted))

    @property
    def elapsed(self) -> float:
        """Seconds since the experiment was made."""
        return time.monotonic() - self._started

    def step(self, text: str) -> None:
        """Say what is being done now."""
        self.write(f"  {self.elapsed:5.2f} s  {text}")

    def check(self, claim: str, held: bool, measured: object) -> bool:
        """Record and print one finding; gives `held` back."""
        finding = Finding(claim, held, str(measured))
        self.findings.append(finding)
        self.write(str(finding))
        return held


def wait_until(condition: Callable[[], bool], *, what: str, deadline: float, every: float = 0.01) -> float:
    """Wait for a fact about another process, which sends no event; give the seconds it took.

    Runs in: the caller's thread; blocks for at most `deadline` seconds. Errors: HypothesisRefuted naming `what`.
    """
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        if waited > deadline:
            raise HypothesisRefuted(f"{what}: expected within {deadline} s, still not so after {waited:.1f} s")
        time.sleep(every)
    return time.monotonic() - started
