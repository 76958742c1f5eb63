"""`regrow check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from regrow.cli import exit_codes
from regrow.cli.options import app_dir_option

__all__ = ("command",)


@click.command("check")
@click.argument("policy", type=click.Path(path_type=Path), required=False)
@click.option(
    "--import",
    "do_import",
    is_flag=True,
    envvar="REGROW_CHECK_IMPORT",
    show_envvar=True,
    help="Import what every `start` and `wait` names, too. This runs the top level of those modules.",
)
@app_dir_option
@click.option(
    "--schema",
    is_flag=True,
    envvar="REGROW_CHECK_SCHEMA",
    show_envvar=True,
    help="Print the JSON Schema of policy files, for editors, and check nothing.",
)
def command(policy: Path | None, *, do_import: bool, app_dir: Path, schema: bool) -> None:
    """Check a policy file and print all its mistakes at once; if there is none, print its tree.

    Exit codes: 0 the file is fine, 2 it has mistakes.
    """
    if schema:
        from regrow.supervision.policy.model import json_schema

        click.echo(json.dumps(json_schema(), indent=2))
        return
    if policy is None:
        raise click.UsageError("Missing argument 'POLICY'.")
    _check(policy, do_import=do_import, app_dir=app_dir)


def _check(path: Path, *, do_import: bool, app_dir: Path) -> None:
    from regrow.cli.failure import Failure
    from regrow.cli.importing import wrong_starts, wrong_waits
    from regrow.cli.targets import import_from, read_policy
    from regrow.observe.nodes import node_of_spec, walk
    from regrow.observe.tree_view import plain_text
    from regrow.supervision.policy import PolicyError

    policy = read_policy(path)
    lines: list[str] = []
    try:
        if policy.tables is not None:
            node = node_of_spec(policy.tree(), root=policy.root)
            lines += [plain_text(node), "", f"{len(walk(node)) - 1} children"]
        if do_import:
            import_from(app_dir)
            mistakes = [*wrong_starts(str(path), policy.starts()), *wrong_waits(str(path), policy.waits())]
            if mistakes:
                raise PolicyError(sorted(mistakes, key=lambda mistake: mistake.line))
    except PolicyError as error:
        raise Failure(str(error), exit_code=exit_codes.USAGE) from error
    rules = len(policy.rules)
    lines.append(f"{path}: no mistakes" + (f", {rules} override{'' if rules == 1 else 's'}" if rules else ""))
    click.echo("\n".join(lines))
