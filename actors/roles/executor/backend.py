"""What an executor needs of the places where functions run: one interface, three of them here, others elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ..messages import InvocationProgressed, RunFinished, RunFunction
from .events import SlotDown, SlotUp

__all__ = ("Backend", "Report", "SlotReport", "ignore_report")

SlotReport: TypeAlias = SlotUp | SlotDown | RunFinished | InvocationProgressed
Report: TypeAlias = Callable[[SlotReport], None]


def ignore_report(_event: SlotReport) -> None:
    """Stand in until `start` gives the real one."""


class Backend(Protocol):
    """Slots of one kind. Runs in: the executor's thread; no method blocks; what happens is said through `Report`."""

    def start(self, report: Report) -> None:
        """Bring the slots up; each says SlotUp."""

    def run(self, slot: int, incarnation: int, run: RunFunction) -> None:
        """Run it in this slot; ends in RunFinished or SlotDown."""

    def cancel(self, slot: int, request_id: str, reason: str) -> None:
        """Raise the flag of a run."""

    def interrupt(self, slot: int, request_id: str, reason: str) -> None:
        """Raise an exception inside a run."""

    def kill(self, slot: int, incarnation: int, reason: str) -> None:
        """End this life of a slot; says SlotDown, and SlotUp when its replacement is there."""

    def close(self, timeout: float) -> None:
        """End every slot."""
