"""Every way to get a backoff or an intensity wrong in a policy file, with its exact message."""

from __future__ import annotations

import pytest

from regrow.supervision.policy import PolicyError, parse_policy

WORDS = '"exponential", "constant", "ladder", "decorrelated", "akka", "tenacity"'
CHILD = '[[tree.child]]\nid = "db"\nstart = "shop.db:Database"\n'


def mistakes_of(text: str, *, apply: bool = False) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy = parse_policy(text, file="p.toml")
        if apply:
            policy.tree()
    return [str(mistake) for mistake in caught.value.mistakes]


def backoff_mistakes(given: str, below: str = "") -> list[str]:
    """Give the mistakes of a tree's backoff, and of its one child's where that has one."""
    child = CHILD + (f"backoff = {below}\n" if below else "")
    return mistakes_of(f"[tree]\nbackoff = {given}\n{child}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            '{ kind = "constnt" }',
            f'tree.backoff.kind: expected one of {WORDS}, got "constnt"; did you mean "constant"?',
        ),
        (
            "{ kind = 3 }",
            f"tree.backoff.kind: expected one of {WORDS}, got 3",
        ),
        ('{ kind = "constant" }', 'tree.backoff: expected `seconds` beside kind = "constant"'),
        ('{ kind = "ladder" }', 'tree.backoff: expected `steps` beside kind = "ladder"'),
        ('{ kind = "tenacity" }', 'tree.backoff: expected `wait` beside kind = "tenacity"'),
        (
            "{ seconds = 3 }",
            (
                'tree.backoff.seconds: expected no such key with kind = "exponential" (the default), which has initial,'
                ' base, factor, cap, jitter, reset_after, got 3; did you mean kind = "constant"?'
            ),
        ),
        (
            '{ kind = "ladder", steps = [1], cap = 3 }',
            'tree.backoff.cap: expected no such key with kind = "ladder", which has steps, initial, reset_after, got 3',
        ),
        (
            '{ kind = "constant", seconds = 3, jitter = "full" }',
            (
                'tree.backoff.jitter: expected no such key with kind = "constant", which has seconds, initial,'
                ' reset_after, got "full"'
            ),
        ),
        (
            '{ kind = "decorrelated", factor = 3 }',
            (
                'tree.backoff.factor: expected no such key with kind = "decorrelated", which has base, cap, initial,'
                " reset_after, got 3"
            ),
        ),
        (
            '{ kind = "akka", base = 3 }',
            (
                'tree.backoff.base: expected no such key with kind = "akka", which has min_backoff, max_backoff,'
                " random_factor, initial, reset_after, got 3"
            ),
        ),
        (
            '{ kind = "ladder", steps = [] }',
            'tree.backoff.steps: expected a non-empty array of durations, as in [0, "100ms", "1s", "5s"], got []',
        ),
        (
            '{ kind = "ladder", steps = "1s" }',
            'tree.backoff.steps: expected a non-empty array of durations, as in [0, "100ms", "1s", "5s"], got "1s"',
        ),
        (
            '{ kind = "ladder", steps = [1, "x"] }',
            'tree.backoff.steps[1]: expected a duration (seconds, or text such as "250ms", "1.5s", "2m"), got "x"',
        ),
        (
            '{ kind = "constant", seconds = -1 }',
            'tree.backoff.seconds: expected a duration (seconds, or text such as "250ms", "1.5s", "2m"), got -1',
        ),
        (
            '{ initial = "non" }',
            (
                'tree.backoff.initial: expected a duration (seconds, or text such as "250ms", "1.5s", "2m"), or "none",'
                ' got "non"'
            ),
        ),
        (
            '{ kind = "akka", min_backoff = "1m" }',
            'tree.backoff.min_backoff: expected at most as long as max_backoff, 30s, got "1m"',
        ),
        (
            '{ kind = "akka", min_backoff = 3, max_backoff = 2 }',
            "tree.backoff.max_backoff: expected at least as long as min_backoff, 3s, got 2",
        ),
        (
            '{ kind = "akka", random_factor = 1.5 }',
            "tree.backoff.random_factor: expected a number of at most 1.0, got 1.5",
        ),
        (
            '{ kind = "akka", random_factor = -1 }',
            "tree.backoff.random_factor: expected a number of at least 0.0, got -1",
        ),
        (
            '{ kind = "decorrelated", cap = "1ms" }',
            'tree.backoff.cap: expected at least as long as base, 200ms, got "1ms"',
        ),
        (
            '{ kind = "tenacity", wait = "shop.waits.slow" }',
            (
                'tree.backoff.wait: expected an import path "package.module:Name", got "shop.waits.slow";'
                ' did you mean "shop.waits:slow"?'
            ),
        ),
    ],
)
def test_a_mistake_in_a_backoff_is_named(given: str, expected: str) -> None:
    assert backoff_mistakes(given) == [f"p.toml:2: {expected}"]


def test_an_inherited_kind_is_said_to_be_inherited() -> None:
    assert backoff_mistakes('{ kind = "akka" }', "{ steps = [1] }") == [
        (
            'p.toml:6: tree.child[0].backoff.steps: expected no such key with kind = "akka" (inherited), which has'
            " min_backoff, max_backoff, random_factor, initial, reset_after, got [1]; did you mean"
            ' kind = "ladder"?'
        )
    ]
    assert backoff_mistakes('{ kind = "akka", min_backoff = 5 }', "{ max_backoff = 2 }") == [
        "p.toml:6: tree.child[0].backoff.max_backoff: expected at least as long as min_backoff, 5s, got 2"
    ]


def test_a_kind_that_is_wrong_above_is_reported_there_alone() -> None:
    assert len(backoff_mistakes('{ kind = "akkka" }', "{ base = 1 }")) == 1
    assert len(backoff_mistakes('{ kind = ["akka"] }', '{ kind = "constant", seconds = 1 }')) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            '{ kind = "decay", max_restarts = 3 }',
            'tree.intensity.max_restarts: expected no such key with kind = "decay", which has threshold, decay, got 3',
        ),
        (
            "{ threshold = 3 }",
            (
                'tree.intensity.threshold: expected no such key with kind = "window" (the default), which has'
                ' max_restarts, max_seconds, got 3; did you mean kind = "decay"?'
            ),
        ),
        (
            '{ kind = "decays" }',
            'tree.intensity.kind: expected one of "window", "decay", got "decays"; did you mean "decay"?',
        ),
        (
            '{ kind = "decay", decay = 0 }',
            (
                'tree.intensity.decay: expected more than zero, as a duration (seconds, or text such as "250ms",'
                ' "1.5s", "2m"), got 0'
            ),
        ),
        (
            '{ kind = "decay", threshold = -1 }',
            "tree.intensity.threshold: expected a number of at least 0.0, got -1",
        ),
    ],
)
def test_a_mistake_in_an_intensity_is_named(given: str, expected: str) -> None:
    assert mistakes_of(f"[tree]\nintensity = {given}\n{CHILD}") == [f"p.toml:2: {expected}"]
    child = f'[tree]\n[[tree.child]]\nid = "pool"\ntype = "supervisor"\nintensity = {given}\n'
    assert mistakes_of(child) == [f"p.toml:5: {expected.replace('tree.', 'tree.child[0].', 1)}"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            "backoff = { base = 1, steps = [1] }",
            'policy."root/db".backoff: expected keys that one kind has together, not base, steps',
        ),
        (
            "intensity = { threshold = 1, max_restarts = 1 }",
            'policy."root/db".intensity: expected keys that one kind has together, not threshold, max_restarts',
        ),
        (
            'backoff = { kind = "ladder", base = 1 }',
            (
                'policy."root/db".backoff.base: expected no such key with kind = "ladder", which has steps, initial,'
                " reset_after, got 1"
            ),
        ),
        (
            "backoff = { min_backoff = 2, max_backoff = 1 }",
            'policy."root/db".backoff.max_backoff: expected at least as long as min_backoff, 2s, got 1',
        ),
    ],
)
def test_a_mistake_in_a_rule_is_found_without_its_tree(rule: str, expected: str) -> None:
    assert mistakes_of(f'[policy."root/db"]\n{rule}\n') == [f"p.toml:2: {expected}"]


@pytest.mark.parametrize(
    ("tree", "rule", "expected"),
    [
        (
            '[tree]\nbackoff = { kind = "ladder", steps = [1] }\n',
            "backoff = { base = 1 }",
            'delays that fit together at root/db: base: expected a key of kind "ladder" (steps, initial, reset_after)',
        ),
        (
            "[tree]\n",
            'backoff = { kind = "constant" }',
            'delays that fit together at root/db: seconds: expected a value, which kind "constant" needs',
        ),
    ],
)
def test_a_rule_that_does_not_fit_its_child_is_refused_with_the_tree(tree: str, rule: str, expected: str) -> None:
    [mistake] = mistakes_of(f'{tree}{CHILD}[policy."root/db"]\n{rule}\n', apply=True)
    assert mistake.endswith(f'policy."root/db".backoff: expected {expected}')


def test_an_intensity_that_does_not_fit_its_supervisor_is_refused_with_the_tree() -> None:
    [mistake] = mistakes_of('[tree]\n[policy."root"]\nintensity = { threshold = 1 }\n', apply=True)
    assert mistake == (
        "p.toml:3: policy.root.intensity: expected an intensity that fits together at root: threshold: expected a key"
        ' of kind "window" (max_restarts, max_seconds)'
    )
