"""Handlers that run for too long, and where: found by looking at all threads, so that nobody pays who is not looked at.

What lives here: whose code is on which thread's stack, and since when that has been seen. A look finds a handler by the
frame of its call; one whose frame was there the last time as well has run since then.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .clock import TimerHandle
from .crash_frames import OUR_FILES
from .events import HandlerStuck
from .in_words import in_words
from .turn import run_turn

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

    from .life import Life
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("StuckHandler", "StuckLook", "StuckWatch", "stuck_in")

_TURN: Final = run_turn.__code__


@dataclass(frozen=True, slots=True)
class StuckHandler:
    """A handler or hook that runs, or awaits. `seconds`: at least; `thread`: its name, None for one that awaits."""

    ref: ActorRef[Any]
    incarnation: int
    in_hand: str | None
    seconds: float
    thread: str | None
    stack: str  # as in a traceback, the innermost call last


@dataclass(slots=True)
class _Seen:
    call: object  # the frame of the handler, or its task
    since: float


class StuckLook:
    """Looks, and remembers what it has seen the last time. Runs in: one thread at a time."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._seen: dict[Life, _Seen] = {}

    @property
    def found(self) -> bool:
        """Say whether any handler ran at the last look."""
        return bool(self._seen)

    def look(self, seconds: float) -> tuple[StuckHandler, ...]:
        """Give whose handler has been seen running for so many seconds. Shape: O(threads and their stacks)."""
        now = self._system.clock.now()
        before, self._seen = self._seen, {}
        found: list[StuckHandler] = []
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for life, call, stack, ident in _calls(self._system):
            last = before.get(life)
            since = now if last is None or last.call is not call else last.since
            self._seen[life] = _Seen(call, since)
            if now - since >= seconds and not life.ended:
                lines = "".join(traceback.format_list(stack.extract()))
                hand = in_words(life.mailbox.in_hand)
                thread = None if ident is None else names.get(ident)
                found.append(StuckHandler(life.ref, life.incarnation, hand, now - since, thread, lines))
        return tuple(found)


def stuck_in(system: ActorSystem, seconds: float) -> tuple[StuckHandler, ...]:
    """Look twice, so many seconds apart. Blocks that long if any handler runs, else not at all."""
    look = StuckLook(system)
    found = look.look(seconds)
    if seconds > 0 and look.found:
        due = threading.Event()
        handle = system.clock.call_at(system.clock.now() + seconds, due.set)
        try:
            due.wait()
        finally:
            handle.cancel()
        found = look.look(seconds)
    return found


class StuckWatch:
    """Publishes HandlerStuck, once for each handler, but for those of classes that are `long_running`.

    Runs in: the clock's thread. Ends with `close()`. Shape: one look each half of `seconds`.
    """

    def __init__(self, system: ActorSystem, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"a watch for stuck handlers: expected more than 0 seconds, got {seconds}")
        self._system = system
        self._seconds = seconds
        self._look = StuckLook(system)
        self._told: dict[ActorRef[Any], float] = {}  # and since when their handlers run
        self._closed = False
        self._handle: TimerHandle | None = None
        self._arm()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        clock = self._system.clock
        handle = self._handle = clock.call_at(clock.now() + self._seconds / 2, self._due)
        if self._closed:
            handle.cancel()

    def _due(self) -> None:
        if self._closed:
            return
        told: dict[ActorRef[Any], float] = {}
        now = self._system.clock.now()
        for stuck in self._look.look(self._seconds):
            since = now - stuck.seconds
            told[stuck.ref] = since
            if getattr(stuck.ref.actor_class, "long_running", False):
                continue
            if abs(self._told.get(stuck.ref, -1.0) - since) > 1e-6:
                self._system.bus.publish(HandlerStuck(stuck.ref, stuck.incarnation, stuck.seconds, stuck.stack))
        self._told = told
        self._arm()


class _FrameStack:
    def __init__(self, top: FrameType) -> None:
        self._top = top

    def extract(self) -> traceback.StackSummary:
        return traceback.extract_stack(self._top)


class _TaskStack:
    def __init__(self, task: asyncio.Task[object]) -> None:
        self._task = task

    def extract(self) -> traceback.StackSummary:
        frames: list[tuple[FrameType, int]] = []
        awaited: object = getattr(self._task.get_coro(), "coroutine", None)
        while awaited is not None:  # from the handler down to what it waits for
            frame: FrameType | None = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
            if frame is not None:
                frames.append((frame, frame.f_lineno))
            awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
        return traceback.StackSummary.extract(iter(frames))


def _calls(system: ActorSystem) -> Iterator[tuple[Life, object, _FrameStack | _TaskStack, int | None]]:
    """Give whose code runs or awaits: by which call, its stack and its thread. Nested turns give the inner one first.

    A turn is found by its frame, whose variables say of whom it is.
    """
    own = threading.get_ident()
    for ident, top in sys._current_frames().items():
        if ident == own:
            continue
        call: FrameType | None = None
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code is _TURN:
                life: Life | None = frame.f_locals.get("life")
                if life is not None and call is not None and life.system is system:
                    yield life, call, _FrameStack(top), ident
                call = None
            elif frame.f_code.co_filename not in OUR_FILES:
                call = frame
            frame = frame.f_back
    for task, life in system.dispatchers.awaiting():
        if life.system is system and not task.done():
            yield life, task, _TaskStack(task), None
