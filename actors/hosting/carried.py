"""What travels as a descriptor beside a message: blobs, sockets and ports, which are handed over, and counters, which
are shared. They are said as tokens, and taken back as what they were.

What lives here: one message's descriptors, on their way out and in. What must not: the link.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self, TypeAlias

from ...protocol.codec import encode
from ...protocol.descriptor_token import DescriptorToken
from ...protocol.errors import RemoteProtocolError
from ...protocol.ext import Refusal
from ...protocol.host.messages import MISSING, LinkMessage, Parcel
from ...protocol.limits import DESCRIPTORS_MAX
from ...protocol.ref_token import RefToken
from .beside import out_of_descriptors
from .blob import Blob, BlobClosed
from .counters import Counters, CountersClosed
from .errors import PortUnusable
from .port import Port
from .port_states import Step

__all__ = ("Arrival", "Departure", "HasDescriptors", "Sharing", "close_descriptors", "travels_by_descriptor")

HandedOver: TypeAlias = Blob | Port | socket.socket
BLOB: Final = "blob"
SOCKET: Final = "socket"
PORT: Final = "port"
COUNTERS: Final = "counters"
_HANDED_OVER: Final = (Blob, Port, socket.socket)
_NAMES: Final = "blob, socket or port"


class HasDescriptors(Exception):  # as StopIteration: a signal between two modules
    """A message has something in it that travels by descriptor: it is to be said anew, with a Departure."""


def travels_by_descriptor(value: object) -> bool:
    """Say whether a value cannot be said in bytes alone."""
    return isinstance(value, (*_HANDED_OVER, Counters))


def close_descriptors(message: LinkMessage) -> None:
    """Close what was to travel beside a message that nobody will send, or take."""
    for descriptor in message.descriptors if isinstance(message, Parcel) else ():
        if descriptor != MISSING:
            os.close(descriptor)


class Sharing:
    """Says what several get, or one again and again: counters may be in it, but nothing that only one can have."""

    def __init__(self, say: Callable[[object], RefToken | None]) -> None:
        self._say = say
        self._found: list[Counters] = []

    @property
    def found(self) -> tuple[Counters, ...]:
        """The counters in it, as often as they are."""
        return tuple(self._found)

    def say(self, value: object) -> RefToken | DescriptorToken | None:
        """Give the token of a ref, or of counters. Errors: Refusal, which the codec says with the path."""
        if isinstance(value, _HANDED_OVER):
            raise Refusal(
                f"nothing that is handed over (a {_NAMES}: only one can have it, and only once: tell it to the actor)"
            )
        if not isinstance(value, Counters):
            return self._say(value)
        if value.closed:
            raise Refusal("counters that are still here")
        if len(self._found) >= DESCRIPTORS_MAX:
            raise Refusal(f"at most {DESCRIPTORS_MAX} counters")
        self._found.append(value)
        return DescriptorToken(len(self._found) - 1, COUNTERS)


class _Found:
    """What of a message travels by descriptor, so far."""

    def __init__(self) -> None:
        self._values: list[HandedOver | Counters] = []

    def add(self, value: HandedOver | Counters) -> None:
        """Take one more. Errors: Refusal, which the codec says with the path."""
        if not isinstance(value, Counters) and any(value is other for other in self._values):
            raise Refusal(f"each {_NAMES} once, as it can be handed over once")
        if len(self._values) >= DESCRIPTORS_MAX:
            raise Refusal(f"at most {DESCRIPTORS_MAX} blobs, sockets, ports and counters")
        self._values.append(value)


class Departure:
    """The descriptors of one message that leaves; entered while it is said and sent.

    If it was sent, what was handed over is gone here; if that has failed, everything stays.
    """

    def __init__(self, say: Callable[[object], RefToken | None]) -> None:
        self._say = say
        self._found = _Found()
        self._carried: list[HandedOver] = []
        self._unusable: tuple[object, str] | None = None
        self.descriptors: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            for value in self._carried:
                if isinstance(value, Port):
                    value.take(Step.HANDED_OVER)
                else:
                    value.close()
        else:
            for value in self._carried:
                if isinstance(value, Port):
                    value.take(Step.GIVEN_BACK)
            for descriptor in self.descriptors:
                os.close(descriptor)

    def encode(self, value: object) -> bytes:
        """Say the message. Errors: CodecError with the path of what cannot be said, or handed over."""
        return encode(value, refs=self.say, again=self._again())

    def say(self, value: object) -> RefToken | DescriptorToken | None:
        """Give the token of a ref, or of what travels by descriptor. Errors: Refusal, which the codec says with the
        path.
        """
        if not isinstance(value, Blob | Port | socket.socket | Counters):
            return self._say(value)
        self._found.add(value)
        try:
            descriptor = _descriptor_of(value)
        except (BlobClosed, BufferError, CountersClosed, OSError, PortUnusable) as error:
            expected = f"a {_NAMES} that can be handed over, or counters to share ({error})"
            self._unusable = value, expected
            raise Refusal(expected) from error
        place = len(self.descriptors)
        self.descriptors = (*self.descriptors, descriptor)
        if isinstance(value, Counters):
            return DescriptorToken(place, COUNTERS)
        self._carried.append(value)
        if isinstance(value, Blob):
            return DescriptorToken(place, BLOB, len(value))
        return DescriptorToken(place, PORT if isinstance(value, Port) else SOCKET)

    def _again(self) -> Callable[[object], RefToken | DescriptorToken | None]:
        """Give what refuses the same as `say` has, and does nothing else: to find where that is in the message."""
        found = _Found()

        def say(value: object) -> RefToken | DescriptorToken | None:
            if not isinstance(value, Blob | Port | socket.socket | Counters):
                return self._say(value)
            found.add(value)
            if self._unusable is not None and value is self._unusable[0]:
                raise Refusal(self._unusable[1])
            return DescriptorToken(0, BLOB)

        return say


def _descriptor_of(value: HandedOver | Counters) -> int:
    if isinstance(value, socket.socket):
        return os.dup(value.fileno())
    if not isinstance(value, Port):
        return value.lend()
    value.take(Step.LENT)  # first: or two messages could have it
    try:
        return value.lend()
    except (OSError, PortUnusable):
        value.take(Step.GIVEN_BACK)
        raise


class Arrival:
    """The descriptors of one message that has come; entered while it is read. Those that nobody took are closed."""

    def __init__(self, read: Callable[[RefToken], object], descriptors: Sequence[int]) -> None:
        self._read = read
        self._left = dict(enumerate(descriptors))
        self._ports: list[Port] = []

    def read(self, token: RefToken | DescriptorToken) -> object:
        """Make of a token what it stands for. Errors: RemoteProtocolError; OutOfDescriptors if it had no room here."""
        if isinstance(token, RefToken):
            return self._read(token)
        descriptor = self._left.pop(token.index, None)
        if descriptor is None:
            raise RemoteProtocolError("descriptor", expected="one that came and was not taken yet", got=token)
        if descriptor == MISSING:
            raise out_of_descriptors()
        try:
            if token.kind == BLOB:
                return Blob.received(descriptor, token.detail)
            if token.kind == SOCKET:
                return socket.socket(fileno=descriptor)
            if token.kind == PORT:
                port = Port.received(descriptor)
                self._ports.append(port)
                return port
            if token.kind == COUNTERS:
                return Counters.received(descriptor)
        except (ValueError, OSError) as error:
            os.close(descriptor)
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
                raise out_of_descriptors() from error
            raise RemoteProtocolError(f"descriptor of a {token.kind}", expected=str(error), got=token) from error
        os.close(descriptor)
        raise RemoteProtocolError("descriptor", expected=f"a {BLOB}, a {SOCKET}, a {PORT} or {COUNTERS}", got=token)

    def refuse(self) -> None:
        """Close the ports that came: nobody opens them, as the message is a dead letter, which somebody may keep."""
        for port in self._ports:
            port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for descriptor in self._left.values():
            if descriptor != MISSING:
                os.close(descriptor)
        self._left.clear()
