"""The role that keeps results on disk until the gateway has acknowledged them.

stored -> the executor is told so -> sent -> acknowledged -> deleted; re-sent at every READY. The file outlives this
process, the link and the main process; the worker's instance owns it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ..actor import Actor
from ..errors import ActorDeadError
from ..hosting.errors import OutboxFull
from ..ref import ActorRef
from .link_messages import (
    CONNECTION,
    LEASES,
    Joined,
    OwedKnown,
    ResultAcknowledged,
    ResultWanted,
    RoleLogged,
    SendResult,
    SessionEnded,
    SessionReady,
    Tick,
    sibling,
)
from .messages import Adopt, InvocationFinished, OutboxEmptied, ResultStored, SayWhenEmpty
from .outbox_store import OutboxStore, OwedResult

__all__ = ("Outbox",)

_CLEAN_UP_SECONDS: Final = 0.2  # acknowledged results are deleted together, at the latest after so long


class Outbox(Actor):
    """Owns the file. Bounded: over `max_bytes` a result stays with the executor, which then takes nothing new."""

    def __init__(
        self,
        path: str,
        *,
        executor: ActorRef,
        max_bytes: int,
    ) -> None:
        super().__init__()
        self._path = Path(path)
        self._executor = executor
        self._max_bytes = max_bytes
        self._store: OutboxStore | None = None  # set by on_start
        self._owed: dict[str, OwedResult] = {}  # what is on disk, in the order it came
        self._turned_away: dict[str, InvocationFinished] = {}  # over the bound; taken in when there is room
        self._ready = False
        self._epoch = 0
        self._acknowledged: list[str] = []  # to be deleted with the next result that is stored, or soon
        self._say_when_empty = False

    def on_start(self) -> None:
        """Open the file, say what is owed from before, and ask the executor what it holds."""
        self._connection = sibling(self, CONNECTION)
        self._store = OutboxStore(self._path)
        self._epoch = self._store.next_epoch()
        owed = self._store.owed()
        self._owed = {result.request_id: result for result in owed}
        self._connection.tell(OwedKnown(self._epoch, tuple(owed)))
        self._connection.tell(Joined(self.ref, "outbox"))
        self._executor.tell(
            Adopt(
                epoch=self._epoch,
                pid=os.getpid(),
                connection=self._connection,
                outbox=self.ref,
                leases=sibling(self, LEASES),
            )
        )

    def on_stop(self) -> None:
        """Close the file."""
        if self._store is not None:
            self._clean_up()
            self._store.close()

    def on_failure(self, *_: object) -> None:
        """Close the file as it is; the next life opens it again."""
        if self._store is not None:
            self._store.close()

    def on_receive(self, message: object) -> None:
        """Take results in, send them, forget them."""
        match message:
            case InvocationFinished():
                self._take_in(message)
            case ResultAcknowledged():
                self._forget(message)
            case ResultWanted():
                self._renew_lease(message)
            case SessionReady():
                self._ready = True
                for result in self._owed.values():
                    self._connection.tell(SendResult(result))
            case SessionEnded():
                self._ready = False
            case Tick():
                self._clean_up()
            case SayWhenEmpty():
                self._say_when_empty = True
                self._maybe_say_empty()

    def _take_in(self, finished: InvocationFinished) -> None:
        known = self._owed.get(finished.request_id)
        if known is not None and known.lease_id >= finished.lease_id:
            self._tell_executor(ResultStored(request_id=finished.request_id, lease_id=finished.lease_id))
            return
        store = self._opened()
        if self._owed and store.bytes + len(finished.outcome) > self._max_bytes:
            self._clean_up()
        if self._owed and store.bytes + len(finished.outcome) > self._max_bytes:
            if not self._turned_away:
                text = f"outbox is full: {store.bytes} bytes wait for the gateway, at most {self._max_bytes} may"
                self.system.bus.publish(RoleLogged(self.name, "warning", text, {}))
            self._turned_away[finished.request_id] = finished
            return
        result = OwedResult(finished.request_id, finished.lease_id, finished.outcome)
        store.put([result], remove=self._acknowledged)
        self._acknowledged.clear()
        self._owed[result.request_id] = result
        self._tell_executor(ResultStored(request_id=result.request_id, lease_id=result.lease_id))
        if self._ready:
            self._connection.tell(SendResult(result))

    def _forget(self, acknowledged: ResultAcknowledged) -> None:
        known = self._owed.get(acknowledged.request_id)
        if known is None or acknowledged.lease_id < known.lease_id:
            return  # of a lease that a newer one has replaced since
        del self._owed[acknowledged.request_id]
        if not self._acknowledged:
            self.send_after(_CLEAN_UP_SECONDS, Tick())
        self._acknowledged.append(acknowledged.request_id)
        if not acknowledged.accepted:
            text = f"the gateway did not want the result of {acknowledged.request_id}: its lease was over"
            self.system.bus.publish(RoleLogged(self.name, "info", text, {"request_id": acknowledged.request_id}))
        while self._turned_away:
            finished = self._turned_away.pop(next(iter(self._turned_away)))
            self._take_in(finished)
            if finished.request_id in self._turned_away:
                break
        self._maybe_say_empty()

    def _clean_up(self) -> None:
        """Delete what is acknowledged. Late on purpose: after a crash it is sent once more, and refused as known."""
        if self._acknowledged:
            self._opened().put(remove=self._acknowledged)
            self._acknowledged.clear()

    def _renew_lease(self, wanted: ResultWanted) -> None:
        known = self._owed.get(wanted.request_id)
        if known is None:
            return
        result = OwedResult(known.request_id, wanted.lease_id, known.outcome)
        self._opened().put([result])
        self._owed[result.request_id] = result
        if self._ready:
            self._connection.tell(SendResult(result))

    def _maybe_say_empty(self) -> None:
        if self._say_when_empty and not self._owed and not self._turned_away:
            self._say_when_empty = False
            self._tell_executor(OutboxEmptied(epoch=self._epoch))

    def _opened(self) -> OutboxStore:
        if self._store is None:
            raise AssertionError("on_start opens the file before any message")
        return self._store

    def _tell_executor(self, message: object) -> None:
        try:
            self._executor.tell(message)
        except (ActorDeadError, OutboxFull):
            return  # it is being restarted, then this link is too; or it does not read now, and will send it again
