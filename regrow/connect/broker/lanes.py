"""Requests with a key: of those with the same one, only so many are under way at a time, in the order they came.

What lives here: who may go on and who has to wait for that. What must not: whom they go to.
A request is under way from the moment it may go on until it is settled, over all its attempts: the next one never
overtakes one that is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regrow.connect.broker.requests import Request

__all__ = ("KeyLanes",)


@dataclass(slots=True)
class _Lane:
    under_way: set[str] = field(default_factory=set)  # request ids
    waiting: dict[str, Request] = field(default_factory=dict)  # by request id, the oldest first


class KeyLanes:
    """One lane for each function and key that an open request has; it goes with its last request.

    Shape: O(1) for each call.
    """

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], _Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    def enter(self, request: Request) -> bool:
        """Say whether a request may go on now; if not, `leave` of another one gives it later."""
        lane = self._lane(request)
        if request.request_id in lane.under_way:
            return True
        if lane.waiting or len(lane.under_way) >= request.terms.key_concurrency:
            lane.waiting[request.request_id] = request
            return False
        lane.under_way.add(request.request_id)
        return True

    def admit(self, request: Request) -> None:
        """Note a request that is under way, whoever else is."""
        self._lane(request).under_way.add(request.request_id)

    def leave(self, request: Request) -> list[Request]:
        """Note that a request is settled; give those that may go on now, in order."""
        name = (request.function, request.terms.key)
        lane = self._lanes.get(name)
        if lane is None:
            return []
        lane.waiting.pop(request.request_id, None)
        lane.under_way.discard(request.request_id)
        may: list[Request] = []
        while lane.waiting:
            request_id, oldest = next(iter(lane.waiting.items()))
            if len(lane.under_way) >= oldest.terms.key_concurrency:
                break
            del lane.waiting[request_id]
            lane.under_way.add(request_id)
            may.append(oldest)
        if not lane.under_way and not lane.waiting:
            del self._lanes[name]
        return may

    def _lane(self, request: Request) -> _Lane:
        return self._lanes.setdefault((request.function, request.terms.key), _Lane())
