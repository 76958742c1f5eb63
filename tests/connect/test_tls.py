"""TLS between gateways and those who dial them: who is trusted, what is shown, and what is said when it is not good."""

from __future__ import annotations

import asyncio
import queue
import shutil
import ssl
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regrow.actors.clock import SystemClock
from regrow.actors.roles.losses import Loss
from regrow.actors.roles.tls import DialTls, TlsFileError
from regrow.actors.roles.wire import Dialer, Lost, Opened, WireEvent
from regrow.cli.invoke import command as invoke_command
from regrow.connect import Gateway
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import GatewayStartError, GatewayUnreachable
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_process import gateway_start
from regrow.connect.gateway_tls import ServerTls, server_tls
from regrow.connect.worker import Worker, WorkerOptions
from regrow.connect.worker_errors import WorkerMisused
from tests.connect.certificates import Authority, Certificate
from tests.connect.fake_peer import TOKEN, on_a_loop
from tests.connect.test_client import client


class Files:
    """What the tests need, made once."""

    def __init__(self, directory: Path) -> None:
        self.ours, self.theirs = Authority(directory / "ours"), Authority(directory / "theirs")
        self.gateway = self.ours.sign("gateway")
        self.expired = self.ours.sign("expired", days=-1)
        self.elsewhere = self.ours.sign("elsewhere", where="DNS:elsewhere")
        self.peer = self.ours.sign("peer")
        self.stranger = self.theirs.sign("stranger")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


def gateway(shown: Certificate, client_ca: str | None = None) -> Gateway:
    tls = ServerTls(cert=shown.cert, key=shown.key, client_ca=client_ca)
    return Gateway(token=TOKEN, options=GatewayOptions(tls=tls, close_timeout=0.2, drain_timeout=0))


async def dial(url: str, tls: DialTls) -> Loss | None:
    """Dial as a worker does; give what went wrong, None if the connection is open."""
    events: queue.SimpleQueue[WireEvent] = queue.SimpleQueue()
    dialer = Dialer(events.put, SystemClock(), tls=tls)
    dialer.dial(url)
    event = await asyncio.to_thread(events.get, timeout=10)
    try:
        if isinstance(event, Lost):
            return event.loss
        assert isinstance(event, Opened)
        event.wire.abort(Loss(kind="closed", code="enough", text="the test is over"))
        return None
    finally:
        await asyncio.to_thread(dialer.join, 5)


@on_a_loop
async def test_who_trusts_the_authority_of_the_gateway_gets_in(files: Files) -> None:
    async with gateway(files.gateway) as running:
        assert running.url.startswith("wss://")
        assert await dial(running.url, DialTls(ca_file=files.ours.file)) is None
        async with client(running.url, ca_file=files.ours.file) as c:
            assert (await c.status(timeout=10))["url"] == running.url


@pytest.mark.parametrize(
    ("shown", "trusted", "text"),
    [
        ("gateway", "theirs", "unable to get local issuer certificate"),
        ("expired", "ours", "certificate has expired"),
        ("elsewhere", "ours", "certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_is_not_good_is_named_and_waited_for(
    files: Files, shown: str, trusted: str, text: str
) -> None:
    @on_a_loop
    async def run() -> None:
        async with gateway(getattr(files, shown)) as running:
            ca_file = getattr(files, trusted).file
            loss = await dial(running.url, DialTls(ca_file=ca_file))
            assert loss is not None
            assert (loss.kind, loss.code) == ("refused", "certificate"), "it may be renewed"
            assert text in loss.text
            async with client(running.url, ca_file=ca_file) as c:
                with pytest.raises(GatewayUnreachable, match=text):
                    await c.status(timeout=0.5)

    run()


@on_a_loop
async def test_a_gateway_that_wants_certificates_talks_to_nobody_without_a_good_one(
    files: Files, log: list[str]
) -> None:
    async with gateway(files.gateway, client_ca=files.ours.file) as running:
        for shown in (None, files.stranger):
            tls = DialTls(ca_file=files.ours.file, cert_file=shown and shown.cert, key_file=shown and shown.key)
            loss = await dial(running.url, tls)
            assert loss is not None
            assert loss.kind == "refused"
            assert "certificate" in loss.text
        good = DialTls(ca_file=files.ours.file, cert_file=files.peer.cert, key_file=files.peer.key)
        assert await dial(running.url, good) is None
        async with client(
            running.url, ca_file=files.ours.file, cert_file=files.peer.cert, key_file=files.peer.key
        ) as c:
            await c.status(timeout=10)
    refusals = [line for line in log if "a peer got no TLS" in line]
    assert any("peer did not return a certificate" in line for line in refusals)
    assert any("unable to get local issuer certificate" in line for line in refusals)


@on_a_loop
async def test_who_speaks_no_tls_to_a_gateway_that_does_is_told_so(files: Files) -> None:
    async with gateway(files.gateway) as running:
        loss = await dial(running.url.replace("wss:", "ws:"), DialTls())
        assert loss is not None
        assert "it may speak TLS" in loss.text
    async with Gateway(token=TOKEN) as plain:
        loss = await dial(plain.url.replace("ws:", "wss:"), DialTls(ca_file=files.ours.file))
        assert loss is not None
        assert loss.code == "tls"


class Shown:
    """Files of a certificate that is replaced by others."""

    def __init__(self, directory: Path, first: Certificate) -> None:
        self.files = Certificate(str(directory / "now.pem"), str(directory / "now.key"))
        self.put(first)

    def put(self, shown: Certificate) -> None:
        shutil.copy(shown.cert, self.files.cert)
        shutil.copy(shown.key, self.files.key)


@on_a_loop
async def test_a_certificate_that_is_renewed_under_the_gateway_is_shown_from_then_on(
    files: Files, tmp_path: Path
) -> None:
    shown = Shown(tmp_path, files.expired)
    trust = DialTls(ca_file=files.ours.file)
    async with gateway(shown.files) as running:
        assert (await dial(running.url, trust)) is not None
        shown.put(files.gateway)
        running.reload_tls()
        assert await dial(running.url, trust) is None
        shutil.copy(files.elsewhere.cert, shown.files.cert)  # and not its key
        with pytest.raises(TlsFileError, match="KEY_VALUES_MISMATCH"):
            running.reload_tls()
        assert await dial(running.url, trust) is None, "all is as it was"


@on_a_loop
async def test_a_client_waits_for_a_certificate_to_be_renewed(files: Files, tmp_path: Path) -> None:
    shown = Shown(tmp_path, files.expired)
    async with gateway(shown.files) as running, client(running.url, ca_file=files.ours.file) as c:
        with pytest.raises(GatewayUnreachable, match="expired"):
            await c.status(timeout=0.3)
        shown.put(files.gateway)
        running.reload_tls()
        assert (await c.status(timeout=15))["url"] == running.url


@on_a_loop
async def test_the_command_invokes_through_tls(files: Files) -> None:
    def invoke(url: str, *more: str) -> Result:
        arguments = (url, "f", "--timeout", "0.5", *more)
        return CliRunner().invoke(invoke_command, arguments, env={"REGROW_TOKEN": TOKEN})

    async with gateway(files.gateway) as running:
        got_in = await asyncio.to_thread(invoke, running.url, "--ca-file", files.ours.file)
        assert (got_in.exit_code, "no worker" in got_in.output or "not taken" in got_in.output) == (1, True)
        kept_out = await asyncio.to_thread(invoke, running.url)
        assert (kept_out.exit_code, "certificate" in kept_out.output) == (4, True)
    wrong = invoke("wss://127.0.0.1:9", "--ca-file", "/nowhere")
    assert (wrong.exit_code, "ca_file /nowhere: No such file" in wrong.output) == (2, True)


def test_a_gateway_that_is_a_child_speaks_tls(files: Files) -> None:
    start = gateway_start(token=TOKEN, tls_cert=files.gateway.cert, tls_key=files.gateway.key)
    assert start.args[0].url.startswith("wss://")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="TLS key: expected a TLS certificate beside it"):
        gateway_start(tls_key=files.gateway.key)


def test_nothing_below_tls_1_2_is_spoken(files: Files) -> None:
    contexts = [
        DialTls().context(),
        DialTls(ca_file=files.ours.file).context(),
        ServerTls(cert=files.gateway.cert, key=files.gateway.key).context(),
    ]
    assert [context.minimum_version for context in contexts] == [ssl.TLSVersion.TLSv1_2] * 3
    assert [context.verify_mode for context in contexts] == [ssl.CERT_REQUIRED, ssl.CERT_REQUIRED, ssl.CERT_NONE]
    assert [context.check_hostname for context in contexts] == [True, True, False]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ca_file": "/nowhere"}, "ca_file /nowhere: No such file or directory"),
        ({"cert_file": "/nowhere"}, "cert_file /nowhere: No such file or directory"),
        ({"key_file": "/nowhere"}, "key_file /nowhere: expected a cert_file beside it, got none"),
        ({"ca_file": __file__}, "expected certificates in PEM"),
        ({"cert_file": __file__}, "expected a certificate and its key, not encrypted, in PEM"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_before_anything_is_dialed(given: dict[str, str], words: str) -> None:
    with pytest.raises(TlsFileError, match=words):
        ClientOptions(**given)  # type: ignore[arg-type]
    with pytest.raises(WorkerMisused, match=words):
        Worker("wss://127.0.0.1:9", options=WorkerOptions(**given))  # type: ignore[arg-type]


def test_options_that_contradict_each_other_are_refused(files: Files) -> None:
    context = ssl.create_default_context()
    with pytest.raises(ValueError, match="ssl: expected nothing beside ca_file"):
        ClientOptions(ssl=context, ca_file=files.ours.file)
    with pytest.raises(ValueError, match="ssl: expected nothing beside tls"):
        GatewayOptions(ssl=context, tls=ServerTls(cert="x"))
    for key, client_ca in (("x", None), (None, "x")):
        with pytest.raises(ValueError, match="expected a TLS certificate beside it"):
            server_tls(None, key, client_ca)


@on_a_loop
async def test_a_gateway_without_its_certificate_does_not_start() -> None:
    with pytest.raises(GatewayStartError, match="TLS certificate /nowhere: No such file or directory"):
        await Gateway(options=GatewayOptions(tls=ServerTls(cert="/nowhere"))).start()
