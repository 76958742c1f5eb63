"""One side of the boundary between two systems: refs and messages on their way out and in.

The same on both sides. Refs travel as tokens that say whose side the actor lives on, seen from the sender; what is
neither here nor there (a sibling process's actor) is reached through whoever named it. A link or monitor across the
boundary is one in each system's own tables; each side watches the actors of the other that somebody cares for, and
announces their end at home, once.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from ...protocol.codec import decode, encode, encode_bytes
from ...protocol.descriptor_token import DescriptorToken
from ...protocol.errors import CodecError, FrameTooLarge, LocalProtocolError, ProtocolError, RemoteProtocolError
from ...protocol.exits import NOPROC, Crash, ExitReason
from ...protocol.host.messages import (
    Ask,
    DemonitorRequest,
    DownSignal,
    ExitSignal,
    KillRequest,
    LinkMessage,
    LinkRequest,
    MonitorRequest,
    Parcel,
    Reply,
    StopRequest,
    Tell,
    Tells,
    UnlinkRequest,
)
from ...protocol.limits import INLINE_MAX_BYTES
from ...protocol.ref_token import RefToken
from ..actor import Actor
from ..errors import ActorDeadError, MailboxFull
from ..events import DeadLetter
from ..futures import AskFuture
from ..looking import answered_aside
from ..mailbox import Envelope
from ..pykka_seam import ActorStop
from ..ref import ActorRef
from ..signals import Down
from .answers import error_of
from .carried import Arrival, Departure, HasDescriptors, travels_by_descriptor
from .deadlines import deadline_of, remaining_ms
from .errors import OutboxFull
from .remote_ref import Interest, RemoteRef, interest_of

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from ..cell import Cell
    from ..system import ActorSystem

__all__ = ("Outlet", "Peer")

_MINE: Final = "mine"  # the actor lives on the sender's side, or is reached through it
_YOURS: Final = "yours"
_POISON: Final = b""  # the body of pykka's stop message; no encoded value is empty
_REMEMBERED_MAX: Final = 1024  # refs passed on from other links, and reasons of late deaths


class Outlet(Protocol):
    """Where messages leave. Runs in: any thread; never blocks. Errors: as `LinkSocket.send`; `to` is whom they name."""

    def send(self, message: LinkMessage, to: object = "") -> None:
        """Send a message."""

    def tell(self, urn: str, body: Buffer, to: object) -> None:
        """Send a Tell."""

    def tell_raw(self, urn: str, said: tuple[bytes, Buffer], to: object) -> None:
        """Send a Tell whose body is these two behind each other, without copying the second."""


class Peer:
    """The other side, as this one sees it. `hosted` is this system's own ref to the root of it, if it has one.

    Runs in: any thread, except `receive` and `close`: the I/O thread. Never blocks.
    """

    outlet: Outlet  # set before anything is sent

    def __init__(self, system: ActorSystem, *, hosted: ActorRef | None = None) -> None:
        self.system = system
        self.open = True
        self._hosted = hosted
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._asks: dict[int, tuple[AskFuture[Any], ActorRef, bool]] = {}  # no answer yet; True: a request to stop
        self._refs: weakref.WeakValueDictionary[str, RemoteRef] = weakref.WeakValueDictionary()
        self._forwarded: OrderedDict[str, ActorRef] = OrderedDict()  # refs of other links that were named over this one
        self._watching: dict[str, tuple[int, RemoteRef]] = {}  # theirs that we watch, by urn
        self._watched: dict[int, int] = {}  # ours that they watch: number of our monitor -> their id
        self._early: dict[int, Down] = {}  # ends that came before their monitor was noted
        self._late: OrderedDict[str, tuple[ExitReason, int]] = OrderedDict()  # how those ended that they may ask for
        self._agent = RemoteRef(self, "", "peer")  # owns the monitors that the other side has asked for

    # Names.

    def say(self, value: object) -> RefToken | None:
        """Make a token of a ref. Errors: HasDescriptors for what no bytes can say."""
        if not isinstance(value, ActorRef):
            if travels_by_descriptor(value):
                raise HasDescriptors
            return None
        if value is self._hosted or (isinstance(value, RemoteRef) and value.peer is self):
            return RefToken(value.urn, value.name, _YOURS)
        if isinstance(value, RemoteRef):
            with self._lock:
                _remember(self._forwarded, value.urn, value)
        return RefToken(value.urn, value.name, _MINE)

    def read(self, token: RefToken | DescriptorToken) -> ActorRef:
        """Make a ref of a token. Errors: RemoteProtocolError for a descriptor, as none came with this message."""
        if isinstance(token, DescriptorToken):
            raise RemoteProtocolError("descriptor", expected="none in this message", got=token)
        if token.origin == _YOURS:
            found = self.local(token.urn)
            return found or ActorRef(self.system, name=token.name or token.urn, actor_class=Actor, urn=token.urn)
        return self.remote(token.urn, token.name)

    def local(self, urn: str) -> ActorRef | None:
        """Who of this side has this urn, None if nobody who lives."""
        return self.system.resolve(urn) or self._forwarded.get(urn)

    def remote(self, urn: str, name: str = "") -> ActorRef:
        """The ref to somebody of the other side."""
        if self._hosted is not None and urn == self._hosted.urn:
            return self._hosted
        with self._lock:
            ref = self._refs.get(urn)
            if ref is None:
                ref = self._refs[urn] = RemoteRef(self, urn, name or urn)
            return ref

    def encode(self, value: object) -> bytes:
        """Say a value. Errors: CodecError with the path of what cannot be said."""
        return encode(value, refs=self.say)

    def decode(self, data: Buffer, arrival: Arrival | None = None) -> object:
        """Read a value. Errors: RemoteProtocolError."""
        return decode(data, refs=self.read if arrival is None else arrival.read)

    # Out.

    def post(self, ref: ActorRef, envelope: Envelope) -> None:
        """Send a message or a question. Errors: CodecError, OutboxFull, ActorDeadError, all at the caller."""
        said, future = envelope.message, envelope.reply_to
        try:
            if future is not None:
                stopping = type(said) is ActorStop
                self._ask(ref, future, _POISON if stopping else self.encode(said), stopping=stopping)
            elif type(said) is bytes and len(said) >= INLINE_MAX_BYTES:
                self.outlet.tell_raw(ref.urn, encode_bytes(said), ref)
            else:
                self.outlet.tell(ref.urn, _POISON if type(said) is ActorStop else self.encode(said), ref)
        except HasDescriptors:
            self._post_parcel(ref, said, future)
        except LocalProtocolError as error:
            _refused(ref, error)

    def _post_parcel(self, ref: ActorRef, said: object, future: AskFuture[Any] | None) -> None:
        with Departure(self.say) as departure:
            body = encode(said, refs=departure.say)
            if future is not None:
                self._ask(ref, future, body, stopping=False, descriptors=departure.descriptors)
                return
            try:
                self.outlet.send(Parcel(Tell(ref.urn, body), departure.descriptors), ref)
            except LocalProtocolError as error:
                _refused(ref, error)

    def _ask(
        self,
        ref: ActorRef,
        future: AskFuture[Any],
        body: Buffer,
        *,
        stopping: bool,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        with self._lock:
            number = next(self._ids) & 0xFFFFFFFF
            self._asks[number] = (future, ref, stopping)
        message = Ask(ref.urn, number, body, future.waits)
        try:
            self.outlet.send(Parcel(message, descriptors) if descriptors else message, ref)
        except LocalProtocolError as error:
            self._forget_ask(number)
            _refused(ref, error)
        except (ProtocolError, OutboxFull):
            self._forget_ask(number)
            raise
        if not self.open:  # it ended between; close() may not have seen this one
            self._forget_ask(number)
            future.try_fail(ActorDeadError(ref))

    def request_link(self, source: ActorRef, target: str) -> None:
        """Have an actor of theirs linked to one of ours."""
        self.say(source)
        self._signal(LinkRequest(source.urn, target))

    def request_unlink(self, source: ActorRef, target: str) -> None:
        """Have such a link dropped."""
        self._signal(UnlinkRequest(source.urn, target))

    def watch(self, ref: RemoteRef) -> None:
        """Hear of the end of one of theirs."""
        with self._lock:
            if ref.urn in self._watching:
                return
            number = next(self._ids)
            self._watching[ref.urn] = (number, ref)
        self._signal(MonitorRequest(number, ref.urn))

    def unwatch_if_idle(self, ref: RemoteRef) -> None:
        """Stop listening for an end that nobody cares for."""
        with self._lock:
            if ref.interest or ref.urn not in self._watching:
                return
            number, _ = self._watching.pop(ref.urn)
        self._signal(DemonitorRequest(number, ref.urn))

    def signal_exit(
        self, ref: ActorRef, interest: Interest, sender: ActorRef | None, reason: ExitReason, incarnation: int
    ) -> None:
        """Pass on an exit signal that was sent on purpose; an end of somebody linked is told by who watches it."""
        if sender is not None and not self.system.relations.is_living(sender) and interest.died(sender):
            with self._lock:
                _remember(self._late, sender.urn, (reason, incarnation))
            return
        if sender is not None:
            self.say(sender)
        self._signal(ExitSignal(sender.urn if sender is not None else "", ref.urn, reason, incarnation))

    def signal_down(self, down: Down) -> None:
        """Tell of an end that they watch."""
        with self._lock:
            number = self._watched.pop(down.monitor, None)
            if number is None:
                self._early[down.monitor] = down
                return
        self._signal(DownSignal(number, down.reason, down.incarnation))

    def request_stop(self, target: str, reason: ExitReason, deadline: float | None) -> None:
        """Ask one of theirs to end."""
        self._signal(StopRequest(target, reason, remaining_ms(self.system, deadline)))

    def request_kill(self, target: str) -> None:
        """Have one of theirs killed."""
        self._signal(KillRequest(target))

    # In.

    def receive(self, message: LinkMessage) -> None:
        """Take a message of the traffic. What is for the dead becomes a dead letter, or an answer that says so."""
        match message:
            case Tells(to, bodies):
                self._receive_tells(to, bodies)
            case Tell() | Ask() | Reply():
                self._receive_one(message, None)
            case Parcel(carried, descriptors):
                with Arrival(self.read, descriptors) as arrival:
                    self._receive_one(carried, arrival)
            case LinkRequest(source, target):
                self._receive_link(source, target)
            case UnlinkRequest(source, target):
                self._receive_unlink(source, target)
            case MonitorRequest(monitor_id, target):
                self._receive_monitor(monitor_id, target)
            case DemonitorRequest(monitor_id):
                self._receive_demonitor(monitor_id)
            case DownSignal(monitor_id, reason, incarnation):
                self._receive_down(monitor_id, reason, incarnation)
            case ExitSignal(target=target) | StopRequest(target=target) | KillRequest(target=target):
                ref = self.local(target)
                if ref is not None and ref.cell is not None:
                    self._receive_end(ref.cell, message)
            case _:
                raise AssertionError(f"{type(message).__name__} is not traffic between actors")

    def _receive_one(self, message: Tell | Ask | Reply, arrival: Arrival | None) -> None:
        match message:
            case Tell(to, body):
                self._receive_tells(to, (body,), arrival)
            case Ask(to, ask_id, body, waits):
                self._receive_ask(to, ask_id, body, waits=waits, arrival=arrival)
            case Reply(ask_id, ok, body):
                self._receive_reply(ask_id, ok, body, arrival)

    def _receive_end(self, cell: Cell, message: ExitSignal | StopRequest | KillRequest) -> None:
        match message:
            case ExitSignal(source=source, reason=reason, incarnation=incarnation):
                cell.exit_signal(self.remote(source) if source else None, reason, incarnation=incarnation)
            case StopRequest(reason=reason, deadline_ms=deadline_ms):
                cell.stop_request(reason, deadline_of(self.system, deadline_ms))
            case KillRequest():
                cell.kill()

    def close(self, reason: ExitReason) -> None:
        """The other side is gone: answer who waits, announce the end of all that somebody cares for."""
        self.open = False
        with self._lock:
            asks, self._asks = self._asks, {}
            watching, self._watching = self._watching, {}
            watched, self._watched = self._watched, {}
        for future, ref, stopping in asks.values():
            if stopping:
                future.try_set(None)
            else:
                future.try_fail(ActorDeadError(ref, reason))
        for number in watched:
            self.system.demonitor(number)
        for _, remote in watching.values():
            remote.interest.forget()
            self.system.announce_exit(remote, 0, reason)

    def _receive_tells(self, to: str, bodies: tuple[Buffer, ...], arrival: Arrival | None = None) -> None:
        ref = self.local(to)
        for body in bodies:
            try:
                message = ActorStop() if not len(body) else self.decode(body, arrival)
                if ref is not None:
                    ref.tell(message)
                    continue
                why = "not alive"
            except ActorDeadError:
                continue  # published by tell
            except (ProtocolError, MailboxFull, OutboxFull) as error:
                message, why = bytes(body[:64]), str(error)
            dead = ref or ActorRef(self.system, name=to, actor_class=Actor, urn=to)
            self.system.bus.publish(DeadLetter(dead, message, why))

    def _receive_ask(self, to: str, ask_id: int, body: Buffer, *, waits: bool, arrival: Arrival | None = None) -> None:
        ref = self.local(to)
        try:
            if ref is None:
                raise ActorDeadError(to, NOPROC)
            message = ActorStop() if not len(body) else self.decode(body, arrival)
            known = answered_aside(ref, message)
            if known is not None:
                self._answer(ask_id, True, known)
                return
            future = ref.ask_for(self._hosted, message, waits=waits)
        except (ProtocolError, MailboxFull, OutboxFull, ActorDeadError) as error:
            self._answer(ask_id, False, error)
            return
        future.add_done_callback(lambda: self._answer_with(ask_id, future))

    def _answer_with(self, ask_id: int, future: AskFuture[Any]) -> None:
        try:
            value = future.get(timeout=0)
        except Exception as error:  # noqa: BLE001 - whatever the handler raised is the answer
            self._answer(ask_id, False, error)
        else:
            self._answer(ask_id, True, value)

    def _answer(self, ask_id: int, ok: bool, value: object) -> None:
        try:
            self.outlet.send(Reply(ask_id, ok, self.encode(value)))
        except HasDescriptors:
            self._answer_by_parcel(ask_id, ok, value)
        except (CodecError, FrameTooLarge) as error:  # it cannot be said: the asker must not wait for it
            self._signal(Reply(ask_id, False, self.encode(error)))
        except LocalProtocolError:
            return  # nobody is there to hear it

    def _answer_by_parcel(self, ask_id: int, ok: bool, value: object) -> None:
        try:
            with Departure(self.say) as departure:
                body = encode(value, refs=departure.say)
                self.outlet.send(Parcel(Reply(ask_id, ok, body), departure.descriptors))
        except ProtocolError as error:
            self._answer(ask_id, False, error)

    def _receive_reply(self, ask_id: int, ok: bool, body: Buffer | Crash, arrival: Arrival | None = None) -> None:
        with self._lock:
            waiting = self._asks.pop(ask_id, None)
        if waiting is None:
            return  # asked by nobody who still counts
        future, ref, _ = waiting
        if isinstance(body, Crash):
            future.try_fail(ActorDeadError(ref, body))
            return
        try:
            value = self.decode(body, arrival) if len(body) else None
        except ProtocolError as error:
            future.try_fail(error)
            return
        if ok:
            future.try_set(value)
        else:
            future.try_fail(error_of(ref, value))

    def _receive_link(self, source: str, target: str) -> None:
        ref = self.local(target)
        if ref is None:
            reason, incarnation = self._late.get(target, (NOPROC, 0))
            self._signal(ExitSignal(target, source, reason, incarnation))
            return
        remote = self.remote(source)
        interest_of(remote).mirror(ref)
        self.system.link(ref, remote)

    def _receive_unlink(self, source: str, target: str) -> None:
        ref = self.local(target)
        if ref is not None:
            remote = self.remote(source)
            interest_of(remote).mirror(ref)
            self.system.unlink(ref, remote)

    def _receive_monitor(self, monitor_id: int, target: str) -> None:
        ref = self.local(target)
        if ref is None:
            reason, incarnation = self._late.get(target, (NOPROC, 0))
            self._signal(DownSignal(monitor_id, reason, incarnation))
            return
        number = self.system.monitor(self._agent, ref)
        with self._lock:
            down = self._early.pop(number, None)
            if down is None:
                self._watched[number] = monitor_id
        if down is not None:
            self._signal(DownSignal(monitor_id, down.reason, down.incarnation))

    def _receive_demonitor(self, monitor_id: int) -> None:
        with self._lock:
            numbers = [number for number, known in self._watched.items() if known == monitor_id]
            for number in numbers:
                del self._watched[number]
        for number in numbers:
            self.system.demonitor(number)

    def _receive_down(self, monitor_id: int, reason: ExitReason, incarnation: int) -> None:
        with self._lock:
            found = next((ref for number, ref in self._watching.values() if number == monitor_id), None)
            if found is None:
                return  # taken back while it was on its way
            del self._watching[found.urn]
        found.interest.forget()
        self.system.announce_exit(found, incarnation, reason)

    def _signal(self, message: LinkMessage) -> None:
        try:
            self.outlet.send(message)
        except LocalProtocolError:
            return  # signals to the dead are nothing, as in OTP

    def _forget_ask(self, number: int) -> None:
        with self._lock:
            self._asks.pop(number, None)


def _refused(ref: ActorRef, error: LocalProtocolError) -> NoReturn:
    """Say what the link's refusal means: its state does not allow the message, it has ended. Errors: one of the two."""
    if type(error) is LocalProtocolError:
        raise ActorDeadError(ref) from error
    raise error


def _remember(table: OrderedDict[str, Any], key: str, value: object) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _REMEMBERED_MAX:
        table.popitem(last=False)
