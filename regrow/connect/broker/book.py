"""The book of requests: every request that is not settled, and the results that are still kept.

What lives here: the steps of a request that need no worker, what they save and whom they tell. What must not: routing
and leases, which are the lease desk's.
"""

from __future__ import annotations

from regrow.connect.broker.agenda import Agenda
from regrow.connect.broker.events import Command, Send
from regrow.connect.broker.kept import KeptRequests
from regrow.connect.broker.labels import label_text
from regrow.connect.broker.lanes import KeyLanes
from regrow.connect.broker.requests import Request, RequestState, Step
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.broker.timers import Due, Timer
from regrow.connect.broker.waiting import Queue, WaitingRequests
from regrow.connect.store.changes import Ending, ForgetRequest, SaveOutcome, SaveRelease, SaveRequest, StoredRequest
from regrow.protocol.session.messages import Outcome, Settled, Submit, Success, Terms

__all__ = ("RequestBook",)


class RequestBook:
    """Requests by id. What has to be done about a change is appended to `out`."""

    def __init__(self, settings: BrokerSettings, agenda: Agenda[Due], out: list[Command]) -> None:
        self.waiting = WaitingRequests()
        self.lanes = KeyLanes()
        self.kept = KeptRequests(settings, agenda)
        self.fresh: set[Queue] = set()  # that a request was put into in this turn
        self.endings: dict[Ending, int] = dict.fromkeys(Ending, 0)  # since the start of this gateway
        self.attempts = 0  # leases granted, less those given back, of what was settled since then
        self.open = 0
        self.open_bytes = 0
        self._settings = settings
        self._agenda = agenda
        self._out = out
        self._requests: dict[str, Request] = {}
        self._watched: dict[str, set[str]] = {}  # connection -> open requests that it waits for
        self._sequence = 0

    def get(self, request_id: str) -> Request | None:
        """Give a request that is open or whose result is still kept."""
        return self._requests.get(request_id)

    def need(self, request_id: str) -> Request:
        """Give a request that has to be there, since a timer or a queue names it."""
        request = self._requests.get(request_id)
        if request is None:
            raise AssertionError(f"something is left of request {request_id}, which is forgotten")
        return request

    def has_room(self, size: int) -> bool:
        """Say whether one more request with so many bytes of arguments can be taken on."""
        return self.open < self._settings.max_requests and self.open_bytes + size <= self._settings.max_request_bytes

    def open_requests(self) -> tuple[Request, ...]:
        """Give every request that is not settled."""
        return tuple(request for request in self._requests.values() if request.state is not RequestState.SETTLED)

    def submit(self, submit: Submit, now: float) -> Request:
        """Take a new request on and queue it."""
        deadline = None if submit.deadline_ms is None else now + submit.deadline_ms / 1000.0
        self._sequence += 1
        request = Request(
            request_id=submit.request_id,
            function=submit.function,
            arguments=submit.arguments,
            submitted=now,
            deadline=deadline,
            max_attempts=max(1, min(submit.max_attempts, self._settings.max_attempts)),
            priority=submit.priority,
            sequence=self._sequence,
        )
        if submit.terms is not None:
            self._agree(request, submit.terms)
        self._enter(request)
        self._out.append(
            SaveRequest(
                request_id=request.request_id,
                function=request.function,
                arguments=request.arguments,
                submitted=now,
                deadline=request.deadline,
                max_attempts=request.max_attempts,
                priority=request.priority,
                terms=submit.terms,
            )
        )
        self.begin(request, now)
        return request

    def restore(self, stored: StoredRequest) -> Request:
        """Take over what a store remembers; the caller queues it or gives it back to its worker."""
        self._sequence += 1
        request = Request(
            request_id=stored.request_id,
            function=stored.function,
            arguments=stored.arguments,
            submitted=stored.submitted,
            deadline=None if stored.outcome is not None else stored.deadline,
            max_attempts=stored.max_attempts,
            priority=stored.priority,
            sequence=self._sequence,
            attempts=stored.attempts,
            instance=stored.instance,
            lease_id=stored.lease_id,
        )
        if stored.terms is not None:
            self._agree(request, stored.terms)
        self._enter(request)
        if stored.outcome is not None and stored.ending is not None:
            request.step(Step.SETTLE)
            request.concluded = stored.lease_id
            request.outcome, request.ending, request.settled = stored.outcome, stored.ending, stored.settled
            self._close(request)
        return request

    def begin(self, request: Request, now: float) -> None:
        """Queue a request that nobody had yet, or let it wait until its delay is over."""
        due = request.submitted + request.terms.delay_ms / 1000.0
        if request.attempts or due <= now:
            self.enqueue(request)
        else:
            request.step(Step.DELAY)
            self._agenda.at((Timer.RETRY, request.request_id, ""), due)

    def enqueue(self, request: Request) -> None:
        """Put a request that is QUEUED where the next worker with room finds it, as soon as its key allows."""
        if request.terms.key and not self.lanes.enter(request):
            return  # the one before it brings it here
        self.waiting.put(request.queue, request.request_id, priority=request.priority, sequence=request.sequence)
        self.fresh.add(request.queue)

    def give_back(self, request: Request, *, counted: bool) -> None:
        """Queue a request again whose lease ended without a result; `counted`: the attempt may have had effects."""
        if not counted:
            request.attempts -= 1
        request.step(Step.RETURN)
        self._out.append(SaveRelease(request_id=request.request_id, attempts=request.attempts))
        self.enqueue(request)

    def delay(self, request: Request, until: float) -> None:
        """Let a request wait for its next attempt."""
        if request.state is RequestState.QUEUED:
            self.waiting.discard(request.queue, request.request_id)
        request.step(Step.DELAY)
        self._agenda.at((Timer.RETRY, request.request_id, ""), until)
        self._out.append(SaveRelease(request_id=request.request_id, attempts=request.attempts))

    def wake(self, request: Request) -> None:
        """Queue a request whose wait for the next attempt is over."""
        request.step(Step.WAKE)
        self.enqueue(request)

    def settle(self, request: Request, outcome: Outcome, ending: Ending, now: float) -> None:
        """End a request: save the outcome and tell everybody who waits, once it is safe."""
        if request.state is RequestState.QUEUED:
            self.waiting.discard(request.queue, request.request_id)
        elif request.state is RequestState.RETRY_WAIT:
            self._agenda.cancel((Timer.RETRY, request.request_id, ""))
        request.step(Step.SETTLE)
        request.outcome, request.ending, request.settled = outcome, ending, now
        self._out.append(
            SaveOutcome(
                request_id=request.request_id,
                ending=ending,
                outcome=outcome,
                attempts=request.attempts,
                instance=request.instance,
                lease_id=request.lease_id,
                settled=now,
            )
        )
        for connection in request.waiters:
            self.tell(request, connection)
            self._watched[connection].discard(request.request_id)
        request.waiters.clear()
        self.endings[ending] += 1
        self.attempts += request.attempts
        self._close(request)
        if request.terms.key:
            for following in self.lanes.leave(request):
                self.enqueue(following)

    def watch(self, request: Request, connection: str) -> None:
        """Note that a connection wants to know how an open request ends."""
        request.waiters.add(connection)
        self._watched.setdefault(connection, set()).add(request.request_id)

    def unwatch(self, connection: str) -> None:
        """Forget what a connection wanted to know: it is gone."""
        for request_id in self._watched.pop(connection, ()):
            self._requests[request_id].waiters.discard(connection)

    def tell(self, request: Request, connection: str) -> None:
        """Say to one connection how a settled request ended."""
        if request.outcome is None:
            raise AssertionError(f"request {request.request_id} is {request.state}, it has no outcome to tell")
        settled = Settled(request_id=request.request_id, outcome=request.outcome, attempts=request.attempts)
        self._out.append(Send(connection, settled, after_commit=True))

    def forget_old(self, now: float) -> None:
        """Forget what was kept long enough, or what there is no room for."""
        for request_id in self.kept.overdue(now):
            self.forget(request_id)

    def forget(self, request_id: str) -> None:
        """Forget a settled request."""
        self.kept.remove(request_id)
        del self._requests[request_id]
        self._out.append(ForgetRequest(request_id=request_id))

    def _agree(self, request: Request, terms: Terms) -> None:
        request.terms, request.need = terms, label_text(terms.labels)

    def _enter(self, request: Request) -> None:
        self._requests[request.request_id] = request
        self.open += 1
        self.open_bytes += len(request.arguments)
        if request.deadline is not None:
            self._agenda.at((Timer.DEADLINE, request.request_id, ""), request.deadline)

    def _close(self, request: Request) -> None:
        self._agenda.cancel((Timer.DEADLINE, request.request_id, ""))
        self.open -= 1
        self.open_bytes -= len(request.arguments)
        outcome = request.outcome
        size = 0 if outcome is None else _bytes_of(outcome)
        if request.ending is Ending.DEAD:
            size += len(request.arguments)  # somebody may want to have it run again
        else:
            request.arguments = b""
        self.kept.add(request, size)


def _bytes_of(outcome: Outcome) -> int:
    if isinstance(outcome, Success):
        return len(outcome.value)
    return len(outcome.type) + len(outcome.text) + len(outcome.traceback)
