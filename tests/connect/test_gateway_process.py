"""The gateway as a supervised actor: ready when it listens, gone when its loop is, drained when asked to stop."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorSystem
from regrow.connect import Client
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import GatewayStartError
from regrow.connect.gateway_process import GatewayActor, gateway_start
from regrow.protocol.exits import Crash

QUICK = ClientOptions(default_timeout=5.0, close_timeout=0.2)


def test_it_is_ready_when_it_listens_and_stops_in_order(tmp_path: Path) -> None:
    start = gateway_start(token="t", store=f"sqlite:{tmp_path / 'q.db'}", drain_timeout=0.2)
    assert start.target is GatewayActor
    with ActorSystem() as system:
        ref = system.spawn(GatewayActor, *start.args)
        gateway = start.args[0]
        with Client(gateway.url, token="t", options=QUICK) as client:  # type: ignore[attr-defined]
            status = client.status()
            assert status["gateway"] == gateway.id  # type: ignore[attr-defined]
        ref.stop(timeout=5)
        assert not ref.is_alive()
    assert not [thread for thread in threading.enumerate() if thread.name == "regrow-gateway"]


def test_a_start_that_fails_raises_what_was_wrong() -> None:
    with ActorSystem() as system:
        first = gateway_start(token="t")
        ref = system.spawn(GatewayActor, *first.args)
        port = first.args[0].port  # type: ignore[attr-defined]
        with pytest.raises(GatewayStartError, match="in use"):
            system.spawn(GatewayActor, *gateway_start(port=port, token="t").args)
        ref.stop(timeout=5)


def test_when_its_loop_dies_so_does_the_actor(tmp_path: Path) -> None:
    start = gateway_start(token="t", store=f"sqlite:{tmp_path / 'q.db'}")
    gateway = start.args[0]
    exited: list[ActorExited] = []
    gone = threading.Event()
    with ActorSystem() as system:
        ref = system.spawn(GatewayActor, *start.args)
        system.bus.subscribe(lambda event: (exited.append(event), gone.set()), ActorExited)
        gateway._store._connection.execute("DROP TABLE requests")  # type: ignore[attr-defined]
        with Client(gateway.url, token="t", options=ClientOptions(default_timeout=0.5)) as client:  # type: ignore[attr-defined]
            with pytest.raises(Exception, match=r"cannot be reached|no answer"):
                client.submit("f")
        assert gone.wait(5)
        with pytest.raises(ActorDeadError):
            ref.tell("anything")
    reason = exited[0].reason
    assert isinstance(reason, Crash)
    assert "GatewayLoopEnded" in reason.type
    assert "no such table" in reason.text


def test_an_unknown_store_is_refused_where_it_is_named() -> None:
    with pytest.raises(ValueError, match="expected memory or sqlite:PATH, got 'redis:x'"):
        gateway_start(store="redis:x")
