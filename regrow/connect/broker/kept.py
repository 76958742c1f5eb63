"""What is kept of settled requests, and for how long: results, and dead letters with their arguments.

What lives here: three shelves, their bounds, and the times. What must not: the requests themselves, which are the
book's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from regrow.connect.broker.agenda import Agenda
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.broker.timers import Due, Timer
from regrow.connect.store.changes import Ending

if TYPE_CHECKING:
    from regrow.connect.broker.requests import Request

__all__ = ("KeptRequests",)

_SWEEP: Due = (Timer.FORGET, "", "")


class _Kept(NamedTuple):
    settled: float
    size: int


class _Shelf(dict[str, _Kept]):
    """Request ids, the one that was settled first is first."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def add(self, request_id: str, kept: _Kept) -> None:
        self[request_id] = kept
        self.size += kept.size

    def take(self, request_id: str) -> bool:
        kept = self.pop(request_id, None)
        if kept is not None:
            self.size -= kept.size
        return kept is not None

    @property
    def first(self) -> tuple[str, _Kept]:
        return next(iter(self.items()))


class KeptRequests:
    """Shape: O(1) for each request, but for a restart, which comes in the order of the settling too."""

    def __init__(self, settings: BrokerSettings, agenda: Agenda[Due]) -> None:
        self._settings = settings
        self._agenda = agenda
        self._results = _Shelf()  # kept as long as any
        self._own = _Shelf()  # their terms say how long
        self._dead = _Shelf()

    @property
    def results(self) -> int:
        """How many results are kept, those of dead letters aside."""
        return len(self._results) + len(self._own)

    @property
    def dead(self) -> int:
        """How many dead letters are kept."""
        return len(self._dead)

    def add(self, request: Request, size: int) -> None:
        """Keep a request that was settled, with so many bytes."""
        kept = _Kept(request.settled, size)
        ttl_ms = request.terms.result_ttl_ms
        if request.ending is Ending.DEAD:
            self._shelve(self._dead, request.request_id, kept)
        elif ttl_ms is None:
            self._shelve(self._results, request.request_id, kept)
        else:
            self._own.add(request.request_id, kept)
            ttl = min(ttl_ms / 1000.0, self._settings.max_result_retention)
            self._agenda.at((Timer.FORGET, request.request_id, ""), request.settled + ttl)
        if self._too_many_results or self._too_many_dead:
            self._agenda.at(_SWEEP, request.settled)

    def remove(self, request_id: str) -> None:
        """Keep it no longer."""
        if not self._results.take(request_id) and not self._own.take(request_id):
            self._dead.take(request_id)
        self._agenda.cancel((Timer.FORGET, request_id, ""))

    def overdue(self, now: float) -> Iterator[str]:
        """Name one after the other what is to be removed: kept long enough, or there is no room. Then arm the timer."""
        while self._too_many_results:
            shelves = [shelf for shelf in (self._results, self._own) if shelf]
            yield min((shelf.first for shelf in shelves), key=lambda first: first[1].settled)[0]
        while self._too_many_dead:
            yield self._dead.first[0]
        for shelf, seconds in self._shelves:
            while shelf and shelf.first[1].settled + seconds <= now:
                yield shelf.first[0]
        self._arm()

    def dead_ids(self, after: str) -> Iterator[str]:
        """Name the dead letters behind `after`, or all if that is none of them; the oldest is first."""
        ids = list(self._dead)
        begin = ids.index(after) + 1 if after in self._dead else 0
        return islice(ids, begin, None)

    def is_dead(self, request_id: str) -> bool:
        """Say whether it is a dead letter that is kept."""
        return request_id in self._dead

    def _shelve(self, shelf: _Shelf, request_id: str, kept: _Kept) -> None:
        shelf.add(request_id, kept)
        if len(shelf) == 1:  # else something on it is older, and armed for
            self._arm()

    @property
    def _shelves(self) -> tuple[tuple[_Shelf, float], ...]:
        return (self._results, self._settings.result_retention), (self._dead, self._settings.dead_retention)

    @property
    def _too_many_results(self) -> bool:
        settings = self._settings
        return self.results > settings.max_results or self._results.size + self._own.size > settings.max_result_bytes

    @property
    def _too_many_dead(self) -> bool:
        return len(self._dead) > self._settings.max_dead or self._dead.size > self._settings.max_dead_bytes

    def _arm(self) -> None:
        dues = [shelf.first[1].settled + seconds for shelf, seconds in self._shelves if shelf]
        if dues:
            self._agenda.at(_SWEEP, min(dues))
