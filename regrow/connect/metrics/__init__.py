"""Numbers about a running gateway or worker, and how Prometheus reads them."""

from __future__ import annotations

from regrow.connect.metrics.exposition import CONTENT_TYPE, exposition, require_renderer
from regrow.connect.metrics.families import Counter, Family, Histogram, Sample, counter, gauge

__all__ = (
    "CONTENT_TYPE",
    "Counter",
    "Family",
    "Histogram",
    "Sample",
    "counter",
    "exposition",
    "gauge",
    "require_renderer",
)
