"""Results on disk: what was put is there for the next process."""

from __future__ import annotations

from pathlib import Path

from regrow.actors.roles.outbox_store import OutboxStore, OwedResult


def test_what_one_process_stored_the_next_one_owes_in_order(tmp_path: Path) -> None:
    first = OutboxStore(tmp_path / "outbox.sqlite")
    results = [OwedResult("b", 1, b"1"), OwedResult("a", 2, b"2")]
    for result in results:
        first.put([result])
    first.close()
    second = OutboxStore(tmp_path / "outbox.sqlite")
    assert second.owed() == results
    assert second.bytes == 2
    second.put(remove=["b"])
    assert second.owed() == [OwedResult("a", 2, b"2")]
    assert second.bytes == 1
    second.close()


def test_a_file_that_was_not_closed_loses_nothing(tmp_path: Path) -> None:
    killed = OutboxStore(tmp_path / "outbox.sqlite")
    killed.put([OwedResult("r", 1, b"outcome")])
    survivor = OutboxStore(tmp_path / "outbox.sqlite")
    assert [result.request_id for result in survivor.owed()] == ["r"]
    survivor.close()
    killed.close()


def test_a_newer_lease_takes_the_place_of_the_older(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "outbox.sqlite")
    store.put([OwedResult("r", 1, b"outcome")])
    store.put([OwedResult("r", 2, b"outcome")])
    assert store.owed() == [OwedResult("r", 2, b"outcome")]
    assert store.bytes == len(b"outcome")
    store.close()


def test_epochs_grow_over_processes(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        store = OutboxStore(tmp_path / "outbox.sqlite")
        epochs.append(store.next_epoch())
        store.close()
    assert epochs == [1, 2, 3]


def test_a_request_that_is_forgotten_and_stored_at_once_is_stored(tmp_path: Path) -> None:
    store = OutboxStore(tmp_path / "outbox.sqlite")
    store.put([OwedResult("r", 1, b"old")])
    store.put([OwedResult("r", 2, b"newer")], remove=["r"])
    assert store.owed() == [OwedResult("r", 2, b"newer")]
    assert store.bytes == len(b"newer")
    store.close()
