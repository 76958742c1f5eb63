"""What is known of a running worker: the events of its system, folded into one status.

What lives here: the fold and waiting on it. What must not: acting on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from regrow.actors import ActorExited, ActorRef, ActorSystem
from regrow.actors.roles.executor.actor import ExecutorDrained, LinkAdopted
from regrow.actors.roles.messages import HeartbeatMeasured, LinkStateChanged
from regrow.supervision.events import ChildTerminated, IntensityReached

__all__ = ("LinkStatus", "WorkerWatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStatus:
    """Where the session stands. `readies` counts READYs, `links` the link processes of this worker so far."""

    phase: str = "starting"
    connection_id: str = ""
    pid: int | None = None
    epoch: int = 0
    latency: float = 0.0
    readies: int = 0
    links: int = 0
    code: str = ""
    reason: str = ""
    retry_in: float = 0.0  # seconds that the link waits before it dials again, in phase `waiting`
    url: str = ""  # of the gateway that is in use, or dialed next


class WorkerWatch:
    """Hears the bus. Runs in: the threads that publish; waits in the caller's."""

    def __init__(self, system: ActorSystem) -> None:
        self._condition = threading.Condition()
        self._link = LinkStatus()
        self._heartbeat: HeartbeatMeasured | None = None
        self._drained = False
        self._root: ActorRef | None = None
        self._end: str | None = None  # how the root ended, in words
        self._gave_up: IntensityReached | None = None
        self._last_death = ""
        self._listeners: list[Callable[[], None]] = []
        kinds = (
            LinkStateChanged,
            LinkAdopted,
            HeartbeatMeasured,
            ExecutorDrained,
            IntensityReached,
            ChildTerminated,
            ActorExited,
        )
        self.close = system.bus.subscribe(self._hear, *kinds)

    def watch_root(self, root: ActorRef) -> None:
        """Know whose end is the end."""
        self._root = root

    def on_change(self, listener: Callable[[], None]) -> None:
        """Be called after every change; must be quick."""
        self._listeners.append(listener)

    @property
    def link(self) -> LinkStatus:
        """The session."""
        return self._link

    @property
    def heartbeat(self) -> HeartbeatMeasured | None:
        """The last statistics of the heartbeat, None before the first beat."""
        return self._heartbeat

    @property
    def ended(self) -> str | None:
        """How the tree ended, None while it lives."""
        return self._end

    @property
    def drained(self) -> bool:
        """Whether a drain is complete."""
        return self._drained

    @property
    def refused(self) -> bool:
        """Whether no gateway will ever take this worker, or it has waited for one for long enough."""
        return self._link.phase == "refused"

    def report(self) -> str:
        """Say in one line why the tree gave up."""
        parts = []
        if self._gave_up is not None:
            reached = self._gave_up
            forgiven = reached.intensity.allowance
            parts.append(f"{reached.child_id} of {reached.supervisor} needed more than {forgiven}")
        if self._last_death:
            parts.append(f"last: {self._last_death}")
        return "; ".join(parts) or f"its root ended: {self._end}"

    def wait(self, until: Callable[[], bool], timeout: float) -> bool:
        """Wait until something holds, at most `timeout` seconds; give whether it does."""
        with self._condition:
            return self._condition.wait_for(until, timeout)

    def _hear(self, event: object) -> None:
        with self._condition:
            self._fold(event)
            self._condition.notify_all()
        for listener in self._listeners:
            listener()

    def _fold(self, event: object) -> None:
        known = self._link
        match event:
            case LinkStateChanged():
                ready = event.phase == "ready"
                self._link = LinkStatus(
                    phase=event.phase,
                    connection_id=event.connection_id,
                    pid=event.pid,
                    epoch=event.epoch or known.epoch,
                    latency=event.latency if ready else known.latency,
                    readies=known.readies + ready,
                    links=known.links,
                    code=event.code,
                    reason=event.reason,
                    retry_in=event.retry_in,
                    url=event.url,
                )
            case LinkAdopted():
                self._link = LinkStatus(
                    phase=known.phase,
                    connection_id=known.connection_id,
                    pid=event.pid,
                    epoch=event.epoch,
                    latency=known.latency,
                    readies=known.readies,
                    links=known.links + 1,
                    code=known.code,
                    reason=known.reason,
                    url=known.url,
                )
            case HeartbeatMeasured():
                self._heartbeat = event
            case ExecutorDrained():
                self._drained = True
            case IntensityReached():
                self._gave_up = self._gave_up or event
            case ChildTerminated():
                if not event.expected and self._end is None:
                    self._last_death = f"{event.child_id} ended: {event.reason}"
            case ActorExited():
                if event.ref is self._root:
                    self._end = str(event.reason)
                elif event.ref.name == "link" and known.phase != "refused":
                    self._link = LinkStatus(
                        phase="down",
                        epoch=known.epoch,
                        latency=known.latency,
                        readies=known.readies,
                        links=known.links,
                        reason=str(event.reason),
                    )
