"""`regrow dlq`: list, retry, drop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from regrow.cli import exit_codes
from regrow.cli.options import json_option, token_text

if TYPE_CHECKING:
    from regrow.connect.client import Client
    from regrow.protocol.session.messages import DeadLetter

__all__ = ("command", "drop", "listing", "retry")

F = TypeVar("F", bound=Callable[..., Any])

_PAGE: Final = 1000
_SHOWN_CHARS: Final = 100

_token_option = click.option(
    "--token",
    default="",
    callback=token_text,
    envvar="REGROW_TOKEN",
    show_envvar=True,
    help="One of scope admin, or @FILE, if the gateway asks for tokens.",
)
_function_option = click.option(
    "--function", default="", envvar="REGROW_DLQ_FUNCTION", show_envvar=True, help="Those of this function alone."
)


@click.group("dlq")
def command() -> None:
    """Look at dead letters of a gateway, have them run again, or forget them.

    A request is dead when it went through all its attempts, or killed its processes too often. For administrators.
    """


@command.command("list")
@click.argument("url")
@_function_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    envvar="REGROW_DLQ_LIMIT",
    show_envvar=True,
    help="So many at most, the oldest first.",
)
@json_option
@_token_option
def listing(url: str, *, function: str, limit: int, as_json: bool, token: str) -> int:
    """Show the dead letters of the gateway at URL.

    Exit codes: 0, 2 wrong usage, 4 the gateway is unreachable or refuses the token.
    """
    with _client(url, token) as client:
        letters = _letters(client, function, limit)
    if as_json:
        click.echo(json.dumps({"dead": [asdict(letter) for letter in letters]}, ensure_ascii=False))
        return exit_codes.OK
    for letter in letters:
        click.echo(_line(letter))
    return exit_codes.OK


def _changing(what: Literal["retry", "drop"], past: str, doc: str) -> click.Command:
    @click.argument("url")
    @click.argument("request_ids", nargs=-1)
    @click.option(
        "--all",
        "everything",
        is_flag=True,
        envvar="REGROW_DLQ_ALL",
        show_envvar=True,
        help="All of them, or of FUNCTION.",
    )
    @_function_option
    @_token_option
    def change(url: str, *, request_ids: tuple[str, ...], everything: bool, function: str, token: str) -> int:
        from regrow.cli.failure import Failure

        if everything is bool(request_ids):
            raise click.UsageError("expected REQUEST_IDS or --all, and not both")
        if function and not everything:
            raise click.UsageError("--function: expected --all beside it")
        with _client(url, token) as client:
            ids = request_ids or tuple(letter.request_id for letter in _letters(client, function, None))
            done = client.dead.retry(ids) if what == "retry" else client.dead.drop(ids)
        click.echo(f"{len(done)} {past}")
        missing = [request_id for request_id in request_ids if request_id not in done]
        if missing:
            text = f"expected dead letters, there are none of the ids {', '.join(missing)}"
            raise Failure(text, exit_code=exit_codes.GAVE_UP)
        return exit_codes.OK

    change.__doc__ = doc
    return command.command(what)(change)


retry = _changing(
    "retry",
    "run again",
    """Have dead letters run again, under their ids and from their first attempt on.

    Exit codes: 0, 1 one was not there, 2 wrong usage, 4 the gateway is unreachable or refuses the token.
    """,
)
drop = _changing(
    "drop",
    "dropped",
    """Forget dead letters, with their arguments and failures.

    Exit codes: 0, 1 one was not there, 2 wrong usage, 4 the gateway is unreachable or refuses the token.
    """,
)


def _letters(client: Client, function: str, limit: int | None) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    while limit is None or len(letters) < limit:
        after = letters[-1].request_id if letters else ""
        wanted = _PAGE if limit is None else min(_PAGE, limit - len(letters))
        page = client.dead.list(function, after=after, limit=wanted)
        letters += page
        if not page:
            break
    return letters


def _line(letter: DeadLetter) -> str:
    failure = letter.failure
    text = " ".join(f"{failure.kind}: {failure.type}: {failure.text}".split())[:_SHOWN_CHARS]
    age = f"{letter.age_ms / 1000:.0f} s ago"
    return f"{letter.request_id}  {letter.function}  {letter.attempts} attempts  {age}  {text}"


@contextmanager
def _client(url: str, token: str) -> Iterator[Client]:
    """Give a client of a gateway. Errors: Failure, UsageError."""
    from regrow.cli.failure import Failure
    from regrow.connect.client import Client
    from regrow.connect.errors import GatewayUnreachable, Refused, WaitTimeout

    if not url.startswith(("ws://", "wss://")):
        raise click.BadParameter(f"expected ws://HOST:PORT or wss://HOST:PORT, got {url!r}", param_hint="URL")
    try:
        with Client(url, token=token, name="regrow dlq") as client:
            yield client
    except (GatewayUnreachable, Refused, WaitTimeout) as error:
        raise Failure(str(error), exit_code=exit_codes.UNREACHABLE) from error
