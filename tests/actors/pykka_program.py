"""What the actors of a program written for pykka do here: note their hooks, and fail where they are told to."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

WAIT = 5.0


class Diary:
    """What happened, in order, and that it happened."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self._changed = threading.Condition()

    def note(self, entry: str) -> None:
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()

    def wait_for(self, entry: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: entry in self.entries, WAIT), self.entries


class LegacyHooks:
    """Stands before pykka's class, or before ours in its place; the actor's constructor gives it both fields."""

    diary: Diary
    fail_in: str

    def on_start(self) -> None:
        self._note("on_start")

    def on_stop(self) -> None:
        self._note("on_stop")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._note("on_failure")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message(self) if callable(message) else message

    def fail(self) -> None:
        raise ValueError("told to")

    def _note(self, hook: str) -> None:
        self.diary.note(hook)
        if self.fail_in == hook:
            raise OSError(hook)
