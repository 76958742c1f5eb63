"""How many lines a log gets of what happens again and again: the first ones, then how many more there were.

What lives here: the limit, pure, and a logger that keeps to it. What must not: what is worth a line.
Source: a crash loop that wrote 25 GB of log (rabbitmq-server#1342); printk_ratelimit of Linux.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .clock import Clock, TimerHandle

__all__ = ("LimitedLog", "LineLimit")

KEYS_MAX: Final = 10_000  # keys counted at a time; those beyond it count as one


@dataclass(slots=True)
class _Window:
    """The lines of one key in one stretch of time."""

    ends: float
    lines_max: int
    lines: int = 0
    left_out: int = 0


class LineLimit:
    """At most `first` lines a key in `seconds`; while that is not enough, one in each `seconds` that follow.

    Runs in: whoever owns it; it is not shared. Shape: times are monotonic seconds; O(1) a line.
    >>> limit = LineLimit(first=1, seconds=10.0)
    >>> [limit.take("db", at) for at in (0.0, 1.0, 2.0)], limit.over(9.0), limit.over(10.0)
    ([True, False, False], [], [('db', 2)])
    """

    def __init__(self, *, first: int, seconds: float) -> None:
        self.first: Final = first
        self.seconds: Final = seconds
        self.left_out = 0  # lines that nobody has been told of yet
        self._windows: dict[Hashable, _Window] = {}  # by their ends, as all are of one length

    @property
    def due(self) -> float | None:
        """When the next window ends; None if nothing is being counted."""
        return next((window.ends for window in self._windows.values()), None)

    def take(self, key: Hashable, now: float) -> bool:
        """Count one line; say whether it is to be written. Ask `over` before, or windows that have ended count on."""
        window = self._windows.get(key)
        if window is None and len(self._windows) >= KEYS_MAX:
            key = None
            window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(now + self.seconds, self.first)
        if window.lines < window.lines_max:
            window.lines += 1
            return True
        window.left_out += 1
        self.left_out += 1
        return False

    def over(self, now: float) -> list[tuple[Hashable, int]]:
        """End the windows whose time has come; give the keys that had lines left out, and how many."""
        found: list[tuple[Hashable, int]] = []
        ended: list[Hashable] = []
        for key, window in self._windows.items():
            if window.ends > now:
                break
            ended.append(key)
        for key in ended:
            window = self._windows.pop(key)
            if window.left_out:
                found.append((key, window.left_out))
                self.left_out -= window.left_out
                if now < window.ends + self.seconds:  # it may go on: one line from now on, until it has been quiet
                    self._windows[key] = _Window(now + self.seconds, 1)
        return found

    def rest(self) -> list[tuple[Hashable, int]]:
        """End all windows, as `over`."""
        found = [(key, window.left_out) for key, window in self._windows.items() if window.left_out]
        self._windows.clear()
        self.left_out = 0
        return found


class LimitedLog:
    """A logger that writes the first lines about each subject, and then how many more there were.

    A line counts for its subject and for the group that the subject is in; a group has more lines than one subject, but
    not as many as thousands of subjects want. Levels count apart, so that progress crowds no error out.
    Runs in: any thread; as quick as the logger's handlers are.
    """

    def __init__(
        self,
        logger: logging.Logger,
        clock: Clock,
        what: str,
        *,
        first: int = 5,
        group_first: int = 50,
        seconds: float = 10.0,
    ) -> None:
        self._logger = logger
        self._what = what
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._subjects = LineLimit(first=first, seconds=seconds)
        self._groups = LineLimit(first=group_first, seconds=seconds)
        self._timer: TimerHandle | None = None

    def write(self, level: int, subject: str, group: str, text: str, *arguments: object) -> None:
        """Write one line, or count it; `subject` and `group` are whom the count is said to be about.

        `what`, of the logger as a whole, is what the lines tell of, in the plural.
        """
        if not self._logger.isEnabledFor(level):
            return
        now = self._clock.now()
        with self._lock:
            over = self._over(now)
            written = self._subjects.take((subject, level), now) and self._groups.take((group, level), now)
            if not written and self._timer is None:
                self._arm()
        self._tell(over)
        if written:
            self._logger.log(level, text, *arguments)

    def close(self) -> None:
        """Say what is still to be said."""
        with self._lock:
            timer, self._timer = self._timer, None
            rest = [*self._subjects.rest(), *self._groups.rest()]
        if timer is not None:
            timer.cancel()
        self._tell(rest)

    def _due(self) -> None:
        with self._lock:
            self._timer = None
            over = self._over(self._clock.now())
            if self._subjects.left_out or self._groups.left_out:
                self._arm()
        self._tell(over)

    def _over(self, now: float) -> list[tuple[Hashable, int]]:
        return [*self._subjects.over(now), *self._groups.over(now)]

    def _arm(self) -> None:
        due = [limit.due for limit in (self._subjects, self._groups) if limit.left_out and limit.due is not None]
        self._timer = self._clock.call_at(min(due), self._due)

    def _tell(self, over: list[tuple[Hashable, int]]) -> None:
        for key, left_out in over:
            about, level = key if isinstance(key, tuple) else ("others", logging.WARNING)
            self._logger.log(level, "%s: and %d more %s in the last %g s", about, left_out, self._what, self._seconds)
