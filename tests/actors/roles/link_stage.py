"""The roles of a link together, over real sockets and on a clock that stands still, against gateways of a test."""

from __future__ import annotations

from collections.abc import Callable

from regrow.actors import ActorRef, ActorSystem, SpawnOptions
from regrow.actors.roles.connection import Connection
from regrow.actors.roles.heartbeat import Heartbeat
from regrow.actors.roles.holdings import ConnectionSettings
from regrow.actors.roles.leases import Leases
from regrow.actors.roles.link_messages import CONNECTION, HEARTBEAT, LEASES, Joined, OwedKnown
from regrow.actors.roles.messages import Adopted, ExecutorBeat, Held, LinkStateChanged
from regrow.actors.roles.tls import DialTls
from regrow.actors.testing import ManualClock, Probe
from regrow.protocol.session.speaking import ConnectionProtocol, RegrowProtocol
from regrow.supervision import Backoff


class LinkStage:
    """Connection, heartbeat and leases; the executor and the outbox are probes."""

    def __init__(
        self, *urls: str, protocol: Callable[[], ConnectionProtocol] = RegrowProtocol, tls: DialTls | None = None
    ) -> None:
        self.clock = ManualClock(100.0)
        self.system = ActorSystem(clock=self.clock)
        self.executor, self.outbox = Probe(self.system), Probe(self.system)
        settings = ConnectionSettings(
            urls=urls,
            tokens=("t",),
            instance="i",
            name="n",
            functions=("f",),
            capacity=2,
            protocol=protocol,
            tls=tls or DialTls(),
            delays=Backoff(base=0.01, cap=0.05, jitter="none"),
        )
        self.connection: ActorRef[Connection] = self.system.spawn(
            Connection, settings, self.executor.ref, options=SpawnOptions(name=CONNECTION)
        )
        self.heartbeat = self.system.spawn(Heartbeat, self.executor.ref, options=SpawnOptions(name=HEARTBEAT))
        self.leases = self.system.spawn(Leases, silence_limit=1e6, options=SpawnOptions(name=LEASES))

    def introduce(self, *held: Held, paused: bool = False) -> None:
        """Say what the outbox and the executor say at the beginning of a link."""
        self.tell(OwedKnown(1, ()), Joined(self.outbox.ref, "outbox"), Adopted(epoch=1, held=held, paused=paused))
        self.leases.tell(ExecutorBeat(alive=True, running=len(held), capacity=2, held=held))

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.connection.tell(message)

    def advance(self, seconds: float) -> None:
        """Let time pass, and everybody do what is due by then."""
        self.clock.advance(seconds)
        for ref in (self.connection, self.heartbeat, self.leases, self.connection):
            self.outbox.sync(ref)

    def phase(self, phase: str) -> LinkStateChanged:
        """Wait until the session is in this phase."""
        return self.executor.fish(LinkStateChanged, match=lambda changed: changed.phase == phase)
