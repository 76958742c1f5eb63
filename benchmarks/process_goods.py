"""What is sent from process to process by every side of `benchmarks.processes`, and how it is seen to have arrived.

Imports nothing: peers' children have it, too, and what they import is a part of what is measured.
"""

from __future__ import annotations

__all__ = ("KINDS", "MEBIBYTE", "Bin", "Tally", "expect", "payloads", "small", "stamp", "tallied")

MEBIBYTE = 1024 * 1024
KINDS = 4  # payloads that differ
_STAMP_BYTES = 8


def small(number: int) -> dict[str, object]:
    """Give a small message: about 18 bytes of msgpack, 40 of a pickle."""
    return {"id": number, "kind": "tick"}


class Tally:
    """Counts small messages, and adds their numbers up."""

    def __init__(self) -> None:
        self._count = self._total = 0

    def take(self, message: dict[str, object]) -> None:
        self._count += 1
        self._total += message["id"]  # type: ignore[operator]

    def said(self) -> list[int]:
        """Give what came since it was said last."""
        said = [self._count, self._total]
        self._count = self._total = 0
        return said


def tallied(count: int) -> list[int]:
    """Give what a tally says when messages 0 to `count` have come once each."""
    return [count, count * (count - 1) // 2]


def payloads(size: int) -> list[bytes]:
    """Give KINDS large messages of `size` bytes, each with a stamp at both ends."""
    return [stamp(kind) + bytes([kind]) * (size - 2 * _STAMP_BYTES) + stamp(kind) for kind in range(KINDS)]


def stamp(kind: int) -> bytes:
    """Give what a payload of this kind begins and ends with."""
    return b"stamp %02d" % kind


class Bin:
    """Takes payloads in turns, one of each kind, and looks at both ends of each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._count = self._wrong = 0

    def take(self, payload: bytes | bytearray | memoryview) -> None:
        expected = stamp(self._count % KINDS)
        self._count += 1
        if len(payload) != self._size or payload[:_STAMP_BYTES] != expected or payload[-_STAMP_BYTES:] != expected:
            self._wrong += 1

    def said(self) -> list[int]:
        """Give how many came, and how many of them were not what they should be."""
        return [self._count, self._wrong]


def expect(what: str, expected: object, got: object) -> None:
    """Insist. Errors: AssertionError in words."""
    if expected != got:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")
