"""What workers say, and what it leads to: leases taken and kept, results accepted once, room that changes.

What lives here: one method a kind of message. What must not: who gets which request (leases.py), what clients say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regrow.connect.broker.agenda import Agenda
from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.events import Command, Send
from regrow.connect.broker.leases import LeaseDesk
from regrow.connect.broker.requests import HELD, Request, RequestState, Step
from regrow.connect.broker.retry import RetryPolicy
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.broker.timers import Due, Timer
from regrow.connect.broker.workers import CAPACITY_MAX, Worker
from regrow.connect.store.changes import Ending
from regrow.protocol.session.messages import (
    Ack,
    Busy,
    Closing,
    ExtendLease,
    Failure,
    Heartbeat,
    HeartbeatAck,
    Lease,
    Message,
    Pause,
    Progress,
    Result,
    ResultAck,
    Success,
)

if TYPE_CHECKING:
    import random

__all__ = ("WorkerWords",)


class WorkerWords:
    """What has to be done about a word is appended to `out`."""

    def __init__(
        self,
        settings: BrokerSettings,
        agenda: Agenda[Due],
        out: list[Command],
        desk: LeaseDesk,
        retry: RetryPolicy,
        rng: random.Random,
    ) -> None:
        self._settings = settings
        self._agenda = agenda
        self._out = out
        self._desk = desk
        self._book: RequestBook = desk.book
        self._retry = retry
        self._rng = rng

    def said(self, worker: Worker, message: Message, now: float) -> None:
        """Take one message of a worker that has joined."""
        match message:
            case Result():
                self._result(worker, message, now)
            case Ack(request_id=request_id, lease_id=lease_id):
                if (request := self._desk.held(worker, request_id, lease_id)) is not None:
                    request.step(Step.TAKE)
            case Heartbeat():
                self._heartbeat(worker, message, now)
            case ExtendLease():
                self._extend(worker, message, now)
            case Progress():
                self._progress(worker, message)
            case Busy():
                self._busy(worker, message, now)
            case Pause():
                worker.paused = True
                self._desk.changed.add(worker.instance)
            case Closing(release=release):
                worker.paused = True
                self._desk.changed.add(worker.instance)
                if release:
                    self._desk.release(worker)
            case _:
                pass  # a word that this version has no use for

    def _heartbeat(self, worker: Worker, message: Heartbeat, now: float) -> None:
        worker.punctuality.beat(now, message.due_ns)
        self._out.append(Send(worker.connection, HeartbeatAck(sequence=message.sequence)))
        capacity = min(message.capacity, CAPACITY_MAX) if message.capacity > 0 else worker.capacity
        if capacity != worker.capacity or message.executor_alive != worker.executor_alive:
            worker.capacity, worker.executor_alive = capacity, message.executor_alive
            self._desk.changed.add(worker.instance)

    def _busy(self, worker: Worker, message: Busy, now: float) -> None:
        request = self._desk.held(worker, message.request_id, message.lease_id)
        self._desk.vacate(worker, message.request_id, message.lease_id)
        worker.busy = True
        self._agenda.at((Timer.BUSY, worker.instance, ""), now + self._settings.busy_pause)
        if request is not None:
            self._book.give_back(request, counted=False)

    def _progress(self, worker: Worker, message: Progress) -> None:
        request = self._book.get(message.request_id)
        if request is None or request.state not in HELD or request.instance != worker.instance:
            return
        for waiter in request.waiters:
            self._out.append(Send(waiter, message))

    def _result(self, worker: Worker, message: Result, now: float) -> None:
        self._desk.vacate(worker, message.request_id, message.lease_id)
        accepted = self._accept(worker, message, now)
        ack = ResultAck(request_id=message.request_id, lease_id=message.lease_id, accepted=accepted)
        self._out.append(Send(worker.connection, ack, after_commit=True))

    def _accept(self, worker: Worker, message: Result, now: float) -> bool:
        request = self._book.get(message.request_id)
        if request is None or message.lease_id != request.lease_id or worker.instance != request.instance:
            return False
        if request.concluded == message.lease_id:
            return True
        if request.state is RequestState.SETTLED:
            return False
        request.concluded = message.lease_id
        worker.settled += 1
        if isinstance(message.outcome, Success):
            self._book.settle(request, message.outcome, Ending.COMPLETED, now)
        else:
            self._failed(request, message.outcome, now)
        return True

    def _failed(self, request: Request, failure: Failure, now: float) -> None:
        worth_it = self._retry.worth_it(failure)
        if worth_it and request.attempts < request.max_attempts:
            self._book.delay(request, now + self._retry.delay(request.attempts, self._rng))
        elif worth_it or failure.kind == "quarantined":
            self._desk.bury(request, failure, now)
        else:
            self._book.settle(request, failure, Ending.FAILED, now)

    def _extend(self, worker: Worker, message: ExtendLease, now: float) -> None:
        for item in message.requests:
            slot = worker.slots.get(item.request_id)
            if slot is not None and slot.lease_id == item.lease_id:
                self._desk.renew(worker, item.request_id, now)
            lost = self._desk.held(worker, item.request_id, item.lease_id) is None
            self._out.append(
                Send(worker.connection, Lease(request_id=item.request_id, lease_id=item.lease_id, lost=lost))
            )
