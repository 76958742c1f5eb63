"""Blobs and sockets between processes: handed over, not copied, and gone with whoever is killed."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, settle

from benchmarks.process_remains import shared_memory
from regrow.actors import ActorExited, Blob, DeadLetter, Port, StartFailed
from regrow.actors.hosting import HostedRef
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import KILLED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def theirs(ref: HostedRef) -> int:
    return len(list(Path(f"/proc/{ref.pid}/fd").iterdir()))


def test_a_blob_goes_there_and_back_in_a_value_of_any_shape(bench: Bench) -> None:
    ref = bench.start()
    here, there = descriptors(), theirs(ref)
    sent = Blob.of_size(3_000_000)
    sent.memory()[:5] = b"hello"
    match ref.ask(Order("echo", {"at": [1, sent]}), timeout=WAIT):
        case {"at": [1, Blob() as back]}:
            assert sent.closed
            assert len(back) == 3_000_000
            assert bytes(back.memory()[:6]) == b"hello\0"
            back.close()
        case other:
            raise AssertionError(other)
    assert ref.ask("nothing left", timeout=WAIT) == "nothing left"
    assert (descriptors(), theirs(ref)) == (here, there)


def test_many_blobs_among_other_messages_keep_their_order(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, inbox = bench.mailbox()
    for number in range(200):
        value = Blob(b"%d" % number) if number % 3 == 0 else number
        ref.tell(Order("tell", (inbox_ref, value)))
    for number in range(200):
        got = inbox.get(timeout=WAIT)
        if isinstance(got, Blob):
            got, blob = int(bytes(got.memory())), got
            blob.close()
        assert got == number


def test_a_socket_is_the_receivers_from_then_on(bench: Bench) -> None:
    ref = bench.start()
    here, there = socket.socketpair()
    back = ref.ask(Order("echo", there), timeout=WAIT)
    assert there.fileno() == -1
    assert isinstance(back, socket.socket)
    back.sendall(b"hello")
    assert here.recv(10) == b"hello"
    back.close()
    here.close()


def test_a_blob_that_cannot_leave_stays(bench: Bench) -> None:
    ref = bench.start()
    blob = Blob(b"abc")
    with pytest.raises(CodecError, match="code"):
        ref.tell([blob, print])
    assert bytes(blob.memory()) == b"abc"
    blob.close()


def test_none_is_a_start_argument_as_a_restart_could_not_have_it_again(bench: Bench) -> None:
    ours, theirs = Port.pair()
    blob = Blob(b"abc")
    for argument in (blob, theirs):
        outcome = bench.outcome({"with": argument})
        assert isinstance(outcome, StartFailed)
        assert isinstance(outcome.error, CodecError)
        assert outcome.error.path == "arguments[0][0]['with']"
        assert "tell it to the actor" in str(outcome.error)
    assert not blob.closed
    assert not theirs.closed
    for each in (blob, ours, theirs):
        each.close()


def test_a_blob_to_nobody_is_in_the_dead_letter_and_nowhere_else(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, _ = bench.mailbox()
    here = descriptors()
    inbox_ref.stop()
    ref.tell(Order("tell", (inbox_ref, Blob(b"for nobody"))))
    letter = bench.events.wait(DeadLetter, lambda letter: letter.to.urn == inbox_ref.urn)
    assert ref.ask("still here", timeout=WAIT) == "still here"
    assert isinstance(letter.message, Blob)
    letter.message.close()
    assert descriptors() == here


def test_a_killed_process_leaves_no_memory_and_no_descriptor(bench: Bench) -> None:
    counts, shm = [], shared_memory()
    for blobs in (0, 50):  # the first life opens what the host keeps
        ref = bench.start()
        for _ in range(blobs):
            ref.tell(Order("echo", Blob.of_size(1_000_000)))
        ref.kill()
        end = bench.events.wait(ActorExited, lambda event, ref=ref: event.ref is ref)  # type: ignore[misc]
        assert end.reason == KILLED
        counts.append(descriptors())
    settle(lambda: descriptors() <= counts[0])  # a launcher may be about to start
    assert shared_memory() == shm
