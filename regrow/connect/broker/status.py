"""What the broker says about itself: plain values for people, dashboards and tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import islice
from typing import Final

from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.requests import RequestState
from regrow.connect.broker.workers import Worker

__all__ = ("broker_status",)

_WORKERS_LISTED: Final = 1000  # workers; a Status has to fit a message
_FUNCTIONS_LISTED: Final = 1000


def broker_status(book: RequestBook, workers: Collection[Worker], *, clients: int) -> dict[str, object]:
    """Count and list. Shape: O(open requests + workers)."""
    states = Counter(request.state for request in book.open_requests())
    served: set[str] = set()
    for worker in workers:
        if worker.connection:
            served |= worker.functions
    depths = book.waiting.depths()
    connected = [worker for worker in workers if worker.connection]
    return {
        "queued": states[RequestState.QUEUED],
        "leased": states[RequestState.LEASED],
        "running": states[RequestState.RUNNING],
        "retry_wait": states[RequestState.RETRY_WAIT],
        "settled": {str(ending): count for ending, count in book.endings.items()},
        "attempts": book.attempts,
        "results_kept": book.kept.results,
        "dead_kept": book.kept.dead,
        "clients": clients,
        "workers_connected": len(connected),
        "capacity": sum(worker.capacity for worker in connected),
        "in_flight": sum(len(worker.slots) for worker in workers),
        "queued_by_function": dict(islice(depths.items(), _FUNCTIONS_LISTED)),
        "unserved_functions": [name for name in islice(depths, _FUNCTIONS_LISTED) if name not in served],
        "workers": [worker.describe() for worker in islice(workers, _WORKERS_LISTED)],
    }
