"""`regrow invoke`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from regrow.cli import exit_codes
from regrow.cli.options import dial_options, duration, proxy_named, token_text

__all__ = ("command",)


@click.command("invoke")
@click.argument("url")
@click.argument("function")
@click.option(
    "--json",
    "arguments",
    default="[]",
    show_default=True,
    metavar="JSON",
    help="The arguments: a list of positional ones, or an object of named ones.",
)
@click.option(
    "--timeout",
    default="60s",
    show_default=True,
    callback=duration,
    envvar="REGROW_TIMEOUT",
    show_envvar=True,
    help="The request fails when it is not finished by then.",
)
@click.option(
    "--token",
    default="",
    callback=token_text,
    envvar="REGROW_TOKEN",
    show_envvar=True,
    help="What the gateway asks for, or @FILE.",
)
@dial_options
def command(
    url: str,
    function: str,
    *,
    arguments: str,
    timeout: float,
    token: str,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    proxy: str | None,
) -> None:
    """Invoke FUNCTION through the gateway at URL and print what it returns, as JSON.

    Exit codes: 0 it returned, 1 it failed, 2 wrong usage, 4 the gateway is unreachable or refuses the token.
    """
    args, kwargs = _parsed(arguments)
    if not url.startswith(("ws://", "wss://")):
        raise click.BadParameter(f"expected ws://HOST:PORT or wss://HOST:PORT, got {url!r}", param_hint="URL")
    from regrow.cli.failure import Failure
    from regrow.connect.client import Client
    from regrow.connect.client_options import ClientOptions
    from regrow.connect.errors import GatewayUnreachable, InvocationFailed, Refused
    from regrow.protocol.errors import CodecError, FrameTooLarge

    ca, cert, key = (None if path is None else str(path) for path in (ca_file, cert_file, key_file))
    try:
        options = ClientOptions(ca_file=ca, cert_file=cert, key_file=key, proxy=proxy_named(proxy))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        with Client(url, token=token, name="regrow invoke", options=options) as client:
            result = client.invoke(function, *args, timeout=timeout, **kwargs)
    except (GatewayUnreachable, Refused) as error:
        raise Failure(str(error), exit_code=exit_codes.UNREACHABLE) from error
    except InvocationFailed as error:
        raise Failure(f"{function} failed: {error}", exit_code=exit_codes.GAVE_UP) from error
    except (CodecError, FrameTooLarge) as error:
        raise Failure(str(error), exit_code=exit_codes.USAGE) from error
    click.echo(json.dumps(result, default=repr, ensure_ascii=False))


def _parsed(text: str) -> tuple[list[object], dict[str, object]]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.BadParameter(f"expected JSON, got {text!r}: {error}", param_hint="--json") from error
    if isinstance(given, list):
        return given, {}
    if isinstance(given, dict):
        return [], given
    raise click.BadParameter(f"expected a list or an object, got {text}", param_hint="--json")
