"""Where in a value the thing is that cannot be said: exact paths such as `message.jobs[3].callback`.

Walked only after a failure, so that what can be said costs nothing. Iterative, so that depth cannot overflow the stack.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum

from .limits import NESTING_MAX, PATH_SHOWN_CHARS

__all__ = ("path_of",)


def path_of(
    value: object,
    root: str,
    refuse: Callable[[object], str | None],
    said: Callable[[object], object] = lambda part: part,
) -> tuple[str, str | None, object]:
    """Find the first part of `value` that cannot be said; give its path, what was expected there, and the part itself.

    Shape: `refuse(part)` says what was expected instead of `part`, or None if `part` itself is fine. The expectation is
    None, with the path and value of the root, if every part is fine. `said(part)` gives that whose parts are said
    instead of those of `part`. O(parts).
    """
    names: list[str] = []
    above: list[tuple[object, Iterator[tuple[str, object]]]] = []
    step: tuple[str, object] | None = (root, value)
    while True:
        if step is None:
            if not above:
                return root, None, value
            step = next(above[-1][1], None)
            if step is None:
                above.pop()
                names.pop()
            continue
        name, part = step
        step = None
        expected = refuse(part) or _unsayable_text(part)
        names.append(name)
        if expected is not None:
            return _shown("".join(names)), expected, part
        for depth, (parent, _) in enumerate(above):
            if parent is part:
                return _shown("".join(names)), f"no cycle (it is {_shown(''.join(names[: depth + 1]))} again)", part
        if len(above) > NESTING_MAX:
            return _shown("".join(names)), f"at most {NESTING_MAX} levels of nesting", part
        above.append((part, _parts(said(part))))


def _parts(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield f" key {reprlib.repr(key)}", key
            yield f"[{reprlib.repr(key)}]", item
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif isinstance(value, set | frozenset):
        for item in value:
            yield "{" + reprlib.repr(item) + "}", item
    elif isinstance(value, Enum):
        yield ".value", value.value
    elif is_dataclass(value) and not isinstance(value, type):
        for known in fields(value):
            if known.init:
                yield f".{known.name}", getattr(value, known.name)


def _unsayable_text(value: object) -> str | None:
    if type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return f"text that UTF-8 can say ({error.reason})"
    elif type(value) is memoryview and not value.c_contiguous:
        return "a contiguous memoryview"
    return None


def _shown(path: str) -> str:
    if len(path) <= PATH_SHOWN_CHARS:
        return path
    half = PATH_SHOWN_CHARS // 2
    return f"{path[:half]} ... {path[-half:]}"
