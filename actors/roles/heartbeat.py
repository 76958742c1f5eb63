"""The role that says "alive" on time, and notices when the other side does not.

What lives here: the schedule (absolute: due_n = t0 + n * interval, so lateness does not add up) and its statistics,
pure; and the actor. It sends on the shared wire itself: a beat never waits in the connection's mailbox.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from ...protocol.session.messages import Heartbeat as HeartbeatMessage
from ..actor import Actor
from ..errors import ActorDeadError
from ..hosting.errors import OutboxFull
from ..ref import ActorRef
from .link_messages import (
    CONNECTION,
    BeatAcknowledged,
    Joined,
    RoleLogged,
    SessionEnded,
    SessionReady,
    SilenceOverdue,
    Tick,
    sibling,
)
from .losses import Loss
from .messages import ExecutorBeat, HeartbeatMeasured
from .wire import WireClosed

__all__ = ("BeatSchedule", "Heartbeat", "LatenessStatistics")

_SAMPLES: Final = 2048  # lateness samples kept for the percentile
_REPORT_SECONDS: Final = 1.0  # statistics go to the main process at most this often


@dataclass(slots=True)
class BeatSchedule:
    """When beats are due. Beats that were missed whole are counted and left out: a burst of old beats says nothing.

    >>> schedule = BeatSchedule(start=10.0, interval=5.0)
    >>> schedule.due, schedule.beaten(now=15.01), schedule.due
    (15.0, 0, 20.0)
    >>> schedule.beaten(now=31.0), schedule.due
    (2, 35.0)
    """

    start: float
    interval: float
    number: int = 1

    @property
    def due(self) -> float:
        """Monotonic seconds of the next beat."""
        return self.start + self.number * self.interval

    def beaten(self, now: float) -> int:
        """The beat that was due is done at `now`; give how many later ones were missed whole meanwhile."""
        behind = max(0, int((now - self.due) / self.interval))
        self.number += 1 + behind
        return behind


class LatenessStatistics:
    """How late beats were: count, worst, 99th percentile of the last samples."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=_SAMPLES)
        self.count = 0
        self.worst = 0.0
        self.missed = 0

    def add(self, lateness: float, missed: int) -> None:
        """Note one beat, in seconds."""
        self.count += 1
        self.missed += missed
        self.worst = max(self.worst, lateness)
        self._samples.append(lateness)

    @property
    def p99(self) -> float:
        """99th percentile, 0 without samples."""
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0


class Heartbeat(Actor):
    """Beats while a session is ready; aborts it when the gateway has been silent for too many beats."""

    def __init__(self, executor: ActorRef) -> None:
        super().__init__()
        self._executor = executor
        self._session: SessionReady | None = None
        self._schedule: BeatSchedule | None = None
        self._order = 0  # tells ticks of this session from those of an earlier one
        self._sequence = 0
        self._statistics = LatenessStatistics()
        self._sent_at: dict[int, float] = {}  # beats that wait for their acknowledgement
        self._round_trip = 0.0
        self._reported_at = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._beat = ExecutorBeat(alive=False, running=0, capacity=0)

    def on_start(self) -> None:
        """Join the connection."""
        sibling(self, CONNECTION).tell(Joined(self.ref, "heartbeat"))

    def on_receive(self, message: object) -> None:
        """Beat, and listen for the answers."""
        match message:
            case Tick(order=order):
                if order == self._order:
                    self._send_beat()
            case BeatAcknowledged(sequence=sequence):
                sent_at = self._sent_at.pop(sequence, None)
                if sent_at is not None:
                    self._round_trip = self.system.clock.now() - sent_at
            case ExecutorBeat():
                self._beat = message
            case SessionReady():
                self._session = message
                self._order += 1
                self._sent_at.clear()
                self._schedule = BeatSchedule(self.system.clock.now(), message.intervals.heartbeat)
                self._arm(self._schedule)
                self._listen(message)
            case SilenceOverdue(order=order):
                if order == self._order and self._session is not None:
                    self._listen(self._session)
            case SessionEnded():
                self._session = None
                self._order += 1

    def _arm(self, schedule: BeatSchedule) -> None:
        self.send_after(max(0.0, schedule.due - self.system.clock.now()), Tick(self._order))

    def _listen(self, session: SessionReady) -> None:
        """Give up a session that has been silent for too long, at that moment; else look again when it could be."""
        left = session.intervals.silence_limit - session.wire.silent_for()
        if left <= 0:
            self._give_up(session)
        else:
            self.send_after(left, SilenceOverdue(self._order))

    def _send_beat(self) -> None:
        session, schedule = self._session, self._schedule
        if session is None or schedule is None:
            return
        self._sequence += 1
        due = schedule.due
        beat = HeartbeatMessage(
            sequence=self._sequence,
            due_ns=int(due * 1e9),
            running=self._beat.running,
            capacity=self._beat.capacity,
            executor_alive=self._beat.alive,
        )
        self._sent_at[self._sequence] = self.system.clock.now()
        try:
            session.wire.send(beat)
        except WireClosed:
            return  # SessionEnded is under way
        now = self.system.clock.now()
        self._statistics.add(now - due, schedule.beaten(now))
        self._recent.append((due, now - due))
        self._arm(schedule)
        self._report(now, session)

    def _give_up(self, session: SessionReady) -> None:
        every, silent = session.intervals.heartbeat, session.wire.silent_for()
        text = f"expected a word from the gateway every {every:g} s, heard nothing for {silent:.1f} s"
        loss = Loss(kind="silent", code="heartbeat_missed", text=text)
        self._session = None
        session.wire.abort(loss)  # at once: the connection may be blocked in a send on this very wire
        self.system.bus.publish(RoleLogged(self.name, "warning", text, {}))

    def _report(self, now: float, session: SessionReady) -> None:
        if now - self._reported_at < _REPORT_SECONDS and self._statistics.count > 1:
            return
        self._reported_at = now
        while len(self._sent_at) > _SAMPLES:
            del self._sent_at[min(self._sent_at)]
        measured = HeartbeatMeasured(
            count=self._statistics.count,
            interval=session.intervals.heartbeat,
            worst_lateness=self._statistics.worst,
            p99_lateness=self._statistics.p99,
            last_round_trip=self._round_trip,
            missed=self._statistics.missed,
            recent=tuple(self._recent),
            silence=session.wire.silent_for(),
            silence_limit=session.intervals.silence_limit,
        )
        try:
            self._executor.tell(measured)
        except (ActorDeadError, OutboxFull):
            return  # the main process is going or restarting its executor; the next report comes soon
        self._recent.clear()
