"""A worker that stops: what it says, what it waits for, and what may go wrong meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from regrow.chaos import Kill, inject
from regrow.protocol.session.messages import Closing, Connect, Drain, ExtendLease, Heartbeat, Lease, Pause, Result
from tests.conformance.case import case
from tests.conformance.connect.stage import Stage
from tests.system.waiting import WAIT

pytestmark = pytest.mark.system


@contextmanager
def stopping(stage: Stage) -> Iterator[Future[bool]]:
    with ThreadPoolExecutor(1) as pool:
        stop = pool.submit(stage.worker.stop, WAIT)
        yield stop
        assert stop.result(WAIT)


@case("J-08", "J-09", "Y-01")
def test_an_idle_worker_says_pause_and_closing_once_however_many_stop_it(own: Stage) -> None:
    """inngest-js: close() when idle -> exactly one PAUSE, resolves; concurrent close() -> side effects once."""
    session = own.begin()
    with ThreadPoolExecutor(4) as pool:
        stops = [pool.submit(own.worker.stop, WAIT) for _ in range(4)]
        assert all(stop.result(WAIT) for stop in stops)
    session.expect_end()
    assert len(session.all(Pause)) == 1
    assert len(session.all(Closing)) == 1
    assert len(own.gateway.sessions) == 1


@case("J-42", "J-51", "Y-03")
def test_beats_and_renewals_go_on_until_what_runs_is_delivered(own: Stage) -> None:
    """inngest-js e2e close: heartbeats and extensions after close(), result delivered; inngest-py close.wait_for."""
    session = own.begin()
    own.run(session, "a")
    with stopping(own) as stop:
        session.expect(Pause)
        session.expect_more(Heartbeat, 5)
        session.expect_more(ExtendLease, 4)
        assert not stop.done()
        own.calls.let_go("a")
        session.expect(Result)
    session.expect_end()
    assert own.calls.ended == {"a": "returned"}
    assert isinstance(session.heard[-1], Closing)


@case("J-43", "J-52")
def test_a_connection_that_dies_meanwhile_is_replaced_by_one_that_is_paused(own: Stage) -> None:
    """inngest-js: dies during shutdown -> reconnects; e2e shutdown-reconnect: PAUSE and never READY, run completes."""
    first = own.begin()
    own.run(first, "a")
    with stopping(own):
        first.expect(Pause)
        own.proxy.cut()
        second = own.gateway.session(2)
        introduced = second.expect(Connect)
        assert introduced.paused
        assert [each.request_id for each in introduced.in_flight] == ["a"]
        second.expect(Heartbeat)
        second.expect(ExtendLease)
        own.calls.let_go("a")
        second.expect(Result)


@case("J-11", "Y-06")
def test_a_gateway_that_drains_meanwhile_is_left_for_one_that_gets_the_result(own: Stage) -> None:
    """inngest-js, inngest-py: drain during shutdown with in-flight work -> reconnects, close completes after work."""
    first = own.begin()
    own.run(first, "a")
    first.expect(ExtendLease)
    with stopping(own):
        first.expect(Pause)
        first.say(Drain(grace_ms=500))
        second = own.gateway.session(2)
        assert second.expect(Connect).paused
        second.expect(ExtendLease)
        first.expect_end()
        own.calls.let_go("a")
        second.expect(Result)


@case("J-44")
def test_when_the_lease_of_the_last_request_is_lost_nothing_is_waited_for_any_more(own: Stage) -> None:
    """inngest-js: lease lost for the last request during shutdown -> close resolves."""
    session = own.begin()
    own.run(session, "a")
    with stopping(own):
        session.expect(Pause)
        session.say(Lease(request_id="a", lease_id=1, lost=True))
    assert own.calls.ended == {"a": "cancelled"}


@case("Y-02")
def test_a_worker_that_never_had_a_connection_stops_all_the_same(own: Stage) -> None:
    """inngest-py close.without_initial_connection: API always 500, close() still ends cleanly."""
    own.gateway.script.forever = 500
    own.proxy.pass_through()
    own.gateway.until(lambda: len(own.gateway.refused) >= 2, lambda: f"2 refusals, got {own.gateway.refused}")
    with stopping(own):
        pass
    assert own.gateway.sessions == []


@case("N-06")
def test_a_worker_whose_link_is_being_replaced_stops_all_the_same(own: Stage) -> None:
    """Tested by nobody: close() during a respawn waits for ever in inngest-js."""
    own.begin().expect(Heartbeat)
    pid = own.worker.link_pid
    assert pid is not None
    inject(Kill(), pid)
    with stopping(own):
        pass
    assert not psutil.pid_exists(pid)
