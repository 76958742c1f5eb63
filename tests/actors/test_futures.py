"""The answer of an ask."""

from __future__ import annotations

import queue
import threading

import pytest

from regrow.actors import AskFuture, AskTimeout


def test_first_answer_wins() -> None:
    future: AskFuture[int] = AskFuture()
    assert future.try_set(1)
    assert not future.try_set(2)
    assert not future.try_fail(ValueError())
    assert (future.done, future.get(), future.get(timeout=0)) == (True, 1, 1)
    with pytest.raises(queue.Full):
        future.set_exception((ValueError, None, None))
    with pytest.raises(queue.Full):
        future.set_get_hook(lambda _timeout: 3)


def test_an_error_is_raised_each_time_with_the_same_traceback() -> None:
    future: AskFuture[int] = AskFuture()
    try:
        raise ValueError("original")
    except ValueError:
        future.set_exception()
    depths = []
    for _ in range(3):
        with pytest.raises(ValueError, match="original") as caught:
            future.get()
        depths.append(len(caught.traceback))
    assert len(set(depths)) == 1


def test_an_error_class_alone_is_enough() -> None:
    future: AskFuture[int] = AskFuture()
    future.set_exception((KeyError, None, None))
    with pytest.raises(KeyError):
        future.get()


def test_set_exception_without_one_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        AskFuture[int]().set_exception()


def test_several_threads_wait_for_one_answer() -> None:
    future: AskFuture[str] = AskFuture()
    ready = threading.Barrier(4)
    got: list[str] = []

    def wait() -> None:
        ready.wait()
        got.append(future.get(timeout=5))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    future.set("answer")
    for thread in threads:
        thread.join(5)
    assert got == ["answer"] * 3


def test_a_callback_is_called_at_once_when_there_is_an_answer() -> None:
    future: AskFuture[int] = AskFuture()
    calls: list[str] = []
    future.add_done_callback(lambda: calls.append("before"))
    future.set(1)
    future.add_done_callback(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_a_hook_computes_once() -> None:
    future: AskFuture[int] = AskFuture()
    calls: list[float | None] = []

    def hook(timeout: float | None) -> int:
        calls.append(timeout)
        return 7

    future.set_get_hook(hook)
    assert (future.get(timeout=2), future.get()) == (7, 7)
    assert calls == [2]
    with pytest.raises(queue.Full):
        future.set(1)


def test_timeout_says_how_long() -> None:
    with pytest.raises(AskTimeout, match=r"0\.01 seconds"):
        AskFuture[int]().get(timeout=0.01)


def test_asking_again_and_again_leaves_nothing_behind() -> None:
    future = AskFuture[int]()
    for _ in range(3):
        with pytest.raises(AskTimeout):
            future.get(timeout=0)
    assert not future._callbacks
