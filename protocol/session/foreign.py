"""Speaking to a server that is not ours: a worker's tree stays what it is, only its words are others.

What lives here: `ForeignProtocol`, to be subclassed by users, and `ForeignSession`, which makes a `ConnectionProtocol`
of it. What must not: I/O, clocks, and any wire format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from ..codec import encode
from ..errors import CodecError, LocalProtocolError, RemoteProtocolError
from ..limits import SESSION_MAX_BYTES
from .messages import Connect, Hello, Invoke, Message, Ready, Result, ResultAck
from .protocol import Intervals
from .speaking import Data
from .states import MOVES, Phase

__all__ = ("ForeignProtocol", "ForeignSession")

_SHOWN_CHARS: Final = 80


class ForeignProtocol(ABC):
    """The words of another server. Subclass it; one is made for every connection, in the connection process.

    Three methods have to be written; `say` is for what else the server wants to hear. All of them are pure: they are
    given messages of `regrow.protocol.session.messages`, or data, and give the other. What they raise ends the
    connection, or for `result` makes a failure of that result.
    """

    subprotocol: ClassVar[str | None] = None
    """What is asked for in the WebSocket handshake; None: nothing."""

    pings: ClassVar[float | None] = 20.0
    """Seconds between WebSocket pings; one that is not answered for as long ends the connection."""

    silence: ClassVar[float | None] = None
    """Seconds after which a server that says nothing is gone; None: the pings alone tell."""

    beat: ClassVar[float] = 10.0
    """Seconds between two `Heartbeat`s to `say`."""

    renew: ClassVar[float] = 10.0
    """Seconds between two `ExtendLease`s to `say`, while something runs."""

    admits: ClassVar[bool] = False
    """Whether the server says when the worker is in: then `receive` gives `ready()`; else it is in at once."""

    acknowledges: ClassVar[bool] = False
    """Whether the server acknowledges results: then `receive` gives `ResultAck`, and a result is repeated on every
    connection until it does; else one that was sent is forgotten."""

    @abstractmethod
    def connect(self, connect: Connect) -> Iterable[Data]:
        """Say who we are; the first words on a connection."""

    @abstractmethod
    def receive(self, data: Data) -> Iterable[Message]:
        """Read one WebSocket message: mostly an `Invoke`, which `invoke` makes, or a `Cancel`."""

    @abstractmethod
    def result(self, result: Result) -> Iterable[Data]:
        """Say how a request ended: `Success`, whose value `regrow.protocol.codec.decode` reads, or `Failure`."""

    def say(self, message: Message) -> Iterable[Data]:
        """Say anything else: `Ack`, `Busy`, `Progress`, `Heartbeat`, `ExtendLease`, `Pause`, `Closing`."""
        del message  # nothing, unless it is overridden
        return ()

    def invoke(
        self,
        request_id: str,
        function: str,
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        *,
        lease_id: int = 1,
        deadline: float | None = None,
    ) -> Invoke:
        """Make the order to run a function; `deadline`: seconds. Errors: CodecError for arguments of no plain type."""
        return Invoke(
            request_id=request_id,
            function=function,
            arguments=encode((tuple(args), dict(kwargs or {})), root="arguments"),
            lease_id=lease_id,
            deadline_ms=None if deadline is None else max(1, round(deadline * 1000)),
        )

    def ready(self, connection_id: str = "") -> Ready:
        """Make the word that the worker is in."""
        return Ready(
            connection_id=connection_id,
            heartbeat_interval_ms=round(self.beat * 1000),
            heartbeat_misses=1 if self.silence is None else max(1, round(self.silence / self.beat)),
            lease_ms=round(self.renew * 3000),
            lease_renew_ms=round(self.renew * 1000),
            max_message_bytes=SESSION_MAX_BYTES,
        )


class ForeignSession:
    """A connection to such a server, as the roles of a link need it."""

    def __init__(self, protocol: ForeignProtocol) -> None:
        self._protocol = protocol
        self._name = type(protocol).__qualname__
        self._heard: float | None = None
        self.phase = Phase.NEW
        self.connect: Connect | None = None
        self.intervals: Intervals | None = None

    @property
    def subprotocol(self) -> str | None:
        """As the protocol says."""
        return self._protocol.subprotocol

    @property
    def pings(self) -> float | None:
        """As the protocol says."""
        return self._protocol.pings

    def opened(self, now: float) -> Sequence[Message]:
        """Give the greeting that this server does not say."""
        self._heard = now
        return self._heed((Hello(gateway=self._name),))

    def receive(self, data: Data, now: float) -> Sequence[Message]:
        """Have it read. Errors: RemoteProtocolError for whatever the protocol raises."""
        if self.phase is Phase.CLOSED:
            return ()
        self._heard = now
        try:
            return self._heed(self._protocol.receive(data))
        except Exception as error:
            expected = f"what {self._name}.receive reads ({type(error).__name__}: {error})"
            raise RemoteProtocolError("message", expected=expected, got=data[:_SHOWN_CHARS]) from error

    def may_send(self, kind: type[Message]) -> bool:
        """Say whether anything but Connect may be said yet, or nothing any more."""
        if kind is Connect:
            return self.phase is Phase.HANDSHAKING
        return Phase.ACTIVE <= self.phase < Phase.CLOSING

    def send(self, message: Message, now: float) -> Sequence[Data]:
        """Have it said. Errors: LocalProtocolError at the wrong time, CodecError for whatever the protocol raises."""
        if not self.may_send(type(message)):
            name = type(message).__name__
            raise LocalProtocolError(f"message {name}", expected="a connection that is ready", got=self.phase.name)
        try:
            data = tuple(self._words_for(message))
        except Exception as error:
            expected = f"what {self._name} can say ({type(error).__name__}: {error})"
            raise CodecError(type(message).__name__, expected=expected, got=message) from error
        if self._heard is None:
            self._heard = now
        if isinstance(message, Connect):
            self.connect = message
        self._move(message)
        return data

    def sent(self, message: Message, _now: float) -> Sequence[Message]:
        """Give the answers that this server does not say."""
        if isinstance(message, Connect) and not self._protocol.admits:
            return self._heed((self._protocol.ready(),))
        if isinstance(message, Result) and not self._protocol.acknowledges:
            return (ResultAck(request_id=message.request_id, lease_id=message.lease_id),)
        return ()

    def has(self, _feature: str) -> bool:
        """Say yes: what is of no use to the server, its protocol leaves unsaid."""
        return self.phase >= Phase.ACTIVE

    def silent_for(self, now: float) -> float:
        """Seconds since it said anything, if its silence means something."""
        return 0.0 if self._heard is None or self._protocol.silence is None else max(0.0, now - self._heard)

    def close(self) -> None:
        """Note that the connection is gone."""
        self.phase = Phase.CLOSED

    def _words_for(self, message: Message) -> Iterable[Data]:
        match message:
            case Connect():
                return self._protocol.connect(message)
            case Result():
                return self._protocol.result(message)
        return self._protocol.say(message)

    def _heed(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        heard = tuple(messages)
        for message in heard:
            self._move(message)
        return heard

    def _move(self, message: Message) -> None:
        target = MOVES.get(type(message), self.phase)
        if isinstance(message, Ready):
            self.intervals = Intervals.of(message)
            if self.connect is not None and self.connect.paused:
                target = Phase.DRAINING
        self.phase = max(self.phase, target)
