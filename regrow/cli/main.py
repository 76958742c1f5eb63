"""The `regrow` command and its verbs.

What lives here: the table of verbs, and how a verb's module is found and imported. What must not: any verb, and any
import of more than click, so that `regrow --help` is quick.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import select
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from regrow.cli import exit_codes
from regrow.cli.pid_one import run_as_init

__all__ = ("VERBS", "main", "regrow")

VERBS: Final[Mapping[str, str]] = {
    "demo": "Show what isolation is worth: heartbeats under CPU-heavy user code.",
    "run": "Start a supervision tree in the foreground.",
    "check": "Check a policy file; print all its mistakes.",
    "explain": "Print what a child is told in effect, and where each value comes from.",
    "schema": "Print the JSON Schema of policy files, for editors.",
    "reload": "Have a running tree follow its changed policy files.",
    "ps": "Show the processes of a running tree or worker: who hangs, what they work on, what they use.",
    "tree": "Show a live tree, or that of a policy file.",
    "plot-backoff": "Draw when a child that dies at once is restarted, and when its supervisor gives up.",
    "worker": "Run a worker that serves functions of a module.",
    "gateway": "Run a gateway that workers and clients connect to.",
    "invoke": "Invoke a function through a gateway.",
    "dlq": "Show the dead letters of a gateway, have them run again, or forget them.",
    "token": "Make and show the signed tokens that a gateway asks for.",
    "version": "Show the versions of regrow and of what it runs on.",
}


class _Verbs(click.Group):
    """Imports `regrow.cli.VERB` when VERB is used; `--help` is written from the table alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        found = getattr(importlib.import_module(f"regrow.cli.{cmd_name.replace('-', '_')}"), "command", None)
        if not isinstance(found, click.Command):
            raise TypeError(f"regrow.cli.{cmd_name}: expected a click command named `command`, got {found!r}")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], list(VERBS), n=1)
        if args[0] not in VERBS and not args[0].startswith("-") and close:
            ctx.fail(f"No such verb {args[0]!r}; did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `regrow tree | head`; click would call it a failure
            if not _nobody_reads(sys.stdout.fileno()):
                raise  # it was something else that broke
            with contextlib.suppress(OSError):  # what is in its buffer goes nowhere, without another error at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return exit_codes.OK

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _nobody_reads(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, 0)  # what has gone wrong is told unasked
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


@click.group(
    cls=_Verbs,
    context_settings={"auto_envvar_prefix": "REGROW", "help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every flag has an environment variable REGROW_..., shown by `regrow VERB --help`; a flag wins.",
    no_args_is_help=True,
)
def regrow() -> None:
    """Supervision trees for Python: cut any branch and it grows back."""


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line (by default that of the process) and give its exit code.

    Runs in: the main thread, for as long as the verb takes. As the first process of a container it runs in a child of
    that (pid_one.py).
    """
    if args is None:
        run_as_init()
    try:
        code: object = regrow.main(args=args, prog_name="regrow", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:  # click's word for KeyboardInterrupt
        click.echo("regrow: interrupted", err=True)
        return 130
    return code if isinstance(code, int) else exit_codes.OK
