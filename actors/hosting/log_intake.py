"""The log records of one life, as they come home: numbered, counted, handed on.

Runs in: the I/O thread. Subscribers and the log sink are called there, too, so they must be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...protocol.host.log_lane import unpack_records
from ...protocol.host.messages import Logs
from ..events import LogReceived
from .events import LogsLost
from .pipes import give_to_log_sink

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("LogIntake",)


class LogIntake:
    """Counts what has come, and what is missing."""

    def __init__(self, system: ActorSystem, ref: ActorRef, incarnation: int) -> None:
        self._system = system
        self._ref = ref
        self._incarnation = incarnation
        self._sequence = 0  # of the last that came

    def take(self, logs: Logs) -> None:
        """Hand on what shared a frame. Errors: RemoteProtocolError for what is no record."""
        packed = unpack_records(logs.records)
        system, ref, incarnation = self._system, self._ref, self._incarnation
        publishing = system.bus.wants(LogReceived)
        for each in packed:
            dropped = each.sequence - self._sequence - 1
            self._sequence = max(self._sequence, each.sequence)
            if publishing or system.log_sink is not None:
                record = each.record(logs.pid, incarnation, max(0, dropped))
                if publishing:
                    system.bus.publish(LogReceived(ref, record))
                give_to_log_sink(system, record, ref)

    def end(self, numbered: int) -> None:
        """Say what was numbered there and will never come, since the process has ended."""
        if numbered > self._sequence:
            self._system.bus.publish(LogsLost(self._ref, self._incarnation, numbered - self._sequence))
