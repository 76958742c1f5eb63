"""What `@worker.function(...)` says of a function, and what of that is refused.

What lives here: the values and their checks, pure. What must not: the table of functions (worker_functions.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from regrow.connect.worker_errors import WorkerMisused

__all__ = ("FunctionIsolation", "FunctionPolicy", "rate_of")

FunctionIsolation: TypeAlias = Literal["process", "thread", "inline"]
_ISOLATIONS: Final[tuple[FunctionIsolation, ...]] = ("process", "thread", "inline")
_RATE: Final = re.compile(r"(?P<runs>[1-9][0-9]{0,8})/(?P<unit>s|min|h)")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPolicy:
    """How one function is run. None: as the worker has it."""

    isolation: FunctionIsolation | None = None
    deadline: float | None = None
    retries: int = 0
    validate: bool = True
    concurrency: int | None = None
    priority: int = 0
    rate: str | None = None
    quarantine: int | None = None

    def check(self, function: str) -> None:
        """Look at every value. Errors: WorkerMisused naming the function, the option, expected and got."""
        if self.isolation is not None and self.isolation not in _ISOLATIONS:
            raise _wrong(function, "isolation", f"one of {', '.join(_ISOLATIONS)}", self.isolation)
        if self.deadline is not None and not (_is_number(self.deadline) and self.deadline > 0):
            raise _wrong(function, "deadline", "seconds > 0", self.deadline)
        if not _is_integer(self.retries, 0):
            raise _wrong(function, "retries", "an integer >= 0", self.retries)
        for option, value in (("concurrency", self.concurrency), ("quarantine", self.quarantine)):
            if value is not None and not _is_integer(value, 1):
                raise _wrong(function, option, "an integer >= 1", value)
        if not _is_integer(self.priority):
            raise _wrong(function, "priority", "an integer", self.priority)
        if self.rate is not None and rate_of(self.rate) is None:
            raise _wrong(function, "rate", "runs in a time, such as '10/s', '5/min' or '100/h'", self.rate)


def rate_of(text: object) -> tuple[int, float] | None:
    """Give runs and seconds, None if it says no rate.

    >>> rate_of("5/min"), rate_of("fast")
    ((5, 60.0), None)
    """
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else (int(found["runs"]), _SECONDS[found["unit"]])


def _is_integer(value: object, least: int | None = None) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(function: str, option: str, expected: str, got: object) -> WorkerMisused:
    return WorkerMisused(f"{function}: {option}: expected {expected}, got {got!r}")
