"""One end of a session, without I/O and without a clock: what may be said, in which phase, and who has fallen silent.

What lives here: the phase of one connection and its checks. What must not: what the messages mean for work.
A shell hands in what arrives and sends what it is given; all times are the shell's monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from ..errors import FrameTooLarge, LocalProtocolError, RemoteProtocolError
from ..limits import SESSION_MAX_BYTES
from .features import granted
from .messages import Connect, Hello, Message, Ready
from .states import MOVES, RECEIVES, SENDS, Phase, Role
from .wire import KINDS, decode_message, encode_message

__all__ = ("Intervals", "SessionProtocol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """What Ready fixed for this connection, in seconds and bytes."""

    heartbeat: float
    misses: int
    lease: float
    lease_renew: float
    max_message_bytes: int

    @classmethod
    def of(cls, ready: Ready) -> Self:
        """Read them."""
        return cls(
            heartbeat=ready.heartbeat_interval_ms / 1000,
            misses=ready.heartbeat_misses,
            lease=ready.lease_ms / 1000,
            lease_renew=ready.lease_renew_ms / 1000,
            max_message_bytes=ready.max_message_bytes,
        )

    @property
    def silence_limit(self) -> float:
        """Seconds after which a peer that has said nothing is taken for gone."""
        return self.heartbeat * self.misses


class SessionProtocol:
    """The state of one connection as `role` sees it.

    Runs in: whatever thread or task owns the connection; it is not locked. Never blocks.
    After a RemoteProtocolError the phase is what it was; say ErrorMessage and Closing if you can, then close.
    """

    def __init__(self, role: Role, *, max_bytes: int = SESSION_MAX_BYTES) -> None:
        self.role: Final = role
        self.phase = Phase.NEW
        self.peer: Role | None = None if role is Role.GATEWAY else Role.GATEWAY  # a gateway learns it from Connect
        self.connect: Connect | None = None  # set when Connect was sent or received
        self.intervals: Intervals | None = None  # set when Ready was sent or received
        self._offered: tuple[str, ...] = ()  # by the gateway, set with Hello
        self._features: tuple[str, ...] = ()  # agreed on, set with Ready
        self._max_bytes = max_bytes
        self._heard: float | None = None

    def receive(self, data: bytes | str, now: float) -> Message | None:
        """Take one WebSocket message; give what it says, None for what is to be ignored.

        Errors: RemoteProtocolError for garbage, a wrong field, or a message that this phase does not allow.
        """
        if self.phase is Phase.CLOSED:
            return None
        message = decode_message(data, max_bytes=self._max_bytes)
        self._heard = now
        if message is None:
            return None
        kind = type(message)
        if kind not in RECEIVES[(self._peer_role(message), self.role)][self.phase]:
            raise RemoteProtocolError(
                f"session message {KINDS[kind]!r}", expected=self._expected(receiving=True), got=self.phase.name
            )
        self._check(message, RemoteProtocolError)
        self._move(message)
        return message

    def send(self, message: Message, now: float) -> bytes:
        """Give the bytes of one WebSocket message, and move the phase as the message does.

        Errors: LocalProtocolError if this phase does not allow it; FrameTooLarge over what Ready allows;
        CodecError for a field that cannot be said. After an error nothing has changed.
        """
        kind = type(message)
        if kind not in SENDS[(self.role, self._peer_role(message))][self.phase]:
            name = KINDS.get(kind, kind.__qualname__)
            raise LocalProtocolError(
                f"session message {name!r}", expected=self._expected(receiving=False), got=self.phase.name
            )
        self._check(message, LocalProtocolError)
        data = self.encode(message)
        if self._heard is None:
            self._heard = now
        self._move(message)
        return data

    def encode(self, message: Message) -> bytes:
        """Give the bytes of a message that `may_send` allowed before, for a sender whose messages wait; moves nothing.

        Errors: FrameTooLarge over what Ready allows; CodecError for a field that cannot be said.
        """
        data = encode_message(message)
        limit = self._max_bytes if self.intervals is None else self.intervals.max_message_bytes
        if len(data) > limit:
            name = KINDS[type(message)]
            raise FrameTooLarge(f"session message {name!r}", expected=f"at most {limit} bytes", got=len(data))
        return data

    def may_send(self, kind: type[Message]) -> bool:
        """Say whether a message of this class could be sent now."""
        return kind in SENDS[(self.role, self.peer or Role.WORKER)][self.phase]

    def has(self, feature: str) -> bool:
        """Say whether this session has a feature; before Ready it has none."""
        return feature in self._features

    def silent_for(self, now: float) -> float:
        """Seconds since the peer said anything; 0 before either side has said anything."""
        return 0.0 if self._heard is None else max(0.0, now - self._heard)

    def beat_missed(self, now: float) -> bool:
        """Say whether the peer has been silent for longer than the agreed number of beats. Anything it says counts."""
        known = self.intervals
        return known is not None and self.silent_for(now) > known.silence_limit

    def close(self) -> None:
        """Note that the connection is gone. What still arrives is ignored, what is still sent is refused."""
        self.phase = Phase.CLOSED

    def _peer_role(self, message: Message) -> Role:
        if self.peer is not None:
            return self.peer
        # Until Connect says who the peer is, both kinds of peer may and must say the same.
        return Role(message.role) if isinstance(message, Connect) else Role.WORKER

    def _check(self, message: Message, error: type[RemoteProtocolError | LocalProtocolError]) -> None:
        """Check what the table cannot: one Connect, in its sender's name, before Ready; and that Ready makes sense."""
        if isinstance(message, Connect):
            if self.connect is not None:
                raise error("connect", expected="one on a connection", got="another one")
            if self.role is not Role.GATEWAY and Role(message.role) is not self.role:
                raise error("connect.role", expected=self.role.value, got=message.role)
        elif isinstance(message, Ready):
            if self.connect is None:
                raise error("ready", expected="a connect before it", got="none")
            agreed = granted(self._offered, self.connect.features)
            if unasked := [feature for feature in message.features if feature not in agreed]:
                raise error("ready.features", expected=f"some of {agreed}, offered and asked for", got=unasked)
            for name in (
                "heartbeat_interval_ms",
                "heartbeat_misses",
                "lease_ms",
                "lease_renew_ms",
                "max_message_bytes",
            ):
                if getattr(message, name) <= 0:
                    raise error(f"ready.{name}", expected="more than 0", got=getattr(message, name))

    def _move(self, message: Message) -> None:
        target = MOVES.get(type(message), self.phase)
        if isinstance(message, Hello):
            self._offered = message.features
        elif isinstance(message, Connect):
            self.connect = message
            self.peer = Role(message.role) if self.role is Role.GATEWAY else Role.GATEWAY
        elif isinstance(message, Ready):
            self.intervals = Intervals.of(message)
            self._features = message.features
            if self.connect is not None and self.connect.paused:
                target = Phase.DRAINING
        self.phase = max(self.phase, target)

    def _expected(self, *, receiving: bool) -> str:
        other = self.peer or Role.WORKER
        allowed = RECEIVES[(other, self.role)] if receiving else SENDS[(self.role, other)]
        names = ", ".join(sorted(KINDS[kind] for kind in allowed[self.phase])) or "nothing"
        return f"{names} in this phase of a {self.role}"
