"""A token may be in a file, so that nobody sees it on a command line."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from regrow.cli.options import token_text, tokens_text


@click.command()
@click.option("--token", callback=token_text)
@click.option("--several", multiple=True, callback=tokens_text)
def show(token: str | None, several: tuple[str, ...]) -> None:
    click.echo(f"{token} {several}")


def shown(*args: str) -> str:
    return CliRunner().invoke(show, args).output.strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("secret\n")
    path.chmod(0o640)
    return path


def test_a_file_is_read_and_a_text_is_taken(file: Path) -> None:
    assert shown("--token", f"@{file}") == "secret ()"
    assert shown("--token", "plain") == "plain ()"
    assert shown() == "None ()"
    assert shown("--several", "plain", "--several", f"@{file}") == "None ('plain', 'secret')"


def test_one_that_others_can_read_is_refused(file: Path) -> None:
    file.chmod(0o644)
    assert "expected a mode that lets no others read it, got 0644" in shown("--token", f"@{file}")


@pytest.mark.parametrize("content", ["", "two words", "x" * 5000])
def test_what_is_no_token_is_refused_and_not_shown(file: Path, content: str) -> None:
    file.write_text(content)
    said = shown("--token", f"@{file}")
    assert "expected one token of at most 4096 bytes" in said
    assert not content or content not in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/none: No such file" in shown("--token", f"@{tmp_path}/none").replace("\n", "")
