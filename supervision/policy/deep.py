"""Walking a tree of any depth as if by recursion, without the interpreter's stack.

What lives here: the driver. What must not: what is walked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

__all__ = ("Deep", "run_deep")

T = TypeVar("T")

Deep: TypeAlias = Generator["Deep[Any]", Any, T]
"""A function that yields the calls that it needs the results of, `found = yield look_below(child)`, and returns."""


def run_deep(call: Deep[T]) -> T:
    """Run it, and whatever it yields, to the end. What a call raises is raised at the `yield` that needed it.

    >>> def count(down: int) -> Deep[int]:
    ...     return 0 if not down else 1 + (yield count(down - 1))
    >>> run_deep(count(100_000))
    100000
    """
    calls: list[Deep[Any]] = [call]
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            needed = calls[-1].send(value) if error is None else calls[-1].throw(error)
        except StopIteration as returned:
            value, error = returned.value, None
            calls.pop()
        except BaseException as raised:  # noqa: BLE001 - handed on to who needed it, or raised below
            value, error = None, raised
            calls.pop()
        else:
            value, error = None, None
            calls.append(needed)
        if not calls:
            break
    if error is not None:
        raise error
    result: T = value
    return result
