"""Frames: how messages are cut out of a stream of bytes between a host and its hosted process.

What lives here: the 16-byte header and a reader that never does I/O. What must not: what a payload means.
Header, little endian: magic u16, version u8, type u8, length u32, sequence u32, acked u32. `sequence` counts the data
messages that the sender has sent, this one included; `acked` those of the other side that it has finished with, so that
every frame grants credit for nothing. Both wrap at 2**32.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from .errors import FrameTooLarge, GarbageReceived
from .limits import FRAME_HEADER_BYTES, FRAME_MAX_BYTES, HEAD_KEPT_BYTES, INLINE_MAX_BYTES

__all__ = (
    "MAGIC",
    "SPARED_MAX",
    "SPARE_MAX_BYTES",
    "VERSION",
    "Buffer",
    "Frame",
    "FrameReader",
    "encode_frame",
    "frame_header",
)

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC: Final = int.from_bytes(b"rg", "little")
"""First two bytes of every frame, readable in a dump."""

VERSION: Final = 1
"""Version of the header; another one is another protocol and is refused."""

_HEADER: Final = Struct("<HBBIII")
_PREFIX: Final = MAGIC.to_bytes(2, "little") + bytes([VERSION])


class Frame(NamedTuple):
    """One frame: its type number, its payload, and the counters of its header.

    A named tuple and not a dataclass, since one is made for every message: it is made three times as fast.
    """

    type: int
    payload: Buffer
    sequence: int = 0
    acked: int = 0


def frame_header(type_number: int, length: int, sequence: int = 0, acked: int = 0) -> bytes:
    """Give the header alone, for a payload that is written from its own buffers.

    Errors: FrameTooLarge over FRAME_MAX_BYTES.
    """
    if length > FRAME_MAX_BYTES:
        raise FrameTooLarge("frame payload", expected=f"at most {FRAME_MAX_BYTES} bytes", got=length)
    return _HEADER.pack(MAGIC, VERSION, type_number, length, sequence & 0xFFFFFFFF, acked & 0xFFFFFFFF)


def encode_frame(frame: Frame) -> bytes:
    """Give the frame as bytes. Errors: FrameTooLarge over FRAME_MAX_BYTES."""
    payload = frame.payload
    length = payload.nbytes if isinstance(payload, memoryview) else len(payload)
    return frame_header(frame.type, length, frame.sequence, frame.acked) + payload


SPARE_MAX_BYTES: Final = 2 * 1024 * 1024  # of a buffer that is kept for the next large payload
SPARED_MAX: Final = 64  # pieces of small frames after which it is let go


class FrameReader:
    """Cuts frames out of whatever pieces arrive.

    Errors: GarbageReceived with the first bytes of what is no frame: at once if no frame came before it in the same
    piece, else on the next call, so that the last good words of a broken peer are not lost; `failure` is set at once.
    A reader that has failed stays failed: after garbage there is no way to know where a frame begins.
    """

    __slots__ = ("_body", "_filled", "_max_bytes", "_rest", "_spare", "_spared", "failure")

    def __init__(self, max_bytes: int = FRAME_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._body: tuple[memoryview, int, int, int] | None = None
        self._filled = 0
        self._spare: bytearray | None = None  # a buffer that may be filled again
        self._spared = 0  # pieces without anything large since it was
        self.failure: GarbageReceived | None = None

    @property
    def pending_bytes(self) -> int:
        """Bytes of an incomplete frame; 0 at the end of a stream that ended well."""
        return len(self._rest) + (FRAME_HEADER_BYTES + self._filled if self._body is not None else 0)

    def wanted(self) -> memoryview | None:
        """Give the unfilled rest of a large payload, to receive into it and then call `filled`. None: `feed`."""
        return None if self._body is None else self._body[0][self._filled :]

    def filled(self, count: int) -> list[Frame]:
        """Say that `count` bytes were received into `wanted`; give the frame if that completes it."""
        if self._body is None:
            raise AssertionError("filled() without wanted()")
        self._filled += count
        body, number, sequence, acked = self._body
        if self._filled < len(body):
            return []
        self._body = None
        if isinstance(body.obj, bytearray) and len(body.obj) <= SPARE_MAX_BYTES:
            self._spare = body.obj
            self._spared = 0
        return [Frame(number, body, sequence, acked)]

    def feed(self, data: Buffer) -> list[Frame]:
        """Take what has arrived and give the frames that are complete now.

        Shape: payloads are bytes, or a memoryview of their own buffer from INLINE_MAX_BYTES. O(bytes).
        """
        if self.failure is not None:
            raise self.failure
        frames: list[Frame] = []
        position = 0
        if self._body is not None:
            room = self._body[0][self._filled :]
            position = min(len(room), len(data))
            room[:position] = data[:position]
            frames = self.filled(position)
        chunk = self._rest + bytes(data) if self._rest else bytes(data)
        self._rest = b""
        failure = self._cut(chunk, position, frames)
        if failure is not None:
            self.failure = failure
            if not frames:
                raise failure
        if self._spare is not None:
            self._spared += 1
            if self._spared > SPARED_MAX:
                self._spare = None
        return frames

    def _buffer_of(self, size: int) -> bytearray:
        """Give a buffer: the last one if nobody looks at it any more. In a fresh one each page has to be faulted in,
        which takes several times as long as to receive into it.
        """
        spare, self._spare = self._spare, None
        if spare is not None:
            try:
                spare.append(spare.pop())
            except BufferError:
                return bytearray(size)  # somebody holds a view of the last payload
            if size <= len(spare):
                return spare
        return bytearray(size)

    def _cut(self, chunk: bytes, position: int, frames: list[Frame]) -> GarbageReceived | None:
        size = len(chunk)
        while size - position >= FRAME_HEADER_BYTES:
            magic, version, number, length, sequence, acked = _HEADER.unpack_from(chunk, position)
            if magic != MAGIC or version != VERSION or length > self._max_bytes:
                return self._garbage(chunk[position : position + HEAD_KEPT_BYTES], magic, version, length)
            begin = position + FRAME_HEADER_BYTES
            end = begin + length
            if end > size:
                if length >= INLINE_MAX_BYTES:
                    body = memoryview(self._buffer_of(length))[:length]
                    self._filled = size - begin
                    body[: self._filled] = memoryview(chunk)[begin:]
                    self._body = (body, number, sequence, acked)
                    return None
                break
            payload: Buffer = chunk[begin:end] if length < INLINE_MAX_BYTES else memoryview(chunk)[begin:end]
            frames.append(Frame(number, payload, sequence, acked))
            position = end
        self._rest = chunk[position:]
        # A text printed into the stream is recognized by its first bytes, not only after sixteen of them.
        if len(self._rest) < FRAME_HEADER_BYTES and not _PREFIX.startswith(self._rest[: len(_PREFIX)]):
            return self._garbage(self._rest, -1, -1, 0)
        return None

    def _garbage(self, head: bytes, magic: int, version: int, length: int) -> GarbageReceived:
        if magic == MAGIC and version == VERSION:
            return GarbageReceived(f"frame of {length} bytes", expected=f"at most {self._max_bytes} bytes", head=head)
        if magic == MAGIC:
            return GarbageReceived(f"frame version {version}", expected=f"version {VERSION}", head=head)
        return GarbageReceived("frame header", expected=f"a frame that begins with {_PREFIX!r}", head=head)
