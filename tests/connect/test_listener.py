"""Closing the port while somebody is at the door: nobody is left without an answer, and nobody holds up the stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.connect.fake_peer import on_a_loop
from tests.connect.gateway_bench import QUICK, gateway

PATIENT = replace(QUICK, handshake_timeout=60.0, close_timeout=0.2)


@pytest.mark.parametrize("turns", range(8))
def test_who_dials_while_the_port_closes_is_hung_up_on_and_not_forgotten(turns: int) -> None:
    @on_a_loop
    async def body() -> None:
        async with gateway(options=PATIENT) as running:
            dialling = asyncio.create_task(asyncio.open_connection(running.host, running.port))
            for _ in range(turns):
                await asyncio.sleep(0)
            stopping = asyncio.create_task(running.stop(0.0))
            try:
                reader, writer = await asyncio.wait_for(dialling, 10)
            except ConnectionError:
                pass  # the port was closed before it came
            else:
                try:
                    assert await asyncio.wait_for(reader.read(), 10) == b""
                except ConnectionResetError:
                    pass  # it waited in the backlog
                writer.close()
            await asyncio.wait_for(stopping, 10)

    body()


@on_a_loop
async def test_a_peer_that_never_begins_its_handshake_does_not_hold_up_the_stop() -> None:
    async with gateway(options=PATIENT) as running:
        reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.write(b"GET / HTTP/1.1\r\n")
        await asyncio.sleep(0)
        assert await asyncio.wait_for(running.stop(0.0), 10)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
