"""/metrics of a gateway: over real HTTP, only when asked for, and what it says after real requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.connect import AsyncClient
from regrow.protocol.session import close_codes, encode_message
from regrow.protocol.session.messages import Connect, ResultAck
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, on_a_loop
from tests.connect.gateway_bench import QUICK, gateway, last_words, raw
from tests.connect.test_gateway_lifetime import get

MEASURED = replace(QUICK, metrics=True)


def samples(text: bytes) -> dict[str, float]:
    """Read with Prometheus' own parser: name and labels, as they are written, to value."""
    parser = pytest.importorskip("prometheus_client.parser")
    found: dict[str, float] = {}
    for family in parser.text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found
            found[key] = sample.value
    return found


@on_a_loop
async def test_metrics_are_not_answered_unless_asked_for() -> None:
    async with gateway() as running:
        assert (await get(running, "/metrics"))[0] == 426


@on_a_loop
async def test_a_request_is_seen_from_its_submission_to_its_end() -> None:
    pytest.importorskip("prometheus_client")
    async with gateway(MEASURED) as running, FakeWorker(running.url, calling(f=lambda x: x)) as worker:
        async with AsyncClient(running.url, token=TOKEN) as client:
            assert await client.invoke("f", 21) == 21
            await worker.expect(ResultAck)
            status, body = await get(running, "/metrics")
    seen = samples(body)
    assert status == 200
    for name, value in {
        "regrow_gateway_clients": 1,
        "regrow_gateway_workers_connected": 1,
        "regrow_gateway_queued": 0,
        "regrow_gateway_running": 0,
        "regrow_gateway_draining": 0,
        "regrow_gateway_settled_total{ending=completed}": 1,
        "regrow_gateway_settled_total{ending=failed}": 0,
        "regrow_gateway_attempts_total": 1,
        "regrow_gateway_leases_granted_total": 1,
        "regrow_gateway_leases_ended_total": 0,
        "regrow_gateway_request_queued_seconds_count": 1,
        "regrow_gateway_request_run_seconds_count": 1,
        "regrow_gateway_request_run_seconds_bucket{le=+Inf}": 1,
    }.items():
        assert seen[name] == value, name
    assert seen["regrow_gateway_received_bytes_total"] > 0
    assert seen["regrow_gateway_received_messages_total"] >= 4
    assert seen["regrow_gateway_commit_seconds_count"] >= 2
    assert seen["regrow_gateway_request_run_seconds_sum"] < 5


@on_a_loop
async def test_who_is_turned_away_is_counted_by_reason() -> None:
    pytest.importorskip("prometheus_client")
    async with gateway(MEASURED) as running:
        async with raw(running.url) as ws:
            await ws.send(encode_message(Connect(role="worker", token="wrong", instance="i", epoch=1)))
            assert (await last_words(ws))[1] == close_codes.UNAUTHORIZED
        _, body = await get(running, "/metrics")
    assert samples(body)["regrow_gateway_closed_connections_total{reason=unauthorized}"] == 1
