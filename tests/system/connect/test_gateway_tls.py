"""TLS between programs: a gateway with a certificate that is renewed, and a worker that shows one of its own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from queue import SimpleQueue

import pytest

import regrow
from regrow.actors.clock import SystemClock
from regrow.actors.roles.losses import Loss
from regrow.actors.roles.tls import DialTls
from regrow.actors.roles.wire import Dialer, Lost, Opened, WireEvent
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import GatewayUnreachable
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_tls import ServerTls
from regrow.connect.worker_options import WorkerOptions
from tests.connect.certificates import Authority
from tests.connect.fake_peer import TOKEN, on_a_loop
from tests.system.connect.test_gateway_signals import ended, program


@on_a_loop
async def test_worker_and_client_show_their_certificates_and_sighup_renews_that_of_the_gateway(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "ca")
    old, good, peer = authority.sign("old", days=-1), authority.sign("good"), authority.sign("peer")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(old.cert, cert)
    shutil.copy(old.key, key)
    flags = (f"--tls-cert={cert}", f"--tls-key={key}", f"--tls-client-ca={authority.file}", "--log-level=INFO")
    process, url = await program(tmp_path / "q.db", *flags, stderr=subprocess.PIPE)
    ours = {"ca_file": authority.file, "cert_file": peer.cert, "key_file": peer.key}
    worker = regrow.Worker(
        url, token=TOKEN, capacity=1, options=WorkerOptions(**ours, reconnect_base=0.02, reconnect_cap=0.2)
    )
    worker.function(textwrap.dedent)

    def work() -> None:
        with worker, regrow.Client(url, token=TOKEN, options=ClientOptions(**ours)) as client:
            assert worker.watch.wait(lambda: "certificate has expired" in worker.watch.link.reason, 20)
            with pytest.raises(GatewayUnreachable, match="certificate has expired"):
                client.status(timeout=0.5)
            shutil.copy(good.cert, cert)
            shutil.copy(good.key, key)
            process.send_signal(signal.SIGHUP)
            worker.wait_ready(20)
            assert client.invoke("dedent", "  x", timeout=20) == "x"

    await asyncio.to_thread(work)
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0


@on_a_loop
async def test_of_many_dials_none_hangs_in_the_tickets_that_follow_a_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown = authority.sign("gateway")
    trust = DialTls(ca_file=authority.file)
    enough = Loss(kind="closed", code="enough", text="the test is over")

    def dial(url: str) -> list[Loss]:
        events: SimpleQueue[WireEvent] = SimpleQueue()
        dialer, losses = Dialer(events.put, SystemClock(), tls=trust), []
        for _ in range(150):
            dialer.dial(url)
            while not isinstance(event := events.get(timeout=15), Lost):
                if isinstance(event, Opened):
                    event.wire.abort(enough)
            losses.append(event.loss)
        return losses

    options = GatewayOptions(tls=ServerTls(cert=shown.cert, key=shown.key), handshake_timeout=2.0, close_timeout=0.2)
    async with regrow.Gateway(token=TOKEN, options=options) as gateway:
        dialed = await asyncio.gather(*(asyncio.to_thread(dial, gateway.url) for _ in range(3)))
    assert {loss for losses in dialed for loss in losses} == {enough}


@on_a_loop
async def test_files_that_make_no_sense_are_wrong_usage_or_no_start(tmp_path: Path) -> None:
    for flags, code, words in (
        ((f"--tls-key={tmp_path}/k",), 2, "TLS key: expected a TLS certificate beside it"),
        ((f"--tls-cert={tmp_path}/c",), 3, f"TLS certificate {tmp_path}/c: No such file or directory"),
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "regrow.cli", "gateway", "--port=0", *flags, stderr=subprocess.PIPE
        )
        _, said = await process.communicate()
        assert process.returncode == code
        assert words in " ".join(said.decode().split())
