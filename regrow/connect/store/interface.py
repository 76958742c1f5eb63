"""What a store of requests promises. Every store passes the same conformance suite, tests/connect/test_store.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from regrow.connect.store.changes import Change, StoredRequest
from regrow.protocol.errors import RegrowError

__all__ = ("Committed", "Recovered", "Store", "StoreError")

Committed: TypeAlias = Callable[["StoreError | None"], None]
"""Called once a write is safe, with None, or with what went wrong. From any thread; must not block."""


class StoreError(RegrowError):
    """A store could not be opened, read or written; `where` names it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(where, why)
        self.where = where
        self.why = why

    def __str__(self) -> str:
        return f"store {self.where}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a store knew when it was opened. `generation` is greater than at every opening before."""

    generation: int
    requests: tuple[StoredRequest, ...]


class Store(Protocol):
    """Remembers requests and results. One process has it open at a time.

    Times in and out are monotonic seconds; a store that outlives the boot keeps wall-clock stamps.
    """

    def open(self, *, now: float, epoch: float) -> Recovered:
        """Make ready and give everything that is known. `now` and `epoch` are the same moment on both clocks.

        Blocks. Errors: StoreError.
        """

    def write(self, changes: Sequence[Change], committed: Committed) -> None:
        """Save changes, after all changes of earlier calls, and say when they are safe; callbacks come in order.

        Never blocks. An empty sequence is a barrier. After a failed write every later one fails too.
        """

    def close(self, timeout: float) -> bool:
        """Write what is left, then close. Blocks up to `timeout` seconds; False if it is still writing."""
