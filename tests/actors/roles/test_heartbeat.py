"""Beats on an absolute schedule, lateness after the send, and a gateway that falls silent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from role_stage import RoleStage

from regrow.actors import SpawnOptions
from regrow.actors.roles.heartbeat import BeatSchedule, Heartbeat, LatenessStatistics
from regrow.actors.roles.link_messages import BeatAcknowledged, Joined, SessionEnded
from regrow.actors.roles.messages import ExecutorBeat, HeartbeatMeasured
from regrow.actors.testing import Probe
from regrow.protocol.session.messages import Heartbeat as Beat


class Stage(RoleStage):
    def __init__(self) -> None:
        super().__init__(100.0)
        self.executor = Probe(self.system)
        self.ref = self.system.spawn(Heartbeat, self.executor.ref, options=SpawnOptions(name="heartbeat"))

    def beat(self) -> Beat:
        message = self.wire.next()
        assert isinstance(message, Beat)
        return message


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.system.shutdown()


def test_it_joins_the_connection(stage: Stage) -> None:
    assert stage.connection.expect(Joined) == Joined(stage.ref, "heartbeat")


def test_it_beats_at_the_interval_of_the_session_and_says_what_runs(stage: Stage) -> None:
    stage.tell(ExecutorBeat(alive=True, running=1, capacity=4))
    stage.tell(stage.wire.ready())
    for number in (1, 2, 3):
        stage.advance(5.0)
        beat = stage.beat()
        assert (beat.sequence, beat.due_ns) == (number, int((100 + 5 * number) * 1e9))
        assert (beat.running, beat.capacity, beat.executor_alive) == (1, 4, True)


def test_until_the_executor_has_spoken_it_is_not_said_to_live(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.advance(5.0)
    assert not stage.beat().executor_alive


def test_lateness_is_measured_when_the_send_is_over(stage: Stage) -> None:
    stage.wire.lag = lambda: stage.clock.advance(0.25)
    stage.tell(stage.wire.ready())
    stage.advance(5.0)
    stage.beat()
    measured = stage.executor.expect(HeartbeatMeasured)
    assert measured.worst_lateness == pytest.approx(0.25)
    assert (measured.count, measured.interval) == (1, 5.0)


def test_round_trips_are_measured(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.advance(5.0)
    sequence = stage.beat().sequence
    stage.advance(0.125)
    stage.tell(BeatAcknowledged(sequence))
    stage.advance(4.875)
    stage.executor.expect(HeartbeatMeasured)
    assert stage.executor.expect(HeartbeatMeasured).last_round_trip == pytest.approx(0.125)


def test_a_silent_gateway_is_given_up_at_the_wire_itself_when_the_beats_are_missed_and_not_a_beat_later(
    stage: Stage,
) -> None:
    stage.wire.silence = 2.0  # READY was heard so long ago
    stage.tell(stage.wire.ready())
    stage.wire.silence = 14.9
    stage.advance(12.9)
    assert stage.wire.loss is None
    stage.wire.silence = 15.0
    stage.advance(0.1)
    assert stage.wire.loss is not None
    assert (stage.wire.loss.kind, stage.wire.loss.code) == ("silent", "heartbeat_missed")
    stage.beat()
    stage.advance(60.0)
    assert stage.wire.sent.empty()


def test_a_word_in_time_keeps_the_session(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    for _ in range(6):
        stage.wire.silence = 10.0  # it spoke once, a third of the bound ago and two thirds
        stage.advance(10.0)
    assert stage.wire.loss is None


def test_between_sessions_there_are_no_beats(stage: Stage) -> None:
    stage.tell(stage.wire.ready())
    stage.tell(SessionEnded())
    stage.advance(60.0)
    assert stage.wire.sent.empty()
    stage.tell(stage.wire.ready())
    stage.advance(5.0)
    stage.beat()
    assert stage.wire.sent.empty()


def test_beats_that_were_missed_whole_are_counted_and_not_made_up_for() -> None:
    schedule = BeatSchedule(start=0.0, interval=1.0)
    assert schedule.beaten(now=4.5) == 3
    assert schedule.due == 5.0


def test_the_99th_percentile_leaves_the_worst_hundredth_out() -> None:
    statistics = LatenessStatistics()
    for lateness in [*range(100), 1000]:
        statistics.add(lateness / 1000, 0)
    assert statistics.worst == 1.0
    assert statistics.p99 == pytest.approx(0.099)
