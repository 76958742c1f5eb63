"""`regrow tree`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from regrow.cli import exit_codes
from regrow.cli.options import app_dir_option, control_option, json_option

if TYPE_CHECKING:
    from regrow.observe.nodes import Node

__all__ = ("command",)


@click.command("tree")
@click.argument("target", required=False)
@control_option("Control socket of the running tree.")
@click.option("--pid", type=int, envvar="REGROW_PID", show_envvar=True, help="Process id of the running `regrow run`.")
@json_option
@app_dir_option
def command(target: str | None, *, control: Path | None, pid: int | None, as_json: bool, app_dir: Path) -> None:
    """Show the live tree of a running `regrow run`; with TARGET, the tree of that policy file or module instead.

    Without any option it shows the only tree of this user that runs.

    Exit codes: 0, 2 mistakes in the policy file, 4 no tree answers.
    """
    if target is not None and (control is not None or pid is not None) and _given("control", "pid"):
        raise click.UsageError("TARGET is a tree that does not run; give it without --control and --pid.")
    _show(_live(control, pid) if target is None else _described(target, app_dir), as_json=as_json)


def _given(*names: str) -> bool:
    """Say whether one of these was given as a flag; one from the environment gives way to TARGET."""
    context = click.get_current_context()
    return any(context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE for name in names)


def _live(control: Path | None, pid: int | None) -> Node:
    from regrow.cli.control import ask_control
    from regrow.cli.control_path import find_control
    from regrow.cli.failure import Failure
    from regrow.observe.nodes import node_from_json

    path = find_control(control, pid)
    answer = ask_control(path, {"verb": "describe"})
    try:
        return node_from_json(cast("Mapping[str, object]", answer["tree"]))
    except (KeyError, TypeError) as error:
        text = f"{path}: expected a tree, got {answer!r:.200}"
        raise Failure(text, exit_code=exit_codes.UNREACHABLE) from error


def _described(target: str, app_dir: Path) -> Node:
    from regrow.cli.targets import import_from, load_target
    from regrow.observe.nodes import node_of_spec

    import_from(app_dir)
    loaded = load_target(target)
    return node_of_spec(loaded.spec, root=loaded.root)


def _show(node: Node, *, as_json: bool) -> None:
    import sys

    from regrow.observe.tree_view import json_text, plain_text, rich_tree

    if as_json:
        click.echo(json_text(node))
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(rich_tree(node))
    else:
        click.echo(plain_text(node))
