"""One side of the boundary between two systems: refs and messages on their way out and in.

The same on both sides. Refs travel as tokens that say whose side the actor lives on, seen from the sender; what is
neither here nor there (a sibling process's actor) is reached through whoever named it. Links and monitors: `ties.py`.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from ...protocol.codec import decode, encode, encode_bytes, encoding_for
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
from ..signals import ExitReport
from ..told import Told
from .answers import error_of
from .carried import Arrival, Departure, HasDescriptors, travels_by_descriptor
from .digests import Digests, who_notes
from .encoded import MINE, YOURS, Encoded
from .errors import OutboxFull
from .pace import Pace, waiting_for
from .remembered import remember
from .remote_ref import RemoteRef
from .tell_intake import take_tells
from .ties import Ties

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...protocol.frames import Buffer
    from ..dispatchers.bell import Waiter
    from ..system import ActorSystem

__all__ = ("Outlet", "Peer")

_POISON: Final = b""  # the body of pykka's stop message; no encoded value is empty


_OTHERWISE: Final = frozenset({bytes, Encoded, ActorStop})  # messages that are not just encoded and told


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
    pace: Pace  # as well
    digests: Digests | None = None  # set where messages have to be known again
    reads: Callable[[Waiter], None] | None = None  # has whoever waits for an answer read the link by himself

    def __init__(self, system: ActorSystem, *, hosted: ActorRef | None = None) -> None:
        self.system = system
        self.encode: Final = encoding_for(self.say)  # errors: CodecError with the path of what cannot be said
        self.open = True
        self.straight = False  # set while tells to its own root need no more care than to be given to the outlet
        self._end: tuple[ExitReason | None, ExitReport | None] = (None, None)  # set by close()
        self._hosted = hosted
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._asks: dict[int, tuple[AskFuture[Any], ActorRef, bool]] = {}  # no answer yet; True: a request to stop
        self._refs: weakref.WeakValueDictionary[str, RemoteRef] = weakref.WeakValueDictionary()
        self._fed: dict[ActorRef, None] = {}  # who has got messages that perhaps still wait; only in the I/O thread
        self._forwarded: OrderedDict[str, ActorRef] = OrderedDict()  # refs of other links that were named over this one
        self.ties = Ties(self)

    # Names.

    def say(self, value: object) -> RefToken | None:
        """Make a token of a ref. Errors: HasDescriptors for what no bytes can say."""
        if not isinstance(value, ActorRef):
            if travels_by_descriptor(value):
                raise HasDescriptors
            return None
        if value is self._hosted or (isinstance(value, RemoteRef) and value.peer is self):
            return RefToken(value.urn, value.name, YOURS)
        if isinstance(value, RemoteRef):
            with self._lock:
                remember(self._forwarded, value.urn, value)
        return RefToken(value.urn, value.name, MINE)

    def read(self, token: RefToken | DescriptorToken) -> ActorRef:
        """Make a ref of a token. Errors: RemoteProtocolError for a descriptor, as none came with this message."""
        if isinstance(token, DescriptorToken):
            raise RemoteProtocolError("descriptor", expected="none in this message", got=token)
        if token.origin == YOURS:
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

    def decode(self, data: Buffer, arrival: Arrival | None = None) -> object:
        """Read a value. Errors: RemoteProtocolError."""
        return decode(data, refs=self.read if arrival is None else arrival.read)

    # Out.

    def tell(self, ref: ActorRef, message: object) -> Told:
        """Send a message, and say whether the other side keeps pace. Errors: as `post`."""
        if type(message) in _OTHERWISE:
            self.post(ref, Envelope(message))
        else:
            try:
                self.outlet.tell(ref.urn, self.encode(message), ref)
            except HasDescriptors:
                self._post_parcel(ref, message, None)
            except LocalProtocolError as error:
                self._refused(ref, error)
        pace = self.pace
        return pace.held_back if pace.saturated else pace.told()

    def post(self, ref: ActorRef, envelope: Envelope) -> None:
        """Send a message or a question. Errors: CodecError, OutboxFull, ActorDeadError, all at the caller."""
        said, future = envelope.message, envelope.reply_to
        try:
            if future is not None:
                stopping = type(said) is ActorStop
                self._ask(ref, future, _POISON if stopping else self.encode(said), stopping=stopping)
            elif type(said) is bytes and len(said) >= INLINE_MAX_BYTES:
                self.outlet.tell_raw(ref.urn, encode_bytes(said), ref)
            elif type(said) is Encoded:
                said.post(self, ref)
            else:
                self.outlet.tell(ref.urn, _POISON if type(said) is ActorStop else self.encode(said), ref)
        except HasDescriptors:
            self._post_parcel(ref, said, future)
        except LocalProtocolError as error:
            self._refused(ref, error)

    def _post_parcel(self, ref: ActorRef, said: object, future: AskFuture[Any] | None) -> None:
        with Departure(self.say) as departure:
            body = departure.encode(said)
            if future is not None:
                self._ask(ref, future, body, stopping=False, descriptors=departure.descriptors)
                return
            try:
                self.outlet.send(Parcel(Tell(ref.urn, body), departure.descriptors), ref)
            except LocalProtocolError as error:
                self._refused(ref, error)

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
        future.reads = self.reads
        message = Ask(ref.urn, number, body, future.waits)
        try:
            self.outlet.send(Parcel(message, descriptors) if descriptors else message, ref)
        except LocalProtocolError as error:
            self._forget_ask(number)
            self._refused(ref, error)
        except (ProtocolError, OutboxFull):
            self._forget_ask(number)
            raise
        if not self.open:  # it ended between; close() may not have seen this one
            self._forget_ask(number)
            future.try_fail(self.dead(ref))

    def refused(self, message: LinkMessage, error: Exception) -> None:
        """Hear of what was sent early and the link does not take: nobody waits for it in vain."""
        inner = message.message if isinstance(message, Parcel) else message
        ended = type(error) is LocalProtocolError  # it has said its last words
        if isinstance(inner, Ask):
            if ended and self.open:
                return  # it is answered with all others, as soon as it is known what it died of
            with self._lock:
                waiting = self._asks.pop(inner.ask_id, None)
            if waiting is not None:
                waiting[0].try_fail(self.dead(waiting[1]) if ended else error)
        elif isinstance(inner, Tell) and self._hosted is not None:
            why = "it ended first" if ended else str(error)
            self.system.bus.publish(DeadLetter(self._hosted, bytes(inner.body[:64]), why))

    def dead(self, ref: ActorRef) -> ActorDeadError:
        """Say that one of the other side is not there any more, and why if the whole side has ended."""
        return ActorDeadError(ref, *self._end)

    # In.

    def receive(self, message: LinkMessage) -> None:
        """Take a message of the traffic. What is for the dead becomes a dead letter, or an answer that says so."""
        match message:
            case Tells(to, bodies):
                self._receive_tells(to, bodies)
            case Tell() | Ask() | Reply():
                self._receive_one(message, None)
            case Parcel(Tell() | Ask() | Reply() as carried, descriptors):
                with Arrival(self.read, descriptors) as arrival:
                    self._receive_one(carried, arrival)
            case (
                LinkRequest()
                | UnlinkRequest()
                | MonitorRequest()
                | DemonitorRequest()
                | DownSignal()
                | ExitSignal()
                | StopRequest()
                | KillRequest()
            ):
                self.ties.receive(message)
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

    def close(self, reason: ExitReason, report: ExitReport | None = None) -> None:
        """The other side is gone: answer who waits, announce the end of all that somebody cares for."""
        self._end = (reason, report)
        self.open = self.straight = False
        with self._lock:
            asks, self._asks = self._asks, {}
        for future, ref, stopping in asks.values():
            if stopping:
                future.try_set(None)
            else:
                future.try_fail(self.dead(ref))
        self.pace.close()
        self.ties.close(reason)

    def backlog(self) -> int:
        """How many messages wait for those whom the other side has sent some, whoever has sent them."""
        waiting = {ref: waiting_for(ref) for ref in self._fed}
        self._fed = {ref: None for ref, count in waiting.items() if count}
        return sum(waiting.values())

    def _receive_tells(self, to: str, bodies: Sequence[Buffer], arrival: Arrival | None = None) -> None:
        ref = self.local(to)
        if ref is not None:
            self._fed[ref] = None
        take_tells(self, to, ref, bodies, arrival)

    def _receive_ask(self, to: str, ask_id: int, body: Buffer, *, waits: bool, arrival: Arrival | None = None) -> None:
        ref = self.local(to)
        noting = who_notes(self.digests, to) if arrival is None else None
        message: object = None
        try:
            if ref is None:
                raise ActorDeadError(to, NOPROC)
            self._fed[ref] = None
            read = self.read if arrival is None else arrival.read
            message = decode(body, refs=read) if len(body) else ActorStop()
            known = answered_aside(ref, message)
            if known is not None:
                self._answer(ask_id, True, known)
                return
            if noting is not None:
                noting.note(message, body)
            future = ref.ask_for(self._hosted, message, waits=waits)
        except (ProtocolError, MailboxFull, OutboxFull, ActorDeadError) as error:
            if noting is not None and isinstance(error, MailboxFull):
                noting.taken(message)
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
            self._answer_unsayable(ask_id, error)
        except LocalProtocolError:
            return  # nobody is there to hear it

    def _answer_by_parcel(self, ask_id: int, ok: bool, value: object) -> None:
        try:
            with Departure(self.say) as departure:
                body = departure.encode(value)
                self.outlet.send(Parcel(Reply(ask_id, ok, body), departure.descriptors))
        except ProtocolError as error:
            self._answer_unsayable(ask_id, error)

    def _answer_unsayable(self, ask_id: int, error: ProtocolError) -> None:
        self.signal(Reply(ask_id, False, encode(error)))  # with what it shows of the answer as text: no refs, no blobs

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

    def signal(self, message: LinkMessage) -> None:
        """Send what is nothing to the dead, as in OTP."""
        try:
            self.outlet.send(message)
        except LocalProtocolError:
            return

    def _refused(self, ref: ActorRef, error: LocalProtocolError) -> NoReturn:
        """Raise what a refusal by the link means to the sender."""
        if type(error) is LocalProtocolError:  # the link's state does not allow it: it has ended
            raise self.dead(ref) from error
        raise error

    def _forget_ask(self, number: int) -> None:
        with self._lock:
            self._asks.pop(number, None)
