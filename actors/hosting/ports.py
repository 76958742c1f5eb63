"""The open ports of one system: who has opened which, so that they are closed with their actors."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ...protocol.exits import NOPROC
from ..clock import monotonic
from ..errors import ActorDeadError, SystemClosed
from ..events import ActorExited
from ..life import Life
from .errors import PortUnusable
from .home import Home
from .port import Port
from .port_link import PortLink
from .port_states import Step

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem
    from .loop import IoLoop

__all__ = ("Ports",)

FLUSH_SECONDS: Final = 1.0  # for what was told at last, when the system ends


class Ports:
    """Implements Part. Runs in: any thread."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._lock = threading.Lock()
        self._links: dict[tuple[ActorRef, int], set[PortLink]] = {}  # by their actors and the numbers of their lives
        self._closed = False
        system.bus.subscribe(self._exited, ActorExited)
        if isinstance(system.host_link, Home):
            system.host_link.ports = self

    @property
    def _loop(self) -> IoLoop:
        home = self._system.host_link
        return home.loop if isinstance(home, Home) else self._system.hosting.loop

    def open(self, port: Port, owner: ActorRef) -> None:
        """Have an actor hear of a port. Errors: as `Port.open`."""
        life = owner.cell
        if not isinstance(life, Life):
            raise ValueError(f"Port.open: expected the ref of an actor in this process, got {owner}")
        link = PortLink(port, life, self._loop, self._drop)
        try:
            with self._lock:
                if self._closed or self._system.closed:
                    raise SystemClosed(self._system.name)
                self._links.setdefault((owner, life.incarnation), set()).add(link)
            port.take(Step.OPENED, link=link)
        except (PortUnusable, SystemClosed):
            link.leave()
            raise
        if owner.cell is not life or not self._system.relations.is_living(owner):
            port.close(NOPROC)  # its end may have been announced before the port was noted
            raise ActorDeadError(owner)

    def close(self) -> None:
        """Write what is left of what was told, within a second, and let go of all. Runs in: who ends the system."""
        with self._lock:
            self._closed = True
            left = [link for links in self._links.values() for link in links]
        deadline = monotonic() + FLUSH_SECONDS
        for link in left:
            link.port.close(NOPROC)
        for link in left:
            link.flush(max(0.0, deadline - monotonic()))
            if not self._loop.run(link.leave, FLUSH_SECONDS):
                link.leave()

    def disown(self) -> None:
        """Let go of them in a fork: they are our parent's. Runs in: the only thread of the fork."""
        self._lock = threading.Lock()  # another thread may have held it when it forked
        for links in self._links.values():
            for link in links:
                link.disown()
        self._links.clear()

    def _exited(self, event: object) -> None:
        if isinstance(event, ActorExited) and self._links:
            with self._lock:
                links = tuple(self._links.get((event.ref, event.incarnation), ()))
            for link in links:
                link.port.close(event.reason)

    def _drop(self, link: PortLink) -> None:
        key = (link.life.ref, link.life.incarnation)
        with self._lock:
            links = self._links.get(key)
            if links is not None:
                links.discard(link)
                if not links:
                    del self._links[key]
