"""What a process prints: bytes of a pipe -> lines, a tail for the report, and a rate that nobody has to fear.

Pure: no pipe is read here, and the time is given. Lines are bounded, because a program may never print a newline.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

__all__ = ("Capture", "CapturedLine", "LineSplitter", "RateLimit", "Tail")

LINE_MAX_BYTES: Final = 16 * 1024  # systemd's LineMax is 48 KiB, Docker splits at 16 KiB
TAIL_MAX_BYTES: Final = 64 * 1024  # of stderr, for the exit report
TAIL_MAX_LINES: Final = 2_000  # of them, each of which is an object: a program may write newlines only
_JOINED_BYTES: Final = 4 * 1024  # shorter pieces share a chunk: a program may write byte by byte
LINES_PER_SECOND: Final = 500.0  # journald: 10,000 in 30 s
LINES_BURST: Final = 2_000


@dataclass(frozen=True, slots=True)
class CapturedLine:
    """One line without its newline; `suppressed` lines were dropped by the rate limit just before it."""

    text: str
    suppressed: int = 0


class LineSplitter:
    """Cuts a byte stream into lines of bounded length; a longer one comes in pieces."""

    def __init__(self, max_bytes: int = LINE_MAX_BYTES) -> None:
        self._max = max_bytes
        self._rest = b""
        self.skipped = 0  # lines of the last feed that were more than wanted

    def feed(self, data: bytes, most: int = -1) -> list[str]:
        """Take what was read; give the lines that are complete by now.

        Those after the first `most` are only counted, which costs a hundredth: a program may write newlines only.
        """
        *lines, rest = (self._rest + data).split(b"\n", most)
        self.skipped = rest.count(b"\n")
        rest = rest[rest.rfind(b"\n") + 1 :]
        while len(rest) >= self._max:
            lines.append(rest[: self._max])
            rest = rest[self._max :]
        self._rest = rest
        pieces = (line[at : at + self._max] for line in lines for at in range(0, max(len(line), 1), self._max))
        return [piece.rstrip(b"\r").decode("utf-8", "replace") for piece in pieces]

    def flush(self) -> list[str]:
        """Give the last line, which had no newline, if there is one."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []


class RateLimit:
    """A token bucket over lines: `burst` at once, then `per_second`."""

    def __init__(self, per_second: float = LINES_PER_SECOND, burst: int = LINES_BURST) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = self._burst
        self._at: float | None = None
        self.suppressed = 0  # since the last admitted line

    def room(self, now: float) -> int:
        """Say how many lines may pass at `now` (monotonic seconds)."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return int(self._tokens)

    def admit(self, now: float) -> bool:
        """Say whether one more line may pass at `now`."""
        if not self.room(now):
            self.suppressed += 1
            return False
        self._tokens -= 1.0
        return True

    def take_suppressed(self) -> int:
        """Give the count of dropped lines since the last call, and forget it."""
        count, self.suppressed = self.suppressed, 0
        return count


class Tail:
    """The last bytes of a stream, whatever the rate limit dropped."""

    def __init__(self, max_bytes: int = TAIL_MAX_BYTES) -> None:
        self._max = max_bytes
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._cut = False  # something was dropped

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        chunks = self._chunks
        if chunks and len(chunks[-1]) + len(data) <= _JOINED_BYTES:
            chunks[-1] += data
        else:
            chunks.append(data)
        self._size += len(data)
        while self._size - len(chunks[0]) >= self._max:
            self._size -= len(chunks.popleft())
            self._cut = True

    def text(self) -> str:
        """Give the tail as text."""
        return b"".join(self._chunks)[-self._max :].decode("utf-8", "replace")

    def lines(self, most: int = TAIL_MAX_LINES) -> tuple[str, ...]:
        """Give the tail as its last lines, the first of them whole unless it is the only one."""
        lines = self.text().splitlines()
        if (self._cut or self._size > self._max) and len(lines) > 1:
            del lines[0]
        return tuple(lines[-most:])


class Capture:
    """One captured stream: split, limited, and its tail kept."""

    def __init__(self, *, limit: RateLimit | None = None, tail: Tail | None = None) -> None:
        self._splitter = LineSplitter()
        self._limit = limit or RateLimit()
        self.tail = tail or Tail()

    def feed(self, data: bytes, now: float) -> list[CapturedLine]:
        """Take what was read at `now`; give the lines that may be published."""
        self.tail.feed(data)
        lines = self._admit(self._splitter.feed(data, self._limit.room(now)), now)
        self._limit.suppressed += self._splitter.skipped
        return lines

    def flush(self, now: float) -> list[CapturedLine]:
        """Give what is left when the stream has ended, the count of dropped lines included."""
        lines = self._admit(self._splitter.flush(), now)
        if self._limit.suppressed:
            lines.append(CapturedLine("", self._limit.take_suppressed()))
        return lines

    def _admit(self, lines: list[str], now: float) -> list[CapturedLine]:
        return [CapturedLine(line, self._limit.take_suppressed()) for line in lines if self._limit.admit(now)]
