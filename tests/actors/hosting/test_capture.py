"""Captured output: lines of any cut, bounded, rate-limited, with a tail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.hosting.capture import Capture, CapturedLine, LineSplitter, RateLimit, Tail


def test_lines_come_out_when_they_are_complete() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed(b"o\r\n\nthr") == ["two", ""]
    assert splitter.flush() == ["thr"]
    assert splitter.flush() == []


@given(st.lists(st.text(alphabet="ab\u00e4 ", max_size=8), max_size=8), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_bytes_were_cut(lines: list[str], cut: int) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    splitter = LineSplitter()
    got = [line for at in range(0, len(data), cut) for line in splitter.feed(data[at : at + cut])]
    assert got == lines
    assert splitter.flush() == []


def test_a_line_without_end_comes_in_pieces_of_bounded_length() -> None:
    splitter = LineSplitter(max_bytes=4)
    assert splitter.feed(b"abcdefghij") == ["abcd", "efgh"]
    assert splitter.feed(b"\nABCDEF\n") == ["ij", "ABCD", "EF"]


def test_what_is_not_text_is_still_a_line() -> None:
    assert LineSplitter().feed(b"\xff\xfe\n") == ["\ufffd\ufffd"]


def test_the_rate_limit_lets_a_burst_pass_and_counts_what_it_drops() -> None:
    limit = RateLimit(per_second=1.0, burst=2)
    assert [limit.admit(0.0) for _ in range(4)] == [True, True, False, False]
    assert limit.suppressed == 2
    assert limit.admit(1.0)
    assert limit.take_suppressed() == 2
    assert limit.take_suppressed() == 0


def test_the_tail_keeps_the_last_bytes_only() -> None:
    tail = Tail(max_bytes=5)
    for chunk in (b"abc", b"def", b"gh"):
        tail.feed(chunk)
    assert tail.text() == "defgh"
    tail.feed(b"0123456789")
    assert tail.text() == "56789"


def test_the_tail_has_also_what_the_limit_dropped() -> None:
    capture = Capture(limit=RateLimit(per_second=0.0, burst=1))
    assert capture.feed(b"one\ntwo\nthree\n", 0.0) == [CapturedLine("one")]
    assert capture.flush(0.0) == [CapturedLine("", suppressed=2)]
    assert capture.tail.text() == "one\ntwo\nthree\n"


def test_a_flood_is_counted_exactly_however_it_is_cut() -> None:
    data = b"".join(b"line %d\n" % number for number in range(1000)) + b"rest"
    for cut in (1, 7, 64, len(data)):
        capture = Capture(limit=RateLimit(per_second=0.0, burst=3))
        lines = [line for at in range(0, len(data), cut) for line in capture.feed(data[at : at + cut], 0.0)]
        assert lines == [CapturedLine(f"line {number}") for number in range(3)]
        assert capture.flush(0.0) == [CapturedLine("", suppressed=998)]


def test_lines_beyond_those_that_are_wanted_are_not_made() -> None:
    splitter = LineSplitter()
    assert (splitter.feed(b"a\nb\nc\nd", 1), splitter.skipped) == (["a"], 2)
    assert (splitter.feed(b"e\nf\n", 0), splitter.skipped) == ([], 2)
    assert (splitter.feed(b"g\n"), splitter.skipped) == (["g"], 0)


def test_the_tail_as_lines_begins_with_a_whole_one() -> None:
    tail = Tail(max_bytes=12)
    tail.feed(b"one\ntwo\n")
    assert tail.lines() == ("one", "two")
    tail.feed(b"three\nfour")  # the last twelve bytes begin within "two"
    assert tail.lines() == ("three", "four")
    assert Tail(max_bytes=4).lines() == ()


def test_one_line_larger_than_the_tail_is_shown_cut() -> None:
    tail = Tail(max_bytes=4)
    tail.feed(b"abcdefgh")
    assert tail.lines() == ("efgh",)


def test_of_very_many_lines_the_last_are_kept() -> None:
    tail = Tail()
    tail.feed(b"\n" * 60_000 + b"the end")
    assert len(tail.lines(most=100)) == 100
    assert tail.lines(most=100)[-1] == "the end"


def test_a_program_that_writes_byte_by_byte_costs_few_chunks() -> None:
    tail = Tail()
    for _ in range(100_000):
        tail.feed(b"x")
    assert tail.text() == "x" * 65_536
    assert len(tail._chunks) < 64
