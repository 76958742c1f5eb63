"""Results on disk until the gateway has acknowledged them: one SQLite file a worker instance.

What lives here: the table and its verbs. What must not: when to send.
Runs in: the outbox's thread only. Every verb is one transaction; WAL without a sync a commit survives the death of
the process (what must survive is a kill, not a power cut; then the gateway redelivers).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ("OutboxStore", "OwedResult")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS results (
    request_id TEXT PRIMARY KEY, lease_id INTEGER NOT NULL, outcome BLOB NOT NULL, position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class OwedResult:
    """A result that the gateway has not acknowledged."""

    request_id: str
    lease_id: int
    outcome: bytes


class OutboxStore:
    """The file. Errors: sqlite3.Error from every verb; the outbox lets it crash and is restarted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # the page cache outlives any process of ours
        self._db.executescript(_SCHEMA)
        (self._position,) = self._db.execute("SELECT coalesce(max(position), 0) FROM results").fetchone()
        (self._bytes,) = self._db.execute("SELECT coalesce(sum(length(outcome)), 0) FROM results").fetchone()

    @property
    def bytes(self) -> int:
        """Sum of the stored outcomes."""
        return int(self._bytes)

    def next_epoch(self) -> int:
        """Count one more link process of this instance; give its number."""
        row = self._db.execute(
            "INSERT INTO meta VALUES ('epoch', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        return int(row[0])

    def put(self, results: Iterable[OwedResult] = (), *, remove: Iterable[str] = ()) -> None:
        """Forget some, then store others, each in place of an older one of the same request, in one transaction."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for request_id in remove:
                self._bytes -= self._size(request_id)
                self._db.execute("DELETE FROM results WHERE request_id = ?", (request_id,))
            for result in results:
                self._position += 1
                self._bytes += len(result.outcome) - self._size(result.request_id)
                self._db.execute(
                    "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)",
                    (result.request_id, result.lease_id, result.outcome, self._position),
                )

    def owed(self) -> list[OwedResult]:
        """Everything stored, oldest first."""
        rows = self._db.execute("SELECT request_id, lease_id, outcome FROM results ORDER BY position")
        return [OwedResult(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _size(self, request_id: str) -> int:
        row = self._db.execute("SELECT length(outcome) FROM results WHERE request_id = ?", (request_id,)).fetchone()
        return int(row[0]) if row is not None else 0
