"""The verb itself: options, output, exit code."""

from __future__ import annotations

import logging
import sys

import click

from regrow.cli import exit_codes
from regrow.cli.options import json_option

__all__ = ("command",)


@click.command("demo")
@click.option(
    "--seconds", type=click.FloatRange(min=1.0), default=20.0, show_default=True, envvar="REGROW_SECONDS",
    show_envvar=True, help="How long new work is submitted.",
)  # fmt: skip
@click.option("--no-chaos", is_flag=True, envvar="REGROW_NO_CHAOS", show_envvar=True, help="Break nothing.")
@click.option(
    "--seed", type=int, default=1, show_default=True, envvar="REGROW_SEED", show_envvar=True,
    help="Of the order of the input and the moments of the faults.",
)  # fmt: skip
@json_option
def command(*, seconds: float, no_chaos: bool, seed: int, as_json: bool) -> None:
    """Run CPU-heavy functions over the standard library's source files, some of which hold the GIL for seconds.

    Meanwhile the link process and an executor are killed, an executor is frozen, the gateway is killed; then the same
    load runs with the heartbeat on the user's loop, and in a thread beside it.

    Exit codes: 0 all as promised, 1 something was lost, late or left behind, 3 it could not start.
    """
    from loguru import logger

    from regrow.cli.demo.report import Report
    from regrow.cli.demo.run import DemoOptions, Moment, run_demo
    from regrow.protocol.errors import RegrowError

    logger.remove()  # the view and the report say what there is to say
    logging.getLogger("regrow").addHandler(logging.NullHandler())
    logging.getLogger("regrow").propagate = False
    options = DemoOptions(
        seconds=seconds, seed=seed, chaos=not no_chaos, baseline_seconds=min(5.0, max(3.0, seconds / 5))
    )

    phases: list[str] = []
    kills: list[object] = []

    def say(moment: Moment) -> None:
        """Say what is new, for a standard output that is no terminal."""
        for kill in moment.kills[len(kills) :]:
            took = "did not recover" if kill.recovery_ms is None else f"works again after {kill.recovery_ms:.0f} ms"
            click.echo(f"{moment.elapsed:5.1f} s  {kill.signal} {kill.target}: {took}", err=True)
            kills.append(kill)
        if phases[-1:] != [moment.phase]:
            phases.append(moment.phase)
            click.echo(f"{moment.elapsed:5.1f} s  {moment.phase}", err=True)

    report: Report
    try:
        if as_json:
            report = run_demo(options)
        elif sys.stdout.isatty():
            from rich.console import Console

            from regrow.cli.demo.view import LiveView

            with LiveView(Console()) as view:
                report = run_demo(options, view.show)
        else:
            report = run_demo(options, say)
    except RegrowError as error:
        click.echo(f"regrow demo: {error}", err=True)
        raise SystemExit(exit_codes.START_FAILED) from error
    click.echo(report.as_json() if as_json else report.as_text())
    if report.faults_found():
        raise SystemExit(exit_codes.GAVE_UP)
