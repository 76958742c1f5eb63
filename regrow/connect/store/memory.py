"""A store that remembers for as long as its object lives: for tests, and for work that may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regrow.connect.store.changes import (
    Change,
    Ending,
    ForgetRequest,
    SaveLease,
    SaveOutcome,
    SaveRelease,
    SaveRequest,
    StoredRequest,
)
from regrow.connect.store.interface import Committed, Recovered

__all__ = ("MemoryStore",)


class MemoryStore:
    """Keeps requests in a dict. Opened again after close it still knows them, so that it can stand in for a file."""

    def __init__(self) -> None:
        self._requests: dict[str, StoredRequest] = {}
        self._generation = 0

    def __str__(self) -> str:
        return "memory"

    def open(self, *, now: float, epoch: float) -> Recovered:  # noqa: ARG002  # memory does not outlive the boot
        """Give what an earlier life of this object left."""
        # Workers outlive this memory: lease ids of a new life must not repeat those of the one before.
        self._generation = max(self._generation + 1, int(epoch))
        return Recovered(generation=self._generation, requests=tuple(self._requests.values()))

    def write(self, changes: Sequence[Change], committed: Committed) -> None:
        """Apply changes and say so at once."""
        for change in changes:
            self._apply(change)
        committed(None)

    def close(self, timeout: float) -> bool:  # noqa: ARG002  # there is nothing to wait for
        """Keep everything, for the next `open`."""
        return True

    def _apply(self, change: Change) -> None:
        if isinstance(change, ForgetRequest):
            self._requests.pop(change.request_id, None)
        elif isinstance(change, SaveRequest):
            self._requests[change.request_id] = StoredRequest(
                request_id=change.request_id,
                function=change.function,
                arguments=change.arguments,
                submitted=change.submitted,
                deadline=change.deadline,
                max_attempts=change.max_attempts,
                priority=change.priority,
                terms=change.terms,
            )
        else:
            self._requests[change.request_id] = _changed(self._requests[change.request_id], change)


def _changed(request: StoredRequest, change: SaveLease | SaveRelease | SaveOutcome) -> StoredRequest:
    match change:
        case SaveLease():
            return replace(request, instance=change.instance, lease_id=change.lease_id, attempts=change.attempts)
        case SaveRelease():
            return replace(request, instance="", lease_id=0, attempts=change.attempts)
        case SaveOutcome():
            return replace(
                request,
                arguments=request.arguments if change.ending is Ending.DEAD else b"",
                ending=change.ending,
                outcome=change.outcome,
                attempts=change.attempts,
                instance=change.instance,
                lease_id=change.lease_id,
                settled=change.settled,
            )
