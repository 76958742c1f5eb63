"""Beats: when they are said, what their absence means, and whom they go to."""

from __future__ import annotations

import time

import pytest

from regrow.chaos import End
from regrow.protocol.session.messages import Drain, Heartbeat, HeartbeatAck
from tests.conformance.case import case
from tests.conformance.connect.scripted import BEAT
from tests.conformance.connect.stage import Stage
from tests.system.waiting import WAIT

pytestmark = pytest.mark.system


@case("J-24")
def test_a_gateway_that_answers_no_beat_is_left_when_so_many_are_missed(stage: Stage) -> None:
    """inngest-js heartbeat: 2 missed -> reconnect on the 3rd tick; integration: no replies -> more connections."""
    stage.gateway.script.misses = 6
    stage.gateway.script.acknowledges_beats = False
    session = stage.begin()
    assert stage.phases.expect("waiting").code == "heartbeat_missed"
    session.expect_end()
    assert session.all(Heartbeat)
    stage.gateway.script.acknowledges_beats = True
    stage.gateway.sessions[-1].expect(Heartbeat)


@case("J-24")
def test_a_gateway_behind_a_black_hole_is_left_as_well(stage: Stage) -> None:
    """inngest-js heartbeat, over a connection that is half open: the worker's end hears nothing of it."""
    stage.gateway.script.misses = 6
    stage.begin()
    stage.proxy.half_open(gone=End.TARGET)
    assert stage.phases.expect("waiting").code == "heartbeat_missed"
    stage.proxy.pass_through()
    stage.gateway.session(2).expect(Heartbeat)


@case("J-25")
def test_as_long_as_beats_are_answered_the_connection_is_kept(stage: Stage) -> None:
    """inngest-js heartbeat: reply -> counter reset; integration: one connection kept."""
    stage.gateway.script.misses = 6
    stage.begin().expect(Heartbeat, 15)
    assert len(stage.gateway.sessions) == 1


@case("J-26")
def test_a_single_missed_beat_is_tolerated(stage: Stage) -> None:
    """inngest-js heartbeat: single missed heartbeat -> tolerated."""
    session = stage.begin()
    stage.gateway.script.acknowledges_beats = False
    session.expect_more(Heartbeat)
    stage.gateway.script.acknowledges_beats = True
    session.expect_more(Heartbeat, 12)
    assert len(stage.gateway.sessions) == 1


@case("J-27")
def test_beats_go_to_the_connection_in_use_and_to_no_other(stage: Stage) -> None:
    """inngest-js heartbeat: sent only to the current active connection, also after a drain."""
    first = stage.begin()
    first.expect(Heartbeat)
    first.say(Drain(grace_ms=5000))
    second = stage.gateway.session(2)
    second.expect(Heartbeat)
    before = len(first.all(Heartbeat))
    second.expect_more(Heartbeat, 3)
    assert len(first.all(Heartbeat)) == before


@case("J-48")
def test_beats_come_at_the_interval_that_the_gateway_names(stage: Stage) -> None:
    """inngest-js integration: heartbeats arrive at the configured interval."""
    session = stage.begin()
    first = session.expect(Heartbeat)
    last = session.expect(Heartbeat, 11)
    assert (last.due_ns - first.due_ns) / 1e9 == pytest.approx((last.sequence - first.sequence) * BEAT, abs=BEAT)


@case("Y-09")
def test_beats_go_on_while_the_main_process_computes(stage: Stage) -> None:
    """inngest-py heartbeat_during_block: the main thread in a busy loop, at least 4 more heartbeats."""
    session = stage.begin()
    wanted, end = len(session.heard) + 4, time.monotonic() + WAIT
    while len(session.heard) < wanted:  # it computes; nothing is waited for
        assert time.monotonic() < end
    assert len(stage.gateway.sessions) == 1


@case("J-24")
def test_a_gateway_that_only_speaks_of_other_things_is_alive(stage: Stage) -> None:
    """inngest-js heartbeat counts replies alone. Any word shows that somebody is there."""
    stage.gateway.script.misses = 6
    stage.gateway.script.acknowledges_beats = False
    session = stage.begin()
    for number in range(10):
        session.expect(Heartbeat, number + 1)
        session.say(HeartbeatAck(sequence=10_000 + number))
    assert len(stage.gateway.sessions) == 1
