"""Frames come out as they went in, however the stream is cut; what is no frame is refused with its first bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol.errors import FrameTooLarge, GarbageReceived
from regrow.protocol.frames import (
    MAGIC,
    SPARE_MAX_BYTES,
    SPARED_MAX,
    VERSION,
    Frame,
    FrameReader,
    encode_frame,
    frame_header,
)
from regrow.protocol.limits import FRAME_HEADER_BYTES, FRAME_MAX_BYTES, INLINE_MAX_BYTES

counters = st.integers(0, 2**32 - 1)
frames = st.builds(Frame, st.integers(0, 255), st.binary(max_size=60), counters, counters)


def test_the_header_is_sixteen_bytes_little_endian() -> None:
    data = encode_frame(Frame(7, b"abc", 258, 3))
    assert data == b"rg" + bytes([VERSION, 7]) + b"\x03\0\0\0" + b"\x02\x01\0\0" + b"\x03\0\0\0" + b"abc"
    assert len(frame_header(7, 3)) == FRAME_HEADER_BYTES
    assert int.from_bytes(b"rg", "little") == MAGIC


def test_counters_wrap() -> None:
    assert FrameReader().feed(encode_frame(Frame(1, b"", 2**32 + 5, 2**32)))[0][2:] == (5, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(frames, max_size=5), st.data())
def test_any_cut_of_the_stream_gives_the_same_frames(sent: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(map(encode_frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = FrameReader()
    received: list[Frame] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += reader.feed(stream[begin:end])
    assert received == sent
    assert reader.pending_bytes == 0


@pytest.mark.parametrize("step", [1, 2, 15, 16, 17])
def test_splitting_at_every_byte_gives_the_same_frames(step: int) -> None:
    sent = [Frame(1, b"", 1, 2), Frame(2, b"x" * 40, 3, 4), Frame(255, b"y", 5, 6)]
    stream = b"".join(map(encode_frame, sent))
    reader = FrameReader()
    received = [frame for at in range(0, len(stream), step) for frame in reader.feed(stream[at : at + step])]
    assert received == sent


@pytest.mark.parametrize(
    "first", [1, 16, 17, 40_000, INLINE_MAX_BYTES + 15, INLINE_MAX_BYTES + 16, INLINE_MAX_BYTES + 20]
)
@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_a_large_payload_comes_as_a_view(first: int, wrap: type) -> None:
    payload = bytes(range(256)) * (INLINE_MAX_BYTES // 256)
    stream = encode_frame(Frame(9, payload, 1, 1)) + encode_frame(Frame(8, b"next", 2, 1))
    reader = FrameReader()
    received = reader.feed(wrap(stream[:first])) + reader.feed(wrap(stream[first:]))
    assert [frame.type for frame in received] == [9, 8]
    assert isinstance(received[0].payload, memoryview)
    assert received[0].payload == payload
    assert received[1].payload == b"next"


def test_a_large_payload_can_be_received_in_place() -> None:
    payload = bytes(range(256)) * 1024
    stream = encode_frame(Frame(9, payload))
    reader = FrameReader()
    assert reader.wanted() is None
    assert reader.feed(stream[:1000]) == []
    assert reader.pending_bytes == 1000
    at = 1000
    received: list[Frame] = []
    while at < len(stream):
        room = reader.wanted()
        assert room is not None
        count = min(len(room), 50_000)
        room[:count] = stream[at : at + count]
        at += count
        received = reader.filled(count)
    assert received[0].payload == payload
    assert reader.wanted() is None
    assert reader.feed(encode_frame(Frame(1, b"after")))[0].payload == b"after"


def large(fill: int, size: int = 2 * INLINE_MAX_BYTES) -> bytes:
    return encode_frame(Frame(1, bytes([fill]) * size))


def payload_of(reader: FrameReader, data: bytes) -> memoryview:
    """Give the payload of a frame that comes in two pieces, as a large one does."""
    assert reader.feed(data[:100]) == []
    (frame,) = reader.feed(data[100:])
    assert isinstance(frame.payload, memoryview)
    return frame.payload


def test_a_large_payload_that_somebody_looks_at_is_not_filled_again() -> None:
    reader = FrameReader()
    first = payload_of(reader, large(1))
    part = first[7:9]
    del first
    second = payload_of(reader, large(2))
    assert (bytes(part), second[0]) == (b"\1\1", 2)


def test_the_buffer_of_a_large_payload_is_filled_again_when_nobody_looks_at_it() -> None:
    reader = FrameReader()
    buffers = [id(payload_of(reader, large(fill, 2 * INLINE_MAX_BYTES - 50 * fill)).obj) for fill in range(3)]
    assert len(set(buffers)) == 1
    assert payload_of(reader, large(7, 3 * INLINE_MAX_BYTES)) == bytes([7]) * 3 * INLINE_MAX_BYTES


def test_a_buffer_is_let_go_when_only_little_comes() -> None:
    reader = FrameReader()
    payload_of(reader, large(1))
    for _ in range(SPARED_MAX + 2):
        reader.feed(encode_frame(Frame(1, b"small")))
    assert reader._spare is None


def test_a_very_large_buffer_is_not_kept() -> None:
    reader = FrameReader()
    payload_of(reader, large(1, SPARE_MAX_BYTES + 1))
    assert reader._spare is None


def test_filled_without_wanted_cannot_be() -> None:
    with pytest.raises(AssertionError):
        FrameReader().filled(1)


def test_a_frame_of_the_largest_size_passes_and_one_more_byte_does_not() -> None:
    assert frame_header(1, FRAME_MAX_BYTES)
    with pytest.raises(FrameTooLarge, match=f"at most {FRAME_MAX_BYTES} bytes"):
        frame_header(1, FRAME_MAX_BYTES + 1)
    with pytest.raises(FrameTooLarge):
        encode_frame(Frame(1, memoryview(bytes(FRAME_MAX_BYTES + 1))))
    assert FrameReader(max_bytes=3).feed(encode_frame(Frame(1, b"abc")))
    with pytest.raises(GarbageReceived, match="frame of 4 bytes: expected at most 3 bytes"):
        FrameReader(max_bytes=3).feed(encode_frame(Frame(1, b"abcd")))


class TestGarbage:
    def test_a_printed_text_is_refused_with_its_first_bytes(self) -> None:
        text = b"Traceback (most recent call last):\n" * 20
        with pytest.raises(GarbageReceived, match="begins with b'rg") as caught:
            FrameReader().feed(text)
        assert caught.value.head == text[:256]

    @pytest.mark.parametrize("text", [b"T", b"rX", b"rg\x07", b"rgrg"])
    def test_even_a_short_text_is_refused_at_once(self, text: bytes) -> None:
        with pytest.raises(GarbageReceived) as caught:
            FrameReader().feed(text)
        assert caught.value.head == text

    def test_another_version_is_named(self) -> None:
        data = bytearray(encode_frame(Frame(1, b"")))
        data[2] = 9
        with pytest.raises(GarbageReceived, match="frame version 9: expected version 1"):
            FrameReader().feed(data)

    def test_what_was_good_before_is_not_lost(self) -> None:
        good = encode_frame(Frame(1, b"last words"))
        reader = FrameReader()
        assert [frame.payload for frame in reader.feed(good + b"Segmentation fault")] == [b"last words"]
        assert reader.failure is not None
        with pytest.raises(GarbageReceived):
            reader.feed(good)

    def test_a_reader_that_has_failed_stays_failed(self) -> None:
        reader = FrameReader()
        for _ in range(2):
            with pytest.raises(GarbageReceived):
                reader.feed(b"nonsense")

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=100))
    def test_nothing_but_our_error_comes_of_random_bytes(self, data: bytes) -> None:
        with contextlib.suppress(GarbageReceived):
            FrameReader().feed(data)

    def test_a_claimed_length_allocates_no_more_than_the_limit(self) -> None:
        reader = FrameReader(max_bytes=INLINE_MAX_BYTES)
        with pytest.raises(GarbageReceived):
            reader.feed(bytes(frame_header(1, INLINE_MAX_BYTES + 1)))
