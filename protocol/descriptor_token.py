"""How a descriptor that travels beside a message is said in it: by its place, and what it is a descriptor of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("DescriptorToken",)


@dataclass(frozen=True, slots=True)
class DescriptorToken:
    """A descriptor as data: the how many-th beside this message, what it leads to, and a number that belongs to it."""

    index: int
    kind: str
    detail: int = 0
