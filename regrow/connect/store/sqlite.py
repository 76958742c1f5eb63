"""A store in one SQLite file: WAL, one writer thread, group commit.

Everything that is asked to be saved while one transaction commits goes into the next one, and what concerns one
request is merged first: a request that is submitted, leased and settled within one commit is written once. So the
number of requests a second depends on the CPU, not on how long the disk takes to make one commit safe.
Source: sqlite.org/wal.html; PRAGMA synchronous=FULL makes a commit in WAL mode survive loss of power.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from regrow.connect.store.changes import Change, Ending, SaveOutcome, StoredRequest
from regrow.connect.store.interface import Committed, Recovered, StoreError
from regrow.connect.store.merging import Merged, merge
from regrow.connect.store.terms import terms_from_bytes, terms_to_bytes
from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.session.messages import Failure, Outcome, Success

__all__ = ("SCHEMA_VERSION", "SqliteStore")

SCHEMA_VERSION: Final = 2
_LOCK_TIMEOUT: Final = 5.0  # seconds to wait for another process that is just closing the file
_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (
    sequence INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    function TEXT NOT NULL,
    arguments BLOB NOT NULL,
    submitted_at REAL NOT NULL,
    deadline_at REAL,
    max_attempts INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    instance TEXT NOT NULL DEFAULT '',
    lease_id INTEGER NOT NULL DEFAULT 0,
    ending TEXT,
    value BLOB,
    failure TEXT,
    settled_at REAL,
    terms BLOB
);
"""
_MIGRATIONS: Final = {1: "ALTER TABLE requests ADD COLUMN terms BLOB"}
"""What makes a file of one schema version into one of the next."""

_INSERT: Final = (
    "INSERT OR REPLACE INTO requests (request_id, function, arguments, submitted_at, deadline_at, max_attempts,"
    " priority, attempts, instance, lease_id, ending, value, failure, settled_at, terms)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_HOLD: Final = "UPDATE requests SET instance=?, lease_id=?, attempts=? WHERE request_id=?"
_SETTLE: Final = (
    "UPDATE requests SET arguments=CASE ? WHEN 'dead' THEN arguments ELSE x'' END, ending=?, value=?, failure=?,"
    " attempts=?, instance=?, lease_id=?, settled_at=? WHERE request_id=?"
)
_FORGET: Final = "DELETE FROM requests WHERE request_id=?"
_LOAD: Final = (
    "SELECT request_id, function, arguments, submitted_at, deadline_at, max_attempts, priority, attempts, instance,"
    " lease_id, ending, value, failure, settled_at, terms FROM requests ORDER BY sequence"
)


class SqliteStore:
    """Requests in the file `path`. `synchronous="normal"` may lose the last commits when the power fails."""

    def __init__(self, path: str | os.PathLike[str], *, synchronous: Literal["full", "normal"] = "full") -> None:
        self._path = Path(path)
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Condition()
        self._pending: list[Change] = []  # guarded by _wake, as all that follow
        self._callbacks: list[Committed] = []
        self._closing = False
        self._failure: StoreError | None = None
        self._epoch = 0.0  # wall clock minus monotonic clock, at open

    def __str__(self) -> str:
        return f"sqlite:{self._path}"

    def open(self, *, now: float, epoch: float) -> Recovered:
        """Open or create the file, check its schema version, read it, start the writer."""
        if self._thread is not None:
            raise StoreError(str(self), "expected to be opened once, is open already")
        self._epoch = epoch - now
        try:
            recovered = self._recover()
        except (
            sqlite3.Error,
            RemoteProtocolError,
            ValueError,
            TypeError,
        ) as error:  # last: no column of ours
            self._drop_connection()
            # Where it may not write, sqlite says anything from "disk I/O error" to "unable to open database file".
            places = (self._path, self._path.parent)
            locked = next((place for place in places if place.exists() and not os.access(place, os.W_OK)), None)
            why = str(error) if locked is None else f"{locked} may not be written: {error}"
            raise StoreError(str(self), f"cannot be opened: {why}") from error
        self._closing, self._failure = False, None
        self._thread = threading.Thread(target=self._run, name="regrow-store", daemon=True)
        self._thread.start()
        return recovered

    def write(self, changes: Sequence[Change], committed: Committed) -> None:
        """Hand changes to the writer thread."""
        with self._wake:
            if self._thread is not None and not self._closing and self._failure is None:
                self._pending.extend(changes)
                self._callbacks.append(committed)
                self._wake.notify()
                return
            failure = self._failure or StoreError(str(self), "expected to be open, is closed")
        committed(failure)

    def close(self, timeout: float) -> bool:
        """Let the writer finish, then close the file."""
        thread = self._thread
        if thread is None:
            return True
        with self._wake:
            self._closing = True
            self._wake.notify()
        thread.join(timeout)
        if thread.is_alive():
            return False
        self._thread = None
        self._drop_connection()
        return True

    def _recover(self) -> Recovered:
        connection = sqlite3.connect(
            self._path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=32
        )
        self._connection = connection
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={self._synchronous.upper()}")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("INSERT INTO meta VALUES ('generation', 0)")
        elif not 0 < version <= SCHEMA_VERSION:
            connection.execute("ROLLBACK")
            self._drop_connection()
            raise StoreError(str(self), f"expected schema_version {SCHEMA_VERSION} or less, got {version}")
        for old in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            connection.execute(_MIGRATIONS[old])
            connection.execute(f"PRAGMA user_version={old + 1}")
        connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'generation'")
        (generation,) = connection.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        requests = tuple(self._stored(row) for row in connection.execute(_LOAD))
        connection.execute("COMMIT")
        return Recovered(generation=generation, requests=requests)

    def _run(self) -> None:
        """Commit group after group. Runs in: the writer thread, the only one that writes."""
        while True:
            with self._wake:
                while not self._callbacks and not self._closing:
                    self._wake.wait()
                changes, self._pending = self._pending, []
                callbacks, self._callbacks = self._callbacks, []
                failure = self._failure
                if not callbacks:
                    return
            if failure is None and changes:
                try:
                    self._commit(merge(changes))
                except Exception as error:  # noqa: BLE001  # whatever it is, those who wait have to hear of it
                    failure = StoreError(str(self), f"cannot be written: {error}")
                    with self._wake:
                        self._failure = failure
            for committed in callbacks:
                committed(failure)

    def _commit(self, merged: Merged) -> None:
        connection = self._connection
        if connection is None:
            raise AssertionError("the writer runs while the file is closed")
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_FORGET, [(request_id,) for request_id in merged.forgotten])
            connection.executemany(_INSERT, [self._row(stored) for stored in merged.inserts])
            connection.executemany(_HOLD, merged.holds)
            connection.executemany(_SETTLE, [self._settled_row(change) for change in merged.outcomes.values()])
            connection.execute("COMMIT")
        except Exception:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _row(self, stored: StoredRequest) -> tuple[object, ...]:
        epoch = self._epoch
        return (
            stored.request_id,
            stored.function,
            stored.arguments,
            stored.submitted + epoch,
            None if stored.deadline is None else stored.deadline + epoch,
            stored.max_attempts,
            stored.priority,
            stored.attempts,
            stored.instance,
            stored.lease_id,
            stored.ending,
            *_outcome_columns(stored.outcome),
            None if stored.outcome is None else stored.settled + epoch,
            terms_to_bytes(stored.terms),
        )

    def _settled_row(self, change: SaveOutcome) -> tuple[object, ...]:
        settled_at = change.settled + self._epoch
        columns = _outcome_columns(change.outcome)
        holder = (change.attempts, change.instance, change.lease_id)
        return (change.ending, change.ending, *columns, *holder, settled_at, change.request_id)

    def _stored(self, row: tuple[object, ...]) -> StoredRequest:
        (request_id, function, arguments, submitted_at, deadline_at, max_attempts, priority, *rest) = row
        attempts, instance, lease_id, ending, value, failure, settled_at, terms = rest
        return StoredRequest(
            request_id=str(request_id),
            function=str(function),
            arguments=_bytes(arguments),
            submitted=_number(submitted_at) - self._epoch,
            deadline=None if deadline_at is None else _number(deadline_at) - self._epoch,
            max_attempts=int(_number(max_attempts)),
            priority=int(_number(priority)),
            attempts=int(_number(attempts)),
            instance=str(instance),
            lease_id=int(_number(lease_id)),
            ending=None if ending is None else Ending(str(ending)),
            outcome=_outcome(value, failure) if ending is not None else None,
            settled=0.0 if settled_at is None else _number(settled_at) - self._epoch,
            terms=None if terms is None else terms_from_bytes(_bytes(terms)),
        )

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _outcome_columns(outcome: Outcome | None) -> tuple[bytes | None, str | None]:
    match outcome:
        case None:
            return None, None
        case Success(value):
            return value, None
        case Failure(kind, type_name, text, traceback, retryable):
            return None, json.dumps([kind, type_name, text, traceback, retryable])


def _outcome(value: object, failure: object) -> Outcome:
    return Success(_bytes(value)) if failure is None else Failure(*json.loads(str(failure)))


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise sqlite3.DatabaseError(f"a column holds {type(value).__name__} where bytes were written")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise sqlite3.DatabaseError(f"a column holds {type(value).__name__} where a number was written")
    return value
