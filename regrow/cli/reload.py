"""`regrow reload`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click

from regrow.cli import exit_codes
from regrow.cli.options import control_option, duration, json_option

__all__ = ("command",)


@click.command("reload")
@control_option("Control socket of the running tree.")
@click.option("--pid", type=int, envvar="REGROW_PID", show_envvar=True, help="Process id of the running `regrow run`.")
@click.option(
    "--timeout",
    callback=duration,
    default="1m",
    show_default=True,
    envvar="REGROW_RELOAD_TIMEOUT",
    show_envvar=True,
    help="How long to wait for the tree to follow; it goes on all the same.",
)
@json_option
def command(*, control: Path | None, pid: int | None, timeout: float, as_json: bool) -> int:
    """Have a running `regrow run` read its policy files again and follow them, as SIGHUP does; print what changed.

    Children that are the same go on untouched. With a mistake in a file nothing at all changes.

    Exit codes: 0, 1 not all of it took effect, 2 mistakes in a file, 4 no tree answers.
    """
    from regrow.cli.control import ask_control
    from regrow.cli.control_path import find_control

    path = find_control(control, pid)
    deadline = time.monotonic() + timeout
    answer = ask_control(path, {"verb": "reload"})
    while not answer.get("over") and time.monotonic() < deadline:
        answer = ask_control(path, {"verb": "reload", "number": answer.get("reload")})
    if as_json:
        click.echo(json.dumps({key: value for key, value in answer.items() if key != "ok"}))
    else:
        _show(answer, timeout)
    return _code(answer)


def _show(answer: Mapping[str, object], timeout: float) -> None:
    from regrow.supervision.policy import format_duration

    mistakes = cast("list[str]", answer.get("mistakes", []))
    changes = _changes(answer)
    if not answer.get("over"):
        click.echo(f"regrow: still under way after {format_duration(timeout)}; `regrow tree` shows how far", err=True)
    elif mistakes:
        click.echo("\n".join([f"regrow: nothing has changed: {mistakes[0]}", *mistakes[1:]]), err=True)
    else:
        click.echo("\n".join(f"{change['path']}: {change['what']}" for change in changes) or "nothing has changed")


def _code(answer: Mapping[str, object]) -> int:
    if answer.get("mistakes"):
        return exit_codes.USAGE if answer.get("usage") else exit_codes.GAVE_UP
    trouble = not answer.get("over") or any(change["trouble"] for change in _changes(answer))
    return exit_codes.GAVE_UP if trouble else exit_codes.OK


def _changes(answer: Mapping[str, object]) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", answer.get("changes", []))
