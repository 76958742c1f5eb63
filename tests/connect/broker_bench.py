"""A broker under test, its workers and its clients, as plain calls; no socket, no clock, no thread."""

from __future__ import annotations

import random
from typing import TypeVar

from regrow.connect.broker import (
    BrokerCore,
    BrokerSettings,
    Command,
    DrainStarted,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    RetryPolicy,
    Send,
    TimePassed,
)
from regrow.connect.store import StoredRequest
from regrow.protocol.session.messages import (
    Await,
    Connect,
    Failure,
    InFlight,
    Invoke,
    Message,
    Result,
    Settled,
    Submit,
    Success,
)

M = TypeVar("M")


class Bench:
    """A broker under test, and everything that it has said."""

    def __init__(self, settings: BrokerSettings | None = None, *, generation: int = 1) -> None:
        self.core = BrokerCore(
            settings or BrokerSettings(),
            generation=generation,
            rng=random.Random(1),
            retry=RetryPolicy(base=1.0, jitter=False),
        )
        self.now = 100.0
        self.commands: list[Command] = []

    def worker(
        self,
        name: str = "w1",
        *functions: str,
        capacity: int = 1,
        epoch: int = 1,
        connection: str = "",
        in_flight: tuple[InFlight, ...] = (),
        paused: bool = False,
    ) -> str:
        connection = connection or f"{name}@{epoch}"
        connect = Connect(
            role="worker",
            token="",
            instance=name,
            epoch=epoch,
            functions=functions or ("f",),
            capacity=capacity,
            in_flight=in_flight,
            paused=paused,
        )
        self.do(PeerJoined(connection, connect))
        return connection

    def client(self, name: str = "c1") -> str:
        self.do(PeerJoined(name, Connect(role="client", token="", instance=name)))
        return name

    def do(self, event: PeerJoined | PeerLeft | PeerSaid | DrainStarted | TimePassed) -> list[Command]:
        commands = self.core.receive(event, self.now)
        self.commands += commands
        return commands

    def say(self, connection: str, message: Message) -> list[Command]:
        return self.do(PeerSaid(connection, message))

    def submit(self, request_id: str = "r1", function: str = "f", **more: object) -> None:
        submit = Submit(request_id=request_id, function=function, arguments=b"", **more)  # type: ignore[arg-type]
        self.say(self.client_name, submit)
        self.say(self.client_name, Await(request_ids=(request_id,)))

    client_name = "c1"

    def advance(self, seconds: float) -> list[Command]:
        """Let time pass the way the shell does: waking at every moment that `due` names."""
        end = self.now + seconds
        commands: list[Command] = []
        while (due := self.core.due()) is not None and due <= end:
            self.now = max(self.now, due)
            commands += self.do(TimePassed())
        self.now = end
        return commands

    def said(self, kind: type[M], to: str = "") -> list[M]:
        """Everything of one kind that was said, to one peer or to all."""
        return [
            command.message
            for command in self.commands
            if isinstance(command, Send) and isinstance(command.message, kind) and to in ("", command.connection)
        ]

    def invoke(self, to: str = "") -> Invoke:
        return self.said(Invoke, to)[-1]

    def finish(self, connection: str, invoke: Invoke, outcome: Success | Failure | None = None) -> None:
        outcome = Success(b"ok") if outcome is None else outcome
        self.say(connection, Result(request_id=invoke.request_id, lease_id=invoke.lease_id, outcome=outcome))

    def settled(self) -> Settled:
        (settled,) = self.said(Settled)
        return settled

    def failure(self) -> Failure:
        outcome = self.settled().outcome
        assert isinstance(outcome, Failure)
        return outcome


def stored(request_id: str, **more: object) -> StoredRequest:
    fields: dict[str, object] = {
        "request_id": request_id,
        "function": "f",
        "arguments": b"",
        "submitted": 1.0,
        "deadline": None,
        "max_attempts": 3,
        "priority": 0,
    }
    return StoredRequest(**(fields | more))  # type: ignore[arg-type]
