"""Stores by name, as command lines and child specs say them: `memory`, `sqlite:PATH`."""

from __future__ import annotations

from regrow.connect.store.interface import Store
from regrow.connect.store.memory import MemoryStore

__all__ = ("store_named",)


def store_named(text: str) -> Store:
    """Make the store that `text` names; it is not opened. Errors: ValueError saying what is expected."""
    kind, _, path = text.partition(":")
    if kind == "memory" and not path:
        return MemoryStore()
    if kind == "sqlite" and path:
        from regrow.connect.store.sqlite import SqliteStore

        return SqliteStore(path)
    raise ValueError(f"store: expected memory or sqlite:PATH, got {text!r}")
