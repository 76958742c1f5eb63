"""Counters: many writers, a row each, and nothing that was counted is ever lost."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.process_remains import shared_memory
from regrow.actors import Blob, Counters
from regrow.actors.hosting import CountersClosed, CountersFull
from regrow.actors.hosting import counters as counters_module
from regrow.actors.hosting.carried import Arrival, Departure, Sharing
from regrow.actors.hosting.counters import _HEAD, _MAGIC, COUNTERS_MAX, ROWS_MAX
from regrow.protocol.codec import decode, encode
from regrow.protocol.errors import CodecError
from regrow.protocol.ref_token import RefToken

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks that end with their process are Linux's")


def no_refs(_value: object) -> RefToken | None:
    return None


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def in_fork(counters: Counters, then: int) -> int:
    """Add `then` times one in a fork that is killed after that; give its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            for _ in range(then):
                counters.add("done")
        except CountersFull:
            os._exit(3)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def test_what_is_added_is_read() -> None:
    with Counters("done", "failed") as counters:
        counters.add("done")
        counters.add("done", 41)
        assert counters.read() == {"done": 42, "failed": 0}
        assert counters.names == ("done", "failed")
        assert repr(counters) == "<Counters done, failed>"


def test_threads_share_a_row_and_lose_nothing() -> None:
    with Counters("done", rows=1) as counters:
        threads = [threading.Thread(target=lambda: [counters.add("done") for _ in range(5_000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counters.read() == {"done": 20_000}


def test_a_process_has_a_row_of_its_own_and_what_it_has_counted_stays_when_it_ends() -> None:
    with Counters("done", rows=2) as counters:
        counters.add("done")
        for _ in range(5):  # more of them than rows: each goes on with the row of the one before
            assert in_fork(counters, 100) == 0
        counters.add("done")
        assert counters.read() == {"done": 502}


def test_a_process_that_finds_no_row_is_told_and_those_who_only_read_need_none() -> None:
    with Counters("done", rows=1) as counters:
        assert in_fork(counters, 1) == 0  # nobody here has added yet
        counters.add("done")
        assert os.waitstatus_to_exitcode(in_fork(counters, 1)) == 3
        assert counters.read() == {"done": 2}
        assert str(CountersFull(("a", "b"), 3)) == "counters a, b: all 3 rows are held by other processes that live"


def test_a_row_is_free_again_when_its_holder_has_closed_the_counters() -> None:
    with Counters("done", rows=1) as counters:
        theirs = counters.lend()
        counters.add("done", 7)
        counters.close()
        again = Counters.received(theirs)
        again.add("done")
        assert again.read() == {"done": 8}
        again.close()


def test_within_a_process_they_are_one_object() -> None:
    with Counters("done") as counters:
        before = descriptors()
        assert Counters.received(counters.lend()) is counters
        assert descriptors() == before


def test_they_are_shared_by_a_message_and_may_be_in_it_twice() -> None:
    with Counters("done") as counters:
        with Departure(no_refs) as departure:
            said = encode([counters, {"again": counters}], refs=departure.say)
        assert not counters.closed
        with Arrival(lambda token: token, departure.descriptors) as arrival:
            assert decode(said, refs=arrival.read) == [counters, {"again": counters}]


def test_what_is_said_to_many_may_have_counters_in_it_and_nothing_that_only_one_can_have() -> None:
    with Counters("done") as counters, Blob(b"") as blob:
        sharing = Sharing(no_refs)
        encode([counters], refs=sharing.say)
        assert sharing.found == (counters,)
        with pytest.raises(CodecError, match=r"message\[0\]: expected nothing that is handed over"):
            encode([blob], refs=sharing.say)
        counters.close()
        with pytest.raises(CodecError, match=r"message\[0\]: expected counters that are still here"):
            encode([counters], refs=sharing.say)


def test_closed_ones_say_so() -> None:
    counters = Counters("done")
    counters.close()
    counters.close()
    assert counters.closed
    assert repr(counters) == "<Counters done: closed>"
    for use in (counters.read, counters.lend, lambda: counters.add("done")):
        with pytest.raises(CountersClosed, match="that are still here"):
            use()
    with pytest.raises(CodecError, match="counters to share"), Departure(no_refs) as departure:
        encode(counters, refs=departure.say)


def test_what_cannot_be_counted_is_refused_in_words_and_changes_nothing() -> None:
    with Counters("done", "failed") as counters:
        with pytest.raises(ValueError, match="expected one of done, failed, got 'other'"):
            counters.add("other")
        with pytest.raises(ValueError, match="expected 0 or more of 'done', as it only grows, got -1"):
            counters.add("done", -1)
        with pytest.raises(TypeError):
            counters.add("done", 1.5)  # type: ignore[arg-type]
        counters.add("done", 2**63 - 1)
        with pytest.raises(ValueError, match="'q'"):
            counters.add("done")
        assert counters.read() == {"done": 2**63 - 1, "failed": 0}


@pytest.mark.parametrize(
    ("names", "rows", "expected"),
    [
        ((), 1, f"expected 1 to {COUNTERS_MAX} names, got 0"),
        (("a", "a"), 1, "expected each name once, got a, a"),
        (("",), 1, "expected names that are texts, got ''"),
        ((1,), 1, "expected names that are texts, got 1"),
        (("a",), 0, f"rows: expected an integer from 1 to {ROWS_MAX}, got 0"),
        (("a",), True, "got True"),
    ],
)
def test_names_and_rows_that_make_no_page_are_refused(names: tuple[str, ...], rows: int, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Counters(*names, rows=rows)


def test_a_descriptor_of_something_else_is_refused() -> None:
    with Blob(bytes(4096)) as blob:
        other = blob.lend()
        with pytest.raises(ValueError, match="expected a page of them behind the descriptor, got 4096 bytes"):
            Counters.received(other)
        os.close(other)


def test_what_is_forgotten_is_closed_and_has_no_name_anywhere() -> None:
    before, shm = descriptors(), shared_memory()
    counters = Counters("done")
    counters.add("done")
    assert descriptors() > before
    assert shared_memory() == shm
    del counters
    gc.collect()
    assert descriptors() == before


def test_a_fork_without_descriptors_counts_nothing_rather_than_into_the_row_of_its_parent() -> None:
    with Counters("done") as one, Counters("done") as two:
        one.add("done")
        two.add("done")
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        pid = os.fork()
        if pid == 0:
            os._exit(sum(counted(counters) << place for place, counters in enumerate((one, two))))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3  # with some it counts, in rows of its own
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            pid = os.fork()
            if pid == 0:
                os._exit(sum(counted(counters) << place for place, counters in enumerate((one, two))))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert (one.read()["done"], two.read()["done"]) == (2, 2)


def counted(counters: Counters) -> bool:
    try:
        counters.add("done")
    except CountersClosed:
        return False
    return True


def test_a_page_that_claims_more_than_it_has_is_refused() -> None:
    with Counters("done") as counters:
        size = os.fstat(counters._fd or 0).st_size
        fd = os.memfd_create("claims", os.MFD_CLOEXEC)
        os.write(fd, b"".join((_HEAD.pack(_MAGIC, bytes(16), 1, 1, 0xFFFFFFFF), bytes(size))))
        with pytest.raises(ValueError, match="expected a page of them"):
            Counters.received(fd)
        os.close(fd)


def test_a_linux_of_32_bits_is_refused_as_its_locks_are_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters_module, "_LONG_BYTES", 4)
    with pytest.raises(NotImplementedError, match=r"expected Linux of 64 bits, .* got linux of 32"):
        Counters("done")
