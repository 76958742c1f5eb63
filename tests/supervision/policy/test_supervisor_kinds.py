"""Dynamic, partition and task supervisors in policy files: what can be said of them, and every mistake in it."""

from __future__ import annotations

import tomllib

import pytest
from jsonschema import Draft202012Validator

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Isolation, Restart, Start
from regrow.supervision import (
    Backoff,
    DynamicSpec,
    DynamicSupervisor,
    PartitionSpec,
    PartitionSupervisor,
    RestartIntensity,
    Strategy,
    SupervisorSpec,
    dynamic_supervisor_child,
)
from regrow.supervision.policy import PolicyError, parse_policy
from regrow.supervision.policy.apply import inner_spec
from regrow.supervision.policy.build import TREE_START
from regrow.supervision.policy.explain import explain, paths_of
from regrow.supervision.policy.model import json_schema
from regrow.supervision.policy.plain import plain_spec
from regrow.supervision.policy.setting_values import shown
from regrow.supervision.policy.supervisors import ImportedArguments

FILE = """\
[preset.few]
max_children = 10
[tree]
name = "shop"
backoff = { base = "1s" }
[[tree.child]]
id = "sessions"
type = "dynamic_supervisor"
preset = "few"
intensity = { max_restarts = 50, max_seconds = "1m" }
extra_arguments = ["eu"]
child_backoff = { cap = "2m" }
  [tree.child.template]
  id = "session"
  start = "shop.web:Session"
  args = [1]
  restart = "temporary"
  backoff = { jitter = "none" }
[[tree.child]]
id = "shards"
type = "partition_supervisor"
name = "carts"
partitions = 4
with_arguments = "shop.carts:of_shard"
strategy = "one_for_all"
  [tree.child.template]
  id = "shard"
  start = "shop.carts:Shard"
[[tree.child]]
id = "tasks"
type = "task_supervisor"
max_children = "infinity"
isolation = "process"
"""
CHILD = '[tree]\n[[tree.child]]\nid = "a"\n'
TEMPLATE = '[tree.child.template]\nid = "t"\nstart = "a:B"\n'
DYNAMIC, PARTITION = CHILD + 'type = "dynamic_supervisor"\n', CHILD + 'type = "partition_supervisor"\nname = "p"\n'
SESSION = ChildSpec(
    id="session",
    start=Start("shop.web:Session", (1,)),
    restart=Restart.TEMPORARY,
    backoff=Backoff(base=1.0, cap=120.0, jitter="none"),
)
SESSIONS = DynamicSpec(
    RestartIntensity(50, 60.0), Backoff(base=1.0, cap=120.0), 10, ("eu",), SESSION, name="shop/sessions"
)
SHARDS = PartitionSpec(
    child=ChildSpec(id="shard", start=Start("shop.carts:Shard")),
    name="carts",
    partitions=4,
    with_arguments=ImportedArguments("shop.carts:of_shard"),
    strategy=Strategy.ONE_FOR_ALL,
    backoff=Backoff(base=1.0),
)


def children(text: str) -> dict[str, ChildSpec]:
    return {child.id: child for child in parse_policy(text).tree().children}


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, file="p.toml").tree()
    return [str(mistake).removeprefix("p.toml:") for mistake in caught.value.mistakes]


def schema_errors(text: str) -> list[str]:
    return [error.json_path for error in Draft202012Validator(json_schema()).iter_errors(tomllib.loads(text))]


def test_each_kind_becomes_the_spec_that_code_would_have_written() -> None:
    found = children(FILE)
    assert found["sessions"].start == Start(DynamicSupervisor, (SESSIONS,))
    assert found["shards"].start == Start(PartitionSupervisor, (SHARDS,))
    assert found["tasks"].start.target == TREE_START
    assert inner_spec(found["tasks"]) == DynamicSpec(backoff=Backoff(base=1.0), name="shop/tasks")
    assert {child.type for child in found.values()} == {ChildType.SUPERVISOR}
    assert [child.name for child in found.values()] == [None, "carts", None]
    assert schema_errors(FILE) == []


def test_what_is_not_said_is_as_in_code() -> None:
    found = children(DYNAMIC + '[[tree.child]]\nid = "b"\ntype = "partition_supervisor"\nname = "p"\n' + TEMPLATE)
    assert inner_spec(found["a"]) == DynamicSpec(name="root/a")
    assert inner_spec(found["b"]) == PartitionSpec(child=ChildSpec(id="t", start=Start("a:B")), name="p")


def test_a_template_may_be_a_program_or_a_supervisor_also_in_another_process() -> None:
    program = (
        DYNAMIC + 'isolation = "process"\n[tree.child.template]\nid = "t"\ncommand = ["x"]\nready = { port = 1 }\n'
    )
    spec = inner_spec(children(program)["a"])
    assert isinstance(spec, DynamicSpec)
    assert spec.template is not None
    assert spec.template.start.args[0].argv == ("x",)  # type: ignore[attr-defined]
    below = DYNAMIC + (
        '[tree.child.template]\nid = "t"\ntype = "supervisor"\n[[tree.child.template.child]]\nid = "x"\nstart = "a:B"\n'
    )
    assert [path for path, _ in paths_of(parse_policy(below).tree(), "root")] == [
        "root", "root/a", "root/a/t", "root/a/t/x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            CHILD + 'type = "dynamic"\n',
            [
                ('4: tree.child[0].type: expected one of "worker", "supervisor", "dynamic_supervisor", '
                '"partition_supervisor", "task_supervisor", got "dynamic"; did you mean "dynamic_supervisor"?')
            ],
        ),
        (
            DYNAMIC + 'strategy = "one_for_all"\npartitions = 3\nstart = "a:B"\n',
            [
                ('5: tree.child[0].strategy: expected no such key at a child with type = "dynamic_supervisor", '
                'got "one_for_all"'),
                '6: tree.child[0].partitions: expected no such key at a child with type = "dynamic_supervisor", got 3',
                '7: tree.child[0].start: expected no such key at a child with type = "dynamic_supervisor", got "a:B"',
            ],
        ),
        (
            DYNAMIC + "max_childen = 3\n",
            ['5: tree.child[0].max_childen: expected a known key, got "max_childen"; did you mean max_children?'],
        ),
        (
            DYNAMIC + "max_children = -1\n",
            ['5: tree.child[0].max_children: expected an integer of at least 0, or "infinity", got -1'],
        ),
        (
            DYNAMIC + "max_children = true\n",
            ['5: tree.child[0].max_children: expected an integer of at least 0, or "infinity", got true'],
        ),
        (
            DYNAMIC + 'max_children = "infinite"\n',
            [
                ('5: tree.child[0].max_children: expected an integer of at least 0, or "infinity", '
                'got "infinite"; did you mean "infinity"?')
            ],
        ),
        (
            DYNAMIC + 'template = "a:B"\n',
            ['5: tree.child[0].template: expected a table, [...template], as there is only one, got "a:B"'],
        ),
        (
            DYNAMIC + '[tree.child.template]\nstart = "a:B"\nretsart = "temporary"\nsignificant = true\n',
            [
                "5: tree.child[0].template.id: expected a value for `id`, which every such table needs",
                '7: tree.child[0].template.retsart: expected a known key, got "retsart"; did you mean restart?',
                ("8: tree.child[0].template.significant: expected no significant template at a child with "
                'type = "dynamic_supervisor", which has no auto_shutdown, got true'),
            ],
        ),
        (
            CHILD + 'type = "partition_supervisor"\n',
            [
                "2: tree.child[0]: expected a `template`, the child that there is a copy of in every partition",
                "2: tree.child[0]: expected a `name`, by which the partitions are found",
            ],
        ),
        (
            PARTITION + 'partitions = 0\nisolation = "process"\n' + TEMPLATE + 'name = "t"\n',
            [
                '6: tree.child[0].partitions: expected an integer from 1 to 65536, or "processors", got 0',
                ("7: tree.child[0].isolation: expected no isolation at a partition supervisor (the partitions are "
                'found in its own process alone), got "process"; did you mean template.isolation = "process"?'),
                ("11: tree.child[0].template.name: expected no name at a template of partitions, which are named after "
                'their supervisor, got "t"'),
            ],
        ),
        (
            PARTITION + 'with_arguments = "of_shard"\n' + TEMPLATE,
            [
                '6: tree.child[0].with_arguments: expected an import path "package.module:Name", got "of_shard"',
            ],
        ),
        (
            CHILD + 'type = "task_supervisor"\n' + TEMPLATE,
            [
                ('5: tree.child[0].template: expected no such key at a child with type = "task_supervisor", '
                "got a table")
            ],
        ),
        (
            CHILD + 'start = "a:B"\nmax_children = 3\npartitions = 3\n' + TEMPLATE,
            [
                ('5: tree.child[0].max_children: expected type = "dynamic_supervisor" or "task_supervisor" '
                "beside it, got 3"),
                '6: tree.child[0].partitions: expected type = "partition_supervisor" beside it, got 3',
                ('7: tree.child[0].template: expected type = "dynamic_supervisor" or "partition_supervisor" '
                "beside it, got a table"),
            ],
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_told_and_most_are_seen_by_an_editor(text: str, expected: list[str]) -> None:
    assert mistakes_of(text) == expected
    assert schema_errors(text) or "significant" in text


RULES = """
[policy."shop/sessions"]
max_children = 3
[policy."shop/sessions/session"]
shutdown = "1s"
[policy."shop/*"]
max_children = 99
partitions = 2
isolation = "process"
[policy."shop/tasks"]
isolation = "thread"
max_children = 7
"""


def test_a_path_changes_how_many_there_may_be_where_that_means_something() -> None:
    found = children(FILE + RULES)
    sessions, shards, tasks = (inner_spec(child) for child in found.values())
    assert isinstance(sessions, DynamicSpec)
    assert isinstance(tasks, DynamicSpec)
    assert isinstance(shards, PartitionSpec)
    assert (sessions.max_children, shards.partitions, tasks.max_children) == (3, 2, 7)
    assert sessions.template is not None
    assert sessions.template.shutdown == Grace(1.0)
    assert [child.isolation for child in found.values()] == [Isolation.PROCESS, Isolation.THREAD, Isolation.THREAD]
    assert found["sessions"].start.target == TREE_START
    assert found["tasks"].start.target is DynamicSupervisor


def test_a_limit_can_be_taken_back_by_path() -> None:
    found = children(FILE + '[policy."shop/**"]\nmax_children = "infinity"\npartitions = "processors"\n')
    sessions, shards = inner_spec(found["sessions"]), inner_spec(found["shards"])
    assert isinstance(sessions, DynamicSpec)
    assert isinstance(shards, PartitionSpec)
    assert (sessions.max_children, shards.partitions) == (None, None)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            '[policy."shop/shards"]\nmax_children = 3\n',
            'max_children: expected a dynamic supervisor at this path, but shop/shards is none',
        ),
        (
            '[policy."shop/sess*"]\npartitions = 3\n',
            'partitions: expected a partition supervisor at this path, but shop/sessions is none',
        ),
        (
            '[policy."shop/shards"]\nauto_shutdown = "any_significant"\n',
            'auto_shutdown: expected "never", the only one of a PartitionSupervisor, got "any_significant"',
        ),
        (
            '[policy."shop/shards"]\nisolation = "process"\n',
            ("isolation: expected thread, at a partition supervisor (the partitions are found in its own process "
            'alone), got "process"'),
        ),
        (
            '[policy.shop]\nmax_children = 3\n',
            "max_children: expected no such key at the root, which is nobody's child",
        ),
    ],
)  # fmt: skip
def test_what_a_path_cannot_change_is_refused(rule: str, expected: str) -> None:
    assert expected in [mistake.split(": policy.", 1)[1].split(".", 1)[1] for mistake in mistakes_of(FILE + rule)]


def test_a_path_that_nobody_has_is_told_with_the_nearest() -> None:
    (found,) = mistakes_of(FILE + '[policy."shop/sessions/sesion"]\nrestart = "transient"\n')
    assert found.endswith('got "shop/sessions/sesion"; did you mean "shop/sessions/session"?')


def test_a_whole_tree_with_them_can_move_to_another_process_and_is_the_same_there() -> None:
    nested = FILE.replace("[[tree.child]]", '[[tree.child]]\nid = "all"\ntype = "supervisor"\n[[tree.child.child]]', 1)
    nested = nested.replace("[tree.child.template]", "[tree.child.child.template]", 1)
    here, there = children(nested)["all"], children(nested + '[policy."shop/all"]\nisolation = "process"\n')["all"]
    assert there.start.target == TREE_START
    assert inner_spec(there) == inner_spec(here)
    spec = parse_policy(FILE).tree()
    again = SupervisorSpec(children=spec.children[:2], backoff=spec.backoff, name="shop")
    described = plain_spec(again)["child"]
    assert isinstance(described, list)
    assert [table["type"] for table in described] == ["dynamic_supervisor", "partition_supervisor"]


def test_starts_and_waits_of_templates_are_known_with_their_lines() -> None:
    text = FILE + '[policy."shop/shards/shard"]\nbackoff = { kind = "tenacity", wait = "a:w" }\n'
    policy = parse_policy(text.replace('jitter = "none"', 'kind = "tenacity", wait = "a:v"'))
    assert [(".".join(map(str, key)), line) for key, line, _ in policy.starts()] == [
        ("tree.child.0.template.start", 15),
        ("tree.child.1.with_arguments", 24),
        ("tree.child.1.template.start", 28),
    ]
    assert [(line, path) for _, line, path in policy.waits()] == [(18, "a:v"), (35, "a:w")]


def test_every_setting_is_explained_with_its_line() -> None:
    policy = parse_policy(FILE + RULES, file="p.toml")

    def lines(path: str, *keys: str) -> list[str]:
        found = {setting.key: setting for setting in explain(policy.tree(), [policy], path, root="shop")}
        return [f"{key} = {shown(key, found[key].value)}  {found[key].origin}" for key in keys]

    assert lines("shop/sessions", "type", "max_children", "extra_arguments", "template", "child_backoff.cap") == [
        "type = dynamic_supervisor  p.toml:8  tree.child[0].type",
        'max_children = 3  p.toml:36  policy."shop/sessions".max_children',
        "extra_arguments = eu  p.toml:11  tree.child[0].extra_arguments",
        "template = session  p.toml:13  tree.child[0].template",
        "child_backoff.cap = 2m  p.toml:12  tree.child[0].child_backoff.cap",
    ]
    session = lines("shop/sessions/session", "restart", "shutdown", "backoff.base", "backoff.cap", "backoff.jitter")
    assert session == [
        "restart = temporary  p.toml:17  tree.child[0].template.restart",
        'shutdown = 1s  p.toml:38  policy."shop/sessions/session".shutdown',
        "backoff.base = 1s  p.toml:5  tree.backoff.base",
        "backoff.cap = 2m  p.toml:12  tree.child[0].child_backoff.cap",
        "backoff.jitter = none  p.toml:18  tree.child[0].template.backoff.jitter",
    ]
    assert lines("shop/shards", "partitions", "with_arguments", "strategy", "name") == [
        'partitions = 2  p.toml:41  policy."shop/*".partitions',
        "with_arguments = shop.carts:of_shard  p.toml:24  tree.child[1].with_arguments",
        "strategy = one_for_all  p.toml:25  tree.child[1].strategy",
        "name = carts  p.toml:22  tree.child[1].name",
    ]
    assert lines("shop/tasks", "type", "max_children", "template", "extra_arguments") == [
        "type = task_supervisor  p.toml:31  tree.child[2].type",
        'max_children = 7  p.toml:45  policy."shop/tasks".max_children',
        "template = none  default",
        "extra_arguments = none  default",
    ]


def test_what_code_has_set_is_told_from_what_it_has_left() -> None:
    code = SupervisorSpec(children=[dynamic_supervisor_child("crowd", DynamicSpec(max_children=3))])
    policy = parse_policy('[policy."root/crowd"]\nintensity = { max_restarts = 9 }\n', file="p.toml")
    found = explain(policy.apply(code), [policy], "root/crowd", root="root", code=code)
    origins = {setting.key: str(setting.origin) for setting in found}
    assert [origins[key] for key in ("max_children", "template", "extra_arguments", "intensity.max_restarts")] == [
        "code",
        "default",
        "default",
        'p.toml:2  policy."root/crowd".intensity.max_restarts',
    ]
