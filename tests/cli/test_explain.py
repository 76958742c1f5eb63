"""`regrow explain` and `regrow schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regrow.cli import exit_codes
from regrow.cli.main import main, regrow

FILE = """\
[preset.calm]
shutdown = "1m"
[tree]
name = "shop"
[[tree.child]]
id = "codec"
start = "json.decoder:JSONDecoder"
preset = "calm"
[policy."shop/*"]
restart = "transient"
"""


def invoke(*args: str) -> Result:
    return CliRunner().invoke(regrow, args, catch_exceptions=False)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "p.toml"
    path.write_text(FILE)
    return path


def test_a_child_is_explained_line_by_line(policy: Path) -> None:
    result = invoke("explain", str(policy), "shop/codec")
    assert result.exit_code == exit_codes.OK
    rows = result.output.splitlines()
    assert rows[0] == "shop/codec"
    assert [" ".join(row.split()) for row in rows[1:5]] == [
        f"start json.decoder:JSONDecoder {policy}:7 tree.child[0].start",
        "type worker default",
        f'restart transient {policy}:10 policy."shop/*".restart',
        f"shutdown 1m {policy}:2 preset.calm.shutdown",
    ]
    assert "backoff.cap 30s default" in [" ".join(row.split()) for row in rows]


def test_without_a_path_it_is_the_root_and_json_has_plain_values(policy: Path) -> None:
    found = json.loads(invoke("explain", "--json", str(policy)).output)
    assert found["path"] == "shop"
    assert found["settings"][0] == {
        "key": "strategy",
        "value": "one_for_one",
        "origin": {"file": "", "line": 0, "key": "default"},
    }
    child = json.loads(invoke("explain", "--json", str(policy), "shop/codec").output)
    assert child["settings"][3] == {
        "key": "shutdown",
        "value": 60.0,
        "origin": {"file": str(policy), "line": 2, "key": "preset.calm.shutdown"},
    }


def test_a_tree_in_a_module_is_explained_with_the_policy_that_is_laid_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree_of_this_test.py").write_text(
        "from regrow import ChildSpec, Restart, Start, SupervisorSpec\n"
        "child = ChildSpec(id='a', start=Start('app:A'), restart=Restart.TRANSIENT)\n"
        "tree = SupervisorSpec(children=[child])\n"
    )
    over = tmp_path / "over.toml"
    over.write_text('[policy."root/a"]\nshutdown = 3\n')
    monkeypatch.setattr(sys, "path", list(sys.path))
    result = invoke("explain", "--app-dir", str(tmp_path), "--policy", str(over), "tree_of_this_test:tree", "root/a")
    sys.modules.pop("tree_of_this_test")
    rows = [row.split() for row in result.output.splitlines()]
    assert ["restart", "transient", "code"] in rows
    assert ["shutdown", "3s", f"{over}:2", 'policy."root/a".shutdown'] in rows


def test_a_path_to_nothing_and_a_file_with_mistakes_are_usage(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(policy), "shop/codecs"]) == exit_codes.USAGE
    assert capsys.readouterr().err == (
        f'regrow: {policy}: expected a path in the tree, got "shop/codecs"; did you mean "shop/codec"?\n'
    )
    policy.write_text(FILE.replace('preset = "calm"', 'preset = "clam"'))
    assert main(["explain", str(policy), "shop/codec"]) == exit_codes.USAGE
    assert f'{policy}:8: tree.child[0].preset: expected the name of a preset, got "clam"; did you mean "calm"?' in (
        capsys.readouterr().err
    )


def test_the_schema_is_printed_by_its_verb_and_by_check() -> None:
    text = invoke("schema").output
    assert json.loads(text)["title"] == "PolicyFile"
    assert text == invoke("check", "--schema").output


def test_a_long_command_stays_on_its_line_and_pushes_nothing_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.toml"
    path.write_text('[tree]\n[[tree.child]]\nid = "a"\ncommand = ["sh", "-c", "echo %s\\necho b"]\n' % ("x" * 60))
    assert main(["explain", str(path), "root/a"]) == exit_codes.OK
    lines = capsys.readouterr().out.splitlines()
    assert f"sh -c echo {'x' * 60}\\necho b  {path}:4  tree.child[0].command" in lines[1]
    assert lines[2] == "  type                 worker       default"
