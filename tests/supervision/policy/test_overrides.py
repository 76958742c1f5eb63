"""Everything that a child or supervisor can be told, by path."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Isolation, Restart, Start
from regrow.actors.hosting.command import Command
from regrow.supervision import AutoShutdown, Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision.policy import PolicyError, parse_policy
from regrow.supervision.policy.apply import START_CHANGED, inner_spec
from regrow.supervision.policy.hosted import start_changed
from tests.supervision.policy.test_apply import TREE, Inner, applied, branch, by_path, leaf, refusal

PROGRAM = """
[tree]
[[tree.child]]
id = "redis"
command = ["redis-server"]
env = { A = "1", B = "1" }
ready = { port = 6379 }
[[tree.child]]
id = "indexer"
start = "shop:Indexer"
"""


def program(text: str) -> tuple[ChildSpec, Command]:
    child = parse_policy(PROGRAM + text, file="p.toml").tree().children[0]
    command = child.start.args[0]
    assert isinstance(command, Command)
    return child, command


def test_a_program_is_told_other_words_without_becoming_another_program() -> None:
    child, command = program(
        """
        [policy."root/*"]
        env = { B = "2", C = "3" }
        cwd = "/srv"
        ready_timeout = "1m"
        normal_exit_codes = [0, 3]
        stop_signal = "INT"
        """
    )
    assert (command.argv, command.env, command.cwd) == (("redis-server",), {"A": "1", "B": "2", "C": "3"}, "/srv")
    assert (command.ready_timeout, command.normal_exit_codes) == (60.0, frozenset({0, 3}))
    assert command.stop_signal is signal.SIGINT
    assert child.start_timeout == 65.0  # follows, so that it is the program that is late
    kept, _ = program('[policy."root/redis"]\nready_timeout = "1m"\nstart_timeout = 9\n')
    assert kept.start_timeout == 9.0


def test_a_supervisor_is_told_everything_by_its_path() -> None:
    policy = parse_policy(
        """
        [policy."worker/executor"]
        strategy = "one_for_all"
        auto_shutdown = "any_significant"
        child_backoff = { base = "9s" }
        backoff = { base = "1s" }
        [policy."worker/executor/process-1"]
        significant = true
        restart = "transient"
        [policy."worker/link/outbox"]
        launcher = "exec"
        """
    )
    changed = by_path(policy.apply(TREE, root="worker"), "worker")
    inner = inner_spec(changed["worker/executor"])
    assert isinstance(inner, SupervisorSpec)
    assert (inner.strategy, inner.auto_shutdown) == (Strategy.ONE_FOR_ALL, AutoShutdown.ANY_SIGNIFICANT)
    assert (inner.backoff, changed["worker/executor"].backoff) == (Backoff(base=9.0), Backoff(base=1.0))
    assert changed["worker/executor/process-1"].significant
    assert changed["worker/link/outbox"].launcher == "exec"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[policy."worker/logger"]\nstrategy = "one_for_all"\n',
            (
                'p.toml:2: policy."worker/logger".strategy: expected a supervisor at this path,'
                " but worker/logger has no children"
            ),
        ),
        (
            '[policy."worker/*"]\nenv = { A = "1" }\n',
            (
                'p.toml:2: policy."worker/*".env: expected a program at this path, but worker/logger, worker/executor,'
                " worker/link has no command"
            ),
        ),
        (
            '[policy.worker]\nrestart = "transient"\n',
            "p.toml:2: policy.worker.restart: expected no such key at the root, which is nobody's child",
        ),
        (
            '[policy.worker]\ndispatcher = "pool"\n',
            "p.toml:2: policy.worker.dispatcher: expected no such key at the root, which is nobody's child",
        ),
        (
            '[policy."worker/logger"]\ndispatcher = "asincio"\n',
            (
                'p.toml:2: policy."worker/logger".dispatcher: expected one of "thread", "pool", "asyncio",'
                ' got "asincio"; did you mean "asyncio"?'
            ),
        ),
        (
            '[policy."worker/logger"]\nsignificant = true\n',
            (
                "p.toml:2: policy.\"worker/logger\".significant: expected false: child 'logger' is permanent,"
                " and never ends on its own"
            ),
        ),
        (
            '[policy."worker/logger"]\nsignificant = true\nrestart = "transient"\n',
            (
                'p.toml:2: policy."worker/logger".significant: expected auto_shutdown = "any_significant" or'
                ' "all_significant" at the supervisor of a significant child, got true'
            ),
        ),
        (
            '[policy."worker/logger"]\nlauncher = "zygote"\n',
            (
                'p.toml:2: policy."worker/logger".launcher: expected isolation = "process" for the launcher of child'
                " 'logger'"
            ),
        ),
    ],
)
def test_what_means_nothing_where_it_is_said_is_a_mistake(text: str, expected: str) -> None:
    assert expected in refusal(text).splitlines()


def test_who_runs_a_child_is_said_by_path_glob_and_preset_and_never_of_a_program() -> None:
    text = """
    [preset.idle]
    dispatcher = "pool"
    [policy."worker/**"]
    preset = "idle"
    [policy."worker/link/*"]
    dispatcher = "asyncio"
    [policy."worker/link/outbox"]
    dispatcher = "thread"
    """
    changed = applied(text)
    found = {path: child.dispatcher for path, child in changed.items()}
    assert found == {
        "worker/logger": "pool",
        "worker/executor": "pool",
        "worker/executor/process-1": "pool",
        "worker/executor/process-2": "pool",
        "worker/link": "pool",
        "worker/link/heartbeat": "asyncio",
        "worker/link/outbox": "thread",
    }
    tree = parse_policy(PROGRAM + '[policy."root/*"]\ndispatcher = "pool"\n').tree()
    assert [child.dispatcher for child in tree.children] == [None, "pool"]


def test_who_runs_it_travels_along_into_another_process() -> None:
    moved = applied(
        """
    [policy."worker/executor"]
    isolation = "process"
    [policy."worker/executor/process-1"]
    dispatcher = "pool"
    """,
        SupervisorSpec(children=[branch("executor", *(leaf(one, start=Start("a:B")) for one in ("process-1", "b")))]),
    )
    inner = inner_spec(moved["worker/executor"])
    assert isinstance(inner, SupervisorSpec)
    assert [child.dispatcher for child in inner.children] == ["pool", None]


def test_auto_shutdown_cannot_be_turned_off_above_a_significant_child() -> None:
    child = leaf("main", significant=True, restart=Restart.TRANSIENT)
    tree = SupervisorSpec(children=[child], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    assert refusal('[policy.worker]\nauto_shutdown = "never"\n', tree) == (
        "p.toml:2: policy.worker.auto_shutdown: expected any_significant or all_significant: child 'main' is"
        ' significant, got "never"'
    )


def test_a_glob_passes_over_those_that_its_key_means_nothing_to() -> None:
    changed = applied('[policy."worker/**"]\nstrategy = "one_for_all"\n')
    inner = inner_spec(changed["worker/link"])
    assert inner is not None
    assert inner.strategy is Strategy.ONE_FOR_ALL
    assert changed["worker/logger"] == by_path(TREE, "worker")["worker/logger"]


def test_what_a_supervisor_is_told_travels_to_where_its_spec_is_known_and_how_it_is_restarted_stays_here() -> None:
    link = ChildSpec(
        id="link", start=Start("connect.tree:link"), type=ChildType.SUPERVISOR, isolation=Isolation.PROCESS
    )
    rule = '[policy."worker/link"]\nintensity = { max_restarts = 9 }\nbackoff = { base = "9s" }\n'
    child = applied(rule, SupervisorSpec(children=[link]))["worker/link"]
    assert child.backoff == Backoff(base=9.0)
    start = Start(f"{__name__}:link_tree")
    child = applied(rule, SupervisorSpec(children=[replace(link, start=start)]))["worker/link"]
    assert child.start.target == START_CHANGED
    spec = start_changed(*child.start.args).args[0]  # type: ignore[arg-type]
    assert spec == SupervisorSpec(intensity=RestartIntensity(9, 5.0))


def link_tree() -> Start:
    return Start(Inner, (SupervisorSpec(),))


def test_two_policies_are_laid_over_a_tree_in_another_process_one_after_the_other() -> None:
    file = """
    [tree]
    [[tree.child]]
    id = "pool"
    type = "supervisor"
    isolation = "process"
      [[tree.child.child]]
      id = "a"
      start = "app:A"
    [policy."root/pool/a"]
    shutdown = 1
    restart = "transient"
    """
    over = parse_policy('[policy."root/pool/*"]\nshutdown = 2\n')
    inner = inner_spec(over.apply(parse_policy(file).tree()).children[0])
    assert isinstance(inner, SupervisorSpec)
    assert (inner.children[0].shutdown, inner.children[0].restart) == (Grace(2.0), Restart.TRANSIENT)


def test_a_tree_of_which_a_part_is_only_known_when_it_runs_is_not_moved() -> None:
    inner = ChildSpec(id="in", start=Start("app:tree"), type=ChildType.SUPERVISOR)
    text = refusal('[policy."worker/out"]\nisolation = "process"\n', SupervisorSpec(children=[branch("out", inner)]))
    assert "what is below child 'in' is only known when it runs; move that one instead" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PROGRAM.replace("ready =", 'dispatcher = "pool"\nready ='),
            (
                "p.toml:7: tree.child[0].dispatcher: expected no such key at a command (it is a program of its own),"
                ' got "pool"'
            ),
        ),
        (
            PROGRAM + '[policy."root/redis"]\ndispatcher = "pool"\n',
            ('p.toml:12: policy."root/redis".dispatcher: expected an actor at this path, but root/redis is a program'),
        ),
        (
            PROGRAM.replace("[tree]", '[preset.idle]\ndispatcher = "pool"\n[tree]\npreset = "idle"'),
            (
                "p.toml:5: tree.preset: expected no such key at the root, which is nobody's child; "
                'preset.idle.dispatcher at line 3 says it, got "pool"'
            ),
        ),
    ],
)
def test_nobody_runs_a_program_or_the_root(text: str, expected: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, file="p.toml").tree()
    assert [str(mistake) for mistake in caught.value.mistakes] == [expected]
