"""The verbs of the command, as far as no tree is started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from regrow.cli import exit_codes
from regrow.cli.main import VERBS, _nobody_reads, main, regrow

ROOT = Path(__file__).parents[2]

GOOD = """
[tree]
name = "shop"

[[tree.child]]
id = "codec"
start = "json.decoder:JSONDecoder"
restart = "transient"

[[tree.child]]
id = "model"
start = "json.decoder:JSONDecoder"
isolation = "process"

[policy."shop/*"]
shutdown = "1s"
"""


def invoke(*args: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(regrow, args, env=env, catch_exceptions=False)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(GOOD)
    return path


def test_help_lists_all_verbs_without_importing_any() -> None:
    code = "import sys; from regrow.cli.main import main; main(['--help']); print(sorted(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert all(re.search(rf"^  {verb} ", shown.stdout, re.MULTILINE) for verb in VERBS)
    loaded = shown.stdout.splitlines()[-1]
    assert "regrow.cli.run" not in loaded
    assert "regrow.supervision" not in loaded


def test_help_is_quick() -> None:
    code = "from regrow.cli.main import main; main(['--help'])"
    took: list[float] = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=True)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.5  # 0.1 s on an idle machine; the suite may share one


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_command_whose_help_says_what_it_does(verb: str) -> None:
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"Usage: regrow {verb}" in result.output.replace("root", "regrow")


def test_a_mistyped_verb_is_usage_and_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == exit_codes.USAGE
    assert "No such verb 'chek'; did you mean 'check'?" in capsys.readouterr().err


def test_version_is_for_people_and_for_programs() -> None:
    assert re.search(r"^python +3\.", invoke("version").output, re.MULTILINE)
    found = json.loads(invoke("version", "--json").output)
    assert {"regrow", "python", "platform", "pykka"} <= set(found)
    assert json.loads(invoke("version", env={"REGROW_JSON": "1"}).output) == found


def test_check_shows_the_tree_of_a_file_without_mistakes(policy: Path) -> None:
    result = invoke("check", str(policy))
    assert result.exit_code == exit_codes.OK
    assert result.output == "\n".join(
        [
            "shop  supervisor  one_for_one, 3 restarts in 5s",
            "├── codec  json.decoder:JSONDecoder  transient, thread, shutdown 1s",
            "└── model  json.decoder:JSONDecoder  permanent, process, shutdown 1s",
            "",
            "2 children",
            f"{policy}: no mistakes, 1 override",
            "",
        ]
    )


def test_check_prints_all_mistakes_and_exits_with_2(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy.write_text(
        GOOD.replace("transient", "sometimes").replace('"1s"', '"soon"').replace("tree]", "tree]\nname2 = 1", 1)
    )
    assert main(["check", str(policy)]) == exit_codes.USAGE
    shown = capsys.readouterr().err
    assert shown.startswith(f"regrow: 3 mistakes in {policy}\n  {policy}:3: tree.name2: expected a known key")
    assert f'{policy}:9: tree.child[0].restart: expected one of "permanent"' in shown
    assert f'{policy}:17: policy."shop/*".shutdown: expected "brutal_kill"' in shown


def test_check_finds_overrides_that_match_nothing_in_the_file_s_own_tree(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(GOOD.replace("shop/*", "shop/modle"))
    assert main(["check", str(policy)]) == exit_codes.USAGE
    assert 'expected a path in the tree, got "shop/modle"; did you mean "shop/model"?' in capsys.readouterr().err


def test_check_of_overrides_alone_knows_no_tree(policy: Path) -> None:
    policy.write_text('[policy."worker/*"]\nrestart = "transient"\n')
    result = invoke("check", str(policy))
    assert (result.exit_code, result.output) == (0, f"{policy}: no mistakes, 1 override\n")


def test_check_import_reports_every_start_that_cannot_be_imported(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--import", str(policy)]) == exit_codes.OK
    capsys.readouterr()
    text = GOOD.replace("json.decoder:JSONDecoder", "json.decoder:Nothing", 1).replace(
        "json.decoder:J", "no_such_module:J", 1
    )
    policy.write_text(text)
    assert main(["check", "--import", str(policy)]) == exit_codes.USAGE
    shown = capsys.readouterr().err
    assert f"{policy}:7: tree.child[0].start: expected something that can be imported" in shown
    assert (
        f"{policy}:12: tree.child[1].start: expected something that can be imported (no module: 'no_such_module'"
        in shown
    )


def test_check_import_finds_modules_in_the_application_directory(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (policy.parent / "shop_of_this_test.py").write_text("class Database: ...\n")
    policy.write_text('[tree]\n[[tree.child]]\nid = "db"\nstart = "shop_of_this_test:Database"\n')
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["check", "--import", "--app-dir", str(policy.parent), str(policy)]) == exit_codes.OK
    sys.modules.pop("shop_of_this_test")


def test_check_schema_prints_a_json_schema() -> None:
    assert json.loads(invoke("check", "--schema").output)["title"] == "PolicyFile"


def test_tree_of_a_file_is_text_or_json(policy: Path) -> None:
    assert "├── codec  json.decoder:JSONDecoder" in invoke("tree", str(policy)).output
    found = json.loads(invoke("tree", "--json", str(policy)).output)
    assert [child["path"] for child in found["children"]] == ["shop/codec", "shop/model"]


def test_run_refuses_what_is_no_tree(capsys: pytest.CaptureFixture[str]) -> None:
    for target, expected in {
        "nowhere.toml": "expected a readable file",
        "no_such_module:tree": "no module: 'no_such_module'",
        "json:dumps_": "has no 'dumps_'",
        "json": 'expected "policy.toml" or "package.module:tree"',
        "json.decoder:NaN": "expected a SupervisorSpec, or a function without arguments that gives one, got nan",
    }.items():
        assert main(["run", target]) == exit_codes.USAGE
        assert expected in capsys.readouterr().err


def test_run_refuses_a_grace_that_is_no_duration(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--grace", "soon", str(policy)]) == exit_codes.USAGE
    assert "a duration" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"), [("soon", "expected a duration"), ("0.5s", "expected 1s or more, got '0.5s'")]
)
def test_run_refuses_a_watchdog_that_could_not_tell_a_hang_from_work(
    policy: Path, capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    assert main(["run", "--watchdog", given, str(policy)]) == exit_codes.USAGE
    assert said in capsys.readouterr().err


def test_the_documented_exit_codes_are_those_of_the_code() -> None:
    documented = dict(re.findall(r"^\| (\d+) \| (.*) \|$", (ROOT / "docs/reference/cli.md").read_text(), re.MULTILINE))
    assert documented == {str(code): meaning for code, meaning in exit_codes.MEANINGS.items()}


@pytest.mark.parametrize("verb", ["run", "check", "explain", "ps", "reload", "schema", "token", "tree", "version"])
def test_every_flag_has_an_environment_variable_and_is_documented(verb: str) -> None:
    command = regrow.get_command(click.Context(regrow), verb)
    assert command is not None
    documented = (ROOT / "docs/reference/cli.md").read_text()
    under = command.commands.values() if isinstance(command, click.Group) else [command]
    for option in (option for each in under for option in each.params):
        if isinstance(option, click.Option):
            assert isinstance(option.envvar, str)
            assert option.envvar.startswith("REGROW_")
            assert f"`{option.opts[0]}" in documented or option.opts[0] in documented
            assert option.envvar in documented or verb == "version"


def test_a_broken_pipe_is_taken_for_the_readers_end_only_if_it_is_that_of_stdout() -> None:
    read, write = os.pipe()
    assert not _nobody_reads(write)
    os.close(read)
    assert _nobody_reads(write)
    os.close(write)
