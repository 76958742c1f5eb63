"""`regrow explain`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from regrow.cli import exit_codes
from regrow.cli.options import app_dir_option, json_option

if TYPE_CHECKING:
    from regrow.supervision.policy.explain import Setting

__all__ = ("command",)

WIDTH_MAX: Final = 40
"""Letters of a value in its column; one long command must not push all origins off the screen."""


@click.command("explain")
@click.argument("target")
@click.argument("path", required=False)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    envvar="REGROW_POLICY",
    show_envvar=True,
    help="One more policy file, whose [policy] tables are laid over the tree.",
)
@json_option
@app_dir_option
def command(target: str, path: str | None, *, policy: Path | None, as_json: bool, app_dir: Path) -> None:
    """Print what the child at PATH is told in effect, every value with where it comes from.

    TARGET is what `regrow run` takes: a policy file, or a tree in a module. PATH is made of child ids, from the root
    on; without it, it is the root. "default" is what regrow does unasked, "code" what the module says.

    Exit codes: 0, 2 a mistake in a file, or nothing is at PATH.
    """
    from regrow.cli.failure import Failure
    from regrow.cli.targets import import_from, load_target
    from regrow.supervision.policy import PolicyError
    from regrow.supervision.policy.explain import explain

    import_from(app_dir)
    loaded = load_target(target, overrides=policy)
    try:
        spec, policies = loaded.read_again()
        found = explain(spec, policies, path or loaded.root, root=loaded.root, code=loaded.base)
    except PolicyError as error:
        raise Failure("\n".join(str(mistake) for mistake in error.mistakes), exit_code=exit_codes.USAGE) from error
    click.echo(_as_json(path or loaded.root, found) if as_json else _as_text(path or loaded.root, found))


def _as_text(path: str, settings: Sequence[Setting]) -> str:
    from regrow.supervision.policy.setting_values import shown

    rows = [
        (setting.key, shown(setting.key, setting.value).replace("\n", "\\n"), str(setting.origin))
        for setting in settings
    ]
    first = max(len(key) for key, _, _ in rows)
    second = max((len(value) for _, value, _ in rows if len(value) <= WIDTH_MAX), default=0)
    return "\n".join([path, *(f"  {key:<{first}}  {value:<{second}}  {origin}" for key, value, origin in rows)])


def _as_json(path: str, settings: Sequence[Setting]) -> str:
    def plain(value: object) -> object:
        return None if value == math.inf else value

    rows = [
        {
            "key": setting.key,
            "value": plain(setting.value),
            "origin": {"file": setting.origin.file, "line": setting.origin.line, "key": setting.origin.key},
        }
        for setting in settings
    ]
    return json.dumps({"path": path, "settings": rows}, indent=2)
