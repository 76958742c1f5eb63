"""What a proxy does to the bytes of a connection, as a value.

What lives here: `End` and `Flow`, and the arithmetic of delays and pieces. What must not: sockets, tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

__all__ = ("End", "Flow")

_PIECES_PER_SECOND = 20  # of a limited flow, so that a new flow counts within 50 ms


class End(StrEnum):
    """Which end of a connection through a proxy; the one that bytes go to names their direction."""

    TARGET = "target"
    CLIENT = "client"

    @property
    def other(self) -> End:
        """The opposite end."""
        return End.CLIENT if self is End.TARGET else End.TARGET


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How bytes go to one end; by default at once. Their order is never changed. Errors: ValueError naming the field.

    Shape: latency, jitter: seconds; each chunk waits for `latency` and up to `jitter` more.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bytes_per_second: float | None = None
    slice_bytes: int | None = None  # written one by one in pieces of at most so many
    reset_after: int | None = None  # both ends are reset when so many more have been written
    hold: bool = False  # bytes wait, as in a network that comes back; whoever writes more than fits has to wait, too
    swallow: bool = False  # bytes are lost, and so are ends and resets: a black hole

    def __post_init__(self) -> None:
        for name in ("latency", "jitter"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name}: expected seconds >= 0, got {getattr(self, name)!r}")
        if self.bytes_per_second is not None and not self.bytes_per_second > 0:
            raise ValueError(f"bytes_per_second: expected more than 0 (`hold` stops it), got {self.bytes_per_second!r}")
        if self.slice_bytes is not None and self.slice_bytes < 1:
            raise ValueError(f"slice_bytes: expected at least 1, got {self.slice_bytes!r}")
        if self.reset_after is not None and self.reset_after < 0:
            raise ValueError(f"reset_after: expected bytes >= 0, got {self.reset_after!r}")

    def delay(self, rng: Random) -> float:
        """Give the seconds that a chunk is on its way."""
        return self.latency + (rng.uniform(0.0, self.jitter) if self.jitter else 0.0)

    def piece(self, size: int) -> int:
        """Give how many of `size` bytes are written at once.

        >>> Flow().piece(65536), Flow(slice_bytes=7).piece(65536), Flow(bytes_per_second=1000).piece(65536)
        (65536, 7, 50)
        """
        if self.slice_bytes is not None:
            size = min(size, self.slice_bytes)
        if self.bytes_per_second is not None:
            size = min(size, max(1, int(self.bytes_per_second / _PIECES_PER_SECOND)))
        return size

    def pause(self, written: int) -> float:
        """Give the seconds to wait after so many bytes."""
        return written / self.bytes_per_second if self.bytes_per_second is not None else 0.0
