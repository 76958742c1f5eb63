"""How a ref to an actor is said in a message: by name, to be made a ref again by the system that reads it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("RefToken",)


@dataclass(frozen=True, slots=True)
class RefToken:
    """An actor as data: its urn, its name if it has one, and the system or process that can reach it."""

    urn: str
    name: str = ""
    origin: str = ""
