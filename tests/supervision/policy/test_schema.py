"""The JSON Schema of policy files: what editors find with it, and what only `regrow check` does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from regrow.supervision.policy import PolicyError, parse_policy
from regrow.supervision.policy.durations import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size
from regrow.supervision.policy.model import json_schema
from tests.supervision.policy.test_explain import FILE
from tests.supervision.policy.test_load import SIX

ROOT = Path(__file__).parents[3]
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def errors(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(tomllib.loads(text))]


def examples() -> list[str]:
    found = [FILE, '[policy."a/*"]\nrestart = "transient"\n']
    for page in ("docs/reference/policy.md", "docs/howto/write-a-policy-file.md"):
        blocks = re.findall(r"^```toml\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
        found += [block for block in blocks if re.search(r"^\[+(tree|policy|preset)", block, re.MULTILINE)]
    return found


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("text", examples())
def test_what_is_right_is_right_to_the_schema(text: str) -> None:
    parse_policy(text)
    assert errors(text) == []


CHILD = '[tree]\n[[tree.child]]\nid = "a"\nstart = "a:B"\n'
PROGRAM = '[tree]\n[[tree.child]]\nid = "a"\ncommand = ["x"]\n'

MISTAKES = {
    "an empty file": "",
    "an unknown table": "[tre]\n",
    "an unknown key": CHILD + 'retsart = "permanent"\n',
    "a missing id": '[tree]\n[[tree.child]]\nstart = "a:B"\n',
    "an id with a slash": CHILD.replace('"a"', '"a/b"', 1),
    "a wrong word": '[tree]\nstrategy = "one_for_oen"\n',
    "a wrong type": CHILD + 'significant = "yes"\n',
    "a number that is too small": "[tree]\nintensity = { max_restarts = -1 }\n",
    "a number that is too large": CHILD + 'isolation = "process"\nlimits = { nice = 20 }\n',
    "no duration": CHILD + 'start_timeout = "5 parsecs"\n',
    "a negative duration": CHILD + "backoff = { base = -1 }\n",
    "a duration of zero where none can be": CHILD + "start_timeout = 0\n",
    "a limit of no time": CHILD + 'isolation = "process"\nlimits = { hang_limit = 0 }\n',
    "no limit": CHILD + 'isolation = "process"\nlimits = { deadline = "never" }\n',
    "an unknown limit": CHILD + 'isolation = "process"\nlimits = { hang_time = 3 }\n',
    "no size": CHILD + 'isolation = "process"\nlimits = { memory_bytes = "much" }\n',
    "no shutdown": CHILD + 'shutdown = "brutalkill"\n',
    "no import path": CHILD.replace("a:B", "a.B"),
    "no program": PROGRAM.replace('["x"]', "[]"),
    "no signal": PROGRAM + 'stop_signal = "term!"\n',
    "several ways to be ready": PROGRAM + 'ready = { port = 1, line = "x" }\n',
    "a child that is nothing": '[tree]\n[[tree.child]]\nid = "a"\n',
    "a key of programs at an actor": CHILD + 'env = { A = "1" }\n',
    "a key of actors at a program": PROGRAM + "args = [1]\n",
    "a key of supervisors at an actor": CHILD + 'strategy = "one_for_all"\n',
    "a key of another kind of backoff": '[tree]\nbackoff = { kind = "constant", base = 1 }\n',
    "an empty override": '[policy."root/a"]\n',
    "a preset without a name": "[tree]\npreset = 3\n",
    "a preset with what only a child can say": '[preset.a]\nstart = "a:B"\n',
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_class_of_mistakes_is_found_by_the_schema_and_by_the_check(name: str) -> None:
    assert errors(MISTAKES[name])
    with pytest.raises(PolicyError):
        parse_policy(MISTAKES[name])


ONLY_CHECKED = {
    "two children of one id": CHILD + '[[tree.child]]\nid = "a"\nstart = "a:B"\n',
    "a preset that is nowhere": CHILD + 'preset = "x"\n',
    "presets in a circle": '[preset.a]\nextends = "a"\n',
    "limits without a process": CHILD + "limits = { nice = 1 }\n",
    "a cap below the base": "[tree]\nbackoff = { base = 2, cap = 1 }\n",
    "significant and permanent": CHILD + "significant = true\n",
    "an unknown signal": PROGRAM + 'stop_signal = "TREM"\n',
}


@pytest.mark.parametrize("name", ONLY_CHECKED)
def test_what_lies_between_keys_is_found_by_the_check_alone(name: str) -> None:
    assert errors(ONLY_CHECKED[name]) == []
    with pytest.raises(PolicyError):
        parse_policy(ONLY_CHECKED[name])


def test_a_file_full_of_mistakes_has_each_of_them_at_its_key() -> None:
    assert {"$.tree.strategy", "$.tree.child[0]", "$.tree.child[1].shutdown", "$.tree.child[0].start"} <= set(
        errors(SIX)
    )


@pytest.mark.parametrize("text", ["250ms", "1.5s", "1h30m", " 2 m ", "5 parsecs", "", "1", "s", "1ms2", "-1s", "1e3s"])
def test_the_pattern_of_durations_takes_what_the_parser_takes(text: str) -> None:
    assert (re.search(DURATION_PATTERN, text) is not None) is _parses(parse_duration, text)


@pytest.mark.parametrize("text", ["512MiB", "1.5kB", " 3 b", "3", "", "b", "1 mb ", "1XB", "1e3b"])
def test_the_pattern_of_sizes_takes_what_the_parser_takes(text: str) -> None:
    assert (re.search(SIZE_PATTERN, text) is not None) is _parses(parse_size, text)


def _parses(parse: object, text: str) -> bool:
    assert callable(parse)
    try:
        parse(text)
    except ValueError:
        return False
    return True
