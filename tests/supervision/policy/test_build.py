"""Trees of policy files as specs, in this process and in others."""

from __future__ import annotations

import json.decoder
import math
import signal
from typing import cast

import pytest

from regrow.actors.child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Start,
)
from regrow.actors.hosting.command import Command, CommandActor
from regrow.actors.hosting.readiness import FileReady, LineReady, NotifyReady, PortReady
from regrow.supervision import AutoShutdown, Backoff, RestartIntensity, Strategy, Supervisor, SupervisorSpec
from regrow.supervision.errors import InvalidSpec
from regrow.supervision.policy import Policy, PolicyError, Rule, parse_policy
from regrow.supervision.policy.apply import START_CHANGED, inner_spec
from regrow.supervision.policy.build import TREE_START, changed_limits
from regrow.supervision.policy.hosted import start_changed, tree_start
from regrow.supervision.policy.plain import plain_spec
from regrow.supervision.policy.supervisors import AnySpec
from regrow.supervision.validate import check_supervisor_spec, raise_problems

WHOLE = """
[tree]
name = "shop"
strategy = "rest_for_one"
intensity = { max_restarts = 7, max_seconds = "1m" }
backoff = { base = "100ms", jitter = "none" }
auto_shutdown = "any_significant"

[[tree.child]]
id = "db"
start = "shop.db:Database"
args = [1, "two"]
kwargs = { port = 5432 }
restart = "transient"
shutdown = "brutal_kill"
significant = true
start_timeout = "1m"
name = "database"
backoff = { cap = "1s" }

[[tree.child]]
id = "model"
start = "shop.model:Model"
isolation = "process"
launcher = "exec"
dispatcher = "pool"
limits = { memory_bytes = "1GiB", nice = 5, open_files = 64, hang_limit = "2m", busy_limit = "infinity", deadline = 30 }
shutdown = "infinity"

[[tree.child]]
id = "leaky"
start = "shop.model:Leaky"
isolation = "process"
[tree.child.limits]
data_bytes = "2GiB"
resident_bytes = "1GiB"
resident_soft_bytes = "512MiB"
cpu_seconds = "1h"
max_messages = 1000
max_age = "1d"
max_age_variance = "1h"
max_growth_bytes = "100MiB"
window_messages = 16
window_bytes = "64KiB"

[[tree.child]]
id = "pool"
type = "supervisor"
dispatcher = "asyncio"
strategy = "one_for_all"
intensity = { max_restarts = 1 }
child_backoff = { base = "1s" }
backoff = { initial = "3s" }

  [[tree.child.child]]
  id = "reader"
  start = "shop.pool:Reader"
  shutdown = 9
"""


def tree_of(text: str) -> SupervisorSpec:
    spec = parse_policy(text, file="p.toml").tree()
    raise_problems(check_supervisor_spec(spec))
    return spec


def child_of(spec: AnySpec | None, child_id: str) -> ChildSpec:
    assert isinstance(spec, SupervisorSpec)
    return next(child for child in spec.children if child.id == child_id)


def test_every_key_becomes_its_field() -> None:
    spec = tree_of(WHOLE)
    default = Backoff(base=0.1, jitter="none")
    assert (spec.name, spec.strategy, spec.auto_shutdown) == (
        "shop",
        Strategy.REST_FOR_ONE,
        AutoShutdown.ANY_SIGNIFICANT,
    )
    assert (spec.intensity, spec.backoff) == (RestartIntensity(7, 60.0), default)
    assert child_of(spec, "db") == ChildSpec(
        id="db",
        start=Start("shop.db:Database", (1, "two"), {"port": 5432}),
        restart=Restart.TRANSIENT,
        shutdown=BrutalKill(),
        significant=True,
        start_timeout=60.0,
        name="database",
        backoff=Backoff(base=0.1, jitter="none", cap=1.0),
    )
    assert child_of(spec, "model") == ChildSpec(
        id="model",
        start=Start("shop.model:Model"),
        isolation=Isolation.PROCESS,
        launcher="exec",
        dispatcher="pool",
        limits=Limits(memory_bytes=2**30, nice=5, open_files=64, hang_limit=120.0, busy_limit=None, deadline=30.0),
        shutdown=Infinity(),
    )
    assert child_of(spec, "leaky").limits == Limits(
        data_bytes=2**31,
        resident_bytes=2**30,
        resident_soft_bytes=2**29,
        cpu_seconds=3600.0,
        max_messages=1000,
        max_age=86_400.0,
        max_age_variance=3600.0,
        max_growth_bytes=100 * 2**20,
        window_messages=16,
        window_bytes=2**16,
    )


def test_a_supervisor_inside_is_named_by_its_path_and_inherits_the_backoff() -> None:
    pool = child_of(tree_of(WHOLE), "pool")
    assert (pool.type, pool.start.target, pool.dispatcher) == (ChildType.SUPERVISOR, Supervisor, "asyncio")
    assert pool.backoff == Backoff(initial=3.0, base=0.1, jitter="none")
    assert pool.start_timeout == math.inf  # its child has a limit of its own
    inner = inner_spec(pool)
    assert isinstance(inner, SupervisorSpec)
    assert (inner.name, inner.strategy, inner.intensity) == (
        "shop/pool",
        Strategy.ONE_FOR_ALL,
        RestartIntensity(1, 5.0),
    )
    assert inner.backoff == Backoff(base=1.0, jitter="none")
    assert child_of(inner, "reader").shutdown == Grace(9.0)


def test_defaults_are_those_of_the_specs() -> None:
    spec = tree_of('[tree]\n[[tree.child]]\nid = "a"\nstart = "a:B"\n')
    assert spec == SupervisorSpec(children=[ChildSpec(id="a", start=Start("a:B"))], name="root")


def test_the_overrides_of_the_file_are_part_of_its_tree() -> None:
    spec = tree_of(WHOLE + '[policy."shop/pool/reader"]\nrestart = "temporary"\n')
    assert child_of(inner_spec(child_of(spec, "pool")), "reader").restart is Restart.TEMPORARY


def test_a_file_without_a_tree_has_none_to_give() -> None:
    with pytest.raises(PolicyError, match=r"p.toml: tree: expected a \[tree\] table"):
        parse_policy('[policy."a"]\nrestart = "transient"\n', file="p.toml").tree()


IN_PROCESS = WHOLE.replace('type = "supervisor"', 'type = "supervisor"\nisolation = "process"')


def test_a_supervisor_in_a_process_is_built_there_just_the_same() -> None:
    here, there = child_of(tree_of(WHOLE), "pool"), child_of(tree_of(IN_PROCESS), "pool")
    assert (there.start.target, there.isolation) == (TREE_START, Isolation.PROCESS)
    built = tree_start(*there.start.args)  # type: ignore[arg-type]
    assert built.target is Supervisor
    assert built.args[0] == inner_spec(here)


def test_overrides_below_a_supervisor_in_a_process_travel_there() -> None:
    pool = child_of(tree_of(IN_PROCESS + '[policy."shop/pool/*"]\nrestart = "temporary"\n'), "pool")
    assert pool.start.target == START_CHANGED
    built = start_changed(*pool.start.args).args[0]  # type: ignore[arg-type]
    assert isinstance(built, SupervisorSpec)
    assert child_of(built, "reader").restart is Restart.TEMPORARY
    assert inner_spec(pool) == built


def test_what_a_hosted_process_is_told_are_plain_values() -> None:
    from regrow.protocol.codec import decode, encode

    pool = child_of(tree_of(IN_PROCESS + '[policy."shop/pool/*"]\nrestart = "temporary"\n'), "pool")
    arguments = list(pool.start.args)
    assert decode(encode(arguments)) == arguments


def test_a_supervisor_can_be_moved_to_a_process_with_all_that_is_below_it() -> None:
    deep = WHOLE + '[[tree.child.child]]\nid = "deep"\ntype = "supervisor"\n'
    deep += '[[tree.child.child.child]]\nid = "x"\nstart = "a:B"\n'
    here = child_of(tree_of(deep), "pool")
    moved = child_of(tree_of(deep + '[policy."shop/pool"]\nisolation = "process"\n'), "pool")
    assert (moved.start.target, moved.isolation) == (TREE_START, Isolation.PROCESS)
    assert tree_start(*moved.start.args).args[0] == inner_spec(here)  # type: ignore[arg-type]


def test_a_supervisor_in_a_process_can_be_moved_back() -> None:
    back = child_of(tree_of(IN_PROCESS + '[policy."shop/pool"]\nisolation = "thread"\n'), "pool")
    assert back == child_of(tree_of(WHOLE), "pool")


def test_a_tree_that_cannot_be_named_elsewhere_is_not_moved() -> None:
    inner = SupervisorSpec(children=[ChildSpec(id="x", start=Start(lambda: None))])
    spec = SupervisorSpec(children=[ChildSpec(id="pool", start=Start(Supervisor, (inner,)), type=ChildType.SUPERVISOR)])
    policy = parse_policy('[policy."root/pool"]\nisolation = "process"\n')
    with pytest.raises(PolicyError, match=r"a tree that another process can build .*'x'.*lambda"):
        policy.apply(spec)


def test_plain_tables_of_code_name_its_classes() -> None:
    spec = SupervisorSpec(children=[ChildSpec(id="codec", start=Start(json.decoder.JSONDecoder))])
    table = plain_spec(spec)
    assert isinstance(table["child"], list)
    assert table["child"][0]["start"] == "json.decoder:JSONDecoder"


RULES = [Rule(pattern="w/link/beat", values={"shutdown": 1.0}).plain()]


def link_start(shutdown: float) -> Start:
    child = ChildSpec(id="beat", start=Start("a:B"), shutdown=Grace(shutdown))
    return Start(Supervisor, (SupervisorSpec(children=[child]),))


def test_a_start_that_is_changed_is_called_and_its_tree_is_changed() -> None:
    started = start_changed(link_start, [5.0], {}, RULES, "w/link")
    assert isinstance(started.args[0], SupervisorSpec)
    assert child_of(started.args[0], "beat").shutdown == Grace(1.0)


def test_a_start_of_something_else_stays_as_it_is() -> None:
    assert start_changed(dict, [1], {"a": 2}, RULES, "w/link") == Start(dict, (1,), {"a": 2})
    assert start_changed(lambda: Start("a:B"), [], {}, RULES, "w/link") == Start("a:B")
    with pytest.raises(TypeError, match="start of w/link: expected a Start"):
        start_changed(lambda: 3, [], {}, RULES, "w/link")


def test_a_policy_is_a_value() -> None:
    policy = parse_policy(WHOLE)
    assert isinstance(policy, Policy)
    assert policy == parse_policy(WHOLE)
    assert [(line, start) for _, line, start in policy.starts()] == [
        (11, "shop.db:Database"),
        (23, "shop.model:Model"),
        (32, "shop.model:Leaky"),
        (57, "shop.pool:Reader"),
    ]


def test_what_a_file_cannot_say_wrong_the_supervisor_has_nothing_to_refuse() -> None:
    with pytest.raises(InvalidSpec):
        raise_problems(check_supervisor_spec(SupervisorSpec(children=[ChildSpec(id="", start=Start("a:B"))])))
    assert check_supervisor_spec(tree_of(WHOLE)) == ()


COMMAND = """
[tree]
[[tree.child]]
id = "cache"
command = ["redis-server", "--port", "7000"]
env = { TZ = "UTC" }
cwd = "/srv"
ready = { port = 7000 }
ready_timeout = "20s"
normal_exit_codes = [0, 7]
stop_signal = "INT"
shutdown = "infinity"
"""


def test_a_program_becomes_a_command_that_only_shutdown_gives_time_to_stop() -> None:
    child = child_of(tree_of(COMMAND), "cache")
    (command,) = child.start.args
    assert child.start.target is CommandActor
    assert isinstance(command, Command)
    assert (command.argv, command.env, command.cwd) == (("redis-server", "--port", "7000"), {"TZ": "UTC"}, "/srv")
    assert (command.ready, command.ready_timeout) == (PortReady(7000), 20.0)
    assert (command.normal_exit_codes, command.stop_signal) == (frozenset({0, 7}), signal.SIGINT)
    assert command.stop_timeout > 86400
    assert (child.shutdown, child.start_timeout) == (Infinity(), 25.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{ line = "up$" }', LineReady("up$")),
        ('{ file = "/run/x" }', FileReady("/run/x")),
        ("{ sd_notify = true }", NotifyReady()),
        ('{ sd_notify = "abstract" }', NotifyReady(abstract=True)),
    ],
)
def test_a_program_is_ready_by_line_or_file(given: str, expected: object) -> None:
    text = COMMAND.replace("{ port = 7000 }", given)
    (command,) = child_of(tree_of(text), "cache").start.args
    assert isinstance(command, Command)
    assert command.ready == expected


def test_programs_move_to_a_process_with_their_supervisor() -> None:
    text = COMMAND.replace("tree.child", "tree.child.child").replace(
        "[tree]", '[tree]\n[[tree.child]]\nid = "pool"\ntype = "supervisor"'
    )
    here = child_of(tree_of(text), "pool")
    moved = child_of(tree_of(text + '[policy."root/pool"]\nisolation = "process"\n'), "pool")
    assert tree_start(*moved.start.args).args[0] == inner_spec(here)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(stopped_seconds=None, hang_limit=None, busy_limit=None, deadline=None),
        Limits(nice=3, stopped_seconds=1.0, hang_limit=2.0, busy_limit=3.0, deadline=4.0),
        Limits(data_bytes=1, resident_bytes=3, resident_soft_bytes=2, open_files=9, cpu_seconds=60.0),
        Limits(max_messages=5, max_age=60.0, max_age_variance=5.0, max_growth_bytes=7),
    ],
)
def test_limits_are_the_same_after_they_were_written_as_plain_tables(limits: Limits) -> None:
    child = ChildSpec(id="a", start=Start("m:A"), isolation=Isolation.PROCESS, limits=limits)
    (table,) = cast("list[dict[str, object]]", plain_spec(SupervisorSpec(children=[child]))["child"])
    assert changed_limits(Limits(), cast("dict[str, object]", table.get("limits", {}))) == limits
