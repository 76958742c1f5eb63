"""What a worker holds, as the connection has to say it in Connect: its identity, what runs, what it owes.

What lives here: the settings of a connection and the pure ledger of requests. What must not: sockets, actors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from ...protocol.session.features import WORKER_FEATURES
from ...protocol.session.messages import Connect, InFlight
from ...protocol.session.speaking import ConnectionProtocol, RegrowProtocol
from ..child_spec import Delays
from .reconnect import Patience
from .tls import DialTls

__all__ = ("ConnectionSettings", "Holdings")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """Where to, as whom, and how often to try."""

    urls: tuple[str, ...]
    tokens: tuple[str, ...] = field(repr=False)  # one that is refused is replaced by the next
    instance: str
    name: str
    functions: tuple[str, ...]
    capacity: int
    delays: Delays
    labels: dict[str, str] = field(default_factory=dict)
    protocol: Callable[[], ConnectionProtocol] = RegrowProtocol  # one for each connection
    patience: Patience = Patience()
    tls: DialTls = DialTls()
    proxy: str | Literal[True] | None = field(default=None, repr=False)  # its url; True: as the environment says


class Holdings:
    """The requests of this worker, as the link knows them between two Connects.

    Complete once the outbox has said the epoch and the executor what runs; before that nobody may be told anything.
    """

    def __init__(self) -> None:
        self.epoch: int | None = None  # set by the outbox
        self.paused = False
        self._held: dict[str, int] | None = None  # request -> lease of what runs; set by the executor
        self._offered: set[str] = set()  # requests that the executor has not yet said a word about
        self._owed: dict[str, int] = {}  # request -> lease of results that wait for their acknowledgement
        self._unanswered: dict[str, int] = {}  # request -> bytes of results that this session was sent
        self._too_big: set[str] = set()  # those of them that a session has ended by

    @property
    def complete(self) -> bool:
        """Whether both have spoken."""
        return self.epoch is not None and self._held is not None

    @property
    def runs(self) -> bool:
        """Whether anything is known to run, or to wait for a slot."""
        return bool(self._held)

    @property
    def idle(self) -> bool:
        """Whether nothing is held, nothing is about to be, and nothing is owed."""
        return not self._held and not self._offered and not self._owed

    def adopt(self, held: Iterable[tuple[str, int]], *, paused: bool) -> None:
        """The executor has said what it holds."""
        self._held = dict(held)
        self._offered.clear()
        self.paused = paused

    def owe(self, results: Iterable[tuple[str, int]]) -> None:
        """These have ended; their results are on disk."""
        for request_id, lease_id in results:
            self._owed[request_id] = lease_id
            if self._held is not None:
                self._held.pop(request_id, None)

    def owes(self, request_id: str) -> bool:
        """Whether there is a result of this request already."""
        return request_id in self._owed

    def offered(self, request_id: str) -> None:
        """The executor is asked whether it takes it."""
        self._offered.add(request_id)

    def refused(self, request_id: str) -> None:
        """The executor has no room for it."""
        self._offered.discard(request_id)

    def taken(self, request_id: str, lease_id: int) -> None:
        """The executor has taken it."""
        self._offered.discard(request_id)
        if self._held is not None:
            self._held[request_id] = lease_id

    def lost(self, request_id: str) -> None:
        """Its lease is another worker's now."""
        if self._held is not None:
            self._held.pop(request_id, None)

    def acknowledged(self, request_id: str) -> None:
        """The gateway has its result."""
        self._owed.pop(request_id, None)
        self._unanswered.pop(request_id, None)
        self._too_big.discard(request_id)

    def sending(self, request_id: str, size: int) -> str:
        """A result is about to be sent. Gives why it must not, or nothing."""
        if request_id in self._too_big:
            return f"a result of {size} bytes was more than something on the way to the gateway lets through"
        self._unanswered[request_id] = size
        return ""

    def session_over(self, *, too_big: bool) -> None:
        """The session has ended; `too_big`: by what was said in it. Then it was the largest, and is not said again.

        Else it would be said to every session to come, and each would end by it.
        """
        if too_big and self._unanswered:
            self._too_big.add(max(self._unanswered, key=self._unanswered.__getitem__))
        self._unanswered.clear()
        self._offered.clear()

    def connect(self, settings: ConnectionSettings, token: str) -> Connect:
        """Give the introduction."""
        in_flight = (self._held or {}) | self._owed
        return Connect(
            role="worker",
            token=token,
            instance=settings.instance,
            epoch=self.epoch or 0,
            name=settings.name,
            functions=settings.functions,
            capacity=settings.capacity,
            labels=settings.labels,
            in_flight=tuple(InFlight(request_id=request, lease_id=lease) for request, lease in in_flight.items()),
            paused=self.paused,
            features=WORKER_FEATURES,
        )
