"""Leases are renewed for what runs, as long as somebody says that it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from role_stage import RoleStage

from regrow.actors.roles.leases import LeaseKeeper, Leases
from regrow.actors.roles.link_messages import HEARTBEAT, Joined, SessionEnded
from regrow.actors.roles.messages import ExecutorBeat, Held
from regrow.actors.testing import Probe
from regrow.protocol.session.messages import ExtendLease, InFlight

RUNS = ExecutorBeat(alive=True, running=1, capacity=2, held=(Held(request_id="r1", lease_id=3),))


class Stage(RoleStage):
    def __init__(self) -> None:
        super().__init__(0.0)
        self.heartbeat = Probe(self.system)
        self.system.registry.register(HEARTBEAT, self.heartbeat.ref)
        self.ref = self.system.spawn(Leases, silence_limit=30.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.system.shutdown()


def test_it_joins_and_passes_the_executors_word_on_to_the_heartbeat(stage: Stage) -> None:
    stage.connection.expect(Joined)
    stage.tell(RUNS)
    assert stage.heartbeat.expect(ExecutorBeat) == RUNS


def test_what_runs_is_renewed_at_the_interval_of_the_session(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    for _ in range(3):
        stage.tell(RUNS)
        stage.advance(10.0)
        assert stage.wire.next() == ExtendLease(requests=(InFlight(request_id="r1", lease_id=3),))


def test_nothing_running_renews_nothing(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.tell(ExecutorBeat(alive=True, running=0, capacity=2))
    stage.advance(10.0)
    assert stage.wire.sent.empty()


def test_a_dead_executor_renews_nothing(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.tell(ExecutorBeat(alive=False, running=1, capacity=2, held=RUNS.held))
    stage.advance(10.0)
    assert stage.wire.sent.empty()


def test_an_executor_that_has_fallen_silent_renews_nothing_until_it_speaks(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.tell(RUNS)
    for _ in range(3):
        stage.advance(10.0)
        stage.wire.next()
    stage.advance(10.0)
    assert stage.wire.sent.empty()
    stage.tell(RUNS)
    stage.advance(10.0)
    assert isinstance(stage.wire.next(), ExtendLease)


def test_between_sessions_nothing_is_renewed(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.tell(SessionEnded())
    stage.tell(RUNS)
    stage.advance(60.0)
    assert stage.wire.sent.empty()


@pytest.mark.parametrize(("age", "renewed"), [(0.0, 1), (30.0, 1), (30.1, 0)])
def test_the_last_word_counts_up_to_the_limit(age: float, renewed: int) -> None:
    keeper = LeaseKeeper(30.0)
    keeper.heard(RUNS, 100.0)
    assert len(keeper.renewable(100.0 + age)) == renewed


def test_without_any_word_nothing_is_renewed() -> None:
    assert LeaseKeeper(30.0).renewable(0.0) == ()
