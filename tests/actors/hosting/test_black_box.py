"""The black box page: what one side writes the other reads, also after the writer is gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from regrow.actors.hosting.black_box import (
    DUMP_BYTES,
    PAGE_BYTES,
    TEXT_MAX_BYTES,
    BlackBox,
    BlackBoxState,
    BlackBoxWriter,
    create_page,
)
from regrow.actors.hosting.hang import Sample


@pytest.fixture
def page() -> Iterator[tuple[BlackBoxWriter, BlackBox]]:
    fd = create_page(7)
    writer, reader = BlackBoxWriter(fd), BlackBox(fd)
    os.close(fd)
    yield writer, reader
    writer.close()
    reader.close()


def test_a_fresh_page_says_that_nothing_has_begun() -> None:
    fd = create_page()
    reader = BlackBox(fd)
    os.close(fd)
    assert reader.read().state is BlackBoxState.EMPTY
    assert reader.read().in_hand is None
    reader.close()


def test_every_word_reaches_the_reader(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    assert writer.incarnation == 7
    writer.begin(1_000)
    writer.logged(42)
    writer.received(3)
    writer.take(1, "tell Greeting", 2_000)
    writer.beat(3_000)
    said = reader.read()
    assert (said.incarnation, said.state, said.started_ns) == (7, BlackBoxState.BOOTED, 1_000)
    assert (said.log_sequence, said.received, said.started, said.done, said.in_flight) == (42, 3, 1, 0, 3)
    assert (said.message, said.message_ns, said.in_hand) == (1, 2_000, "tell Greeting")
    assert (said.beats, said.beat_ns) == (1, 3_000)


def test_nothing_is_in_hand_once_the_message_is_put_down(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    writer.take(1, "work", 1)
    writer.put_down()
    assert reader.read().in_hand is None
    assert reader.read().done == 1


def test_the_text_is_cut_and_never_breaks_the_reader(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    writer.take(1, "ä" * TEXT_MAX_BYTES, 1)
    text = reader.read().in_hand
    assert text is not None
    assert text.startswith("ä" * 200)
    writer.take(2, "short", 2)
    assert reader.read().in_hand == "short"


def test_work_of_another_thread_is_in_hand_whatever_the_root_handles_meanwhile(
    page: tuple[BlackBoxWriter, BlackBox],
) -> None:
    writer, reader = page
    writer.work_on("compress 3f2a", 7_000)
    writer.take(1, "CancelRun", 1)
    writer.put_down()
    assert (reader.read().in_hand, reader.read().in_hand_ns) == ("compress 3f2a", 7_000)
    writer.take(2, "RunFunction", 2)
    writer.work_on("")
    assert reader.read().in_hand == "RunFunction"


def test_a_closed_reader_still_says_what_it_said_last(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    writer.take(1, "the last thing", 1)
    writer.close()
    assert reader.close().in_hand == "the last thing"
    assert reader.read().in_hand == "the last thing"


def test_a_garbled_state_is_read_as_empty(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    writer._words[2] = 999
    assert reader.read().state is BlackBoxState.EMPTY


def test_a_look_takes_what_is_needed_to_see_whether_it_gets_on(page: tuple[BlackBoxWriter, BlackBox]) -> None:
    writer, reader = page
    assert reader.sample() == Sample(beats=0, begun=False)
    writer.state(BlackBoxState.READY)
    writer.take(5, "work", 1)
    writer.beat(1, waits=True)
    writer.loop_beat()
    writer.own_threads(11, 12)
    assert reader.sample() == Sample(beats=1, message=5, loop_beats=1, begun=True, waits=True)
    assert reader.own_threads == (11, 12)
    writer.state(BlackBoxState.EXITED)
    assert not reader.sample().begun


def test_stacks_that_are_written_behind_the_page_are_read_from_where_one_likes() -> None:
    fd = create_page()
    reader = BlackBox(fd)
    os.lseek(fd, PAGE_BYTES, os.SEEK_SET)
    assert (reader.dumped(), reader.stacks()) == (0, "")
    os.write(fd, b"first\n")
    start = reader.dumped()
    os.write(fd, b"second\n")
    assert reader.stacks() == "first\nsecond\n"
    assert reader.stacks(start) == "second\n"
    os.write(fd, b"x" * (DUMP_BYTES - reader.dumped()))
    assert reader.dumped() == DUMP_BYTES
    reader.close()
    os.close(fd)


@pytest.mark.skipif(sys.platform != "linux", reason="files are sealed on Linux alone")
def test_a_process_cannot_cut_the_file_under_its_reader_nor_let_it_grow() -> None:
    fd = create_page()
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"x", PAGE_BYTES + DUMP_BYTES)
    os.close(fd)


def test_what_is_handled_is_known_whether_the_root_or_somebody_else_was_told(
    page: tuple[BlackBoxWriter, BlackBox],
) -> None:
    writer, reader = page
    writer.received(3)
    assert reader.handled() == 0
    writer.take(1, "one", 1)
    writer.put_down(waiting=2)
    assert reader.handled() == 1
    writer.put_down(waiting=0)
    assert reader.handled() == 3
    writer.received(5)
    writer.settled(5)
    assert reader.handled() == 5


def test_no_word_is_ever_seen_empty_while_it_is_stored_anew() -> None:
    """Else a process would seem to be far behind, or to work on something since the machine was started."""
    fd = create_page(1)
    writer, reader = BlackBoxWriter(fd), BlackBox(fd)
    os.close(fd)
    writer.received(1000)
    writer.take(1, "x", 1)
    writer.put_down(0)
    pid = os.fork()
    if pid == 0:
        number = 1
        while os.getppid() != 1:
            number += 1
            writer.take(number, "x", number)
            writer.put_down(0)
    try:
        seen = [reader.handled() for _ in range(300_000)]
        started = [reader.read().started for _ in range(20_000)]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        reader.close()
        writer.close()
    assert set(seen) == {1000}
    assert all(started)
