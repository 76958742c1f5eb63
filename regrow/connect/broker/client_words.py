"""What clients say, and what it leads to: requests taken on, called off, and asked about.

What lives here: one method a kind of message, and who the clients are. What must not: what workers say.
"""

from __future__ import annotations

from regrow.connect.broker.admission import problem_of
from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.events import Command, Send
from regrow.connect.broker.leases import LeaseDesk
from regrow.connect.broker.requests import RequestState
from regrow.connect.broker.settings import BrokerSettings
from regrow.protocol.session.messages import (
    Accepted,
    Await,
    Cancel,
    ErrorMessage,
    Failure,
    Heartbeat,
    HeartbeatAck,
    Message,
    Settled,
    Submit,
)

__all__ = ("ClientWords",)


class ClientWords:
    """What has to be done about a word is appended to `out`."""

    def __init__(self, settings: BrokerSettings, out: list[Command], desk: LeaseDesk) -> None:
        self.connections: set[str] = set()  # of clients
        self._settings = settings
        self._out = out
        self._desk = desk
        self._book: RequestBook = desk.book

    def left(self, connection: str) -> None:
        """Forget a connection, if it is a client's."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._book.unwatch(connection)

    def said(self, connection: str, message: Message, now: float) -> None:
        """Take one message of a client that has joined."""
        match message:
            case Submit():
                self._submit(connection, message, now)
            case Await(request_ids=request_ids):
                self._await(connection, request_ids)
            case Cancel():
                self._cancel(connection, message, now)
            case Heartbeat(sequence=sequence):
                self._out.append(Send(connection, HeartbeatAck(sequence=sequence)))
            case _:
                pass  # a word that this version has no use for

    def _submit(self, connection: str, message: Submit, now: float) -> None:
        known = self._book.get(message.request_id)
        if known is not None and message.terms is not None and known.terms.fingerprint != message.terms.fingerprint:
            text = f"request {message.request_id}: expected the same function and arguments as before, got others"
            self._complain(connection, message.request_id, "idempotency_conflict", text)
            return
        if known is None:
            if self._desk.draining:
                self._complain(connection, message.request_id, "draining", "the gateway is going away, submit again")
                return
            if problem := self._problem_of(message):
                failure = Failure("rejected", *problem, retryable=problem[0] == "GatewayFull")
                self._out.append(Send(connection, Settled(request_id=message.request_id, outcome=failure, attempts=0)))
                return
            self._book.submit(message, now)
        self._out.append(Send(connection, Accepted(request_id=message.request_id), after_commit=True))

    def _problem_of(self, submit: Submit) -> tuple[str, str] | None:
        """Say why a request cannot be taken on: a type name and a text."""
        problem = problem_of(submit, max_message_bytes=self._settings.max_message_bytes)
        if problem is None and not self._book.has_room(len(submit.arguments)):
            return "GatewayFull", f"expected at most {self._settings.max_requests} open requests, got one more"
        return problem

    def _await(self, connection: str, request_ids: tuple[str, ...]) -> None:
        for request_id in request_ids:
            request = self._book.get(request_id)
            if request is None:
                text = "no such request here: never accepted, or its result was kept long enough"
                self._complain(connection, request_id, "unknown_request", text)
            elif request.state is RequestState.SETTLED:
                self._book.tell(request, connection)
            else:
                self._book.watch(request, connection)

    def _cancel(self, connection: str, message: Cancel, now: float) -> None:
        request = self._book.get(message.request_id)
        if request is None:
            self._complain(connection, message.request_id, "unknown_request", "no such request here, nothing to cancel")
        elif request.state is not RequestState.SETTLED:
            self._desk.call_off(request, Failure("cancelled", "Cancelled", message.reason), now)

    def _complain(self, connection: str, request_id: str, code: str, text: str) -> None:
        self._out.append(Send(connection, ErrorMessage(scope="request", code=code, text=text, request_id=request_id)))
