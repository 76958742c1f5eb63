"""Which partition a key belongs to: the same one in every process and in every run.

What lives here: the mapping, pure. Source: Elixir PartitionSupervisor, `rem(abs(key), partitions)` for integers.
Differs from OTP: everything else than an integer is hashed over a canonical form, not by phash2; never by `hash()`,
which is salted anew in every process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Final, cast
from uuid import UUID

import pykka

__all__ = ("partition_of", "stable_hash")

EXPECTED: Final = (
    "an int, str, bytes, float, bool, None, UUID, Decimal, date, time, path, enum member, actor ref, or a tuple of them"
)


def partition_of(key: object, partitions: int) -> int:
    """Give the number of the partition, 0 to partitions - 1.

    Errors: TypeError for a key that has no form of its own to be hashed.
    >>> partition_of(5, 3), partition_of(-5, 3), partition_of("user-1", 3) == partition_of("user-1", 3)
    (2, 2, True)
    """
    return (abs(key) if isinstance(key, int) else stable_hash(key)) % partitions


def stable_hash(key: object) -> int:
    """Give 64 bits that depend on the key's value alone. Errors: TypeError."""
    import hashlib  # here: it brings OpenSSL, which most programs with supervisors have no use for

    digest = hashlib.blake2b(digest_size=8)
    for piece in _form(key, key):
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return int.from_bytes(digest.digest(), "little")


def _form(value: object, key: object) -> Iterator[bytes]:
    match value:
        case str():
            yield b"str"
            yield value.encode("utf-8", "surrogatepass")
        case bytes():
            yield b"bytes"
            yield value
        case int():
            yield b"int"
            yield b"%d" % value
        case float():
            yield b"float"
            yield struct.pack("<d", value)
        case None:
            yield b"none"
        case Enum():  # after str and int: a member of a StrEnum belongs where its value does
            yield b"enum"
            yield f"{type(value).__qualname__}.{value.name}".encode()
        case tuple():
            parts = cast("tuple[object, ...]", value)
            yield b"tuple"
            yield b"%d" % len(parts)
            for part in parts:
                yield from _form(part, key)
        case UUID() | Decimal() | datetime() | date() | time() | PurePath():
            yield next(kind.__name__ for kind in _BY_TEXT if isinstance(value, kind)).encode()
            yield str(value).encode()
        case pykka.ActorRef():
            yield b"ref"
            yield value.actor_urn.encode()
        case _:
            part = "" if value is key else f" in {key!r}"
            raise TypeError(f"key: expected {EXPECTED}, got {value!r}{part}")


_BY_TEXT: Final = (UUID, Decimal, datetime, date, time, PurePath)
