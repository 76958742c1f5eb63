"""The broker: who gets which request, under which lease, and how it ends. Pure; the gateway is its shell.

What lives here: every decision. What must not: sockets, clocks, threads, files, chance (the rng is passed in).

At-least-once, with fencing: a request runs again when its worker went silent for a whole lease, and then the result of
the newest lease is the one that counts. Rules in one place:

1. A lease id is greater than every lease id before it, over restarts too (the store's generation is its upper half).
2. A connection that drops takes no lease with it: the same instance may come back and adopt what it still runs.
   What it does not name when it comes back is queued again at once.
3. A result is accepted under the last lease granted, also when that lease has expired and the request merely waits
   again; it is refused once somebody else has been given the request. The first accepted result settles.
4. Every result is acknowledged, accepted or not, so that the worker can forget it.
5. An attempt counts once the worker may have begun: Busy, a give-back and an Invoke that never arrived count as none.
6. A worker that let a lease run out is given nothing before it says something again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, assert_never

from regrow.connect.broker.agenda import Agenda
from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.client_words import ClientWords
from regrow.connect.broker.dead_words import DeadWords
from regrow.connect.broker.events import (
    Command,
    Disconnect,
    DrainStarted,
    Event,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    Report,
    Send,
    TimePassed,
)
from regrow.connect.broker.leases import LeaseDesk
from regrow.connect.broker.requests import Request, RequestState
from regrow.connect.broker.retry import RetryPolicy
from regrow.connect.broker.routing import LeastBusy, Routing
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.broker.status import broker_status
from regrow.connect.broker.timers import Due, Timer
from regrow.connect.broker.worker_words import WorkerWords
from regrow.connect.broker.workers import Worker
from regrow.connect.store.changes import StoredRequest
from regrow.protocol.session import close_codes
from regrow.protocol.session.features import GATEWAY_FEATURES, granted
from regrow.protocol.session.messages import (
    ChangeDead,
    Closing,
    Connect,
    Drain,
    ErrorMessage,
    Failure,
    FailureKind,
    ListDead,
    Message,
    Ready,
    Status,
    StatusRequest,
)

if TYPE_CHECKING:
    import random

__all__ = ("BrokerCore",)


class BrokerCore:
    """`receive(event, now)` says what to do; `due()` says when to come back with `TimePassed` at the latest."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        generation: int,
        rng: random.Random,
        routing: Routing | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.settings = settings
        self._agenda: Agenda[Due] = Agenda()
        self._out: list[Command] = []
        self._book = RequestBook(settings, self._agenda, self._out)
        self._desk = LeaseDesk(
            settings, self._agenda, self._out, self._book, LeastBusy() if routing is None else routing
        )
        self._desk.begin(generation)
        retry = RetryPolicy() if retry is None else retry
        self._workers = WorkerWords(settings, self._agenda, self._out, self._desk, retry, rng)
        self._clients = ClientWords(settings, self._out, self._desk)
        self._dead = DeadWords(self._out, self._book)

    def restore(self, stored: Iterable[StoredRequest], now: float) -> None:
        """Take over what the store remembers, before anything is received.

        A request that a worker had keeps its lease, for as long as a lease lasts from now, so that it can be adopted.
        """
        waiting: list[Request] = []
        # What is open stays in the store's order, whatever the wall clock did between two submissions.
        for item in sorted(stored, key=lambda item: -math.inf if item.outcome is None else item.settled):
            request = self._book.restore(item)
            if item.outcome is None or item.attempts:
                self._desk.expect_served(item.function)
            if request.state is RequestState.SETTLED:
                continue
            if item.instance:
                self._desk.restore(request, item.instance, item.lease_id, now)
            else:
                waiting.append(request)
        for request in waiting:  # after those that workers have, which come first in the lane of their key
            self._book.begin(request, now)

    def receive(self, event: Event, now: float) -> list[Command]:
        """Take one event and give what to do about it, in order.

        Shape: O(log n) for nearly everything; TimePassed and a worker's coming and going by what they concern.
        """
        match event:
            case PeerSaid(connection, message):
                self._said(connection, message, now)
            case PeerJoined(connection, connect):
                self._joined(connection, connect, now)
            case PeerLeft(connection, too_big):
                if too_big:
                    self._desk.too_big_for(connection, now)
                self._left(connection)
            case DrainStarted(grace_ms):
                self._drain(grace_ms)
            case TimePassed():
                pass
            case _:
                assert_never(event)
        while (due := self._agenda.pop_due(now)) is not None:
            self._fire(due, now)
        if self._desk.needs_dispatch:
            self._desk.dispatch(now)
        commands = self._out.copy()
        self._out.clear()
        return commands

    def due(self) -> float | None:
        """Give the moment at which `TimePassed` is wanted next, or None."""
        return self._agenda.due()

    def in_flight(self) -> int:
        """Count the requests that connected workers have."""
        return sum(len(worker.slots) for worker in self._desk.by_connection.values())

    def status(self) -> dict[str, object]:
        """Give plain values about the queue, the workers and the counts."""
        return broker_status(self._book, self._desk.workers.values(), clients=len(self._clients.connections))

    # ── coming and going ─────────────────────────────────────────────────────────────────────────────────────────

    def _joined(self, connection: str, connect: Connect, now: float) -> None:
        if connect.role == "client":
            self._clients.connections.add(connection)
            self._welcome(connection, connect)
            return
        known = self._desk.workers.get(connect.instance)
        if known is not None and connect.epoch < known.epoch:
            self._refuse(connection, connect, known)
            return
        if known is not None and known.connection:
            self._out.append(Send(known.connection, Closing(reason="superseded by a newer connection")))
            self._out.append(Disconnect(known.connection, close_codes.SUPERSEDED, "superseded"))
        self._desk.bind(connection, connect)
        self._welcome(connection, connect)
        worker = self._desk.by_connection[connection]
        self._desk.adopt(worker, {item.request_id: item.lease_id for item in connect.in_flight}, now)

    def _refuse(self, connection: str, connect: Connect, known: Worker) -> None:
        text = f"epoch {connect.epoch} of instance {connect.instance} is over, the current one is {known.epoch}"
        self._out.append(Report("warning", "stale worker refused", {"instance": connect.instance, "why": text}))
        self._out.append(Send(connection, ErrorMessage(scope="connection", code="stale_epoch", text=text, fatal=True)))
        self._out.append(Disconnect(connection, close_codes.STALE_EPOCH, "stale epoch"))

    def _left(self, connection: str) -> None:
        self._desk.leave(connection)
        self._clients.left(connection)

    def _drain(self, grace_ms: int) -> None:
        self._desk.draining = True
        for connection in (*self._desk.by_connection, *self._clients.connections):
            self._out.append(Send(connection, Drain(grace_ms=grace_ms)))

    def _said(self, connection: str, message: Message, now: float) -> None:
        worker = self._desk.by_connection.get(connection)
        if worker is not None:
            self._desk.heard(worker)
            self._workers.said(worker, message, now)
        elif connection in self._clients.connections:
            if isinstance(message, StatusRequest):
                self._out.append(Send(connection, Status(values=self.status())))
            elif isinstance(message, ListDead | ChangeDead):
                self._dead.said(connection, message, now)
            else:
                self._clients.said(connection, message, now)

    def _welcome(self, connection: str, connect: Connect) -> None:
        settings = self.settings
        self._out.append(
            Send(
                connection,
                Ready(
                    connection_id=connection,
                    heartbeat_interval_ms=round(settings.heartbeat_interval * 1000),
                    heartbeat_misses=settings.heartbeat_misses,
                    lease_ms=round(settings.lease * 1000),
                    lease_renew_ms=round(settings.lease_renew * 1000),
                    max_message_bytes=settings.max_message_bytes,
                    features=granted(GATEWAY_FEATURES, connect.features),
                ),
            )
        )

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fire(self, due: Due, now: float) -> None:
        timer, name, other = due
        match timer:
            case Timer.LEASE:
                self._desk.expire(name, other, now)
            case Timer.DEADLINE:
                request = self._book.need(name)
                kind: FailureKind = "deadline" if request.attempts else "expired"
                word = "finished" if request.attempts else "taken by any worker"
                text = f"{request.function} was not {word} within {now - request.submitted:.3f} s"
                self._desk.call_off(request, Failure(kind, "DeadlineExceeded", text), now)
            case Timer.RETRY:
                self._book.wake(self._book.need(name))
            case Timer.BUSY:
                if (worker := self._desk.workers.get(name)) is not None:
                    worker.busy = False
                    self._desk.changed.add(name)
            case Timer.UNSERVED:
                self._desk.nobody_serves((name, other), now)
            case Timer.FORGET:
                if name:
                    self._book.forget(name)
                else:
                    self._book.forget_old(now)
            case _:
                assert_never(timer)
