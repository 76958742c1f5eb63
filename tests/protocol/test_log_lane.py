"""Log records on their way home: how they are packed, what a frame holds, who goes when there is no room."""

from __future__ import annotations

import pytest

from regrow.protocol.codec import encode
from regrow.protocol.errors import CodecError, RemoteProtocolError
from regrow.protocol.exits import Crash
from regrow.protocol.host.log_lane import BATCH_BYTES, LogLane, PackedRecord, pack_record, unpack_records
from regrow.protocol.host.messages import LogRecord


def numbered(*numbers: int, size: int = 1) -> list[bytes]:
    return [pack_record(number, "info", "x" * size, 1.5, {}) for number in numbers]


def filled(lane: LogLane, packed: list[bytes]) -> LogLane:
    for each in packed:
        lane.add(each)
    return lane


def taken(lane: LogLane) -> list[list[int]]:
    frames = []
    while (logs := lane.take(7)) is not None:
        frames.append([record.sequence for record in unpack_records(logs.records)])
    return frames


def test_a_record_comes_back_with_all_that_it_says() -> None:
    crash = Crash("E", "text", "trace")
    lane = filled(LogLane(), [pack_record(9, "error", "broke", 1.5, {"job": ("a", 1)}, source="root", exception=crash)])
    logs = lane.take(12)
    assert logs is not None
    assert logs.pid == 12
    (packed,) = unpack_records(logs.records)
    assert packed == PackedRecord(9, "error", "broke", 1.5, {"job": ("a", 1)}, "root", crash)
    assert packed.record(12, 3, 2) == LogRecord(
        level="error",
        text="broke",
        at=1.5,
        context={"job": ("a", 1)},
        sequence=9,
        source="root",
        exception=crash,
        pid=12,
        incarnation=3,
        dropped=2,
    )


def test_records_share_a_frame_in_their_order() -> None:
    assert taken(filled(LogLane(), numbered(1, 2, 3))) == [[1, 2, 3]]
    assert LogLane().take(7) is None


def test_a_frame_is_no_longer_than_a_message_may_wait_for() -> None:
    frames = taken(filled(LogLane(), numbered(*range(10), size=BATCH_BYTES // 4)))
    assert [len(frame) for frame in frames] == [3, 3, 3, 1]


def test_a_record_larger_than_a_frame_goes_alone() -> None:
    assert taken(filled(LogLane(), [*numbered(1), *numbered(2, size=2 * BATCH_BYTES), *numbered(3)])) == [[1], [2], [3]]


def test_the_oldest_is_dropped_and_counted_when_there_are_too_many() -> None:
    lane = filled(LogLane(max_records=2), numbered(1, 2, 3, 4))
    assert (len(lane), lane.dropped) == (2, 2)
    assert taken(lane) == [[3, 4]]


def test_the_oldest_is_dropped_when_they_are_too_large_but_never_the_newest() -> None:
    lane = filled(LogLane(max_bytes=100), [*numbered(1, 2), *numbered(3, size=1000)])
    assert taken(lane) == [[3]]
    assert lane.dropped == 2
    assert taken(filled(lane, numbered(4, 5))) == [[4, 5]]


def test_what_cannot_be_said_is_named() -> None:
    with pytest.raises(CodecError) as caught:
        pack_record(1, "info", "x", 0.0, {"job": [print]})
    assert caught.value.path == "log[4]['job'][0]"


@pytest.mark.parametrize(
    ("records", "text"),
    [
        (b"", "message: expected one msgpack value"),
        (encode({}), "logs.records: expected an array, got {}"),
        (encode([1]), "logs.records: expected seven items"),
        (encode([[1, "info", "x", 0.0, {}, ""]]), "logs.records: expected seven items"),
        (encode([[True, "info", "x", 0.0, {}, "", None]]), "logs.records: expected seven items"),
        (encode([[1, "info", "x", 0.0, {}, "", "crash"]]), "logs.records: expected seven items"),
    ],
)
def test_every_mistake_of_a_peer_is_named(records: bytes, text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        unpack_records(records)
    assert str(caught.value).startswith(text)
