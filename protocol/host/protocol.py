"""One end of a link between a host and its hosted process, without I/O: what may be said, in which order, with which
credit.

What lives here: the state of one link, its two lanes and its counters. What must not: sockets, clocks, user values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from ..errors import FrameTooLarge, LocalProtocolError, RemoteProtocolError
from ..frames import Buffer, Frame, FrameReader, frame_header
from ..limits import (
    DESCRIPTORS_MAX,
    FRAME_HEADER_BYTES,
    FRAME_MAX_BYTES,
    INLINE_MAX_BYTES,
    SHARED_FRAME_BYTES,
    WINDOW_BYTES,
    WINDOW_MESSAGES,
)
from .credit import Credit
from .messages import LINK_VERSION, MISSING, Acknowledge, Hello, Init, LinkMessage, Logs, Parcel, Tell, Tells, Window
from .states import CREDITED, ORDERED, TRANSITIONS, Side, State
from .wire import KINDS, NUMBERS, decode_link_message, encode_link_message, join_tells, tell_head

__all__ = ("Carrying", "LinkProtocol", "Piece")

_ACKNOWLEDGE: Final = encode_link_message(Acknowledge())[0]
_TELL: Final = NUMBERS[Tell]
_TELLS: Final = NUMBERS[Tells]
_PARCEL: Final = NUMBERS[Parcel]
_HEARD_HERE: Final = (Acknowledge, Window)  # by this, and nobody else
_HEADS_KEPT: Final = 256
_ARRIVED_MAX: Final = 4 * DESCRIPTORS_MAX

_Outgoing: TypeAlias = tuple[int, Sequence[int], bytes, Buffer, int]
"""A frame that waits to be written: its type, the bytes of each message in it that takes credit, head, body, bytes of
both. A tuple, since one is made for nearly every message."""


class Carrying(NamedTuple):
    """Bytes that descriptors travel with: they arrive with the first of these bytes, at the latest."""

    data: bytes
    descriptors: tuple[int, ...]


Piece: TypeAlias = Buffer | Carrying


class LinkProtocol(Credit):
    """The state of one link as `side` sees it.

    Runs in: whatever owns the socket; it is not locked. Never blocks. After `receive_data`, and after `send`, write
    what `data_to_send` gives. A broken peer stays broken: `failure` holds the error and every further `receive_data`
    raises it.

    `takes_tells` says whether the state allows a Tell from this side.
    `incarnation` is the life that this end belongs to. Frames of an older life are ignored, those of a later one are an
    error; None takes the first that comes. With `acknowledge_on_receipt=False` the shell calls `acknowledge` or
    `finished_but` when messages have left the mailbox for their handler, so that credit says how far the handler is.
    Nobody is kept from sending without credit: who wants to keep the receiver's pace looks at `has_credit`.
    """

    def __init__(
        self,
        side: Side,
        *,
        incarnation: int | None = None,
        max_bytes: int = FRAME_MAX_BYTES,
        window_messages: int = WINDOW_MESSAGES,
        window_bytes: int = WINDOW_BYTES,
        acknowledge_on_receipt: bool = True,
    ) -> None:
        super().__init__(window_messages, window_bytes, acknowledge_on_receipt=acknowledge_on_receipt)
        self.side: Final = side
        self._sends = TRANSITIONS[side]
        self._receives = TRANSITIONS[side.other]
        self.state = State.NEW
        self.incarnation = incarnation
        self.failure: RemoteProtocolError | None = None
        self.ignored_frames = 0
        self.reader: Final = FrameReader(max_bytes)
        self._control: deque[_Outgoing] = deque()
        self._ordered: deque[_Outgoing] = deque()
        self._heads: dict[str, bytes] = {}  # of Tells, by whom they are for
        self._leaving: deque[tuple[int, ...]] = deque()  # descriptors of each Parcel that waits to be written
        self._arrived: deque[int] = deque()  # descriptors whose Parcel is still to come
        self._dropped: list[int] = []  # those of Parcels that are ignored
        self._stale = False

    def receive_data(self, data: Buffer) -> list[LinkMessage]:
        """Take bytes from the socket; give the messages that are complete now.

        Errors: RemoteProtocolError (GarbageReceived with the first bytes) if the peer broke the protocol: at once if
        nothing good came before it in `data`, else on the next call; `failure` is set either way.
        """
        if self.failure is not None:
            raise self.failure
        try:
            frames = self.reader.feed(data)
        except RemoteProtocolError as error:
            self.failure = error
            raise
        return self.receive_frames(frames)

    def receive_frames(self, frames: list[Frame]) -> list[LinkMessage]:
        """Take frames, for a shell that receives into `reader.wanted()`. Otherwise as `receive_data`."""
        messages: list[LinkMessage] = []
        for frame in frames:
            try:
                message = self._received_frame(frame)
            except RemoteProtocolError as error:
                self.failure = error
                if not messages:
                    raise
                return messages
            if message is not None:
                messages.append(message)
        if self.reader.failure is not None:
            self.failure = self.reader.failure
        return messages

    def send(self, message: LinkMessage) -> None:
        """Take a message to send, and move the state as it does.

        Errors: LocalProtocolError if this state does not allow it from this side, or the link has ended;
        CodecError, FrameTooLarge for what cannot be said. After an error nothing has changed.
        """
        if isinstance(message, (Tell, Tells)):
            self.tell(message.to, (message.body,) if isinstance(message, Tell) else message.bodies)
            return
        inner = message.message if isinstance(message, Parcel) else message
        kind = Init if isinstance(inner, Init) else type(message)
        after = self._may_send.get(kind)
        if after is None or self._state is State.ENDED:
            raise self._refusal(kind)
        if isinstance(message, Window):
            self.resize(message, LocalProtocolError)
        if isinstance(inner, Hello) or isinstance(inner, Init):  # noqa: SIM101  # a tenth of the cost of a union
            if self.incarnation not in (None, inner.incarnation):
                raise LocalProtocolError(
                    f"{KINDS[kind]}.incarnation", expected=str(self.incarnation), got=inner.incarnation
                )
            self.incarnation = inner.incarnation
        head, body = encode_link_message(message)
        size = len(head) + (body.nbytes if isinstance(body, memoryview) else len(body))
        if size > FRAME_MAX_BYTES:
            raise FrameTooLarge(f"link message {KINDS[kind]!r}", expected=f"at most {FRAME_MAX_BYTES} bytes", got=size)
        credited = type(inner) in CREDITED
        self._waiting += credited
        if isinstance(message, Parcel):
            self._leaving.append(message.descriptors)  # that of an Init, which overtakes others, is the first of all
        lane = self._ordered if kind in ORDERED else self._control
        lane.append((NUMBERS[type(message)], (size,) if credited else (), head, body, size))
        if after is not self._state:
            self.state = after

    @property
    def takes_logs(self) -> bool:
        """Whether this state allows Logs from this side, and nothing else waits to be written."""
        return not self._control and not self._ordered and Logs in self._may_send and self._state is not State.ENDED

    def tell(self, to: str, bodies: Sequence[Buffer]) -> None:
        """Send Tells to one actor, in this order; small ones share frames. Errors: as `send`."""
        if not self.takes_tells:
            raise self._refusal(Tell)
        head = self._head_for(to)
        sizes = list(map(len, bodies))
        if max(sizes) + len(head) > FRAME_MAX_BYTES:
            raise FrameTooLarge("link message 'tell'", expected=f"at most {FRAME_MAX_BYTES} bytes", got=max(sizes))
        self._waiting += len(bodies)
        if len(bodies) > 1 and sum(sizes) <= SHARED_FRAME_BYTES:  # nearly always
            self._add_tells(head, bodies, sizes)
            return
        begin = total = 0
        for end, size in enumerate(sizes):
            if total + size > SHARED_FRAME_BYTES and end > begin:
                self._add_tells(head, bodies[begin:end], sizes[begin:end])
                begin, total = end, 0
            total += size
        self._add_tells(head, bodies[begin:], sizes[begin:])

    def data_to_send(self, limit_bytes: int | None = None) -> list[Piece]:
        """Give what is to be written, in order, control before data; large bodies as their own buffers, and what has
        descriptors beside it as Carrying.

        With a limit it gives at least one frame and stops after the first that reaches it, so that control can still
        overtake what waits. Call again until it gives nothing.
        """
        pieces: list[Piece] = []
        small: list[Buffer] = []
        given = 0
        while (self._control or self._ordered) and (limit_bytes is None or given < limit_bytes or not given):
            outgoing = self._control.popleft() if self._control else self._ordered.popleft()
            number, credited, head, body, size = outgoing
            header = self._header(number, credited, size)
            if number == _PARCEL:
                if small:
                    pieces.append(b"".join(small))
                pieces.append(Carrying(header + head, self._leaving.popleft()))
                small = []
            else:
                small += (header, head)
            if size < INLINE_MAX_BYTES:
                small.append(body)
            else:
                if small:
                    pieces.append(b"".join(small))
                pieces.append(body)
                small = []
            given += FRAME_HEADER_BYTES + size
        if not given and self._owes_credit():
            small += (self._header(NUMBERS[Acknowledge], (), len(_ACKNOWLEDGE)), _ACKNOWLEDGE)
        if small:
            pieces.append(b"".join(small))
        return pieces

    def receive_descriptors(self, descriptors: Sequence[int], *, incomplete: bool = False) -> None:
        """Take descriptors from the socket, before the bytes that came with them.

        `incomplete`: this process had no room for the rest of them. Their message has MISSING instead.
        Errors: RemoteProtocolError if there are more than a message, or messages under way, can have.
        """
        self._arrived.extend(descriptors)
        if incomplete:
            if len(descriptors) >= DESCRIPTORS_MAX:
                self.failure = RemoteProtocolError("descriptors", expected=f"at most {DESCRIPTORS_MAX}", got="more")
                raise self.failure
            self._arrived.append(MISSING)
        if len(self._arrived) > _ARRIVED_MAX:
            self.failure = RemoteProtocolError(
                "descriptors", expected=f"at most {_ARRIVED_MAX} whose message is still to come", got=len(self._arrived)
            )
            raise self.failure

    def give_back_descriptors(self) -> tuple[int, ...]:
        """Give those that nobody will take any more, because the link is over: they are the caller's to close."""
        here = (each for each in (*self._dropped, *self._arrived) if each != MISSING)
        left = (*here, *(each for descriptors in self._leaving for each in descriptors))
        self._dropped.clear()
        self._arrived.clear()
        self._leaving.clear()
        return left

    @property
    def has_data_to_send(self) -> bool:
        """Whether `data_to_send` would give anything."""
        return bool(self._control or self._ordered) or self._owes_credit()

    @property
    def state(self) -> State:
        """How far the life of the hosted process is, as this end knows it."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        # The rows of the table are kept at hand: to look an enum up costs as much as the rest of a small message.
        self._state = state
        self._may_send = self._sends[state]
        self._may_receive = self._receives[state]
        self.takes_tells = Tell in self._may_send and state is not State.ENDED

    def tell_raw(self, to: str, said: tuple[bytes, Buffer]) -> None:
        """Send a Tell whose body is these two behind each other, without joining them. Errors: as `send`."""
        if not self.takes_tells:
            raise self._refusal(Tell)
        head = self._head_for(to) + said[0]
        size = len(head) + len(said[1])
        if size > FRAME_MAX_BYTES:
            raise FrameTooLarge("link message 'tell'", expected=f"at most {FRAME_MAX_BYTES} bytes", got=size)
        self._waiting += 1
        self._ordered.append((_TELL, (size,), head, said[1], size))

    def _head_for(self, to: str) -> bytes:
        head = self._heads.get(to)
        if head is None:
            if len(self._heads) >= _HEADS_KEPT:
                self._heads.clear()
            head = self._heads[to] = tell_head(to)
        return head

    def _add_tells(self, head: bytes, bodies: Sequence[Buffer], sizes: list[int]) -> None:
        if len(bodies) == 1:
            self._ordered.append((_TELL, sizes, head, bodies[0], len(head) + sizes[0]))
        else:
            payload = join_tells(head, bodies)
            self._ordered.append((_TELLS, sizes, payload, b"", len(payload)))

    def _header(self, number: int, credited: Sequence[int], size: int) -> bytes:
        if credited:
            self._count_out(credited)
        return frame_header(number, size, self._sent, self._tell())

    def _owes_credit(self) -> bool:
        """Credit goes alone only if nothing else went out: one per message costs three times as much."""
        if not self._is_owed:
            return False
        return Acknowledge in self._may_send and self._state is not State.ENDED

    def _received_frame(self, frame: Frame) -> LinkMessage | None:
        message = decode_link_message(frame)
        inner = message.message if isinstance(message, Parcel) else message
        kind = Init if isinstance(inner, Init) else type(message)
        if isinstance(inner, Hello) or isinstance(inner, Init):  # noqa: SIM101  # as in send
            self._stale = not self._is_current(inner)
        if self._stale:
            if isinstance(message, Parcel):
                self._dropped.extend(self._filled(message).descriptors)
            self.ignored_frames += 1
            return None
        after = self._may_receive.get(kind)
        if after is None:
            raise RemoteProtocolError(
                f"link message {KINDS[kind]!r}", expected=self._expected(self.side.other), got=self.state.name
            )
        self._count_in(frame, _credit_of(message))
        if isinstance(message, Window):
            self.resize(message, RemoteProtocolError)
        if isinstance(message, Parcel):
            message = self._filled(message)
        if after is not self._state:
            self.state = after
        return None if kind in _HEARD_HERE else message

    def _filled(self, parcel: Parcel) -> Parcel:
        """Put in the descriptors that came beside it."""
        count = len(parcel.descriptors)
        beside = tuple(islice(self._arrived, count))
        if MISSING in beside:
            came = tuple(iter(self._arrived.popleft, MISSING))
            return Parcel(parcel.message, came + (MISSING,) * (count - len(came)))
        if len(beside) < count:
            raise RemoteProtocolError("descriptors", expected=f"{count} beside the message", got=len(self._arrived))
        for _ in beside:
            self._arrived.popleft()
        return Parcel(parcel.message, beside)

    def _is_current(self, message: Hello | Init) -> bool:
        name = KINDS[type(message)]
        if isinstance(message, Hello) and message.version != LINK_VERSION:
            raise RemoteProtocolError("hello.version", expected=str(LINK_VERSION), got=message.version)
        if self.incarnation is None:
            self.incarnation = message.incarnation
        if message.incarnation > self.incarnation:
            raise RemoteProtocolError(f"{name}.incarnation", expected=f"{self.incarnation}", got=message.incarnation)
        return message.incarnation == self.incarnation

    def _refusal(self, kind: type[LinkMessage]) -> LocalProtocolError:
        name = KINDS.get(kind, kind.__qualname__)
        return LocalProtocolError(f"link message {name!r}", expected=self._expected(self.side), got=self.state.name)

    def _expected(self, sender: Side) -> str:
        names = ", ".join(sorted(KINDS[kind] for kind in TRANSITIONS[sender][self.state])) or "nothing"
        return f"{names} from the {sender} in this state"


def _credit_of(message: LinkMessage) -> int:
    if isinstance(message, Tells):
        return len(message.bodies)
    return int(type(message.message if isinstance(message, Parcel) else message) in CREDITED)
