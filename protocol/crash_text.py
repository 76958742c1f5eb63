"""The traceback of a crash as text, spelled out when somebody reads it: that takes longer than all else of a restart.

What lives here: what has to be noted at once, and how it is spelled out later. What must not: what a crash is.
Noted are code objects and places in them, no frames: nothing of what the code had in hand is kept.
"""

from __future__ import annotations

import linecache
import sys
import traceback as _traceback
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType, TracebackType
from typing import Final, TypeAlias

__all__ = ("TracebackText", "traceback_of")

TracebackText: TypeAlias = str | Callable[[], str]
"""A text, or what spells it out."""

_AT_ONCE: Final = (BaseExceptionGroup, SyntaxError, ImportError, NameError, AttributeError)
"""What has more to it than its frames: parts, a line of its own, names to suggest that are found in the frames."""


def traceback_of(exc: BaseException, kind: str, text: str) -> TracebackText:
    """Give the traceback as `traceback` formats it. Errors: whatever the exception's own code raises.

    `kind` and `text` are the exception's type and text, as they stand in its last line.
    """
    if (
        isinstance(exc, _AT_ONCE)
        or exc.__cause__ is not None
        or (exc.__context__ is not None and not exc.__suppress_context__)
        or getattr(exc, "__notes__", None)
    ):
        return "".join(_formatted(exc))
    return _Later(exc.__traceback__, f"{kind}: {text}\n" if text else f"{kind}\n")


class _Later:
    """Frames, and the last line. Source lines are those of the file as it is when the text is read."""

    __slots__ = ("_frames", "_last_line")

    def __init__(self, traceback: TracebackType | None, last_line: str) -> None:
        frames: list[tuple[CodeType, int, int]] = []
        while traceback is not None:
            frame = traceback.tb_frame
            linecache.lazycache(frame.f_code.co_filename, frame.f_globals)  # some sources only their loaders know
            frames.append((frame.f_code, traceback.tb_lasti, traceback.tb_lineno))
            traceback = traceback.tb_next
        self._frames = frames
        self._last_line = last_line

    def __call__(self) -> str:
        if not self._frames:
            return self._last_line
        stack = _traceback.StackSummary.from_list([_summary(*frame) for frame in self._frames])
        _forget_carets(stack)
        return "".join(("Traceback (most recent call last):\n", *stack.format(), self._last_line))


def _summary(code: CodeType, at: int, line: int) -> _traceback.FrameSummary:
    nowhere = (None, None, None, None)  # for a traceback that somebody has made by hand
    _, end_line, column, end_column = nowhere if at < 0 else next(islice(code.co_positions(), at // 2, None), nowhere)
    return _traceback.FrameSummary(
        code.co_filename,
        line,
        code.co_name,
        end_lineno=end_line,
        colno=column,
        end_colno=end_column,
    )


def _formatted(exc: BaseException) -> Iterator[str]:
    found = _traceback.TracebackException.from_exception(exc)
    chain = [found]
    for part in chain:  # which grows meanwhile
        _forget_carets(part.stack)
        chain.extend(below for below in (part.__cause__, part.__context__, *(part.exceptions or ())) if below)
    return found.format()


def _forget_carets(stack: _traceback.StackSummary) -> None:
    """Do not let `traceback` look for carets where they would underline a whole line.

    For these it compiles the line and shows nothing (unless it is one single operation), which takes half of the time.
    From 3.13 on it does show something.
    """
    if sys.version_info >= (3, 13):
        return
    for frame in stack:
        line, begin, end = frame.line, frame.colno, frame.end_colno
        if line and begin is not None and end is not None and frame.lineno == frame.end_lineno:
            frame.colno = begin if end - begin < len(line) else None
