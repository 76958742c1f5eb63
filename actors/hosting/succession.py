"""The replacement of a process that is worn out, by another one behind the same ref: started first, stopped last.

The heir is started while the old process goes on. When it is ready it takes over: what is sent to the ref from then on
waits for it, the old process finishes all that it was sent before and ends, and then the heir gets what has waited. So
no message is lost or handled twice, their order stays, and never do two processes handle messages at a time.

For everybody else the child lives on: names, groups, links and monitors stay, its supervisor counts no restart, no end
is announced; `ProcessReplaced` tells of it. An heir that does not become ready changes nothing but for an event,
`ReplacementFailed`, and another is tried later. If the old process dies while the heir starts, that is the end of the
child.

What lives here: who is active, heir and retired. What must not: when a process is worn out (`wear.py`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from ...protocol.errors import RegrowError
from ...protocol.exits import NORMAL, ExitReason, crash_of
from ..errors import ActorDeadError
from ..mailbox import Envelope
from ..outcome import StartOutcome
from ..pykka_seam import ActorStop
from ..signals import ExitReport
from .conception import ProcessState
from .errors import OutboxFull
from .events import ProcessReplaced, ReplacementFailed

if TYPE_CHECKING:
    from ..ref import ActorRef
    from .hosted_process import HostedProcess

__all__ = ("Conceive", "Succession")

RETRY_SECONDS: Final = 30.0  # after an heir that did not become ready
TAKE_OVER_SECONDS: Final = 0.1  # between tries, while the outbox of the one before is full

SIGNALS_KEPT: Final = 64  # the newest; who is sent more of them dies of the first, as a rule

_Signal: TypeAlias = "tuple[HostedProcess, ActorRef | None, ExitReason, int]"

Conceive = Callable[[int, Callable[[StartOutcome], None]], "HostedProcess"]
"""Begin another process of the same child, with this incarnation; its outcome comes as that of any start."""


class Succession:
    """The processes of one life of a child. Runs in: the I/O thread, but for `put` and `kill`."""

    def __init__(self, first: HostedProcess, conceive: Conceive) -> None:
        self.active = first  # who gets what is sent to the ref
        self.begun_as: Final = first.incarnation
        self._conceive = conceive
        self._lock = threading.Lock()  # guards the three below and `active` against those who send, and who kill
        self._heir: HostedProcess | None = None  # starts
        self._retired: HostedProcess | None = None  # finishes what it was sent
        self._ending = False  # the child is to end: nobody takes over any more
        self._why = ""  # of the replacement under way
        self._retry_at = 0.0
        self._signals: deque[_Signal] = deque(maxlen=SIGNALS_KEPT)  # to the one that is active, or was then
        self._announce: Callable[[], None] | None = None  # the end of the child, which waits for that of the retired

    # What its processes tell it.

    def put(self, envelope: Envelope) -> None:
        """Send a message to whoever is active. Runs in: any thread. Errors: as HostedProcess.put."""
        with self._lock:
            life = self.active
            life.post(envelope)
            self._ending = self._ending or type(envelope.message) is ActorStop
            full = life.upkeep.sent()
        if full:
            life.alarms.later("replace", 0.0, self.check)

    def signalled(self, life: HostedProcess, sender: ActorRef | None, reason: ExitReason, incarnation: int) -> None:
        """Hear of an exit signal to a process: if it has retired when it dies of it, it was meant for its heir, too."""
        self._signals.append((life, sender, reason, incarnation))

    def check(self) -> None:
        """See whether the active one is worn out, and have it replaced; else see again when it may be by its age."""
        life = self.active
        now = life.system.clock.now()
        why, due = life.upkeep.worn(now), life.upkeep.due
        if why is not None and now >= self._retry_at:
            self._replace(why)
        elif due is not None and now < due:
            life.alarms.later("replace", due - now, self.check)

    def part_of(self, life: HostedProcess) -> str | None:
        """Say what a process is to a replacement under way: "replacing" or "retiring". Runs in: any thread."""
        if life is self._retired:
            return "retiring"
        return "replacing" if life is self.active and self._heir is not None else None

    def stopping(self, life: HostedProcess, reason: ExitReason, deadline: float | None) -> None:
        """Hear that a process was asked to stop: if it is the active one, so are the others."""
        if life is not self.active:
            return
        self._ending = True
        if self._heir is not None:
            self._heir.slay()
        if self._retired is not None:
            self._retired.stop(reason, deadline)

    def kill(self) -> None:
        """End the child: kill all that it has. Runs in: any thread."""
        with self._lock:
            self._ending = True
            lives = (self.active, self._heir, self._retired)
        for life in lives:
            if life is not None:
                life.slay()

    def ended(self, life: HostedProcess, reason: ExitReason, report: ExitReport, announce: Callable[[], None]) -> None:
        """Hear of the end of a process; `announce` makes it the end of the child."""
        if life is self._retired:
            self._settle(life, reason, report)
            life.stopped.set()
        elif life is not self.active:
            self._heir = None
            self._failed(reason, report)
            life.stopped.set()
        elif self._retired is not None:
            self._announce = announce
            if life.asked is None:  # else so was the other, and has the time to end that the child was given
                self._retired.stop(reason, life.system.clock.now() + life.system.hosting.orphan_grace)
        else:
            self._ending = True
            if self._heir is not None:
                self._heir.slay()
            announce()

    # The replacement.

    def _replace(self, why: str) -> None:
        old = self.active
        if self._heir is not None or self._retired is not None or self._ending or old.state is not ProcessState.READY:
            return
        self._why = why
        try:
            self._heir = self._conceive(old.incarnation + 1, lambda _outcome: self._take_over())
        except (RegrowError, OSError) as error:
            self._failed(crash_of(error), None)

    def _take_over(self) -> None:
        old, heir = self.active, self._heir
        if heir is None:
            raise AssertionError("an heir that nobody has conceived is ready")
        with self._lock:
            if self._ending or old.state is not ProcessState.READY:
                heir.slay()
                return
            try:
                old.post(Envelope(ActorStop()))  # the last that it gets
            except OutboxFull:  # it reads nothing at the moment; if it never does, it is killed for that
                heir.alarms.later("take over", TAKE_OVER_SECONDS, self._take_over)
                return
            except ActorDeadError:
                pass  # it dies at this moment: then it has finished
            self._heir, self._retired, self.active = None, old, heir
            heir.ref.bind(heir)
        for peer in old.interest.linked_ones():
            heir.linked(peer)
        self.check()

    def _settle(self, old: HostedProcess, reason: ExitReason, report: ExitReport) -> None:
        heir, self._retired = self.active, None
        heir.system.bus.publish(ProcessReplaced(heir.ref, heir.incarnation, self._why, old.incarnation, reason, report))
        announce, self._announce = self._announce, None
        if announce is not None:
            announce()
            return
        heir.doorstep.admit()
        self._pass_on_signals(old, reason)
        self.check()

    def _pass_on_signals(self, old: HostedProcess, reason: ExitReason) -> None:
        signals = list(self._signals)
        self._signals.clear()
        for life, sender, said, incarnation in signals:
            if life is not old:
                self._signals.append((life, sender, said, incarnation))
            elif said == reason != NORMAL:  # it died of it
                self.active.exit_signal(sender, said, incarnation=incarnation)

    def _failed(self, reason: ExitReason, report: ExitReport | None) -> None:
        old = self.active
        if self._ending or old.state is not ProcessState.READY:
            return
        old.system.bus.publish(ReplacementFailed(old.ref, old.incarnation, self._why, reason, report))
        self._retry_at = old.system.clock.now() + RETRY_SECONDS
        old.alarms.later("replace", RETRY_SECONDS, self.check)
