"""Results wait on disk until the gateway has acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from role_stage import FakeWire

from regrow.actors import ActorRef, ActorSystem
from regrow.actors.roles.link_messages import (
    CONNECTION,
    LEASES,
    Joined,
    OwedKnown,
    ResultAcknowledged,
    ResultWanted,
    SendResult,
    SessionEnded,
)
from regrow.actors.roles.messages import Adopt, InvocationFinished, OutboxEmptied, ResultStored, SayWhenEmpty
from regrow.actors.roles.outbox import Outbox
from regrow.actors.roles.outbox_store import OwedResult
from regrow.actors.testing import Probe


class Stage:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.system = ActorSystem()
        self.connection, self.leases, self.executor = Probe(self.system), Probe(self.system), Probe(self.system)
        self.system.registry.register(CONNECTION, self.connection.ref)
        self.system.registry.register(LEASES, self.leases.ref)
        self.ref: ActorRef[Outbox] = self.begin()

    def begin(self, max_bytes: int = 1000) -> ActorRef[Outbox]:
        self.ref = self.system.spawn(Outbox, str(self.path), executor=self.executor.ref, max_bytes=max_bytes)
        return self.ref

    def restart(self, max_bytes: int = 1000) -> None:
        self.ref.stop()
        self.begin(max_bytes)

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        self.connection.sync(self.ref)

    def finished(self, request: str, lease: int = 1, size: int = 10) -> InvocationFinished:
        return InvocationFinished(request_id=request, lease_id=lease, outcome=b"x" * size)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "outbox.sqlite")
    yield stage
    stage.system.shutdown()


def test_a_new_life_says_its_epoch_what_it_owes_and_asks_the_executor(stage: Stage) -> None:
    assert stage.connection.expect(OwedKnown) == OwedKnown(1, ())
    assert stage.connection.expect(Joined).role == "outbox"
    adopt = stage.executor.expect(Adopt)
    assert (adopt.epoch, adopt.outbox, adopt.connection) == (1, stage.ref, stage.connection.ref)
    stage.tell(stage.finished("r1"))
    stage.restart()
    assert stage.connection.fish(OwedKnown) == OwedKnown(2, (OwedResult("r1", 1, b"x" * 10),))


def test_a_result_is_stored_said_to_be_and_sent(stage: Stage) -> None:
    stage.tell(FakeWire().ready(), stage.finished("r1"))
    assert stage.executor.fish(ResultStored) == ResultStored(request_id="r1", lease_id=1)
    assert stage.connection.fish(SendResult).result.request_id == "r1"


def test_without_a_session_a_result_waits_and_every_ready_sends_all_that_is_owed(stage: Stage) -> None:
    stage.tell(stage.finished("r1"), stage.finished("r2"))
    stage.connection.fish(Joined)
    stage.connection.expect_nothing()
    for _ in range(2):
        stage.tell(FakeWire().ready())
        assert [stage.connection.expect(SendResult).result.request_id for _ in range(2)] == ["r1", "r2"]
        stage.tell(SessionEnded())


def test_what_is_acknowledged_is_forgotten(stage: Stage) -> None:
    stage.tell(stage.finished("r1"), ResultAcknowledged("r1", 1, True), FakeWire().ready())
    stage.connection.fish(Joined)
    stage.connection.expect_nothing()
    stage.restart()
    assert stage.connection.fish(OwedKnown).results == ()


def test_the_acknowledgement_of_an_older_lease_forgets_nothing(stage: Stage) -> None:
    stage.tell(stage.finished("r1", lease=2), ResultAcknowledged("r1", 1, False))
    stage.restart()
    assert len(stage.connection.fish(OwedKnown, match=lambda known: known.epoch == 2).results) == 1


def test_a_result_that_is_wanted_under_a_newer_lease_is_sent_under_it(stage: Stage) -> None:
    stage.tell(FakeWire().ready(), stage.finished("r1", lease=1), ResultWanted("r1", 5))
    assert [stage.connection.fish(SendResult).result.lease_id for _ in range(2)] == [1, 5]
    stage.restart()
    assert stage.connection.fish(OwedKnown, match=lambda known: known.epoch == 2).results[0].lease_id == 5


def test_a_result_told_twice_is_stored_once(stage: Stage) -> None:
    stage.tell(stage.finished("r1"), stage.finished("r1"))
    assert [stage.executor.fish(ResultStored).request_id for _ in range(2)] == ["r1", "r1"]
    stage.restart()
    assert len(stage.connection.fish(OwedKnown, match=lambda known: known.epoch == 2).results) == 1


def test_over_its_bound_a_result_stays_with_the_executor_until_there_is_room(stage: Stage) -> None:
    stage.restart(max_bytes=100)
    stage.executor.fish(Adopt, match=lambda adopt: adopt.epoch == 2)
    stage.tell(stage.finished("r1", size=80), stage.finished("r2", size=80))
    assert stage.executor.expect(ResultStored).request_id == "r1"
    stage.executor.expect_nothing()
    stage.tell(ResultAcknowledged("r1", 1, True))
    assert stage.executor.expect(ResultStored).request_id == "r2"


def test_one_result_is_taken_whatever_its_size(stage: Stage) -> None:
    stage.tell(stage.finished("r1", size=5000))
    assert stage.executor.fish(ResultStored).request_id == "r1"


def test_it_says_when_it_is_empty_once(stage: Stage) -> None:
    stage.tell(stage.finished("r1"), SayWhenEmpty())
    stage.executor.fish(ResultStored)
    stage.executor.expect_nothing()
    stage.tell(ResultAcknowledged("r1", 1, True))
    stage.executor.fish(OutboxEmptied)
    stage.tell(SayWhenEmpty())
    stage.executor.fish(OutboxEmptied)
