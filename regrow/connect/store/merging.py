"""Many changes into few writes: of all that happened to one request within one commit only the result is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

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

__all__ = ("Hold", "Merged", "merge")

Hold: TypeAlias = tuple[str, int, int, str]  # instance, lease_id, attempts, request_id


@dataclass(slots=True)
class Merged:
    """What one commit has to write; a request stands in one of the first three at most, besides a last hold.

    What is forgotten has to be written first: a request of the same id may have been submitted after it.
    """

    inserts: list[StoredRequest] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    outcomes: dict[str, SaveOutcome] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)


def merge(changes: Iterable[Change]) -> Merged:
    """Fold changes, in order, into what is left to write. The order between requests does not matter in one commit."""
    submitted: dict[str, SaveRequest] = {}
    holds: dict[str, SaveLease | SaveRelease] = {}
    merged = Merged()
    outcomes = merged.outcomes
    for change in changes:
        request_id = change.request_id
        match change:
            case SaveRequest():
                submitted[request_id] = change
            case SaveLease() | SaveRelease():
                holds[request_id] = change
            case SaveOutcome():
                outcomes[request_id] = change
                holds.pop(request_id, None)
            case ForgetRequest():
                outcomes.pop(request_id, None)
                holds.pop(request_id, None)
                submitted.pop(request_id, None)
                merged.forgotten.append(request_id)
            case _:
                assert_never(change)
    for request_id, request in submitted.items():
        merged.inserts.append(_insert(request, holds.pop(request_id, None), outcomes.pop(request_id, None)))
    for request_id, change in holds.items():
        if isinstance(change, SaveLease):
            merged.holds.append((change.instance, change.lease_id, change.attempts, request_id))
        else:
            merged.holds.append(("", 0, change.attempts, request_id))
    return merged


def _insert(request: SaveRequest, hold: SaveLease | SaveRelease | None, end: SaveOutcome | None) -> StoredRequest:
    holder = end if end is not None else hold if isinstance(hold, SaveLease) else None
    attempted = end if end is not None else hold
    return StoredRequest(
        request_id=request.request_id,
        function=request.function,
        arguments=request.arguments if end is None or end.ending is Ending.DEAD else b"",
        submitted=request.submitted,
        deadline=request.deadline,
        max_attempts=request.max_attempts,
        priority=request.priority,
        terms=request.terms,
        attempts=0 if attempted is None else attempted.attempts,
        instance="" if holder is None else holder.instance,
        lease_id=0 if holder is None else holder.lease_id,
        ending=None if end is None else end.ending,
        outcome=None if end is None else end.outcome,
        settled=0.0 if end is None else end.settled,
    )
