"""Signed tokens at the door of a gateway, over real loopback sockets."""

from __future__ import annotations

import os
from pathlib import Path

import msgpack
import pytest

from regrow.actors import SystemClock
from regrow.connect import AsyncClient, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.errors import KeyFileError, Unauthorized
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.key_file import new_key, rotate_key_file
from regrow.connect.signed_tokens import Claims, KeyRing, Scope
from regrow.protocol.session import close_codes, encode_message
from regrow.protocol.session.messages import Connect, ErrorMessage, Invoke
from tests.connect.fake_peer import FakeWorker, calling, keep, on_a_loop
from tests.connect.gateway_bench import last_words, raw, until

RING = KeyRing(new_key())
WORKER, CLIENT, ADMIN = Scope.WORKER, Scope.CLIENT, Scope.ADMIN
OPTIONS = GatewayOptions(broker=BrokerSettings(heartbeat_interval=30.0), close_timeout=0.2, drain_timeout=0.1)


def token(
    *scopes: Scope, ring: KeyRing = RING, issued: float = -10, expires: float = 3600, subject: str = "ann"
) -> str:
    now = SystemClock().epoch()
    return ring.sign(
        Claims(
            subject=subject,
            scopes=frozenset(scopes),
            issued_at=int(now + issued),
            expires_at=int(now + expires),
            token_id=os.urandom(8).hex(),
        )
    )


def gateway(keys: KeyRing | Path = RING, **more: object) -> Gateway:
    return Gateway(keys=keys, options=OPTIONS, **more)  # type: ignore[arg-type]


async def refusal(url: str, text: str, role: str = "worker") -> tuple[str, bool, int | None, str]:
    """Present a token; give the name of the error, whether it is fatal, the close code and the text."""
    async with raw(url) as ws:
        await ws.send(encode_message(Connect(role=role, token=text, instance="i")))  # type: ignore[arg-type]
        error, code = await last_words(ws)
    return error.code, error.fatal, code, error.text


@on_a_loop
async def test_a_token_for_its_role_is_let_in_and_called_by_its_subject() -> None:
    async with (
        gateway() as running,
        FakeWorker(running.url, calling(f=lambda x: x + 1), token=token(WORKER, subject="mill-1")),
        AsyncClient(running.url, token=token(CLIENT, subject="shop")) as client,
    ):
        assert await client.invoke("f", 1) == 2
        assert running.status()["subjects"] == {"mill-1": 1, "shop": 1}


@on_a_loop
async def test_a_good_token_of_another_scope_is_told_so(log: list[str]) -> None:
    async with gateway() as running:
        said = await refusal(running.url, token(CLIENT, subject="shop"))
        assert said[:3] == ("out_of_scope", True, close_codes.OUT_OF_SCOPE)
        client = AsyncClient(running.url, token=token(WORKER))
        with pytest.raises(Unauthorized, match="out_of_scope"):
            async with client:
                await client.invoke("f", timeout=5)
    assert any("that of 'shop' is for client" in line for line in log)


@on_a_loop
async def test_all_that_is_wrong_with_a_token_is_told_in_the_same_words(log: list[str]) -> None:
    other = KeyRing(new_key())
    wrong = {
        "expired": token(WORKER, issued=-100, expires=-1, subject="late"),
        "of another key": token(WORKER, ring=other),
        "of the future": token(WORKER, issued=120),
        "expired, and for another role": token(CLIENT, issued=-100, expires=-1),
        "changed": token(WORKER)[:-2] + "AA",
        "none": "",
        "garbage of 1 MiB": "regrow1." * 131_072,
    }
    async with gateway() as running, FakeWorker(running.url, token=token(WORKER)) as bystander:
        answers = {name: await refusal(running.url, text) for name, text in wrong.items()}
        assert bystander.closed is None
    assert set(answers.values()) == {("unauthorized", True, close_codes.UNAUTHORIZED, "the token is not valid here")}
    assert any("that of 'late' has expired" in line for line in log)
    assert not any("regrow1." in line for line in log)


def broken(text: str) -> dict[str, bytes]:
    """Connects gone wrong, each with the token in it."""
    fields = {"role": "worker", "token": text, "instance": "i"}
    whole = encode_message(Connect(role="worker", token=text, instance="i"))
    return {
        "cut off": whole[:-3],
        "too long": whole + b"x",
        "three parts": msgpack.packb(["connect", fields, 1]),
        "a map": msgpack.packb({"connect": fields}),
        "fields in a list": msgpack.packb(["connect", [fields]]),
        "a token of bytes": msgpack.packb(["connect", fields | {"token": text.encode()}]),
        "a token elsewhere": msgpack.packb(["connect", fields | {"in_flight": text}]),
    }


@on_a_loop
async def test_a_connect_gone_wrong_is_not_quoted_since_the_token_is_in_it(log: list[str]) -> None:
    async with gateway(token="hunter2") as running:
        for name, data in broken("hunter2").items():
            async with raw(running.url) as ws:
                await ws.send(data)
                error, _ = await last_words(ws)
            assert (error.code, "not shown" in error.text) == ("protocol_error", True), name
    assert len(log) == len(broken(""))
    assert not any("hunter2" in line for line in log)


@on_a_loop
async def test_a_token_that_expires_while_connected_ends_the_connection_and_says_why(log: list[str]) -> None:
    async with gateway() as running, FakeWorker(running.url, keep, token=token(WORKER, expires=2.5)) as worker:
        async with AsyncClient(running.url, token=token(CLIENT)) as client:
            call = await client.submit("f")
            await worker.expect(Invoke)
            error = await worker.expect(ErrorMessage)
            assert (error.code, error.fatal) == ("token_expired", True)
            closed = await worker.end()
            assert closed.rcvd is not None
            assert (closed.rcvd.code, closed.rcvd.reason) == (close_codes.UNAUTHORIZED, "token_expired")
            await until(lambda: running.status()["subjects"] == {"ann": 1})
            claim = worker.invokes[0]
            async with FakeWorker(running.url, calling(f=lambda: "done"), epoch=2, token=token(WORKER)):
                assert await client.result(call, timeout=5) == "done"
            assert claim.request_id == call
    assert any("worker 'w1' of ann" in line and "token_expired" in line for line in log)


@on_a_loop
async def test_a_client_whose_token_expires_does_not_come_back() -> None:
    async with gateway() as running, AsyncClient(running.url, token=token(CLIENT, expires=1.5)) as client:
        with pytest.raises(Unauthorized, match="token_expired"):
            await client.invoke("nobody_serves_it", timeout=10)


@on_a_loop
async def test_a_shared_token_is_good_beside_keys() -> None:
    async with gateway(token="plain") as running, FakeWorker(running.url, token="plain"):
        async with FakeWorker(running.url, token=token(ADMIN), instance="w2"):
            pass


@on_a_loop
async def test_a_rotated_key_file_is_followed_when_it_is_read_again(tmp_path: Path, log: list[str]) -> None:
    path = tmp_path / "keys"
    first = rotate_key_file(path, new_key())
    async with gateway(path) as running, FakeWorker(running.url, token=token(WORKER, ring=first)) as worker:
        second = rotate_key_file(path, new_key())
        assert (await refusal(running.url, token(WORKER, ring=second)))[0] == "unauthorized"
        running.doorkeeper.reload()
        async with FakeWorker(running.url, token=token(WORKER, ring=second), instance="w2") as newer:
            third = rotate_key_file(path, new_key())
            running.doorkeeper.reload()
            error = await worker.expect(ErrorMessage)
            assert (error.code, error.text, error.fatal) == ("unauthorized", "the token is not valid here", True)
            path.chmod(0o644)
            with pytest.raises(KeyFileError):
                running.doorkeeper.reload()
            async with FakeWorker(running.url, token=token(WORKER, ring=third), instance="w3"):
                assert newer.closed is None
    assert any("was withdrawn" in line for line in log)


@on_a_loop
async def test_keys_are_enough_to_listen_beyond_this_machine() -> None:
    async with Gateway("0.0.0.0", keys=RING, options=OPTIONS) as running:
        assert running.port
