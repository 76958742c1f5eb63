"""`regrow version`."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from regrow.cli.options import json_option

__all__ = ("command", "versions")

_SHOWN = ("pykka", "websockets", "msgpack", "tenacity", "loguru", "pydantic", "psutil")


def versions() -> dict[str, str]:
    """Give the versions that a bug report needs."""
    found = {"regrow": _version("regrow"), "python": platform.python_version(), "platform": platform.platform()}
    return found | {name: _version(name) for name in _SHOWN}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


@click.command("version")
@json_option
def command(*, as_json: bool) -> None:
    """Show the versions of regrow and of what it runs on."""
    found = versions()
    if as_json:
        click.echo(json.dumps(found))
    else:
        click.echo("\n".join(f"{name:<10} {value}" for name, value in found.items()))
