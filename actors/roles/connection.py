"""The role that owns the session with the gateway: dial, handshake, read, drain, dial again.

What lives here: the shell around `SessionProtocol` (what may be said), `ReconnectPolicy` (when to come back) and
`Wire` (the socket). What must not: user code, results on disk, beats, leases; those are the siblings' duties.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, assert_never

from ...protocol.errors import CodecError, FrameTooLarge
from ...protocol.exits import ExitReason
from ...protocol.session.messages import (
    SUBPROTOCOL,
    Ack,
    Busy,
    Cancel,
    Closing,
    Drain,
    ErrorMessage,
    Failure,
    HeartbeatAck,
    Hello,
    Invoke,
    Lease,
    Message,
    Pause,
    Progress,
    Ready,
    Result,
    ResultAck,
)
from ...protocol.session.states import Phase
from ..actor import Actor
from ..errors import ActorDeadError
from ..hosting.errors import OutboxFull
from ..ref import ActorRef
from .holdings import ConnectionSettings, Holdings
from .link_messages import (
    BeatAcknowledged,
    DialNow,
    HandshakeOverdue,
    Joined,
    OwedKnown,
    ResultAcknowledged,
    ResultWanted,
    RetiringOverdue,
    RoleLogged,
    SendResult,
    SessionEnded,
    SessionReady,
)
from .messages import (
    Adopted,
    CancelInvocation,
    InvocationOffered,
    InvocationProgressed,
    InvocationRefused,
    InvocationTaken,
    LinkStateChanged,
    PauseLink,
)
from .outbox_store import OwedResult
from .outcomes import outcome_from_bytes
from .reconnect import GiveUp, Loss, ReconnectPolicy, Retry, loss_of_refusal
from .wire import Dialer, Heard, Lost, Opened, Wire, WireClosed

if TYPE_CHECKING:
    from ..timers import Timer

__all__ = ("Connection",)

_HANDSHAKE_SECONDS: Final = 10.0
"""From the dial to READY, the whole of it; inngest gives 10 s to connecting alone."""


class Connection(Actor):
    """Owns the session. It blocks in a send while the gateway does not read; `Wire.abort` ends such a wait."""

    def __init__(self, settings: ConnectionSettings, executor: ActorRef) -> None:
        super().__init__()
        self._settings = settings
        self._executor = executor
        self._policy = ReconnectPolicy(settings.delays, self.system.rng)
        self._dialer = Dialer(settings.url, self._tell_self, self.system.clock.now, ca_file=settings.ca_file)
        self._siblings: dict[str, ActorRef] = {}  # by role, as they have joined
        self._dial = 0  # number of the dial in progress or in use
        self._dialed_at = 0.0
        self._wire: Wire | None = None  # open, perhaps not ready
        self._retiring: Wire | None = None  # draining, until its successor is ready
        self._greeted = False  # Hello has come on _wire
        self._ready: SessionReady | None = None
        self._holdings = Holdings()
        self._gave_up = False
        self._refusal: Loss | None = None  # what an ErrorMessage said, before the close that follows it
        self._dial_timer: Timer | None = None

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_start(self) -> None:
        """Dial at once; a gateway that is not there is no reason not to start."""
        self._begin_dial()

    def on_stop(self) -> None:
        """Say Closing and let go of every socket. Leases are given back for others only if nothing runs under them any
        more: this role may be restarted alone, and what runs meanwhile is adopted by its next life.
        """
        self._close_all("the worker stops", release=not (self._executor.is_alive() and self._holdings.runs))

    def on_failure(self, *_: object) -> None:
        """Let go of every socket; the next life dials anew and holds on to what runs."""
        for wire in (self._wire, self._retiring):
            if wire is not None:
                wire.abort(Loss(kind="closed", code="crash", text="the connection role crashed"))
        self._dialer.join(0.5)

    def on_stop_request(self, reason: ExitReason) -> None:
        """End at once: results are on disk, and what runs is known to the executor."""
        self.exit(reason)

    # ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_receive(self, message: object) -> None:
        """Take what the wire, the siblings and the executor say."""
        match message:
            case Opened() | Heard() | Lost():
                self._on_wire(message)
            case InvocationTaken() | InvocationRefused() | InvocationProgressed() | Adopted() | PauseLink():
                self._on_executor(message)
            case Joined() | OwedKnown() | SendResult():
                self._on_sibling(message)
            case DialNow():
                self._begin_dial()
            case HandshakeOverdue():
                self._handshake_overdue(message.dial)
            case RetiringOverdue():
                if message.wire is self._retiring:
                    self._retire()
            case _:
                self._log("warning", f"connection: unexpected {type(message).__name__}")

    def _on_executor(
        self, message: InvocationTaken | InvocationRefused | InvocationProgressed | Adopted | PauseLink
    ) -> None:
        match message:
            case InvocationTaken(request_id=request_id, lease_id=lease_id):
                self._holdings.taken(request_id, lease_id)
                self._say(Ack(request_id=request_id, lease_id=lease_id))
            case InvocationRefused(request_id=request_id, lease_id=lease_id, reason=reason):
                self._say(Busy(request_id=request_id, lease_id=lease_id, reason=reason))
            case InvocationProgressed(request_id=request_id, done=done, total=total, note=note):
                self._say(Progress(request_id=request_id, done=done, total=total, note=note))
            case Adopted(held=held, paused=paused):
                self._holdings.adopt(((each.request_id, each.lease_id) for each in held), paused=paused)
                self._say_connect()
            case PauseLink(reason=reason):
                self._holdings.paused = True
                if self._ready is not None and self._ready.wire.phase is Phase.ACTIVE:
                    self._say(Pause(reason=reason))
            case _:
                assert_never(message)

    def _on_sibling(self, message: Joined | OwedKnown | SendResult) -> None:
        match message:
            case Joined(ref=ref, role=role):
                self._siblings[role] = ref
                if self._ready is not None:
                    self._tell(ref, self._ready)
            case OwedKnown(epoch=epoch, results=results):
                self._holdings.epoch = epoch
                self._holdings.owe((result.request_id, result.lease_id) for result in results)
                self._say_connect()
            case SendResult(result=result):
                self._send_result(result)
            case _:
                assert_never(message)

    def _on_wire(self, event: Opened | Heard | Lost) -> None:
        match event:
            case Opened():
                if event.wire.dial == self._dial and not self._gave_up:
                    self._wire, self._greeted = event.wire, False
                else:
                    event.wire.abort(Loss(kind="closed", code="superseded", text="another dial has taken over"))
            case Heard():
                if event.wire in (self._wire, self._retiring):
                    self._hear(event.wire, event.message)
            case Lost():
                self._lost(event)
            case _:
                assert_never(event)

    # ── dial and handshake ──────────────────────────────────────────────────────────────────────────────────────────

    def _begin_dial(self) -> None:
        if self._gave_up or self._wire is not None:
            return
        self._dial_timer = None
        self._dialed_at = self.system.clock.now()
        self._refusal = None
        self._dial = self._dialer.dial()
        self.send_after(_HANDSHAKE_SECONDS, HandshakeOverdue(self._dial))
        self._announce(LinkStateChanged(phase="connecting"))

    def _say_connect(self) -> None:
        """Introduce ourselves once the gateway has greeted and it is known what we hold."""
        wire = self._wire
        if wire is not None and self._greeted and self._holdings.complete and wire.session.connect is None:
            self._say_on(wire, self._holdings.connect(self._settings))

    def _handshake_overdue(self, dial: int) -> None:
        if dial != self._dial or self._ready is not None or self._gave_up:
            return
        waits = "its greeting" if not self._greeted else "READY"
        text = f"expected {waits} within {_HANDSHAKE_SECONDS:g} s of the dial"
        if self._wire is not None:
            self._wire.abort(Loss(kind="silent", code="handshake_timeout", text=text))

    def _session_ready(self, wire: Wire, ready: Ready) -> None:
        intervals = wire.session.intervals
        if intervals is None:
            raise AssertionError("Ready has been received, so its intervals are known")
        now = self.system.clock.now()
        self._policy.ready(now)
        self._ready = SessionReady(wire, intervals, ready.connection_id)
        self._retire()
        if self._holdings.paused and wire.phase is Phase.ACTIVE:
            self._say(Pause())
        self._announce(
            LinkStateChanged(phase="ready", connection_id=ready.connection_id, latency=now - self._dialed_at)
        )
        for ref in self._siblings.values():
            self._tell(ref, self._ready)

    # ── what the gateway says ───────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, wire: Wire, message: Message) -> None:
        match message:
            case Invoke():
                self._offer(message)
            case ResultAck():
                self._holdings.acknowledged(message.request_id)
                acknowledged = ResultAcknowledged(message.request_id, message.lease_id, message.accepted)
                self._tell_sibling("outbox", acknowledged)
            case HeartbeatAck():
                self._tell_sibling("heartbeat", BeatAcknowledged(message.sequence))
            case Lease():
                if message.lost:
                    self._holdings.lost(message.request_id)
                    cancel = CancelInvocation(request_id=message.request_id, reason="its lease was lost", lost=True)
                    self._tell(self._executor, cancel)
            case Cancel():
                self._tell(self._executor, CancelInvocation(request_id=message.request_id, reason=message.reason))
            case _:
                self._hear_of_session(wire, message)

    def _hear_of_session(self, wire: Wire, message: Message) -> None:
        match message:
            case Hello():
                self._greeted = True
                if SUBPROTOCOL in message.versions:
                    self._say_connect()
                else:
                    text = f"expected a gateway that speaks {SUBPROTOCOL}, got {', '.join(message.versions)}"
                    wire.abort(Loss(kind="fatal", code="unsupported", text=text))
            case Ready():
                self._session_ready(wire, message)
            case Drain():
                self._drain(wire, message)
            case Closing():
                self._announce(LinkStateChanged(phase="closed", reason=message.reason))
            case ErrorMessage():
                self._error(wire, message)
            case _:
                self._log("debug", f"connection: ignored {type(message).__name__}")

    def _offer(self, invoke: Invoke) -> None:
        if self._holdings.owes(invoke.request_id):
            self._say(Ack(request_id=invoke.request_id, lease_id=invoke.lease_id))
            self._tell_sibling("outbox", ResultWanted(invoke.request_id, invoke.lease_id))
            return
        offered = InvocationOffered(
            request_id=invoke.request_id,
            function=invoke.function,
            arguments=invoke.arguments,
            lease_id=invoke.lease_id,
            attempt=invoke.attempt,
            deadline_ms=invoke.deadline_ms,
            headers=invoke.headers,
        )
        if not self._tell(self._executor, offered):
            self._say(Busy(request_id=invoke.request_id, lease_id=invoke.lease_id, reason="the executor is down"))

    def _error(self, wire: Wire, message: ErrorMessage) -> None:
        if message.scope == "request":
            self._log("warning", f"gateway: {message.code}: {message.text}", request_id=message.request_id)
            return
        self._refusal = loss_of_refusal(message.code, message.text, fatal=message.fatal)
        wire.abort(self._refusal)

    # ── drain ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _drain(self, wire: Wire, drain: Drain) -> None:
        """Make before break: the draining session goes on until its successor is ready, or its grace is over."""
        if wire is not self._wire:
            return
        self._announce(LinkStateChanged(phase="draining", reason=drain.reason))
        self._retiring, self._wire = wire, None
        self.send_after(drain.grace_ms / 1000, RetiringOverdue(wire))
        self._begin_dial()

    def _retire(self) -> None:
        if self._retiring is not None:
            retiring, self._retiring = self._retiring, None
            self._say_on(retiring, Closing(reason="moved to another session"))
            retiring.abort(Loss(kind="closed", code="moved", text="moved to another session"))

    def _close_all(self, reason: str, *, release: bool) -> None:
        self._gave_up = True
        for wire in (self._wire, self._retiring):
            if wire is not None:
                self._say_on(wire, Closing(reason=reason, release=release))
                wire.close()
        self._dialer.join(1.0)

    # ── loss ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lost(self, event: Lost) -> None:
        if event.wire is not None and event.wire is self._retiring:
            self._retiring = None
        if self._ready is not None and event.wire is self._ready.wire:
            self._ready = None
            for ref in self._siblings.values():
                self._tell(ref, SessionEnded())
        if event.dial != self._dial or self._gave_up:
            return
        self._wire = None
        loss = self._refusal or event.loss
        match self._policy.lost(loss, self.system.clock.now()):
            case Retry(delay=delay):
                self._log("info", f"no session: {loss.text}; next try in {delay:.2f} s")
                self._announce(LinkStateChanged(phase="waiting", code=loss.code, reason=loss.text, retry_in=delay))
                if delay > 0:
                    self._dial_timer = self.send_after(delay, DialNow())
                else:
                    self._begin_dial()
            case GiveUp(code=code, reason=reason):
                self._gave_up = True
                self._log("debug", f"the gateway refused this worker for good: {code}: {reason}")
                self._announce(LinkStateChanged(phase="refused", code=code, reason=reason))

    # ── saying things ───────────────────────────────────────────────────────────────────────────────────────────────

    def _send_result(self, result: OwedResult) -> None:
        self._holdings.owe([(result.request_id, result.lease_id)])
        outcome = outcome_from_bytes(result.outcome)
        message = Result(request_id=result.request_id, lease_id=result.lease_id, outcome=outcome)
        try:
            self._say(message)
        except (FrameTooLarge, CodecError) as error:
            failure = Failure("bad_result", "ResultTooLarge", str(error))
            self._say(Result(request_id=result.request_id, lease_id=result.lease_id, outcome=failure))

    def _say(self, message: Message) -> None:
        """Say it in the session that is ready, or the one that drains; drop it if there is none.

        Nothing is lost by that: an ack that did not go out is a lease that is adopted, a result is on disk.
        """
        wire = self._ready.wire if self._ready is not None else self._retiring
        if wire is not None:
            self._say_on(wire, message)

    def _say_on(self, wire: Wire, message: Message) -> None:
        try:
            wire.send(message)
        except WireClosed:
            return  # its Lost is under way

    def _announce(self, changed: LinkStateChanged) -> None:
        self._tell(self._executor, replace(changed, epoch=self._holdings.epoch or 0, pid=os.getpid()))

    def _tell(self, ref: ActorRef, message: object) -> bool:
        try:
            ref.tell(message)
        except (ActorDeadError, OutboxFull):
            return False  # it is being restarted, and then asks for what it needs; or it does not read just now
        return True

    def _tell_sibling(self, role: str, message: object) -> None:
        if role in self._siblings:
            self._tell(self._siblings[role], message)

    def _tell_self(self, event: object) -> None:
        self._tell(self.ref, event)

    def _log(self, level: str, text: str, **context: object) -> None:
        self.system.bus.publish(RoleLogged(self.name, level, text, context))
