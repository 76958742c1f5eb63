"""Reading policy files: everything that is wrong, at once, where it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from regrow.supervision.policy import PolicyError, load, load_policy, parse_policy
from regrow.supervision.policy.load import SIZE_MAX_BYTES

SIX = """\
[tree]
strategy = "one_for_oen"

[[tree.child]]
id = "db"
start = "shop.db.Database"
retsart = "permanent"

[[tree.child]]
id = "db"
start = "shop.web:Web"
shutdown = "brutalkill"
significant = true

[policy."root/web"]
backoff = { base = "5 parsecs" }
"""


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, file="p.toml")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_whole_file_of_mistakes_is_reported_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(SIX, file="p.toml")
    assert str(caught.value) == (
        "8 mistakes in p.toml\n"
        '  p.toml:2: tree.strategy: expected one of "one_for_one", "one_for_all", "rest_for_one",'
        ' got "one_for_oen"; did you mean "one_for_one"?\n'
        '  p.toml:6: tree.child[0].start: expected an import path "package.module:Name",'
        ' got "shop.db.Database"; did you mean "shop.db:Database"?\n'
        '  p.toml:7: tree.child[0].retsart: expected a known key, got "retsart"; did you mean restart?\n'
        '  p.toml:10: tree.child[1].id: expected an id of its own (child[0] has it already), got "db"\n'
        '  p.toml:12: tree.child[1].shutdown: expected "brutal_kill", "infinity" or a duration'
        ' (seconds, or text such as "250ms", "1.5s", "2m"), got "brutalkill"; did you mean "brutal_kill"?\n'
        '  p.toml:13: tree.child[1].significant: expected restart = "transient" or "temporary" for a significant child'
        " (permanent is the default), got true\n"
        '  p.toml:13: tree.child[1].significant: expected auto_shutdown = "any_significant" or "all_significant"'
        " at the supervisor of a significant child, got true\n"
        '  p.toml:16: policy."root/web".backoff.base: expected a duration'
        ' (seconds, or text such as "250ms", "1.5s", "2m"), got "5 parsecs"'
    )


def test_a_mistake_has_its_parts_as_fields() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy('[tree]\nstrategy = "one_for_oen"\n', file="p.toml")
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.line, mistake.key) == ("p.toml", 2, "tree.strategy")
    assert (mistake.given, mistake.suggestion) == ('"one_for_oen"', '"one_for_one"')


def test_a_line_that_is_not_toml_does_not_hide_the_others() -> None:
    text = '[tree]\nstrategy = one_for_all\nauto_shutdown = "nevr"\nname = "a" "b"\n[[tree.child]]\nstart = "a:B"\n'
    assert mistakes_of(text) == [
        'p.toml:2: strategy: expected valid TOML (invalid value), got one_for_all; did you mean "one_for_all"?',
        (
            'p.toml:3: tree.auto_shutdown: expected one of "never", "any_significant", "all_significant", got "nevr";'
            ' did you mean "never"?'
        ),
        'p.toml:4: name: expected valid TOML (expected newline or end of document after a statement), got "a" "b"',
        "p.toml:5: tree.child[0].id: expected a value for `id`, which every such table needs",
    ]


def test_a_key_given_twice_is_one_mistake() -> None:
    text = '[tree]\nstrategy = "one_for_one"\nstrategy = "one_for_all"\n'
    assert mistakes_of(text) == [
        'p.toml:3: strategy: expected valid TOML (cannot overwrite a value), got "one_for_all"'
    ]


def test_a_broken_table_header_ends_the_reading() -> None:
    assert mistakes_of('[tree\nstrategy = "x"\n') == [
        "p.toml:1: expected valid TOML (expected ']' at the end of a table declaration), got [tree"
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'type = "supervisor"\nstart = "a:B"',
            'tree.child[0].start: expected no such key at a child with type = "supervisor"',
        ),
        ('start = "a:B"\nstrategy = "one_for_one"', 'tree.child[0].strategy: expected type = "supervisor" beside it'),
        ('start = "a:B"\ncommand = ["x"]', "tree.child[0].start: expected no such key at a child with a command"),
        ('command = ["x"]\nisolation = "process"', "tree.child[0].isolation: expected no isolation at a command"),
        ('start = "a:B"\nenv = { A = "1" }', "tree.child[0].env: expected `command` beside it"),
        ("", 'tree.child[0]: expected start = "package.module:Name", command = ["program"], or type = "supervisor"'),
        ('start = "a:B"\nlimits = { nice = 5 }', 'tree.child[0].limits: expected isolation = "process" beside it'),
        (
            'command = ["x"]\nready = { port = 1, line = "x" }',
            "tree.child[0].ready: expected exactly one of line, port, file and sd_notify",
        ),
        ('command = ["x"]\nready = { sd_notify = false }', "tree.child[0].ready.sd_notify: expected true or "),
        (
            'command = ["x"]\nready = { sd_notify = true }\nenv = { NOTIFY_SOCKET = "/run/x" }',
            "tree.child[0].env.NOTIFY_SOCKET: expected no such name beside ready.sd_notify, which sets it",
        ),
        (
            'command = ["x"]\nenv = { "A=B" = "1" }',
            'tree.child[0].env."A=B": expected a name without = and a value, both without NUL',
        ),
        (
            'command = ["x"]\nready = { line = "(" }',
            "tree.child[0].ready.line: expected a regular expression (miss",
        ),
        ('command = ["x"]\nready_timeout = 1', "tree.child[0].ready_timeout: expected `ready` beside it"),
        (
            'command = ["x"]\nstop_signal = "TREM"',
            'tree.child[0].stop_signal: expected a signal, as in "TERM" or "SIGTERM"',
        ),
        (
            'command = ["x"]\nnormal_exit_codes = [0, 300]',
            "tree.child[0].normal_exit_codes[1]: expected an exit code from 0",
        ),
        ('command = "redis --port 0"', "tree.child[0].command: expected a non-empty array of strings"),
        ('start = "a:B"\nbackoff = { base = 40 }', "tree.child[0].backoff.base: expected at most as long as cap, 30s"),
        ('start = "a:B"\nstart_timeout = 0', "tree.child[0].start_timeout: expected more than zero"),
    ],
)
def test_rules_between_the_values_of_a_child(lines: str, expected: str) -> None:
    (mistake,) = mistakes_of(f'[tree]\n[[tree.child]]\nid = "a"\n{lines}\n')
    assert expected in mistake


@pytest.mark.parametrize("name", ["", "a/b", "a\\nb", "a*", "a?", "a[1]", "a]", "a\\u0085b"])
def test_an_id_must_be_able_to_stand_in_a_path(name: str) -> None:
    (mistake,) = mistakes_of(f'[tree]\n[[tree.child]]\nid = "{name}"\nstart = "a:B"\n')
    assert "tree.child[0].id: expected a printable string that is not empty, without any of / * ?" in mistake


def test_a_policy_path_is_checked_for_its_form() -> None:
    (mistake,) = mistakes_of('[policy."/root//web"]\nrestart = "permanent"\n')
    assert 'expected a path in the tree, as in "root/pool/*"' in mistake
    assert 'did you mean "root/web"?' in mistake


def test_an_empty_file_and_an_empty_override_say_what_they_could_hold() -> None:
    assert "expected a [tree] table" in mistakes_of("")[0]
    assert "at least one key, as restart, shutdown" in mistakes_of('[policy."root/a"]\n')[0]


def test_a_file_that_is_too_large_to_be_a_policy_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.toml"
    path.write_bytes(b"[tree]\n")
    os.truncate(path, SIZE_MAX_BYTES + 1)
    with pytest.raises(PolicyError, match=r"large\.toml: expected at most 8 MiB, got more$"):
        load_policy(path)
    monkeypatch.setattr(load, "SIZE_MAX_BYTES", 100)
    path.write_bytes(b"[tree]\n".ljust(100, b"\n"))
    assert load_policy(path).root == "root"
    path.write_bytes(b"[tree]\n".ljust(101, b"\n"))
    with pytest.raises(PolicyError, match="got more"):
        load_policy(path)


def test_a_file_that_cannot_be_read_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for file, kind in ((pipe, "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a directory")):
        with pytest.raises(PolicyError, match=rf"{file}: expected a regular file, got {kind}$"):
            load_policy(file)
    with pytest.raises(PolicyError, match="expected a readable file, got No such file or directory"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'[tree]\nname = "\xe9"\n')
    with pytest.raises(PolicyError, match="expected UTF-8 text, got byte 0xe9 at offset 15"):
        load_policy(tmp_path / "latin.toml")


def test_neither_the_package_nor_what_hosted_processes_import_pulls_in_pydantic() -> None:
    code = "import sys, regrow.supervision.policy.hosted; print('pydantic' in sys.modules)"
    root = Path(__file__).parents[3]
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout.strip() == "False"


def test_every_key_of_the_schema_is_described_for_editors() -> None:
    from regrow.supervision.policy.model import json_schema

    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert isinstance(schema["$defs"], dict)
    assert {"ChildModel", "OverrideModel", "TreeModel"} <= set(schema["$defs"])


@pytest.mark.parametrize("page", ["reference/policy.md", "howto/write-a-policy-file.md"])
def test_the_examples_of_the_documentation_have_no_mistakes(page: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / page).read_text()
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        parse_policy(example, file=page)


def test_the_mark_of_windows_editors_and_their_line_ends_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(b'\xef\xbb\xbf[tree]\r\nname = "shop"\r\n')
    assert load_policy(path).root == "shop"
    path.write_bytes(b'\xef\xbb\xbf[tree]\r\nname = ""\r\n')
    with pytest.raises(PolicyError, match=r"windows\.toml:2: tree\.name: expected a printable string"):
        load_policy(path)


def nested(levels: int) -> str:
    headers = ["tree" + ".child" * level for level in range(1, levels + 1)]
    return "[tree]\n" + "".join(f'[[{header}]]\nid = "s"\ntype = "supervisor"\n' for header in headers)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"args = {'[' * 5000}{']' * 5000}", "p.toml: expected tables and arrays at most 200 levels deep, got deeper"),
        (f"args = {'[' * 210}{']' * 210}", "p.toml:4: expected tables and arrays at most 200 levels deep, got deeper"),
        (f"kwargs = {{ a = {'9' * 5000} }}", "p.toml:4: expected integers of at most 4300 digits, got a longer one"),
        (f'shutdown = "{"9" * 400}s"', 'p.toml:4: tree.child[0].shutdown: expected "brutal_kill", "infinity" or a'),
        (
            f'isolation = "process"\nlimits = {{ memory_bytes = "{"9" * 400}GiB" }}',
            "p.toml:5: tree.child[0].limits.memory_bytes: expected a size (bytes, or text",
        ),
        (
            'isolation = "process"\nlimits = { hang_limit = "infinit" }',
            'p.toml:5: tree.child[0].limits.hang_limit: expected "infinity" or more than zero, as a duration',
        ),
        (
            'isolation = "process"\nlimits = { resident_bytes = "1MiB", resident_soft_bytes = "1MiB" }',
            "p.toml:5: tree.child[0].limits.resident_soft_bytes: expected less than resident_bytes = '1MiB', at which",
        ),
        (
            'isolation = "process"\nlimits = { max_age_variance = "5m" }',
            'p.toml:5: tree.child[0].limits.max_age_variance: expected `max_age` beside it, got "5m"',
        ),
        (
            'isolation = "process"\nlimits = { data_bytes = 0 }',
            "p.toml:5: tree.child[0].limits.data_bytes: expected a size of more than zero, got 0",
        ),
        (
            'isolation = "process"\nlimits = { max_messages = 0 }',
            "p.toml:5: tree.child[0].limits.max_messages: expected",
        ),
        (
            'isolation = "process"\nlimits = { hang_limt = 3 }',
            'p.toml:5: tree.child[0].limits.hang_limt: expected a known key, got "hang_limt"; did you mean hang_',
        ),
        (
            "backoff = { factor = inf }",
            "p.toml:4: tree.child[0].backoff.factor: expected a finite number, got Infinity",
        ),
    ],
)
def test_what_no_value_can_be_made_of_is_a_mistake_and_no_crash(lines: str, expected: str) -> None:
    found = mistakes_of(f'[[tree.child]]\nid = "a"\nstart = "m:A"\n{lines}\n')
    assert [mistake[: len(expected)] for mistake in found] == [expected]


def test_supervisors_may_be_nested_as_deep_as_can_be_read() -> None:
    assert parse_policy(nested(99)).tree().children
    deepest = 1 + 100 * 3 - 2
    assert mistakes_of(nested(101)) == [
        f"p.toml:{deepest}: expected tables and arrays at most 200 levels deep, got deeper ones"
    ]


NUL = "\\u0000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'command = ["x", "a{NUL}"]', "tree.child[0].command: expected words without NUL, which no program can be"),
        (f'command = ["x"]\ncwd = "a{NUL}"', "tree.child[0].cwd: expected a non-empty string without NUL"),
        (
            'command = ["x"]\n[policy."root/a"]\nenv = { "A=B" = "1" }',
            'policy."root/a".env."A=B": expected a name without = and a value, both without NUL',
        ),
        (
            'command = ["x"]\nready = { sd_notify = true }\n[policy."root/a"]\nenv = { NOTIFY_SOCKET = "1" }',
            'policy."root/a".env.NOTIFY_SOCKET: expected no such name, which ready.sd_notify of a program sets',
        ),
    ],
)
def test_what_no_program_can_be_given_is_a_mistake(text: str, expected: str) -> None:
    [found] = mistakes_of(f'[[tree.child]]\nid = "a"\n{text}\n')
    assert expected in found
