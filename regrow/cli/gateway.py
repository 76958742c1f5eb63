"""`regrow gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regrow.cli import exit_codes
from regrow.cli.options import duration, key_file_option, log_options, tokens_text

if TYPE_CHECKING:
    from regrow.cli.logs import LogFormat
    from regrow.connect.gateway import Gateway

__all__ = ("command",)


@click.command("gateway")
@click.option("--host", default="127.0.0.1", show_default=True, envvar="REGROW_HOST", show_envvar=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8790,
    show_default=True,
    envvar="REGROW_PORT",
    show_envvar=True,
    help="0 takes a free one and prints it.",
)
@click.option(
    "--token",
    multiple=True,
    callback=tokens_text,
    envvar="REGROW_TOKEN",
    show_envvar=True,
    help="What workers and clients have to know, or @FILE; may be given several times.",
)
@key_file_option(
    "Keys of the signed tokens that are good here, as `regrow token new-key` makes it; SIGHUP reads it again."
)
@click.option(
    "--store",
    default="memory",
    show_default=True,
    envvar="REGROW_STORE",
    show_envvar=True,
    help="Where requests are remembered: memory, or sqlite:PATH.",
)
@click.option(
    "--heartbeat-interval",
    default="5s",
    show_default=True,
    callback=duration,
    envvar="REGROW_HEARTBEAT_INTERVAL",
    show_envvar=True,
)
@click.option(
    "--lease",
    default="30s",
    show_default=True,
    callback=duration,
    envvar="REGROW_LEASE",
    show_envvar=True,
    help="A request whose worker is silent for so long is given to another one.",
)
@click.option(
    "--drain-timeout",
    default="25s",
    show_default=True,
    callback=duration,
    envvar="REGROW_DRAIN_TIMEOUT",
    show_envvar=True,
    help="How long SIGTERM waits for work in flight; a second signal does not wait.",
)
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REGROW_TLS_CERT",
    show_envvar=True,
    help="Speak TLS (1.2 or later) with this certificate and its chain, in PEM; SIGHUP reads it again.",
)
@click.option(
    "--tls-key",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REGROW_TLS_KEY",
    show_envvar=True,
    help="Its key, not encrypted. [default: in the file of --tls-cert]",
)
@click.option(
    "--tls-client-ca",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REGROW_TLS_CLIENT_CA",
    show_envvar=True,
    help="Talk only to peers with a certificate of these authorities, in PEM.",
)
@click.option(
    "--metrics",
    is_flag=True,
    envvar="REGROW_METRICS",
    show_envvar=True,
    help="Answer GET /metrics on this port; needs regrow[metrics].",
)
@log_options
def command(  # one for each option
    *,
    host: str,
    port: int,
    token: tuple[str, ...],
    key_file: Path | None,
    store: str,
    heartbeat_interval: float,
    lease: float,
    drain_timeout: float,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    metrics: bool,
    log_level: str,
    log_format: LogFormat,
) -> int:
    """Run a gateway that workers and clients connect to, until SIGTERM or SIGINT.

    Exit codes: 0 stopped in order, 2 wrong usage, 3 it did not start, 130 or 143 it was hurried.
    """
    from regrow.cli.logs import configure_log
    from regrow.connect.broker.settings import BrokerSettings
    from regrow.connect.errors import KeyFileError
    from regrow.connect.gateway import Gateway
    from regrow.connect.gateway_options import GatewayOptions
    from regrow.connect.gateway_tls import server_tls
    from regrow.connect.store.locator import store_named

    try:
        broker = BrokerSettings(heartbeat_interval=heartbeat_interval, lease=lease)
        files = (None if path is None else str(path) for path in (tls_cert, tls_key, tls_client_ca))
        options = GatewayOptions(broker=broker, drain_timeout=drain_timeout, metrics=metrics, tls=server_tls(*files))
        gateway = Gateway(host, port, token=token, keys=key_file, store=store_named(store), options=options)
    except (ValueError, KeyFileError) as error:
        raise click.UsageError(str(error)) from error
    end_log = configure_log(log_level, log_format)
    try:
        return _run(gateway)
    finally:
        end_log()


def _run(gateway: Gateway) -> int:
    from regrow.cli.failure import Failure
    from regrow.connect.errors import GatewayStartError
    from regrow.connect.gateway_run import run_gateway
    from regrow.connect.store import StoreError

    started = False

    def ready(running: Gateway) -> None:
        nonlocal started
        started = True
        click.echo(f"gateway listens on {running.url}")

    try:
        end = run_gateway(gateway, on_ready=ready)
    except GatewayStartError as error:
        raise Failure(str(error), exit_code=exit_codes.START_FAILED) from error
    except StoreError as error:
        raise Failure(str(error), exit_code=exit_codes.GAVE_UP if started else exit_codes.START_FAILED) from error
    return exit_codes.OK if end.signo is None else exit_codes.after_signal(end.signo, in_order=end.in_order)
