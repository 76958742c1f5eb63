"""Log records on their way home: packed one by one as they are made, bounded while they wait, sent many to a frame.

Pure: the queue is not locked, and nothing is written here. A record is the array `[sequence, level, text, at, context,
source, exception]` in the codec's encoding; those that share a frame are one array of them.
Source: journald and the Linux kernel's ring drop the oldest, too: what came last tells why.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from ..codec import decode, encode_with
from ..errors import RemoteProtocolError
from ..exits import Crash
from ..frames import Buffer
from .messages import LogRecord, Logs

__all__ = ("LogLane", "PackedRecord", "pack_record", "unpack_records")

WAITING_MAX_RECORDS: Final = 16_384
WAITING_MAX_BYTES: Final = 4 * 1024 * 1024
BATCH_BYTES: Final = 32 * 1024  # of one frame: what a message that comes now has to wait for, about 10 us

_ARRAY: Final = b"\xdd"  # array 32 of msgpack
_TYPES: Final = (int, str, str, float, dict, str)


class PackedRecord(NamedTuple):
    """A record as it has come: what its process and its place in a frame say about it is left out."""

    sequence: int
    level: str
    text: str
    at: float
    context: dict[str, object]
    source: str
    exception: Crash | None

    def record(self, pid: int, incarnation: int, dropped: int) -> LogRecord:
        """Give all that is known of it."""
        return LogRecord(
            level=self.level,
            text=self.text,
            at=self.at,
            context=self.context,
            sequence=self.sequence,
            source=self.source,
            exception=self.exception,
            pid=pid,
            incarnation=incarnation,
            dropped=dropped,
        )


def pack_record(
    sequence: int,
    level: str,
    text: str,
    at: float,
    context: dict[str, object],
    *,
    source: str = "",
    exception: Crash | None = None,
) -> bytes:
    """Say one record. Errors: CodecError with the path of what cannot be said."""
    return encode_with([sequence, level, text, at, context, source, exception], None, "log", full=True)


def unpack_records(records: Buffer) -> list[PackedRecord]:
    """Read what shares a frame. Errors: RemoteProtocolError for what is no array of records."""
    found = decode(records)
    if not isinstance(found, list):
        raise RemoteProtocolError("logs.records", expected="an array", got=found)
    return [_checked(item) for item in found]


def _checked(item: object) -> PackedRecord:
    if isinstance(item, list) and len(item) == 7:
        sequence, level, text, at, context, source, exception = item
        if (type(sequence), type(level), type(text), type(at), type(context), type(source)) == _TYPES and (
            exception is None or type(exception) is Crash
        ):
            return PackedRecord(sequence, level, text, at, context, source, exception)
    raise RemoteProtocolError("logs.records", expected="seven items: sequence, level, text, ...", got=item)


class LogLane:
    """What waits to be sent. When it is full the oldest goes, which the numbers of the others tell.

    Runs in: whoever owns it; it is not locked. O(1) a record.
    """

    def __init__(self, *, max_records: int = WAITING_MAX_RECORDS, max_bytes: int = WAITING_MAX_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, packed: bytes) -> None:
        """Take one that `pack_record` made. The newest is always kept, however large it is."""
        waiting = self._waiting
        waiting.append(packed)
        self._bytes += len(packed)
        while len(waiting) > 1 and (len(waiting) > self._max_records or self._bytes > self._max_bytes):
            self._bytes -= len(waiting.popleft())
            self.dropped += 1

    def take(self, pid: int) -> Logs | None:
        """Give the next frame's worth, None if nothing waits."""
        waiting = self._waiting
        if not waiting:
            return None
        taken: list[bytes] = []
        size = 0
        while waiting and (not taken or size + len(waiting[0]) <= BATCH_BYTES):
            packed = waiting.popleft()
            taken.append(packed)
            size += len(packed)
        self._bytes -= size
        return Logs(pid, b"".join((_ARRAY, len(taken).to_bytes(4, "big"), *taken)))
