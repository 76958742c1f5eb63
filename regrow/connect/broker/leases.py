"""The lease desk: the workers, what each of them holds, and who gets what waits.

What lives here: granting, renewing, losing and adopting leases, and the dispatch. What must not: what peers say (that
is the core's) and what becomes of a request that nobody holds (that is the book's).
"""

from __future__ import annotations

from typing import Final

from regrow.connect.broker.affinity import Affinity
from regrow.connect.broker.agenda import Agenda
from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.events import Command, Report, Send
from regrow.connect.broker.heartbeats import Punctuality
from regrow.connect.broker.labels import fits, label_set, label_text
from regrow.connect.broker.requests import HELD, Request, RequestState, Step
from regrow.connect.broker.routing import Routing
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.broker.timers import Due, Timer
from regrow.connect.broker.waiting import Queue
from regrow.connect.broker.workers import Slot, Worker
from regrow.connect.store.changes import Ending, SaveLease
from regrow.protocol.session.messages import Cancel, Connect, Failure, Invoke, Lease

__all__ = ("LeaseDesk",)

_LABELLED_KEPT: Final = 10_000  # of those that were ever served; a label that names its host makes one for each


class LeaseDesk:
    """Workers by instance and by connection. What has to be done about a change is appended to `out`."""

    def __init__(
        self, settings: BrokerSettings, agenda: Agenda[Due], out: list[Command], book: RequestBook, routing: Routing
    ) -> None:
        self.workers: dict[str, Worker] = {}  # by instance; those without a connection still hold leases
        self.by_connection: dict[str, Worker] = {}
        self.changed: set[str] = set()  # instances whose room changed in this turn
        self.draining = False
        self._settings = settings
        self._agenda = agenda
        self._out = out
        self.book = book
        self._routing = routing
        self._lease_id = 0
        self._serving_changed = False
        self._ever_served: set[str] = set()
        self._ever_labelled: dict[tuple[frozenset[str], frozenset[str]], None] = {}  # functions, and labels beside them
        self._affinity = Affinity()

    def begin(self, generation: int) -> None:
        """Make every lease id from now on greater than those of earlier generations."""
        self._lease_id = generation << 32

    def restore(self, request: Request, instance: str, lease_id: int, now: float) -> None:
        """Let a request stay with the worker that had it before the gateway started, for one lease from now."""
        request.step(Step.GRANT)
        request.step(Step.TAKE)
        if request.terms.key:
            self.book.lanes.admit(request)
        self._occupy(self.workers.get(instance) or self._stub(instance), request.request_id, lease_id, now)

    def expect_served(self, function: str) -> None:
        """Note that a function is no typo: somebody served it, or it was accepted, before this gateway started."""
        self._ever_served.add(function)

    def bind(self, connection: str, connect: Connect) -> None:
        """Let a worker be reached by this connection, and by no other any more."""
        worker = self.workers.get(connect.instance) or self._stub(connect.instance)
        if worker.connection:
            self._unbind(worker)
        if connect.epoch != worker.epoch:
            worker.epoch, worker.punctuality = connect.epoch, Punctuality(self._settings.heartbeat_interval)
        worker.name, worker.functions, worker.capacity = connect.name, frozenset(connect.functions), connect.capacity
        worker.labels = label_set(label_text(connect.labels))
        worker.paused, worker.executor_alive, worker.busy, worker.silent = connect.paused, True, False, False
        worker.connection = connection
        self.by_connection[connection] = worker
        self.changed.add(worker.instance)
        self._ever_served |= worker.functions
        if worker.labels:
            self._ever_labelled[(worker.functions, worker.labels)] = None
            if len(self._ever_labelled) > _LABELLED_KEPT:
                del self._ever_labelled[next(iter(self._ever_labelled))]
        self._serving_changed = True

    def leave(self, connection: str) -> None:
        """Note that a connection is gone; the leases of its worker stay until they expire."""
        worker = self.by_connection.get(connection)
        if worker is not None:
            self._unbind(worker)

    def too_big_for(self, connection: str, now: float) -> None:
        """Settle the largest request that a worker was sent and has not taken: its connection has ended by the size.

        Else it would be sent again to each of its connections to come, and end them all.
        """
        worker = self.by_connection.get(connection)
        if worker is None:
            return
        held = (self.held(worker, request_id, slot.lease_id) for request_id, slot in worker.slots.items())
        sent = [request for request in held if request is not None and request.state is RequestState.LEASED]
        if sent:
            request = max(sent, key=lambda request: len(request.arguments))
            text = f"{len(request.arguments)} bytes of arguments were more than {worker.name!r} could be sent"
            self.call_off(request, Failure("rejected", "MessageTooLarge", text), now)

    def heard(self, worker: Worker) -> None:
        """Note that a worker said something: it can be given requests again."""
        if worker.silent:
            worker.silent = False
            self.changed.add(worker.instance)

    def release(self, worker: Worker) -> None:
        """Take back everything that a worker holds, because it said so."""
        for request_id, slot in list(worker.slots.items()):
            request = self.held(worker, request_id, slot.lease_id)
            self.vacate(worker, request_id)
            if request is not None:
                self.book.give_back(request, counted=False)

    @property
    def needs_dispatch(self) -> bool:
        """Whether this turn changed anything that may let a request go out."""
        return bool(self.changed or self.book.fresh or self._serving_changed)

    def adopt(self, worker: Worker, claimed: dict[str, int], now: float) -> None:
        """Compare what a worker says that it holds with what we think, and bring both in line."""
        for request_id, slot in list(worker.slots.items()):
            if claimed.get(request_id) == slot.lease_id:
                self.renew(worker, request_id, now)
                del claimed[request_id]
                if self.held(worker, request_id, slot.lease_id) is None:
                    self._out.append(Send(worker.connection, Cancel(request_id=request_id)))
                continue
            request = self.held(worker, request_id, slot.lease_id)
            self.vacate(worker, request_id)
            if request is not None:
                self._lose(request, now, counted=request.state is RequestState.RUNNING)
        for request_id, lease_id in claimed.items():
            request = self.book.get(request_id)
            if request is not None and request.adoptable(lease_id):
                self.book.waiting.discard(request.queue, request_id)
                request.step(Step.GRANT)
                request.step(Step.TAKE)
                request.instance = worker.instance
                self._occupy(worker, request_id, lease_id, now)
                self._out.append(
                    SaveLease(
                        request_id=request_id, instance=worker.instance, lease_id=lease_id, attempts=request.attempts
                    )
                )
            elif request is None or request.concluded != lease_id:
                self._out.append(Send(worker.connection, Lease(request_id=request_id, lease_id=lease_id, lost=True)))

    def _unbind(self, worker: Worker) -> None:
        del self.by_connection[worker.connection]
        worker.connection = ""
        self.changed.add(worker.instance)
        self._serving_changed = True

    def _stub(self, instance: str) -> Worker:
        worker = Worker(instance=instance, epoch=0, punctuality=Punctuality(self._settings.heartbeat_interval))
        self.workers[instance] = worker
        return worker

    def held(self, worker: Worker, request_id: str, lease_id: int) -> Request | None:
        """Give the request if `worker` has it under this very lease, and the lease is good."""
        request = self.book.get(request_id)
        if request is None or request.state not in HELD:
            return None
        return request if request.lease_id == lease_id and request.instance == worker.instance else None

    def _grant(self, worker: Worker, request: Request, now: float) -> None:
        self.book.waiting.discard(request.queue, request.request_id)
        self._lease_id += 1
        request.step(Step.GRANT)
        request.attempts += 1
        request.instance, request.lease_id = worker.instance, self._lease_id
        if request.terms.affinity:
            self._affinity.note(request.terms.affinity, worker.instance)
        self._occupy(worker, request.request_id, self._lease_id, now)
        self._place(worker)
        self._out.append(
            SaveLease(
                request_id=request.request_id,
                instance=worker.instance,
                lease_id=self._lease_id,
                attempts=request.attempts,
            )
        )
        deadline_ms = None if request.deadline is None else max(1, round((request.deadline - now) * 1000))
        self._out.append(
            Send(
                worker.connection,
                Invoke(
                    request_id=request.request_id,
                    function=request.function,
                    arguments=request.arguments,
                    lease_id=self._lease_id,
                    attempt=request.attempts,
                    deadline_ms=deadline_ms,
                    headers=request.terms.headers,
                ),
            )
        )

    def _occupy(self, worker: Worker, request_id: str, lease_id: int, now: float) -> None:
        expires = now + self._settings.lease
        worker.slots[request_id] = Slot(lease_id, expires)
        self._agenda.at((Timer.LEASE, worker.instance, request_id), expires)

    def renew(self, worker: Worker, request_id: str, now: float) -> None:
        """Let the lease of a slot run from now. Idempotent."""
        expires = worker.slots[request_id].expires = now + self._settings.lease
        self._agenda.at((Timer.LEASE, worker.instance, request_id), expires)

    def vacate(self, worker: Worker, request_id: str, lease_id: int | None = None) -> None:
        """Free a slot, if it is there, and under this lease if one is named."""
        slot = worker.slots.get(request_id)
        if slot is None or (lease_id is not None and slot.lease_id != lease_id):
            return
        del worker.slots[request_id]
        self._agenda.cancel((Timer.LEASE, worker.instance, request_id))
        self.changed.add(worker.instance)

    def expire(self, instance: str, request_id: str, now: float) -> None:
        """End a lease that was not renewed in time."""
        worker = self.workers[instance]
        slot = worker.slots[request_id]
        request = self.held(worker, request_id, slot.lease_id)
        self.vacate(worker, request_id)
        if worker.connection:
            self._out.append(Send(worker.connection, Lease(request_id=request_id, lease_id=slot.lease_id, lost=True)))
        if request is not None:
            context: dict[str, object] = {"request_id": request_id, "instance": worker.instance}
            self._out.append(Report("warning", "lease lost", context | {"connected": bool(worker.connection)}))
            worker.silent = True  # or it would get the request again, and again, until no attempt is left
            self._lose(request, now, counted=True)

    def _lose(self, request: Request, now: float, *, counted: bool) -> None:
        if counted and request.attempts >= request.max_attempts:
            text = f"{request.attempts} workers went silent while they had {request.function}"
            self.bury(request, Failure("lease_lost", "LeaseLost", text), now)
        else:
            self.book.give_back(request, counted=counted)

    def bury(self, request: Request, failure: Failure, now: float) -> None:
        """Settle a request that failed in a way that a person may want to look at."""
        context: dict[str, object] = {"request_id": request.request_id, "attempts": request.attempts}
        self._out.append(Report("error", f"{request.function} is dead: {failure.kind}: {failure.text}", context))
        self.book.settle(request, failure, Ending.DEAD, now)

    def call_off(self, request: Request, failure: Failure, now: float) -> None:
        """Settle a request from our side, and tell the worker that has it. Its slot stays taken until it is free."""
        if request.state in HELD:
            worker = self.workers[request.instance]
            if worker.connection:
                self._out.append(
                    Send(worker.connection, Cancel(request_id=request.request_id, reason=failure.text or failure.kind))
                )
        self.book.settle(request, failure, Ending.FAILED, now)

    def _place(self, worker: Worker) -> None:
        if worker.available:
            self._routing.put(worker.instance, worker.functions, len(worker.slots), worker.capacity, worker.labels)
        else:
            self._routing.remove(worker.instance)

    def dispatch(self, now: float) -> None:
        """Give out what can be given out: afterwards no request waits for a function that a worker has room for."""
        changed = [worker for instance in self.changed if (worker := self.workers.get(instance)) is not None]
        self.changed.clear()
        for worker in changed:
            self._place(worker)
            if not worker.connection and not worker.slots:
                del self.workers[worker.instance]
        waiting = self.book.waiting
        watch = list(waiting.queues()) if self._serving_changed else list(self.book.fresh)
        if not self.draining:
            for queue in self.book.fresh:
                while (place := waiting.head(queue)) and (found := self._choose(place[2], queue)) is not None:
                    self._grant(found, self.book.need(place[2]), now)
            for worker in changed:
                while worker.available and (next_ := waiting.next_for(worker.functions, worker.labels)) is not None:
                    self._grant(worker, self.book.need(next_[1]), now)
        self.book.fresh.clear()
        self._serving_changed = False
        if self._settings.unknown_function_grace is not None:
            for queue in watch:
                key = (Timer.UNSERVED, *queue)
                if waiting.head(queue) is not None and self._unserved(queue):
                    if key not in self._agenda:
                        self._agenda.at(key, now + self._settings.unknown_function_grace)
                else:
                    self._agenda.cancel(key)

    def _choose(self, request_id: str, queue: Queue) -> Worker | None:
        """Give the worker that a request goes to: the one that had its affinity before, or the least busy one."""
        affinity = self.book.need(request_id).terms.affinity
        if affinity:
            last = self.workers.get(self._affinity.last(affinity))
            if last is not None and last.available and queue[0] in last.functions and fits(queue[1], last.labels):
                return last
        instance = self._routing.choose(*queue)
        return None if instance is None else self.workers[instance]

    def nobody_serves(self, queue: Queue, now: float) -> None:
        """Fail what has waited for the whole grace for a function that nobody serves, or not with what it needs."""
        grace = self._settings.unknown_function_grace
        if grace is None or not self._unserved(queue):
            return
        function, need = queue
        later: float | None = None
        for request_id in self.book.waiting.of(queue):
            request = self.book.need(request_id)
            if request.submitted + grace > now:
                later = request.submitted + grace if later is None else min(later, request.submitted + grace)
                continue
            text = f"none of {len(self.by_connection)} connected workers serves {function!r}{need and f' with {need}'}"
            self.book.settle(request, Failure("unknown_function", "UnknownFunction", text), Ending.FAILED, now)
        if later is not None:
            self._agenda.at((Timer.UNSERVED, *queue), later)

    def _unserved(self, queue: Queue) -> bool:
        """Whether workers are there, none serves it, and none ever did: a typo, not a deployment in progress."""
        function, need = queue
        if not self.by_connection:
            return False
        if not need:
            return function not in self._ever_served
        return not any(function in functions and fits(need, labels) for functions, labels in self._ever_labelled)
