"""A broken rule of a policy file, before it is known at which line."""

from __future__ import annotations

from dataclasses import dataclass

from .mistakes import KeyPath

__all__ = ("Fault",)


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule at a key. `given` is the value, or None when something is missing."""

    path: KeyPath
    expected: str
    given: object = None
    suggestion: str = ""
