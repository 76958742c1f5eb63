"""What the last lines on stderr say about an end: the stacks that a fatal signal leaves, a traceback. Pure.

Source: faulthandler's output; sys.excepthook's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ("stacks_in", "traceback_at_the_end")

_FATAL: Final = "Fatal Python error: "
_THREAD: Final = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+.*:$")  # names are in it since Python 3.14
_TRACEBACK: Final = "Traceback (most recent call last):"
_TRACEBACK_MAX: Final = 200  # lines looked back through


def stacks_in(lines: Sequence[str]) -> str | None:
    """Give the latest stacks of all threads that are in there, with the fatal error above them; None without any.

    >>> print(stacks_in(["hello", "Fatal Python error: Aborted", "", "Current thread 0x07 (most recent call first):"]))
    Fatal Python error: Aborted
    <BLANKLINE>
    Current thread 0x07 (most recent call first):
    """
    last = next((at for at in reversed(range(len(lines))) if _THREAD.match(lines[at])), None)
    if last is None:
        return None
    begin = last
    while begin > 0 and _belongs(lines[begin - 1]):
        begin -= 1
    end = last + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return "\n".join(lines[begin:end]).strip("\n")


def traceback_at_the_end(lines: Sequence[str]) -> str | None:
    """Give the traceback that was the very last thing said; one that others came after is nobody's cause of death.

    >>> traceback_at_the_end(["Traceback (most recent call last):", "  File ...", "ValueError: 5", "bye"])
    """
    said = list(lines[-_TRACEBACK_MAX:])
    while said and not said[-1].strip():
        said.pop()
    begin = next((at for at in reversed(range(len(said))) if said[at] == _TRACEBACK), None)
    if begin is None:
        return None
    inside = [line for line in said[begin + 1 :] if line.startswith((" ", "\t"))]
    rest = said[begin + 1 + len(inside) :]
    told = bool(inside) and len(rest) == 1  # frames, then one line with the exception
    return "\n".join(said[begin:]) if told else None


def _belongs(line: str) -> bool:
    return not line or line.startswith(("  ", _FATAL)) or bool(_THREAD.match(line))
