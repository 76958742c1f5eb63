"""Messages that hosted processes die of again and again: known by their digests, and sent to nobody any more.

A process that died with a message in hand may have died of it. From then on the child's processes write down the digest
of what they have in hand; the child's first death is counted with the next if their messages are of the same type. A
message that so many died of is refused at the sender, until it is released.

Which deaths count: every abnormal one with a message in hand that this side has not asked for, as by a signal, an exit,
an exception or a hang; not a kill or a stop by this side, nor a planned replacement. One for want of memory or time (a
limit, SIGXCPU, the OOM killer) may be that of many messages, of which the last was only in hand: it counts only if the
digest says that the message was the same each time. Who has died of nothing for an hour is no longer suspected of it.

What lives here: who has died of what, and what is refused. What must not: processes, sockets.
"""

from __future__ import annotations

import signal
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...protocol.exits import Crash, ExitReason, Killed, Signaled, is_abnormal
from ...protocol.host.messages import Ask, LinkMessage, Tell
from ..events import DeadLetter
from ..signals import ExitReport
from .digests import digest_of
from .errors import LimitExceeded, Quarantined
from .events import MessageQuarantined

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from ..ref import ActorRef
    from .peer import Outlet

__all__ = ("Held", "Quarantine", "Sieve")

SUSPECTS_MAX: Final = 256  # messages that somebody died of, not often enough; the oldest is forgotten
SUSPECT_SECONDS: Final = 3600.0  # after the last death; what comes more rarely costs less than its digests
HELD_MAX: Final = 1024  # messages that are refused; the oldest gets another chance
_STDERR_LINES: Final = 50  # kept of each report, so that it all stays small

_NONE: Final[tuple[float, tuple[ExitReport, ...]]] = (0.0, ())
_EXHAUSTED: Final = {f"{LimitExceeded.__module__}.{LimitExceeded.__qualname__}", MemoryError.__name__}


@dataclass(frozen=True, slots=True)
class Held:
    """A message that is refused: for whom, what it is, in words, and what is known of those that died of it."""

    ref: ActorRef
    in_hand: str
    digest: int
    reports: tuple[ExitReport, ...]


class Quarantine:
    """All of one system. Runs in: any thread. `now` gives monotonic seconds."""

    def __init__(self, publish: Callable[[object], None], now: Callable[[], float]) -> None:
        self._publish = publish
        self._now = now
        self._lock = threading.Lock()
        # By urn, digest, and the words where there was no digest. With the time of the last death, the oldest first.
        self._suspects: OrderedDict[tuple[str, int, str], tuple[float, tuple[ExitReport, ...]]] = OrderedDict()
        self._held: OrderedDict[tuple[str, int], Held] = OrderedDict()

    def held(self) -> tuple[Held, ...]:
        """Give all that is refused, the oldest first."""
        with self._lock:
            return tuple(self._held.values())

    def release(self, ref: ActorRef, digest: int | None = None) -> int:
        """Let a message of a child in again, or without a digest all of them; say how many that were."""
        with self._lock:
            keys = [key for key in self._held if key[0] == ref.urn and digest in {None, key[1]}]
            for key in keys:
                del self._held[key]
            return len(keys)

    def died(self, ref: ActorRef, reason: ExitReason, report: ExitReport, *, digest: int, deaths: int) -> Held | None:
        """Hear of a death that nobody here has asked for; say which message is refused from now on.

        `digest`: of that in hand, 0: nobody knows.
        `deaths`: so many have to have died of one; 0: however many do.
        """
        words = report.in_hand
        if words is None or not deaths or not is_abnormal(reason) or isinstance(reason, Killed):
            return None
        kept = replace(report, stderr_tail=report.stderr_tail[-_STDERR_LINES:])
        with self._lock:
            self._expire()
            # Without a digest this one does not count, but from now on digests are written down.
            counts = bool(digest) or not _is_exhausted(reason, report)
            held = self._count(ref, words, digest, (kept,) if counts else (), deaths)
        if held is not None:
            self._publish(MessageQuarantined(ref, words, digest, held.reports))
            self._publish(DeadLetter(ref, words, f"quarantined: {len(held.reports)} processes have died of it"))
        return held

    def suspects(self, ref: ActorRef) -> bool:
        """Say whether the next process of this child has to write down digests."""
        with self._lock:
            self._expire()
            return any(urn == ref.urn for urn, _, _ in self._suspects)

    def holds(self, urn: str) -> bool:
        """Say whether anything is refused for this child."""
        with self._lock:
            return any(key[0] == urn for key in self._held)

    def refused(self, urn: str, digest: int) -> Held | None:
        """Give the message if it is refused."""
        return self._held.get((urn, digest))

    def _count(
        self, ref: ActorRef, words: str, digest: int, report: tuple[ExitReport, ...], deaths: int
    ) -> Held | None:
        key = (ref.urn, digest, "" if digest else words)
        _, before = self._suspects.pop((ref.urn, 0, words), _NONE) if digest else _NONE
        reports = (*before, *self._suspects.pop(key, _NONE)[1], *report)
        if not digest or len(reports) < deaths:
            self._suspects[key] = (self._now(), reports[-deaths:])
            while len(self._suspects) > SUSPECTS_MAX:
                self._suspects.popitem(last=False)
            return None
        held = self._held[ref.urn, digest] = Held(ref, words, digest, reports)
        while len(self._held) > HELD_MAX:
            self._held.popitem(last=False)
        return held

    def _expire(self) -> None:
        before = self._now() - SUSPECT_SECONDS
        while self._suspects and next(iter(self._suspects.values()))[0] < before:
            self._suspects.popitem(last=False)


def _is_exhausted(reason: ExitReason, report: ExitReport) -> bool:
    """Say whether a process has ended for want of memory or time."""
    if isinstance(reason, Crash):
        return reason.type in _EXHAUSTED
    return isinstance(reason, Signaled) and (reason.signo == signal.SIGXCPU or report.oom == "likely")


class Sieve:
    """An outlet that lets through what is not refused. Stands before that of a child with a message in quarantine.

    It tells nobody: locks may be held here. What is told, and refused, is a dead letter by `HostedProcess.put`.
    """

    def __init__(self, quarantine: Quarantine, ref: ActorRef, outlet: Outlet) -> None:
        self._quarantine = quarantine
        self._ref = ref
        self._outlet = outlet

    def send(self, message: LinkMessage, to: object = "") -> None:
        """Send a message. Errors: Quarantined, and as the outlet behind."""
        if isinstance(message, Tell | Ask):
            self._check(message.to, message.body)
        self._outlet.send(message, to)

    def tell(self, urn: str, body: Buffer, to: object) -> None:
        """Send a Tell. Errors: as `send`."""
        self._check(urn, body)
        self._outlet.tell(urn, body, to)

    def tell_raw(self, urn: str, said: tuple[bytes, Buffer], to: object) -> None:
        """Send a Tell whose body is in two pieces. Errors: as `send`."""
        self._check(urn, *said)
        self._outlet.tell_raw(urn, said, to)

    def _check(self, urn: str, *body: Buffer) -> None:
        held = self._quarantine.refused(urn, digest_of(*body)) if urn == self._ref.urn else None
        if held is not None:
            raise Quarantined(self._ref, held.in_hand, held.digest, len(held.reports))
