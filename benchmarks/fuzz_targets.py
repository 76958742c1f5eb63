"""What a hostile peer may send, as functions of bytes: each raises only if a promise was broken.

What lives here: one function for each parser and each table that a peer's bytes reach. What must not: where the bytes
come from; that is hypothesis in the tests and atheris in `benchmarks.fuzz`.

The bytes are a script: they say what arrives, in which pieces, and what this end does in between, so that whoever makes
them finds the states behind the handshake as well.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from contextlib import suppress
from types import NoneType, UnionType
from typing import Final, Literal, Union, get_args, get_origin, get_type_hints

from regrow.connect.broker import BrokerCore, BrokerSettings, DrainStarted, PeerJoined, PeerLeft, PeerSaid, TimePassed
from regrow.connect.signed_tokens import Claims, Key, KeyRing, Scope, TokenRefused, unverified
from regrow.protocol.errors import CodecError, FrameTooLarge, LocalProtocolError, RemoteProtocolError
from regrow.protocol.exits import Normal
from regrow.protocol.frames import Frame, encode_frame
from regrow.protocol.host.messages import (
    Ask,
    DownSignal,
    Exited,
    Init,
    LinkMessage,
    MonitorRequest,
    Reply,
    Stop,
    Tell,
    Window,
)
from regrow.protocol.host.messages import Hello as LinkHello
from regrow.protocol.host.messages import Ready as LinkReady
from regrow.protocol.host.protocol import Carrying, LinkProtocol
from regrow.protocol.host.states import CREDITED, Side, State
from regrow.protocol.host.wire import NUMBERS, encode_link_message
from regrow.protocol.session.messages import Connect, Hello, Message, Ready
from regrow.protocol.session.protocol import SessionProtocol
from regrow.protocol.session.states import MESSAGE_TYPES, Role
from regrow.protocol.session.wire import decode_message, encode_message

__all__ = ("TARGETS", "seeds")

_MAX_BYTES: Final = 4096  # of a frame and of a message: small, so that a script reaches what is beyond


class _Script:
    """Bytes that are read as small numbers and pieces; empty, it gives zeros and nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def piece(self) -> bytes:
        size = self.number() * 4
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece


def _promise(kept: bool, words: str) -> None:
    if not kept:
        raise AssertionError(words)


def host_link(data: bytes) -> None:
    """Frames and messages of a hosted process, or of its parent: garbage ends the link and nothing else."""
    script = _Script(data)
    side = Side.PARENT if script.number() % 2 else Side.CHILD
    end = LinkProtocol(side, incarnation=7, max_bytes=_MAX_BYTES)
    if script.number() % 2:
        other = LinkProtocol(side.other, incarnation=7)
        parent, child = (end, other) if side is Side.PARENT else (other, end)
        for sender, receiver, message in (
            (child, parent, LinkHello(1, 7)),
            (parent, child, Init("m:T", b"", 7)),
            (child, parent, LinkReady()),
        ):
            sender.send(message)
            for out in sender.data_to_send():
                receiver.receive_data(out.data if isinstance(out, Carrying) else out)
    sequence, before = 0, end.state
    while script:
        kind = script.number()
        piece = script.piece()
        if kind < 128:  # a frame that is one, with anything in it
            piece = encode_frame(Frame(kind % 64, piece, sequence, 0))
        elif kind < 224:  # a message that is one
            message = _link_message(kind, piece)
            head, body = encode_link_message(message)
            sequence += type(message) in CREDITED
            piece = encode_frame(Frame(NUMBERS[type(message)], head + bytes(body), sequence, 0))
        try:
            end.receive_data(piece)
        except RemoteProtocolError:
            _promise(end.failure is not None, "a link that was given garbage does not know it")
        _promise(end.state >= before, f"the state went back from {before!r} to {end.state!r}")
        _promise(end.reader.pending_bytes <= _MAX_BYTES + 16, f"{end.reader.pending_bytes} bytes wait in the reader")
        before = end.state
    _promise(end.state in State, "no state")


def session_message(data: bytes) -> None:
    """One message of a session: refused by name, ignored, or read; what was read can be said and read again."""
    try:
        message = decode_message(data, max_bytes=_MAX_BYTES)
    except RemoteProtocolError as error:
        _promise(len(str(error)) < 4 * _MAX_BYTES, "the words of an error are larger than what was wrong")
        return
    if message is not None:
        again = decode_message(encode_message(message))
        # Compared as bytes: a NaN is not equal to itself.
        _promise(again is not None and encode_message(again) == encode_message(message), f"read otherwise: {message}")


def session_table(data: bytes) -> None:
    """A session of any role, whatever arrives and is said: phases only grow, an error changes nothing."""
    script = _Script(data)
    role = tuple(Role)[script.number() % 3]
    session = SessionProtocol(role, max_bytes=_MAX_BYTES)
    now = 0.0
    if script.number() % 4:  # else it begins with the handshake itself
        client = script.number() % 2 if role is Role.GATEWAY else role is Role.CLIENT
        greeting = Connect(role="client" if client else "worker", token="t", instance="i")
        for message, ours in ((Hello(gateway="g"), True), (greeting, False), (_ready(), True)):
            if ours is (role is Role.GATEWAY):
                session.send(message, now)
            else:
                session.receive(encode_message(message), now)
    while script:
        deed, now = script.number(), now + script.number() / 16
        phase = session.phase
        try:
            if deed < 100:
                session.receive(encode_message(_sample(script)), now)
            elif deed < 200:
                session.send(_sample(script), now)
            elif deed < 254:
                session.receive(script.piece(), now)
            else:
                session.close()
        except (RemoteProtocolError, LocalProtocolError, CodecError, FrameTooLarge):
            _promise(session.phase is phase, f"an error moved the session from {phase!r} to {session.phase!r}")
        _promise(session.phase >= phase, f"the phase went back from {phase!r} to {session.phase!r}")
        _promise(session.silent_for(now) >= 0.0, "silent for less than nothing")
        session.beat_missed(now)


def broker(data: bytes) -> None:
    """Peers that have joined and say whatever their session lets through: the broker takes all of it."""
    script = _Script(data)
    settings = BrokerSettings(max_requests=8, max_results=4, max_request_bytes=1 << 14, max_result_bytes=1 << 12)
    core = BrokerCore(settings, generation=1, rng=random.Random(1))
    sessions: dict[str, SessionProtocol] = {}
    joined = 0
    now = 0.0
    while script:
        deed, now = script.number(), now + script.number() / 16
        names = sorted(sessions)
        if deed < 40 and len(names) < 6:
            joined += 1
            name = f"c{joined}"
            connect = _connect(script)
            session = sessions[name] = SessionProtocol(Role.GATEWAY, max_bytes=_MAX_BYTES)
            session.send(Hello(gateway="g"), now)
            session.receive(encode_message(connect), now)
            core.receive(PeerJoined(name, connect), now)
            session.send(_ready(), now)
        elif deed < 50 and names:
            name = names[script.number() % len(names)]
            del sessions[name]
            core.receive(PeerLeft(name), now)
        elif deed < 60:
            core.receive(TimePassed(), now)
        elif deed == 60:
            core.receive(DrainStarted(1000), now)
        elif names:
            name = names[script.number() % len(names)]
            session = sessions[name]
            raw = script.piece() if deed > 240 else encode_message(_sample(script))
            try:
                message = session.receive(raw, now)
            except RemoteProtocolError:
                continue
            if message is not None:
                core.receive(PeerSaid(name, message), now)
        waiting = core.status()["queued"]
        _promise(isinstance(waiting, int) and 0 <= waiting <= settings.max_requests, f"{waiting} requests wait")


def token(data: bytes) -> None:
    """A text that claims to be a signed token: good or refused, never anything else."""
    script = _Script(data)
    text = _GOOD[: script.number()] + script.piece().decode("utf-8", "replace") + _GOOD[script.number() :]
    with suppress(TokenRefused):
        _RING.verify(text, 0.0)
        _promise(text == _GOOD, f"a forged token is taken: {text!r}")
    with suppress(TokenRefused):
        unverified(text)


# ── samples ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ready() -> Ready:
    return Ready(
        connection_id="c",
        heartbeat_interval_ms=1000,
        heartbeat_misses=3,
        lease_ms=3000,
        lease_renew_ms=1000,
        max_message_bytes=_MAX_BYTES,
    )


def _link_message(number: int, body: bytes) -> LinkMessage:
    kinds = (
        Tell("u", body),
        Ask("u", len(body), body),
        Reply(len(body), ok=True, body=body),
        Stop(Normal()),
        LinkReady(body),
        Exited(Normal()),
        Window(len(body), len(body)),
        MonitorRequest(len(body), "u"),
        DownSignal(len(body), Normal()),
    )
    return kinds[number % len(kinds)]


def _connect(script: _Script) -> Connect:
    number = script.number()
    return Connect(
        role="client" if number % 3 == 0 else "worker",
        token="t",
        instance=f"i{number % 4}",
        epoch=script.number() % 4,
        functions=("f", "g")[: 1 + number % 2],
        capacity=script.number() % 5,
        paused=number % 7 == 0,
    )


def _sample(script: _Script) -> Message:
    """Make a message of any kind; names and numbers are few, so that they meet."""
    kind = MESSAGE_TYPES[script.number() % len(MESSAGE_TYPES)]
    return kind(**{name: _value(hint, script) for name, hint in _HINTS[kind].items()})  # type: ignore[arg-type]


def _value(hint: object, script: _Script) -> object:
    if hint is str:
        return ("r1", "r2", "f", "g", "i1", "", "r3")[script.number() % 7]
    if hint is int:
        number = script.number()
        return number if number < 250 else (2**63 - 1, 2**64 - 1, -1, -(2**63), 2**32, 0)[number - 250]
    if hint is bool:
        return bool(script.number() % 2)
    if hint is float:
        return (0.0, 0.5, 1e308, float("inf"), float("nan"), -1.0)[script.number() % 6]
    if hint is bytes:
        return script.piece()
    choices = get_args(hint)
    if get_origin(hint) is Literal:
        return choices[script.number() % len(choices)]
    if get_origin(hint) is tuple:
        return tuple(_value(choices[0], script) for _ in range(script.number() % 4))
    if get_origin(hint) is dict:
        return {str(_value(str, script)): _value(str, script) for _ in range(script.number() % 3)}
    if get_origin(hint) in (Union, UnionType):
        return _value(choices[script.number() % len(choices)], script)
    if hint is NoneType:
        return None
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return hint(**{name: _value(inner, script) for name, inner in get_type_hints(hint).items()})
    raise AssertionError(f"a field of a message is a {hint!r}: say here how one is made")


_HINTS: Final = {kind: get_type_hints(kind) for kind in MESSAGE_TYPES}
_RING: Final = KeyRing(Key("k1", bytes(32)))
_GOOD: Final = _RING.sign(
    Claims(subject="s", scopes=frozenset({Scope.CLIENT}), issued_at=0, expires_at=10**9, token_id="0" * 32)
)

TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "host_link": host_link,
    "session_message": session_message,
    "session_table": session_table,
    "broker": broker,
    "token": token,
}


def seeds(target: str) -> list[bytes]:
    """Give inputs to begin with, where bytes at random would hardly ever mean anything."""
    if target != "session_message":
        return []
    rng = random.Random(1)
    scripts = (bytes([number]) + rng.randbytes(60) for number in range(len(MESSAGE_TYPES)))
    return [encode_message(_sample(_Script(script))) for script in scripts]
