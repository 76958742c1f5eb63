"""`regrow schema`."""

from __future__ import annotations

import json

import click

__all__ = ("command",)


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of policy files, for completion and checks in an editor.

    Write it to a file, and begin policy files with `#:schema ./policy.schema.json`.

    Exit codes: 0.
    """
    from regrow.supervision.policy.model import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
