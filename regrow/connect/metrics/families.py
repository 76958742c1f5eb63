"""What is counted and measured, as plain values; `exposition.py` makes text of them.

What lives here: families of samples, and the two kinds that add up between two looks. A number that somebody knows
anyway is no object here: whoever is asked makes a family of it at that moment.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Final, Literal, TypeAlias

__all__ = (
    "LABEL_CHARS",
    "LABEL_VALUES",
    "OTHER",
    "Counter",
    "Family",
    "Histogram",
    "Kind",
    "Sample",
    "counter",
    "gauge",
)

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

LABEL_VALUES: Final = 64
"""Values of a label in one family: each is a time series for ever, and some of them come from peers."""

LABEL_CHARS: Final = 80
"""Characters of a value that are kept."""

OTHER: Final = "other"
"""Where all values beyond those are added up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. `suffix` is what a histogram adds to the name of its family."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. A counter's name ends in `_total`; times are seconds, sizes bytes."""

    name: str
    kind: Kind
    help: str
    samples: tuple[Sample, ...]
    label: str = ""  # what the samples differ in; a histogram's are told apart by their bound


def gauge(name: str, text: str, value: float) -> Family:
    """Give what is so now."""
    return Family(name, "gauge", text, (Sample(float(value)),))


def counter(name: str, text: str, value: float | Mapping[str, float], *, label: str = "") -> Family:
    """Give what has been counted elsewhere; with a `label`, for each of its values."""
    if not isinstance(value, Mapping):
        return Family(name, "counter", text, (Sample(float(value)),))
    counted = Counter(name, text, label=label)
    for each, number in sorted(value.items()):
        counted.add(number, each)
    return counted.family()


class Counter:
    """Only grows. `label` names what its parts differ in. Usable from any thread; nothing here waits for long."""

    def __init__(self, name: str, text: str, *, label: str = "") -> None:
        self.name: Final = name
        self.text: Final = text
        self.label: Final = label
        self._lock = threading.Lock()
        self._values: dict[str, float] = {} if label else {"": 0.0}

    def add(self, number: float = 1.0, value: str = "") -> None:
        """Count; `value` is the label's. Errors: ValueError for less than nothing."""
        if not number >= 0:
            raise ValueError(f"{self.name}: expected a number >= 0, got {number!r}")
        value = value[:LABEL_CHARS]
        with self._lock:
            if value not in self._values and len(self._values) >= LABEL_VALUES:
                value = OTHER
            self._values[value] = self._values.get(value, 0.0) + number

    def family(self) -> Family:
        """Give what was counted so far, in the order of the label's values."""
        with self._lock:
            values = sorted(self._values.items())
        labelled = bool(self.label)
        samples = tuple(Sample(number, ((self.label, value),) if labelled else ()) for value, number in values)
        return Family(self.name, "counter", self.text, samples, self.label)


class Histogram:
    """How many observations stayed within each bound, and their sum. Usable from any thread."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        if not bounds or list(bounds) != sorted(set(bounds)):
            raise ValueError(f"{name}: expected bounds that grow, got {tuple(bounds)!r}")
        self.name: Final = name
        self.text: Final = text
        self.bounds: Final = tuple(float(bound) for bound in bounds)
        self._lock = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Note one value."""
        bucket = bisect_left(self.bounds, value)
        with self._lock:
            self._counts[bucket] += 1
            self._sum += value

    def family(self) -> Family:
        """Give the buckets as Prometheus adds them up: each holds those before it."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        upto = list(accumulate(counts))
        buckets = [
            Sample(float(count), (("le", repr(bound)),), "_bucket")
            for bound, count in zip(self.bounds, islice(upto, len(self.bounds)))
        ]
        buckets.append(Sample(float(upto[-1]), (("le", "+Inf"),), "_bucket"))
        sums = (Sample(float(upto[-1]), (), "_count"), Sample(total, (), "_sum"))
        return Family(self.name, "histogram", self.text, (*buckets, *sums))
