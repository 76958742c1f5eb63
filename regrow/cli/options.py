"""Options that several verbs have, so that they have one name, one environment variable and one meaning.

What lives here: decorators. What must not: what the verbs do with the values.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click

__all__ = (
    "LOG_LEVELS",
    "app_dir_option",
    "control_option",
    "dial_options",
    "duration",
    "json_option",
    "key_file_option",
    "log_options",
    "proxy_named",
    "token_text",
    "tokens_text",
    "watchdog",
)

F = TypeVar("F", bound=Callable[..., Any])

_TOKEN_BYTES: Final = 4096
LOG_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")


def duration(_ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Read an option's text as policy files do, "250ms", "2m", and also plain seconds: a click callback."""
    from regrow.supervision.policy.durations import parse_duration

    try:
        return parse_duration(float(value) if value.replace(".", "", 1).isdigit() else value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=param) from error


def token_text(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read what `@FILE` names, so that no token stands on a command line: a click callback."""
    if value is None or not value.startswith("@"):
        return value
    path = Path(value[1:])
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_TOKEN_BYTES + 1).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror or error}", param=param) from error
    if mode & stat.S_IROTH:
        raise click.BadParameter(f"{path}: expected a mode that lets no others read it, got {mode:04o}", param=param)
    if not text or len(text) > _TOKEN_BYTES or len(text.split()) != 1:
        raise click.BadParameter(f"{path}: expected one token of at most {_TOKEN_BYTES} bytes", param=param)
    return text


def tokens_text(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Do that with each of several: a click callback."""
    return tuple(token_text(ctx, param, each) or "" for each in value)


def watchdog(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read how long a process may hang, None where nothing was said: a click callback."""
    from regrow.actors.hosting.zygote_settings import WATCHDOG_MIN_SECONDS

    seconds = None if value is None else duration(ctx, param, value)
    if seconds is not None and seconds < WATCHDOG_MIN_SECONDS:
        raise click.BadParameter(f"expected {WATCHDOG_MIN_SECONDS:g}s or more, got {value!r}", param=param)
    return seconds


def dial_options(command: F) -> F:
    """--ca-file, --cert-file, --key-file and --proxy, for verbs that dial a gateway."""
    file = click.Path(path_type=Path, dir_okay=False)
    for name, envvar, text in (
        ("--key-file", "REGROW_CERT_KEY_FILE", "Its key, not encrypted. [default: in the file of --cert-file]"),
        ("--cert-file", "REGROW_CERT_FILE", "The certificate to show to a gateway that asks for one, in PEM."),
        ("--ca-file", "REGROW_CA_FILE", "Whom to trust for wss: URLs, in PEM. [default: the system's authorities]"),
    ):
        command = click.option(name, type=file, envvar=envvar, show_envvar=True, help=text)(command)
    return click.option(
        "--proxy",
        metavar="URL",
        envvar="REGROW_PROXY",
        show_envvar=True,
        help='Dial through this proxy, http://HOST:PORT or socks5h://HOST:PORT; "environment": as http_proxy says.',
    )(command)


def proxy_named(said: str | None) -> str | Literal[True] | None:
    """Read --proxy."""
    return True if said == "environment" else said


def app_dir_option(command: F) -> F:
    """--app-dir, for verbs that import what users name."""
    return click.option(
        "--app-dir",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        default=".",
        show_default=True,
        envvar="REGROW_APP_DIR",
        show_envvar=True,
        help="Where imports look first.",
    )(command)


def json_option(command: F) -> F:
    """--json, for verbs that show something."""
    option = click.option(
        "--json", "as_json", is_flag=True, envvar="REGROW_JSON", show_envvar=True, help="Print one JSON object."
    )
    return option(command)


def control_option(text: str) -> Callable[[F], F]:
    """--control, for both ends of the socket."""
    return click.option(
        "--control", type=click.Path(path_type=Path), envvar="REGROW_CONTROL", show_envvar=True, help=text
    )


def key_file_option(text: str, *, required: bool = False) -> Callable[[F], F]:
    """--key-file, for who checks signed tokens and who makes them."""
    return click.option(
        "--key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        required=required,
        envvar="REGROW_KEY_FILE",
        show_envvar=True,
        help=text,
    )


def log_options(command: F) -> F:
    """--log-level and --log-format, for verbs that stay in the foreground."""
    level = click.option(
        "--log-level",
        type=click.Choice(LOG_LEVELS, case_sensitive=False),
        default="INFO",
        show_default=True,
        envvar="REGROW_LOG_LEVEL",
        show_envvar=True,
        help="What is worth a line.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        envvar="REGROW_LOG_FORMAT",
        show_envvar=True,
        help="Lines for people, or one JSON object a line.",
    )
    return level(form(command))
