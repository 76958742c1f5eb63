"""`regrow token`: new-key, make, show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from regrow.cli import exit_codes
from regrow.cli.options import duration, json_option, key_file_option

if TYPE_CHECKING:
    from regrow.cli.failure import Failure
    from regrow.connect.signed_tokens import Claims

__all__ = ("SCOPES", "command", "make", "new_key", "show")

SCOPES: Final = ("worker", "client", "admin")
"""`signed_tokens.Scope`, which is not imported for --help; a test compares them."""


@click.group("token")
def command() -> None:
    """Make and show the signed tokens that a gateway asks for."""


@command.command("new-key")
@key_file_option("The file to make, or to rotate.", required=True)
def new_key(*, key_file: Path) -> int:
    """Make a key that signs from now on, in a file of mode 0600. The one that did until now stays good, as the second
    one; the one before that is gone.

    A gateway follows when it gets SIGHUP. Prints the id of the key.

    Exit codes: 0, 2 the file cannot be read or written, or others can read it.
    """
    from regrow.connect import key_file as files
    from regrow.connect.errors import KeyFileError

    try:
        ring = files.rotate_key_file(key_file, files.new_key())
    except KeyFileError as error:
        raise _mistake(error) from error
    click.echo(ring.signing.id)
    return exit_codes.OK


@command.command("make")
@key_file_option("The first of its keys signs.", required=True)
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    multiple=True,
    required=True,
    envvar="REGROW_TOKEN_SCOPE",
    show_envvar=True,
    help="What its holder may connect as, admin: as anything; may be given several times.",
)
@click.option(
    "--subject",
    required=True,
    envvar="REGROW_TOKEN_SUBJECT",
    show_envvar=True,
    help="Who its holder is, for logs and the status.",
)
@click.option(
    "--expires",
    required=True,
    callback=duration,
    envvar="REGROW_TOKEN_EXPIRES",
    show_envvar=True,
    help="How long it is good, as in 12h or 30d.",
)
def make(*, key_file: Path, scope: tuple[str, ...], subject: str, expires: float) -> int:
    """Print a token, and nothing else.

    Exit codes: 0, 2 wrong usage, or the key file cannot be used.
    """
    import secrets

    from regrow.actors import SystemClock
    from regrow.connect.errors import KeyFileError
    from regrow.connect.key_file import read_key_file
    from regrow.connect.signed_tokens import Claims, Scope

    now = int(SystemClock().epoch())
    try:
        claims = Claims(
            subject=subject,
            scopes=frozenset(Scope(name) for name in scope),
            issued_at=now,
            expires_at=now + int(expires),
            token_id=secrets.token_hex(8),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        ring = read_key_file(key_file)
    except KeyFileError as error:
        raise _mistake(error) from error
    click.echo(ring.sign(claims))
    return exit_codes.OK


@command.command("show")
@key_file_option("Say also whether one of these keys signed it, and whether it is good now.")
@json_option
def show(*, key_file: Path | None, as_json: bool) -> int:
    """Read a token from stdin and print what it says. Whether that is true only --key-file tells.

    Exit codes: 0, 1 it is not good, 2 it is no token at all, or the key file cannot be used.
    """
    from regrow.actors import SystemClock
    from regrow.connect.errors import KeyFileError
    from regrow.connect.key_file import read_key_file
    from regrow.connect.signed_tokens import MAX_CHARS, TokenExpired, TokenRefused, unverified

    token = sys.stdin.buffer.read(MAX_CHARS + 3).decode("ascii", errors="replace").strip()
    try:
        key_id, claims = unverified(token)
    except TokenRefused as error:
        raise _mistake("stdin: expected a token as `regrow token make` prints it, got something else") from error
    verdict = "not checked"
    if key_file is not None:
        try:
            read_key_file(key_file).verify(token, SystemClock().epoch())
            verdict = "good"
        except TokenExpired:
            verdict = "expired"
        except TokenRefused:
            verdict = "not good"
        except KeyFileError as error:
            raise _mistake(error) from error
    facts = _facts(key_id, claims, verdict)
    click.echo(json.dumps(facts) if as_json else "\n".join(f"{name:<10} {value}" for name, value in facts.items()))
    return exit_codes.OK if verdict in ("good", "not checked") else exit_codes.GAVE_UP


def _facts(key_id: str, claims: Claims, verdict: str) -> dict[str, str]:
    from datetime import UTC, datetime

    return {
        "subject": claims.subject,
        "scopes": ", ".join(sorted(claims.scopes)),
        "issued": datetime.fromtimestamp(claims.issued_at, UTC).isoformat(),
        "expires": datetime.fromtimestamp(claims.expires_at, UTC).isoformat(),
        "id": claims.token_id,
        "key": key_id,
        "verdict": verdict,
    }


def _mistake(why: object) -> Failure:
    from regrow.cli.failure import Failure

    return Failure(str(why), exit_code=exit_codes.USAGE)
