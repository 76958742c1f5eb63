"""A connection that carries nothing any more, or never did: noticed within its bound, and given up at once."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from link_stage import LinkStage
from role_stage import FakeGateway, fake_gateway

from regrow.actors.roles.link_messages import SessionEnded, SessionReady
from regrow.actors.roles.tls import DialTls
from regrow.chaos import FaultProxy
from tests.connect.certificates import Authority, Certificate


@pytest.fixture(params=["plain", "TLS"])
def certificates(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Authority, Certificate] | None:
    if request.param == "plain":
        return None
    authority = Authority(tmp_path)
    return authority, authority.sign("gateway")


@pytest.fixture
def gateway(certificates: tuple[Authority, Certificate] | None) -> Iterator[FakeGateway]:
    tls = None
    if certificates is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificates[1].cert, certificates[1].key)
    with fake_gateway(tls) as gateway:
        yield gateway


@pytest.fixture
def proxy(gateway: FakeGateway) -> Iterator[FaultProxy]:
    at = urlsplit(gateway.url)
    assert at.hostname is not None
    assert at.port is not None
    with FaultProxy(at.hostname, at.port) as proxy:
        yield proxy


@pytest.fixture
def stage(
    proxy: FaultProxy, certificates: tuple[Authority, Certificate] | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LinkStage]:
    # Whoever waits for a closing handshake with a peer that hears nothing waits for longer than this test may take.
    monkeypatch.setattr("regrow.actors.roles.wire.CLOSE_SECONDS", 3600.0)
    if certificates is None:
        stage = LinkStage(f"ws://127.0.0.1:{proxy.port}")
    else:
        stage = LinkStage(f"wss://127.0.0.1:{proxy.port}", tls=DialTls(ca_file=certificates[0].file))
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


def test_a_gateway_that_resets_whoever_comes_is_noticed_at_once(
    stage: LinkStage, gateway: FakeGateway, proxy: FaultProxy
) -> None:
    gateway.session().admit()
    stage.phase("ready")
    proxy.refuse()
    stage.phase("waiting")
    for _ in range(3):
        stage.advance(1.0)
        stage.phase("waiting")
    proxy.pass_through()
    stage.advance(1.0)
    gateway.session().admit()
    stage.phase("ready")
