"""Threads begin, or are known not to, whatever interrupts their starter."""

from __future__ import annotations

import threading

import pytest

from regrow.actors.clock import monotonic
from regrow.actors.dispatchers import threads
from regrow.actors.dispatchers.threads import begin, ended

WAIT = 5.0


class Interrupted(threading.Thread):
    """A thread whose starter is interrupted before the thread has taken its first step, if it ever does."""

    def __init__(self, *, begins: bool) -> None:
        super().__init__(daemon=True)
        self.begins = begins
        self.go = threading.Event()

    def start(self) -> None:
        if self.begins:
            threading.Timer(0.01, super().start).start()
        raise KeyboardInterrupt

    def run(self) -> None:
        self.go.wait(WAIT)


def test_a_thread_whose_starter_is_interrupted_has_begun_when_that_is_said() -> None:
    thread = Interrupted(begins=True)
    with pytest.raises(KeyboardInterrupt):
        begin(thread)
    assert thread.ident is not None
    thread.go.set()
    assert ended(thread, monotonic() + WAIT)


def test_a_thread_that_never_begins_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "FIRST_STEP_SECONDS", 0.02)
    thread = Interrupted(begins=False)
    with pytest.raises(KeyboardInterrupt):
        begin(thread)
    assert thread.ident is None
    assert ended(thread, monotonic() + WAIT)


def test_a_thread_that_somebody_is_about_to_start_is_waited_for() -> None:
    thread = threading.Thread(target=threading.Event().wait, args=(0.01,), daemon=True)
    threading.Timer(0.01, thread.start).start()
    assert ended(thread, monotonic() + WAIT)
    assert thread.ident is not None
    assert not thread.is_alive()


def test_a_thread_that_runs_on_has_not_ended() -> None:
    thread = threading.Thread(target=(go := threading.Event()).wait, args=(WAIT,), daemon=True)
    begin(thread)
    assert not ended(thread, monotonic())
    go.set()
    assert ended(thread, monotonic() + WAIT)
