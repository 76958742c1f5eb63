"""Crashes without our own frames, which say nothing, and are slow to format."""

from __future__ import annotations

from typing import Final

from ..protocol.exits import Crash, crash_of

__all__ = ("OUR_FILES", "crash_from")

OUR_FILES: Final[set[str]] = set()
"""Whose frames are above those of users: every module adds its own."""


def crash_from(error: BaseException) -> Crash:
    """Turn what was raised into a reason, without our own frames: they say nothing, and to format them is slow.

    Two thirds of the 0.2 ms went into them, on the way to every restart.
    """
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename in OUR_FILES:
        inner = inner.tb_next
    if inner is not None:  # else it is a mistake of ours
        error.__traceback__ = inner
    return crash_of(error)
