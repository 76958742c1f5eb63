"""What every store promises, checked with each of them; then what only the file promises."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from regrow.connect.store import (
    Change,
    Ending,
    ForgetRequest,
    MemoryStore,
    SaveLease,
    SaveOutcome,
    SaveRelease,
    SaveRequest,
    Store,
    StoredRequest,
    StoreError,
)
from regrow.connect.store.sqlite import SCHEMA_VERSION, SqliteStore
from regrow.protocol.session.messages import Failure, Outcome, Success, Terms

NOW, EPOCH = 1_000.0, 1_700_000_000.0


class Desk:
    """Opens, writes, waits for commits, and opens again as a new process would."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self.make = make
        self.store = make()
        self.recovered = self.store.open(now=NOW, epoch=EPOCH)

    def write(self, *changes: Change) -> StoreError | None:
        done = threading.Event()
        errors: list[StoreError | None] = []

        def committed(error: StoreError | None) -> None:
            errors.append(error)
            done.set()

        self.store.write(changes, committed)
        assert done.wait(5.0)
        return errors[0]

    def reopen(self, now: float = NOW, epoch: float = EPOCH) -> dict[str, StoredRequest]:
        assert self.store.close(5.0)
        self.store = self.make()
        self.recovered = self.store.open(now=now, epoch=epoch)
        return {request.request_id: request for request in self.recovered.requests}


@pytest.fixture(params=["memory", "sqlite"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    memory = MemoryStore()
    desk = Desk({"memory": lambda: memory, "sqlite": lambda: SqliteStore(tmp_path / "q.db")}[request.param])
    yield desk
    desk.store.close(5.0)


def request(request_id: str = "r1", **more: object) -> SaveRequest:
    fields: dict[str, object] = {
        "request_id": request_id,
        "function": "f",
        "arguments": b"\x00\xff",
        "submitted": NOW,
        "deadline": NOW + 30,
        "max_attempts": 3,
        "priority": 2,
    }
    return SaveRequest(**(fields | more))  # type: ignore[arg-type]


def outcome(of: Outcome, request_id: str = "r1") -> SaveOutcome:
    return SaveOutcome(
        request_id=request_id,
        ending=Ending.COMPLETED if isinstance(of, Success) else Ending.FAILED,
        outcome=of,
        attempts=2,
        instance="w1",
        lease_id=7,
        settled=NOW + 3,
    )


def lease(request_id: str = "r1") -> SaveLease:
    return SaveLease(request_id=request_id, instance="w1", lease_id=7, attempts=1)


def test_what_was_committed_is_there_after_opening_again(desk: Desk) -> None:
    assert desk.write(request()) is None
    assert desk.reopen() == {
        "r1": StoredRequest(
            request_id="r1",
            function="f",
            arguments=b"\x00\xff",
            submitted=NOW,
            deadline=NOW + 30,
            max_attempts=3,
            priority=2,
        )
    }


def test_generations_grow_with_every_opening(desk: Desk) -> None:
    generations = [desk.recovered.generation]
    for _ in range(3):
        desk.reopen()
        generations.append(desk.recovered.generation)
    assert sorted(set(generations)) == generations


def test_the_terms_of_a_request_are_remembered(desk: Desk) -> None:
    terms = Terms(delay_ms=7, key="k", labels={"gpu": "a100"}, headers={"traceparent": "x"}, fingerprint=b"12")
    desk.write(request("r1", terms=terms), request("r2"))
    assert [stored.terms for stored in desk.reopen().values()] == [terms, None]


@pytest.mark.parametrize("together", [True, False], ids=["one commit", "a commit each"])
def test_a_lease_a_release_and_an_outcome_are_remembered(desk: Desk, together: bool) -> None:
    def write(*changes: Change) -> StoredRequest:
        if together:
            assert desk.write(*changes) is None
        else:
            assert [desk.write(change) for change in changes] == [None] * len(changes)
        return desk.reopen()["r1"]

    leased = write(request(), lease())
    assert (leased.instance, leased.lease_id, leased.attempts) == ("w1", 7, 1)
    released = write(lease(), SaveRelease(request_id="r1", attempts=2))
    assert (released.instance, released.lease_id, released.attempts) == ("", 0, 2)
    settled = write(lease(), outcome(Success(b"v\x00")))
    assert (settled.outcome, settled.ending, settled.attempts) == (Success(b"v\x00"), Ending.COMPLETED, 2)
    assert (settled.instance, settled.lease_id, settled.settled) == ("w1", 7, NOW + 3)
    assert settled.arguments == b""
    assert write(ForgetRequest(request_id="r1"), request("r2"), request("r1")).outcome is None


def test_a_request_that_is_submitted_and_settled_in_one_commit_is_settled(desk: Desk) -> None:
    desk.write(request(), lease(), outcome(Failure("error", "ValueError", "no ☃", "Traceback...", retryable=True)))
    settled = desk.reopen()["r1"]
    assert settled.outcome == Failure("error", "ValueError", "no ☃", "Traceback...", retryable=True)
    assert (settled.ending, settled.arguments, settled.lease_id) == (Ending.FAILED, b"", 7)


def test_what_is_forgotten_is_gone(desk: Desk) -> None:
    desk.write(request("r1"), request("r2"))
    desk.write(outcome(Success(b"")), ForgetRequest(request_id="r1"), ForgetRequest(request_id="never"))
    assert list(desk.reopen()) == ["r2"]


def test_requests_come_back_in_the_order_of_their_submission(desk: Desk) -> None:
    names = [f"r{n}" for n in (5, 3, 9, 1, 7)]
    for name in names:
        desk.write(request(name))
    assert list(desk.reopen()) == names


def test_callbacks_come_in_order_and_an_empty_write_is_a_barrier(desk: Desk) -> None:
    order: list[int] = []
    for n in range(50):
        changes = [request(f"r{n}")] if n % 2 else []
        desk.store.write(changes, lambda error, n=n: order.append(n))  # type: ignore[misc]
    assert desk.write() is None
    assert order == list(range(50))


def test_close_writes_what_is_left(desk: Desk) -> None:
    for n in range(500):
        desk.store.write([request(f"r{n}")], lambda error: None)
    assert len(desk.reopen()) == 500


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q.db"


def test_deadlines_survive_a_reboot_that_sets_the_monotonic_clock_back(path: Path) -> None:
    desk = Desk(lambda: SqliteStore(path))
    desk.write(request(deadline=NOW + 30))
    again = desk.reopen(now=5.0, epoch=EPOCH + 10)
    assert again["r1"].deadline == pytest.approx(5.0 + 20)
    desk.store.close(5.0)


SCHEMA_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE requests (
    sequence INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, function TEXT NOT NULL, arguments BLOB NOT NULL,
    submitted_at REAL NOT NULL, deadline_at REAL, max_attempts INTEGER NOT NULL, priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, instance TEXT NOT NULL DEFAULT '', lease_id INTEGER NOT NULL DEFAULT 0,
    ending TEXT, value BLOB, failure TEXT, settled_at REAL
);
INSERT INTO meta VALUES ('generation', 4);
INSERT INTO requests (request_id, function, arguments, submitted_at, max_attempts, priority, attempts, instance,
    lease_id, ending, value, settled_at) VALUES ('old', 'f', x'', 100.0, 3, 0, 1, 'w1', 17179869185, 'completed',
    x'c0', 101.0);
INSERT INTO requests (request_id, function, arguments, submitted_at, max_attempts, priority)
    VALUES ('open', 'g', x'90', 102.0, 5, 1);
PRAGMA user_version=1;
"""


def test_a_file_of_the_first_schema_is_brought_up_to_date_with_all_that_is_in_it(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA_1)
    connection.close()
    for opening in (5, 6):
        store = SqliteStore(path)
        recovered = store.open(now=NOW, epoch=EPOCH)
        assert recovered.generation == opening
        assert [(it.request_id, it.function, it.attempts, it.terms) for it in recovered.requests][:2] == [
            ("old", "f", 1, None),
            ("open", "g", 0, None),
        ]
        new = request(f"new{opening}", terms=Terms(key="k", labels={"gpu": "a100"}))
        store.write([new], lambda _: None)
        assert store.close(5.0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_a_file_of_another_schema_is_refused_by_number(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreError, match=rf"expected schema_version {SCHEMA_VERSION} or less, got 99"):
        SqliteStore(path).open(now=NOW, epoch=EPOCH)


def test_a_file_that_is_no_database_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreError, match=r"q\.db: cannot be opened: file is not a database"):
        SqliteStore(path).open(now=NOW, epoch=EPOCH)


def test_a_folder_that_is_not_there_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none/q\.db: cannot be opened"):
        SqliteStore(tmp_path / "none" / "q.db").open(now=NOW, epoch=EPOCH)


def test_a_write_that_fails_is_reported_and_so_is_every_later_one(path: Path) -> None:
    desk = Desk(lambda: SqliteStore(path))
    broken = request(function=None)
    error = desk.write(broken)
    assert error is not None
    assert "cannot be written" in str(error)
    assert desk.write(request("r2")) is error
    assert desk.reopen() == {}
    desk.store.close(5.0)


@pytest.mark.parametrize("broken", [{"priority": 2**63}, {"function": "\ud800"}, {"submitted": "now"}])
def test_a_value_that_no_column_takes_fails_the_write_and_not_the_writer(path: Path, broken: dict[str, object]) -> None:
    desk = Desk(lambda: SqliteStore(path))
    error = desk.write(request(**broken))
    assert error is not None
    assert "cannot be written" in str(error)
    desk.store.close(5.0)


def test_a_column_that_does_not_hold_what_was_written_is_an_error_that_names_the_file(path: Path) -> None:
    desk = Desk(lambda: SqliteStore(path))
    desk.write(request(), outcome(Failure("error", "E", "text")))
    desk.store.close(5.0)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE requests SET failure = '{'")
    connection.close()
    with pytest.raises(StoreError, match=r"q\.db: cannot be opened"):
        SqliteStore(path).open(now=NOW, epoch=EPOCH)


def test_a_closed_store_says_so(path: Path) -> None:
    desk = Desk(lambda: SqliteStore(path))
    desk.store.close(5.0)
    assert "is closed" in str(desk.write(request()))
