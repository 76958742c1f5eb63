"""Families as the text that Prometheus reads (format 0.0.4), written by its own client library.

What lives here: the only place that knows prometheus_client, which is an extra: `pip install 'regrow[metrics]'`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from regrow.connect.metrics.families import Family

__all__ = ("CONTENT_TYPE", "INSTALL", "exposition", "require_renderer")

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

INSTALL: Final = "metrics: expected prometheus-client to be installed (pip install 'regrow[metrics]'), it is not"


def require_renderer() -> None:
    """Import the library, which takes 0.1 s the first time. Errors: ValueError that says what to install."""
    try:
        import_module("prometheus_client.exposition")
    except ImportError as error:
        raise ValueError(INSTALL) from error


def exposition(families: Sequence[Family]) -> bytes:
    """Write families in their order. Errors: ValueError if the library is not installed."""
    require_renderer()
    text: bytes = import_module("prometheus_client.exposition").generate_latest(_Collected(families))
    return text


class _Collected:
    """What the library takes for a registry: something to collect from."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> list[object]:
        metric_of = import_module("prometheus_client.core").Metric
        metrics: list[object] = []
        for family in self._families:
            name = family.name.removesuffix("_total")
            metric = metric_of(name, family.help, family.kind)
            suffix = "_total" if family.kind == "counter" else ""
            for sample in family.samples:
                metric.add_sample(name + suffix + sample.suffix, dict(sample.labels), sample.value)
            metrics.append(metric)
        return metrics
