"""The role that owns the session with the gateway: dial, handshake, read, drain, dial again.

What lives here: the shell around `SessionProtocol` (what may be said), `ReconnectPolicy` (when to come back) and
`Wire` (the socket). What must not: user code, results on disk, beats, leases; those are the siblings' duties.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final, assert_never

from ...protocol.errors import CodecError, FrameTooLarge
from ...protocol.exits import ExitReason
from ...protocol.session.features import PROGRESS, version_problem
from ...protocol.session.messages import (
    Ack,
    Busy,
    Cancel,
    Closing,
    Drain,
    ErrorMessage,
    HeartbeatAck,
    Hello,
    Invoke,
    Lease,
    Message,
    Pause,
    Progress,
    Ready,
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
    LeaveNow,
    OwedKnown,
    ResultAcknowledged,
    ResultWanted,
    RetiringOverdue,
    RoleLogged,
    SendResult,
    SessionEnded,
    SessionReady,
)
from .losses import TOO_BIG, Loss, loss_of_refusal
from .messages import (
    Adopted,
    CancelInvocation,
    InvocationProgressed,
    InvocationRefused,
    InvocationTaken,
    LinkStateChanged,
    PauseLink,
)
from .outbox_store import OwedResult
from .reconnect import GatewayChoice, GiveUp, Retry
from .sockets import Sockets
from .wire import Dialer, Heard, Lost, Opened, Wire
from .work_messages import offered, result_of, result_too_large

__all__ = ("Connection",)

_HANDSHAKE_SECONDS: Final = 10.0
"""From the dial to READY, the whole of it; inngest gives 10 s to connecting alone."""

_STAY: Final = 0.8
"""Of the grace of a drain: for so long what is held may be finished where it came from; the rest is for the handshake
with the next gateway."""


class Connection(Actor):
    """Owns the session. It blocks in a send while the gateway does not read; `Wire.abort` ends such a wait."""

    def __init__(self, settings: ConnectionSettings, executor: ActorRef) -> None:
        super().__init__()
        self._settings = settings
        self._executor = executor
        self._choice = GatewayChoice(
            settings.urls, settings.tokens, settings.delays, self.system.rng, settings.patience
        )
        dialer = Dialer(
            self._tell_self, self.system.clock, tls=settings.tls, proxy=settings.proxy, protocol=settings.protocol
        )
        self._sockets = Sockets(dialer)
        self._siblings: dict[str, ActorRef] = {}  # by role, as they have joined
        self._dialed_at = 0.0
        self._holdings = Holdings()
        self._gave_up = False
        self._leaving: Wire | None = None  # drains, and is not left yet because something is held under it
        self._refusal: Loss | None = None  # what an ErrorMessage said, before the close that follows it

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_start(self) -> None:
        """Dial at once; a gateway that is not there is no reason not to start."""
        self._begin_dial()

    def on_stop(self) -> None:
        """Say Closing and let go of every socket. Leases are given back for others only if nothing runs under them any
        more: this role may be restarted alone, and what runs meanwhile is adopted by its next life.
        """
        self._gave_up = True
        self._sockets.close_all("the worker stops", release=not (self._executor.is_alive() and self._holdings.runs))

    def on_failure(self, *_: object) -> None:
        """Let go of every socket; the next life dials anew and holds on to what runs."""
        self._sockets.abort_all(Loss(kind="closed", code="crash", text="the connection role crashed"))

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
                if message.wire is self._sockets.retiring:
                    self._sockets.retire()
            case LeaveNow():
                self._leave(message.wire)
            case _:
                self._log("warning", f"connection: unexpected {type(message).__name__}")

    def _on_executor(
        self, message: InvocationTaken | InvocationRefused | InvocationProgressed | Adopted | PauseLink
    ) -> None:
        match message:
            case InvocationTaken(request_id=request_id, lease_id=lease_id):
                self._holdings.taken(request_id, lease_id)
                self._sockets.say(Ack(request_id=request_id, lease_id=lease_id))
            case InvocationRefused(request_id=request_id, lease_id=lease_id, reason=reason):
                self._holdings.refused(request_id)
                self._sockets.say(Busy(request_id=request_id, lease_id=lease_id, reason=reason))
                self._leave_if_idle()
            case InvocationProgressed(request_id=request_id, done=done, total=total, note=note):
                if self._sockets.has(PROGRESS):
                    self._sockets.say(Progress(request_id=request_id, done=done, total=total, note=note))
            case Adopted(held=held, paused=paused):
                self._holdings.adopt(((each.request_id, each.lease_id) for each in held), paused=paused)
                self._say_connect()
            case PauseLink(reason=reason):
                self._holdings.paused = True
                ready = self._sockets.ready
                if ready is not None and ready.wire.phase is Phase.ACTIVE:
                    self._sockets.say(Pause(reason=reason))
            case _:
                assert_never(message)

    def _on_sibling(self, message: Joined | OwedKnown | SendResult) -> None:
        match message:
            case Joined(ref=ref, role=role):
                self._siblings[role] = ref
                if self._sockets.ready is not None:
                    self._tell(ref, self._sockets.ready)
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
            case Opened(wire=wire):
                self._sockets.opened(wire, wanted=not self._gave_up)
                if self.system.clock.now() - self._dialed_at >= _HANDSHAKE_SECONDS:
                    self._handshake_overdue(wire.dial)  # when it was due, there was no wire to give up
            case Heard(wire=wire, message=message):
                if wire in (self._sockets.current, self._sockets.retiring):
                    self._hear(wire, message)
            case Lost():
                self._lost(event)
            case _:
                assert_never(event)

    # ── dial and handshake ──────────────────────────────────────────────────────────────────────────────────────────

    def _begin_dial(self) -> None:
        if self._gave_up or self._sockets.dialing or self._sockets.current is not None:
            return
        self._dialed_at = self.system.clock.now()
        self._refusal = None
        self.send_after(_HANDSHAKE_SECONDS, HandshakeOverdue(self._sockets.begin(self._choice.url)))
        self._announce(LinkStateChanged(phase="connecting"))

    def _say_connect(self) -> None:
        """Introduce ourselves once the gateway has greeted and it is known what we hold."""
        wire = self._sockets.current
        if wire is None or not self._sockets.greeted or not self._holdings.complete:
            return
        if wire.session.connect is None:
            self._sockets.say_on(wire, self._holdings.connect(self._settings, self._choice.token))

    def _handshake_overdue(self, dial: int) -> None:
        sockets = self._sockets
        if dial != sockets.dial or self._gave_up or (sockets.ready is not None and sockets.ready.wire.dial == dial):
            return
        waits = "READY" if sockets.greeted else "its greeting"
        text = f"expected {waits} within {_HANDSHAKE_SECONDS:g} s of the dial"
        if sockets.current is not None:
            sockets.current.abort(Loss(kind="silent", code="handshake_timeout", text=text))

    def _session_ready(self, wire: Wire, ready: Ready) -> None:
        intervals = wire.session.intervals
        if intervals is None:
            raise AssertionError("Ready has been received, so its intervals are known")
        now = self.system.clock.now()
        self._choice.ready(now)
        session = SessionReady(wire, intervals, ready.connection_id)
        self._sockets.is_ready(session)
        if self._holdings.paused and wire.phase is Phase.ACTIVE:
            self._sockets.say(Pause())
        self._announce(
            LinkStateChanged(phase="ready", connection_id=ready.connection_id, latency=now - self._dialed_at)
        )
        for ref in self._siblings.values():
            self._tell(ref, session)

    # ── what the gateway says ───────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, wire: Wire, message: Message) -> None:
        match message:
            case Invoke():
                self._offer(message)
            case ResultAck():
                self._holdings.acknowledged(message.request_id)
                self._leave_if_idle()
                acknowledged = ResultAcknowledged(message.request_id, message.lease_id, message.accepted)
                self._tell_sibling("outbox", acknowledged)
            case HeartbeatAck():
                self._tell_sibling("heartbeat", BeatAcknowledged(message.sequence))
            case Lease():
                if message.lost:
                    self._holdings.lost(message.request_id)
                    self._leave_if_idle()
                    cancel = CancelInvocation(request_id=message.request_id, reason="its lease was lost", lost=True)
                    self._tell(self._executor, cancel)
            case Cancel():
                self._tell(self._executor, CancelInvocation(request_id=message.request_id, reason=message.reason))
            case _:
                self._hear_of_session(wire, message)

    def _hear_of_session(self, wire: Wire, message: Message) -> None:
        match message:
            case Hello():
                self._sockets.greeted = True
                if problem := version_problem(message):
                    wire.abort(Loss(kind="fatal", code="unsupported", text=problem))
                else:
                    self._say_connect()
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
            self._sockets.say(Ack(request_id=invoke.request_id, lease_id=invoke.lease_id))
            self._tell_sibling("outbox", ResultWanted(invoke.request_id, invoke.lease_id))
            return
        if self._tell(self._executor, offered(invoke)):
            self._holdings.offered(invoke.request_id)
        else:
            self._sockets.say(
                Busy(request_id=invoke.request_id, lease_id=invoke.lease_id, reason="the executor is down")
            )

    def _error(self, wire: Wire, message: ErrorMessage) -> None:
        if message.scope == "request":
            self._log("warning", f"gateway: {message.code}: {message.text}", request_id=message.request_id)
            return
        self._refusal = loss_of_refusal(message.code, message.text, fatal=message.fatal)
        wire.abort(self._refusal)

    # ── drain ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _drain(self, wire: Wire, drain: Drain) -> None:
        """Make before break: the draining session goes on until its successor is ready, or its grace is over.

        The successor is dialed when nothing is held any more, or when the grace is nearly over.
        """
        if not self._sockets.set_aside(wire):
            return
        self._announce(LinkStateChanged(phase="draining", reason=drain.reason))
        grace = drain.grace_ms / 1000
        self._leaving = wire
        self.send_after(grace, RetiringOverdue(wire))
        self.send_after(grace * _STAY, LeaveNow(wire))
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        """Go when nothing is held any more: another gateway does not know of it, and would have it ended."""
        if self._leaving is not None and self._holdings.idle:
            self._leave(self._leaving)

    def _leave(self, wire: Wire) -> None:
        if wire is self._leaving:
            self._leaving = None
            self._choice.drained(self.system.clock.now())
            self._begin_dial()

    # ── loss ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _lost(self, event: Lost) -> None:
        session_ended, was_last = self._sockets.lost(event)
        if session_ended:
            self._holdings.session_over(too_big=event.loss.code == TOO_BIG)
            for ref in self._siblings.values():
                self._tell(ref, SessionEnded())
        if not was_last or self._gave_up:
            return
        self._leaving = None
        loss = self._refusal or event.loss
        lost_url = self._choice.url
        match self._choice.lost(loss, self.system.clock.now()):
            case Retry(delay=delay):
                self._log("info", f"no session with {lost_url}: {loss.text}; {self._choice.url} in {delay:.2f} s")
                self._announce(LinkStateChanged(phase="waiting", code=loss.code, reason=loss.text, retry_in=delay))
                if delay > 0:
                    self.send_after(delay, DialNow())
                else:
                    self._begin_dial()
            case GiveUp(code=code, reason=reason):
                self._gave_up = True
                self._log("debug", f"the gateway refused this worker for good: {code}: {reason}")
                self._announce(LinkStateChanged(phase="refused", code=code, reason=reason))

    # ── saying things ───────────────────────────────────────────────────────────────────────────────────────────────

    def _send_result(self, result: OwedResult) -> None:
        self._holdings.owe([(result.request_id, result.lease_id)])
        problem = self._holdings.sending(result.request_id, len(result.outcome))
        if not problem:
            try:
                self._sockets.say(result_of(result))
            except (FrameTooLarge, CodecError) as error:
                problem = str(error)
        if problem:
            self._sockets.say(result_too_large(result, problem))

    def _announce(self, changed: LinkStateChanged) -> None:
        self._tell(
            self._executor, replace(changed, epoch=self._holdings.epoch or 0, pid=os.getpid(), url=self._choice.url)
        )

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
