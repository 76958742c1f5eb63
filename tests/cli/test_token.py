"""`regrow token` and `regrow gateway --key-file`: what they print and refuse, and that no secret is among it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regrow.actors import SystemClock
from regrow.cli.gateway import command as gateway_command
from regrow.cli.main import main
from regrow.cli.token import command
from regrow.connect.key_file import read_key_file
from regrow.connect.signed_tokens import Claims, Scope


def run(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command, args, input=stdin, standalone_mode=False)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = str(tmp_path / "keys")
    assert main(["token", "new-key", "--key-file", path]) == 0
    return path


@pytest.fixture
def token(key_file: str) -> str:
    made = run("make", "--key-file", key_file, "--scope=worker", "--scope=client", "--subject=ann", "--expires=30d")
    assert made.output.count("\n") == 1
    return made.output.strip()


def test_a_new_key_is_printed_by_its_id_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first, second = (run("new-key", "--key-file", str(path)).output.strip() for _ in range(2))
    ring = read_key_file(path)
    assert [key.id for key in ring.keys] == [second, first]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_that_was_made_is_shown(token: str, key_file: str) -> None:
    shown = json.loads(run("show", "--json", stdin=token).output)
    assert (shown["subject"], shown["scopes"], shown["verdict"]) == ("ann", "client, worker", "not checked")
    shown = run("show", "--key-file", key_file, stdin=token + "\n").output
    assert "verdict    good" in shown
    assert token not in shown


def test_show_says_what_is_wrong_by_its_exit_code(
    token: str, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(tmp_path / "other")
    assert run("new-key", "--key-file", other).exit_code == 0
    shown = run("show", "--key-file", other, stdin=token)
    assert ("not good" in shown.output, shown.return_value) == (True, 1)
    now = int(SystemClock().epoch())
    old = Claims(
        subject="a", scopes=frozenset(Scope), issued_at=now - 9, expires_at=now - 1, token_id="0123456789abcdef"
    )
    shown = run("show", "--key-file", key_file, stdin=read_key_file(Path(key_file)).sign(old))
    assert ("expired" in shown.output, shown.return_value) == (True, 1)


@pytest.mark.parametrize("text", ["", "secret", "regrow1.k.AAAA." + "A" * 43, "\udcff", "x" * 100_000])
def test_what_is_no_token_is_wrong_usage_and_not_quoted(text: str) -> None:
    shown = CliRunner().invoke(command, ["show"], input=text.encode("utf-8", "replace"))
    assert shown.exit_code == 2
    assert "got something else" in shown.output
    assert "secret" not in shown.output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--scope=root", "--subject=a", "--expires=1d"), "root"),
        (("--scope=worker", "--subject=a b", "--expires=1d"), "subject"),
        (("--scope=worker", "--subject=a", "--expires=0"), "expires_at"),
        (("--scope=worker", "--subject=a", "--expires=soon"), "duration"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(key_file: str, args: tuple[str, ...], says: str) -> None:
    made = CliRunner().invoke(command, ["make", "--key-file", key_file, *args])
    assert (made.exit_code, says in made.output) == (2, True)


def test_a_key_file_that_others_can_read_is_refused_everywhere(key_file: str) -> None:
    Path(key_file).chmod(0o644)
    commands = (
        (command, ["new-key"]),
        (command, ["make", "--scope=worker", "--subject=a", "--expires=1d"]),
        (gateway_command, ["--port=0"]),
    )
    for verb, args in commands:
        refused = CliRunner().invoke(verb, [*args, "--key-file", key_file])
        assert (refused.exit_code, "got 0644" in refused.output) == (2, True), refused.output
