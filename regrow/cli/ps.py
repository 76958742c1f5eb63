"""`regrow ps`."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import click

from regrow.cli import exit_codes
from regrow.cli.options import control_option, duration, json_option

if TYPE_CHECKING:
    from regrow.observe.process_rows import ProcessRow

__all__ = ("command",)

WATCH_MIN: Final = 0.1  # seconds; a look takes some milliseconds of the program that is looked at
_CLEAR: Final = "\x1b[H\x1b[J"  # to the corner, and nothing is left below it; what has scrolled away stays


def _interval(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    seconds = duration(ctx, param, value)
    if seconds < WATCH_MIN:
        raise click.BadParameter(f"expected at least {WATCH_MIN:g} seconds, got {value}", param=param)
    return seconds


@click.command("ps")
@control_option("Control socket of the running program.")
@click.option("--pid", type=int, envvar="REGROW_PID", show_envvar=True, help="Process id of the running program.")
@click.option(
    "--watch",
    callback=_interval,
    metavar="DURATION",
    envvar="REGROW_PS_WATCH",
    show_envvar=True,
    help="Look again so often, until Ctrl-C; CPU% is then that of the time between.",
)
@click.option(
    "--timeout",
    callback=duration,
    default="5s",
    show_default=True,
    envvar="REGROW_PS_TIMEOUT",
    show_envvar=True,
    help="How long to wait for an answer.",
)
@json_option
def command(*, control: Path | None, pid: int | None, watch: float | None, timeout: float, as_json: bool) -> int:
    """Show the processes of a running `regrow run` or `regrow worker`: who is below whom, and whether each gets on.

    Without any option those of the only one of this user. No process is asked how it is, so those that hang are shown.
    In a pipe there is one line for each, with its path, and no blanks but in the last column.

    Exit codes: 0, also when Ctrl-C ends --watch, 2 wrong usage, 4 no answer.
    """
    from regrow.cli.control_path import find_control

    path = find_control(control, pid)
    if watch is None:
        rows, home = _ask(path, timeout)
        click.echo(_json(rows, home, indent=2) if as_json else "\n".join(_lines(rows)))
        return exit_codes.OK
    with contextlib.suppress(KeyboardInterrupt):
        _watch(path, timeout, watch, as_json=as_json)
    return exit_codes.OK


def _ask(path: Path, timeout: float) -> tuple[tuple[ProcessRow, ...], object]:
    """Give the rows, and the number of who answered. Errors: Failure (unreachable)."""
    from regrow.cli.control import ask_control
    from regrow.cli.failure import Failure
    from regrow.observe.process_rows import rows_from_json

    answer = ask_control(path, {"verb": "processes"}, timeout=timeout)
    try:
        return rows_from_json(answer.get("processes")), answer.get("pid")
    except TypeError as error:
        text = f"{path}: expected processes, got {answer!r:.200} ({error})"
        raise Failure(text, exit_code=exit_codes.UNREACHABLE) from error


def _watch(path: Path, timeout: float, interval: float, *, as_json: bool) -> None:
    from regrow.observe.process_rows import with_cpu_between

    before: tuple[ProcessRow, ...] = ()
    before_at, due = 0.0, time.monotonic()
    never = Event()
    while True:
        rows, home = _ask(path, timeout)
        now = time.monotonic()
        shown = with_cpu_between(rows, before, now - before_at)
        before, before_at = rows, now
        if as_json:
            click.echo(_json(shown, home))
        elif _on_screen():
            lines = _lines(shown)
            room = shutil.get_terminal_size().lines - 2
            rest = [f"and {len(lines) - room} more"] if len(lines) > room > 0 else []
            click.echo(_CLEAR + "\n".join([*(lines[:room] if rest else lines), *rest]))
        else:
            click.echo("\n".join([*_lines(shown), ""]))
        due = max(now, due + interval)
        never.wait(due - now)


def _lines(rows: Sequence[ProcessRow]) -> list[str]:
    from regrow.observe.process_table import plain_lines, table_lines

    return table_lines(rows, shutil.get_terminal_size().columns) if _on_screen() else plain_lines(rows)


def _on_screen() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()  # None: it was closed by who has started this


def _json(rows: Sequence[ProcessRow], home: object, *, indent: int | None = None) -> str:
    return json.dumps({"pid": home, "processes": [row.to_json() for row in rows]}, indent=indent)
