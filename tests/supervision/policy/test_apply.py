"""Laying the [policy] tables of a file over a tree."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from regrow.actors.child_spec import BrutalKill, ChildSpec, ChildType, Grace, Isolation, Limits, Restart, Start
from regrow.supervision import Backoff, RestartIntensity, SupervisorSpec
from regrow.supervision.policy import PolicyError, parse_policy
from regrow.supervision.policy.apply import START_CHANGED, inner_spec


class Leaf:
    """Stands for an actor: applying a policy starts nothing."""


class Inner:
    """Stands for the Supervisor class, likewise."""


def leaf(child_id: str, **fields: object) -> ChildSpec:
    return replace(ChildSpec(id=child_id, start=Start(Leaf)), **fields)  # type: ignore[arg-type]


def branch(child_id: str, *children: ChildSpec, **fields: object) -> ChildSpec:
    spec = SupervisorSpec(children=children)
    return replace(ChildSpec(id=child_id, start=Start(Inner, (spec,)), type=ChildType.SUPERVISOR), **fields)  # type: ignore[arg-type]


TREE = SupervisorSpec(
    children=[
        leaf("logger"),
        branch("executor", leaf("process-1"), leaf("process-2")),
        branch("link", leaf("heartbeat"), leaf("outbox", isolation=Isolation.PROCESS)),
    ]
)


def applied(text: str, tree: SupervisorSpec = TREE) -> dict[str, ChildSpec]:
    """Give all children of the changed tree by path."""
    return by_path(parse_policy(text, file="p.toml").apply(tree, root="worker"), "worker")


def by_path(spec: SupervisorSpec, path: str) -> dict[str, ChildSpec]:
    found: dict[str, ChildSpec] = {}
    for child in spec.children:
        here = f"{path}/{child.id}"
        found[here] = child
        inner = inner_spec(child)
        if isinstance(inner, SupervisorSpec):
            found |= by_path(inner, here)
    return found


def refusal(text: str, tree: SupervisorSpec = TREE) -> str:
    with pytest.raises(PolicyError) as caught:
        applied(text, tree)
    return "\n".join(str(mistake) for mistake in caught.value.mistakes)


def test_every_key_reaches_the_child_at_its_path_and_no_other() -> None:
    changed = applied(
        """
        [policy."worker/link/outbox"]
        restart = "transient"
        shutdown = "brutal_kill"
        start_timeout = "1m"
        backoff = { base = "1s" }
        limits = { memory_bytes = "1MiB" }
        """
    )
    outbox = changed["worker/link/outbox"]
    assert (outbox.restart, outbox.shutdown, outbox.start_timeout) == (Restart.TRANSIENT, BrutalKill(), 60.0)
    assert outbox.limits == Limits(memory_bytes=2**20)
    assert isinstance(outbox.backoff, Backoff)
    assert (outbox.backoff.base, outbox.backoff.cap) == (1.0, 30.0)
    before = by_path(TREE, "worker")
    assert [path for path in before if before[path] != changed[path]] == ["worker/link", "worker/link/outbox"]


def test_the_tree_that_is_given_stays_as_it_is() -> None:
    before = by_path(TREE, "worker")
    applied('[policy."**"]\nrestart = "temporary"\n')
    assert by_path(TREE, "worker") == before


def test_a_glob_reaches_all_children_of_one_level() -> None:
    changed = applied('[policy."worker/executor/*"]\nshutdown = 9\n')
    assert changed["worker/executor/process-1"].shutdown == changed["worker/executor/process-2"].shutdown == Grace(9.0)
    assert changed["worker/executor"].shutdown is None
    assert changed["worker/link/heartbeat"].shutdown is None


def test_the_more_special_pattern_wins_whatever_the_order_in_the_file() -> None:
    changed = applied(
        """
        [policy."worker/executor/process-1"]
        shutdown = 1
        [policy."worker/executor/*"]
        shutdown = 2
        [policy."worker/**"]
        shutdown = 3
        restart = "transient"
        """
    )
    assert changed["worker/executor/process-1"].shutdown == Grace(1.0)
    assert changed["worker/executor/process-2"].shutdown == Grace(2.0)
    assert changed["worker/logger"].shutdown == Grace(3.0)
    assert changed["worker/executor/process-1"].restart is Restart.TRANSIENT


def test_of_equally_special_patterns_the_later_wins() -> None:
    changed = applied('[policy."worker/*/process-1"]\nshutdown = 1\n[policy."worker/**/process-1"]\nshutdown = 2\n')
    assert changed["worker/executor/process-1"].shutdown == Grace(2.0)


def test_tables_inside_are_merged_field_by_field() -> None:
    changed = applied(
        """
        [policy."worker/executor/*"]
        backoff = { base = 1, jitter = "none" }
        [policy."worker/executor/process-1"]
        backoff = { base = 2 }
        """
    )
    delays = changed["worker/executor/process-1"].backoff
    assert delays is not None
    assert [delays.delay(count, random.Random(0), 0.0) for count in (1, 2, 3)] == [0.0, 2.0, 4.0]


def test_a_changed_backoff_starts_from_that_of_the_supervisor() -> None:
    tree = replace(TREE, backoff=Backoff(initial=5.0, jitter="none"))
    delays = applied('[policy."worker/logger"]\nbackoff = { factor = 3 }\n', tree)["worker/logger"].backoff
    assert delays == Backoff(initial=5.0, factor=3.0, jitter="none")


def test_a_reset_time_that_follows_from_base_and_cap_goes_on_following_them() -> None:
    delays = applied('[policy."worker/logger"]\nbackoff = { cap = 10 }\n')["worker/logger"].backoff
    assert delays is not None
    assert delays.reset_after == pytest.approx(5.1)


def test_intensity_is_that_of_a_supervisor() -> None:
    changed = parse_policy('[policy."worker/**"]\nintensity = { max_restarts = 9 }\n').apply(TREE, root="worker")
    inner = inner_spec(by_path(changed, "worker")["worker/executor"])
    assert inner is not None
    assert inner.intensity == RestartIntensity(9, 5.0)
    assert changed.intensity == RestartIntensity()


def test_the_root_can_be_changed_and_its_backoff_is_the_default_of_its_children() -> None:
    policy = parse_policy('[policy."worker"]\nintensity = { max_seconds = "1m" }\nbackoff = { base = 1 }\n')
    changed = policy.apply(TREE, root="worker")
    assert changed.intensity == RestartIntensity(3, 60.0)
    assert changed.backoff == Backoff(base=1.0)


def test_a_path_that_matches_nothing_is_reported_with_the_nearest_one() -> None:
    assert refusal('\n[policy."worker/executer/*"]\nrestart = "transient"\n') == (
        'p.toml:2: policy."worker/executer/*": expected a path in the tree, got "worker/executer/*";'
        ' did you mean "worker/executor"?'
    )
    assert "expected a path in the tree (worker, worker/logger," in refusal('[policy."zzz"]\nrestart = "transient"\n')


def test_all_mistakes_of_all_rules_are_reported_at_once() -> None:
    text = refusal(
        """
        [policy."worker/nobody"]
        restart = "transient"
        [policy."worker/logger"]
        intensity = { max_restarts = 1 }
        limits = { nice = 1 }
        backoff = { base = "1m" }
        """
    )
    assert 'p.toml:2: policy."worker/nobody": expected a path in the tree' in text
    assert (
        'policy."worker/logger".intensity: expected a supervisor at this path, but worker/logger has no children'
        in text
    )
    assert 'policy."worker/logger".limits: expected isolation = "process" for the limits of child \'logger\'' in text
    assert 'policy."worker/logger".backoff: expected delays that fit together at worker/logger: cap' in text


def test_a_significant_child_cannot_be_made_permanent() -> None:
    tree = SupervisorSpec(children=[leaf("main", significant=True, restart=Restart.TRANSIENT)])
    assert "expected transient or temporary: child 'main' is significant" in refusal(
        '[policy."worker/main"]\nrestart = "permanent"\n', tree
    )


def test_limits_may_come_together_with_the_isolation_that_they_need() -> None:
    changed = applied('[policy."worker/logger"]\nisolation = "process"\nlimits = { nice = 3 }\n')
    assert changed["worker/logger"].isolation is Isolation.PROCESS
    assert changed["worker/logger"].limits.nice == 3


def test_changes_below_a_supervisor_that_is_only_known_in_its_own_process_travel_with_its_start() -> None:
    link = ChildSpec(
        id="link",
        start=Start("connect.tree:link", ("x",), {"y": 1}),
        type=ChildType.SUPERVISOR,
        isolation=Isolation.PROCESS,
    )
    changed = applied('[policy."worker/link/heartbeat"]\nshutdown = 1\n', SupervisorSpec(children=[link]))
    start = changed["worker/link"].start
    assert start.target == START_CHANGED
    target, args, kwargs, rules, path = start.args
    assert (target, args, kwargs, path) == ("connect.tree:link", ["x"], {"y": 1}, "worker/link")
    assert rules == [{"pattern": "worker/link/heartbeat", "values": {"shutdown": 1.0}, "file": "p.toml", "line": 1}]


def test_a_supervisor_whose_inside_no_rule_means_keeps_its_start() -> None:
    link = ChildSpec(
        id="link", start=Start("connect.tree:link"), type=ChildType.SUPERVISOR, isolation=Isolation.PROCESS
    )
    changed = applied('[policy."worker/link"]\nshutdown = 1\n', SupervisorSpec(children=[link]))
    assert changed["worker/link"].start == link.start
