"""A connection that is there and carries nothing any more: noticed within its bound, and given up at once."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from link_stage import LinkStage
from role_stage import FakeGateway, fake_gateway

from regrow.actors.roles.link_messages import SessionEnded, SessionReady
from regrow.chaos import FaultProxy


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as gateway:
        yield gateway


@pytest.fixture
def proxy(gateway: FakeGateway) -> Iterator[FaultProxy]:
    at = urlsplit(gateway.url)
    assert at.hostname is not None
    assert at.port is not None
    with FaultProxy(at.hostname, at.port) as proxy:
        yield proxy


@pytest.fixture
def stage(proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[LinkStage]:
    # Whoever waits for a closing handshake with a peer that hears nothing waits for longer than this test may take.
    monkeypatch.setattr("regrow.actors.roles.wire.CLOSE_SECONDS", 3600.0)
    stage = LinkStage(f"ws://127.0.0.1:{proxy.port}")
    stage.introduce()
    yield stage
    proxy.cut()  # or its end would say goodbye to one that hears nothing, for as long
    stage.system.shutdown()


def test_a_loss_is_told_when_so_many_beats_are_missed_and_not_before(
    stage: LinkStage, gateway: FakeGateway, proxy: FaultProxy
) -> None:
    gateway.session().admit(heartbeat_interval_ms=5000, heartbeat_misses=3)
    stage.outbox.fish(SessionReady)
    heard_at = stage.clock.now()
    proxy.swallow()
    stage.advance(14.9)
    assert not [said for said in stage.outbox.received() if isinstance(said, SessionEnded)]
    stage.advance(0.1)
    stage.outbox.fish(SessionEnded)
    waiting = stage.phase("waiting")
    assert waiting.code == "heartbeat_missed"
    assert "heard nothing for 15.0 s" in waiting.reason
    assert stage.clock.now() - heard_at == pytest.approx(15.0)
