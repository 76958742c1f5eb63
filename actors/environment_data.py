"""Data that every hosted process finds in its system: set once, given to each at its start, and to theirs.

What lives here: the values, said as bytes. What must not: how they travel (`Init.context`).
Source: setEnvironmentData of Node's worker_threads, without its sharing with those that run already.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Final

from ..protocol.codec import decode, encode
from ..protocol.errors import CodecError
from ..protocol.ext import Refusal
from .ref import ActorRef

if TYPE_CHECKING:
    from ..protocol.ref_token import RefToken
    from .system import ActorSystem

__all__ = ("ENVIRONMENT_MAX_BYTES", "EnvironmentData")

ENVIRONMENT_MAX_BYTES: Final = 64 * 1024  # of all names and values: each start sends it


class EnvironmentData(MutableMapping[str, object]):
    """A mapping of values that can be said, at most 64 KiB of them. Runs in: any thread; never blocks.

    A value is copied when it is set, and again each time it is read. What is set here is found by the processes that
    start from then on, and by a replacement: a restart gives what is set at that time. Those that run keep what they
    were given; what they set themselves is for those that they start.
    Errors: CodecError naming the key, for what cannot be said, for refs, and for more than fits; TypeError for a key
    that is no str; RemoteProtocolError when a record is read whose class was not imported in this process.
    """

    def __init__(self, _system: ActorSystem | None = None) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, bytes] = {}

    def __getitem__(self, key: str) -> object:
        return decode(self._said[key])

    def __setitem__(self, key: str, value: object) -> None:
        if type(key) is not str:
            raise TypeError(f"environment_data: expected a str as key, got {key!r}")
        name = f"environment_data[{key!r}]"
        said = encode(value, refs=_refuse_refs, root=name)
        with self._lock:
            others = sum(_size(*item) for item in self._said.items() if item[0] != key)
            size = others + _size(key, said)
            if size > ENVIRONMENT_MAX_BYTES:
                expected = f"at most {ENVIRONMENT_MAX_BYTES} bytes in all (it would be {size}, {len(said)} of it this)"
                raise CodecError(name, expected=expected, got=value)
            self._said[key] = said

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._said[key]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(tuple(self._said))

    def __len__(self) -> int:
        return len(self._said)

    def __repr__(self) -> str:
        return f"<EnvironmentData: {', '.join(self) or 'nothing'}>"

    def said(self) -> dict[str, object]:
        """Give it as it travels."""
        with self._lock:
            return dict(self._said)

    def inherit(self, said: Mapping[str, object]) -> None:
        """Begin with what came at the start of this process. It is read when it is asked for: then all is imported."""
        with self._lock:
            self._said = {key: value for key, value in said.items() if isinstance(value, bytes)}

    def close(self) -> None:
        """Nothing is held."""


def _refuse_refs(value: object) -> RefToken | None:
    if isinstance(value, ActorRef):
        raise Refusal("data, not a ref (which would have to lead back through all generations)")
    return None


def _size(key: str, said: bytes) -> int:
    return len(key.encode()) + len(said)
