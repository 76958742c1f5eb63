"""The role that renews the leases of what runs, and only while the executor shows that it lives.

What lives here: the rule (pure `LeaseKeeper`) and its actor. A lease that is renewed by somebody who does not know
whether the work goes on is a lie; so silence of the executor, or word that it is dead, ends the renewals.
"""

from __future__ import annotations

from ...protocol.session.messages import ExtendLease, InFlight
from ..actor import Actor
from .link_messages import CONNECTION, HEARTBEAT, Joined, RoleLogged, SessionEnded, SessionReady, Tick, sibling
from .messages import ExecutorBeat
from .wire import WireClosed

__all__ = ("LeaseKeeper", "Leases")


class LeaseKeeper:
    """Says which leases may be renewed now.

    Shape: silence_limit: seconds after which the executor's last word counts no more.
    """

    def __init__(self, silence_limit: float) -> None:
        self.silence_limit = silence_limit
        self._beat: ExecutorBeat | None = None
        self._heard_at = 0.0

    def heard(self, beat: ExecutorBeat, now: float) -> None:
        """The executor has said what runs."""
        self._beat, self._heard_at = beat, now

    @property
    def alive(self) -> bool:
        """Whether the executor's last word was that it lives."""
        return self._beat is not None and self._beat.alive

    def silent_for(self, now: float) -> float:
        """Seconds since the executor's last word."""
        return now - self._heard_at if self._beat is not None else float("inf")

    def renewable(self, now: float) -> tuple[InFlight, ...]:
        """Give what may be renewed: all that is held, or nothing."""
        if self._beat is None or not self._beat.alive or self.silent_for(now) > self.silence_limit:
            return ()
        return tuple(InFlight(request_id=held.request_id, lease_id=held.lease_id) for held in self._beat.held)


class Leases(Actor):
    """Sends ExtendLease at the interval of Ready."""

    def __init__(self, *, silence_limit: float) -> None:
        super().__init__()
        self._keeper = LeaseKeeper(silence_limit)
        self._session: SessionReady | None = None
        self._order = 0
        self._warned = False

    def on_start(self) -> None:
        """Join the connection."""
        sibling(self, CONNECTION).tell(Joined(self.ref, "leases"))

    def on_receive(self, message: object) -> None:
        """Renew at the interval; remember what the executor says."""
        match message:
            case ExecutorBeat():
                self._keeper.heard(message, self.system.clock.now())
                self._warned = False
                heartbeat = self.system.whereis(HEARTBEAT)
                if heartbeat is not None:
                    heartbeat.tell(message)
            case SessionReady():
                self._session = message
                self._order += 1
                self.send_after(message.intervals.lease_renew, Tick(self._order))
            case SessionEnded():
                self._session = None
                self._order += 1
            case Tick(order=order):
                if order == self._order and self._session is not None:
                    self._renew(self._session)
                    self.send_after(self._session.intervals.lease_renew, Tick(order))

    def _renew(self, session: SessionReady) -> None:
        now = self.system.clock.now()
        requests = self._keeper.renewable(now)
        if requests:
            try:
                session.wire.send(ExtendLease(requests=requests))
            except WireClosed:
                return  # SessionEnded is under way
        elif self._keeper.silent_for(now) > self._keeper.silence_limit and not self._warned:
            self._warned = True
            text = f"leases are not renewed: the executor has said nothing for {self._keeper.silent_for(now):.0f} s"
            self.system.bus.publish(RoleLogged(self.name, "warning", text, {}))
