"""Events as log lines, one each, and never more of them than anybody reads.

What lives here: `attach_logger`. What must not: configuration of the logger (that belongs to the program).
Source: Thousand Island's Logger.attach_logger/1: the library emits events, logging subscribes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from regrow.actors.bus import EventBus
from regrow.observe.lines import Line, line_of

if TYPE_CHECKING:
    from loguru import Logger

__all__ = ("RATE", "LineRate", "attach_logger")

_BUCKETS_MAX: Final = 1024  # subjects remembered at once
_RESTS_MAX: Final = 20  # subjects told at the end


@dataclass(frozen=True, slots=True)
class LineRate:
    """`burst` lines of one subject at once, then `per_second`; what is over is counted and told with the next line."""

    burst: int
    per_second: float


RATE: Final = LineRate(burst=12, per_second=0.2)
OUTPUT_RATE: Final = LineRate(burst=200, per_second=50.0)
"""What hosted processes and programs say themselves: more than the events about them, but not without a bound."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    suppressed: int = 0


class _Limiter:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, subject: Hashable, rate: LineRate, *, always: bool) -> int | None:
        """Give how many lines were suppressed before this one, or None if this one is."""
        now = self._now()
        with self._lock:
            bucket = self._buckets.setdefault(subject, _Bucket(float(rate.burst), now))
            self._buckets.move_to_end(subject)
            if len(self._buckets) > _BUCKETS_MAX:
                self._buckets.popitem(last=False)
            bucket.tokens = min(float(rate.burst), bucket.tokens + (now - bucket.at) * rate.per_second)
            bucket.at = now
            if bucket.tokens < 1 and not always:
                bucket.suppressed += 1
                return None
            bucket.tokens = max(0.0, bucket.tokens - 1)
            suppressed, bucket.suppressed = bucket.suppressed, 0
            return suppressed

    def rest(self) -> list[tuple[str, int]]:
        """Give whom lines were suppressed about that no later line has told of, the worst ones first."""
        with self._lock:
            known = [(_name(key), bucket.suppressed) for key, bucket in self._buckets.items() if bucket.suppressed]
        return sorted(known, key=lambda item: -item[1])[:_RESTS_MAX]


def _name(subject: Hashable) -> str:
    return " ".join(map(str, subject)) if isinstance(subject, tuple) else str(subject)


def attach_logger(
    bus: EventBus,
    logger: Logger,
    level: str = "INFO",
    *,
    now: Callable[[], float] = time.monotonic,
    rate: LineRate = RATE,
) -> Callable[[], None]:
    """Log every event that is worth `level` as one line; give the function that ends it.

    A child that fails again and again gets the first lines of `rate` and then few, each with the number of lines that
    were left out, and what is then left is told at the end; that a supervisor gives up is always said.
    Runs in: whatever thread publishes; as quick as the logger's sinks are. `logger` is loguru's; the program has to say
    `logger.enable("regrow")`, because loguru goes by the module that logs.
    """
    least = logger.level(level).no
    limiter = _Limiter(now)

    def hear(event: object) -> None:
        line = line_of(event)
        if line is None or _number(logger, line.level) < least:
            return
        suppressed = limiter.take(line.subject, OUTPUT_RATE if line.said_by_child else rate, always=line.always)
        if suppressed is not None:
            _write(logger, line, suppressed)

    unsubscribe = bus.subscribe(hear)

    def detach() -> None:
        unsubscribe()
        for subject, suppressed in limiter.rest():
            logger.log("INFO", "{}", f"{suppressed} more lines about {subject} were left out")

    return detach


def _write(logger: Logger, line: Line, suppressed: int) -> None:
    more = f" ({suppressed} more lines about it were left out)" if suppressed else ""
    bound = logger.bind(**line.context)
    bound.log(line.level, "{}", line.text + more)


def _number(logger: Logger, level: str) -> int:
    try:
        return logger.level(level).no
    except ValueError:  # a level of the child's own making
        return logger.level("INFO").no
