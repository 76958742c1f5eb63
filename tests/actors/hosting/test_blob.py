"""Blobs: memory that is handed over, and that nobody changes once it was."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from regrow.actors import Blob
from regrow.actors.hosting.blob import BlobClosed

sealing = pytest.mark.skipif(sys.platform != "linux", reason="file seals are Linux's")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


def test_made_of_bytes_it_holds_them_and_is_sealed() -> None:
    with Blob(b"hello") as blob:
        assert len(blob) == 5
        assert bytes(blob.memory()) == b"hello"
        assert blob.sealed
        with pytest.raises(TypeError, match="read-only"):
            blob.memory()[0] = 1


def test_made_by_size_it_is_filled_in_place() -> None:
    with Blob.of_size(3) as blob:
        blob.memory()[:] = b"abc"
        blob.seal()
        assert bytes(blob.memory()) == b"abc"


def test_it_is_not_sealed_under_who_may_still_write() -> None:
    with Blob.of_size(3) as blob:
        view = blob.memory()
        with pytest.raises(BufferError):
            blob.seal()
        assert not blob.sealed
        view.release()
        blob.seal()


def test_a_copy_is_a_second_handle_on_the_same_memory() -> None:
    blob = Blob(b"abc")
    twin = blob.copy()
    blob.close()
    assert bytes(twin.memory()) == b"abc"
    twin.close()


def test_a_view_outlives_the_blob() -> None:
    blob = Blob(b"abc")
    view = blob.memory()
    blob.close()
    assert bytes(view) == b"abc"


def test_an_empty_one_is_a_blob_too() -> None:
    with Blob() as blob:
        assert len(blob) == 0
        assert bytes(blob.memory()) == b""


@pytest.mark.parametrize("use", [Blob.memory, Blob.seal, Blob.copy, Blob.lend])
def test_a_closed_one_says_so(use: object) -> None:
    blob = Blob(b"abc")
    blob.close()
    blob.close()
    assert blob.closed
    assert "closed" in repr(blob)
    with pytest.raises(BlobClosed, match="handed over or closed"):
        use(blob)  # type: ignore[operator]


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"of_size: expected a number of bytes, got -1"):
        Blob.of_size(-1)


@sealing
def test_a_descriptor_that_may_still_change_is_no_blob() -> None:
    fd = os.memfd_create("open", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, b"abc")
    with pytest.raises(ValueError, match="expected sealed memory"):
        Blob.received(fd, 3)
    os.close(fd)


@sealing
def test_a_descriptor_that_is_shorter_than_announced_is_no_blob() -> None:
    blob = Blob(b"abc")
    fd = blob.lend()
    with pytest.raises(ValueError, match="expected 4 bytes behind its descriptor, got 3"):
        Blob.received(fd, 4)
    os.close(fd)
    blob.close()


@sealing
def test_what_is_forgotten_is_closed() -> None:
    before = open_descriptors()
    blob = Blob(b"abc")
    assert open_descriptors() == before + 1
    del blob
    gc.collect()
    assert open_descriptors() == before
