"""Kinds of backoff and of intensity in policy files: each as a value, and every way to get one wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tenacity

from regrow.actors.child_spec import ChildSpec, Delays, Start
from regrow.protocol.codec import decode, encode
from regrow.supervision import SupervisorSpec
from regrow.supervision.backoff import (
    AkkaBackoff,
    Backoff,
    ConstantBackoff,
    DecorrelatedBackoff,
    LadderBackoff,
    TenacityBackoff,
)
from regrow.supervision.decay import FailureDecay
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.policy import parse_policy
from regrow.supervision.policy.hosted import tree_start
from regrow.supervision.policy.kinds import BACKOFFS, changed_backoff, keys_of
from regrow.supervision.policy.model import BackoffModel, IntensityModel, json_schema
from regrow.supervision.policy.plain import plain_spec

EVERY: dict[str, Delays] = {
    '{ kind = "exponential", base = "1s", cap = "9s", jitter = "equal" }': Backoff(base=1.0, cap=9.0, jitter="equal"),
    '{ initial = "none" }': Backoff(initial=None),
    '{ kind = "constant", seconds = "250ms" }': ConstantBackoff(0.25),
    '{ kind = "constant", seconds = 2, initial = "none", reset_after = "1m" }': ConstantBackoff(2.0, None, 60.0),
    '{ kind = "ladder", steps = [0, "100ms", 1, "1m"] }': LadderBackoff([0, 0.1, 1, 60]),
    '{ kind = "decorrelated" }': DecorrelatedBackoff(),
    '{ kind = "decorrelated", base = 1, cap = 5, initial = 2 }': DecorrelatedBackoff(1.0, 5.0, 2.0),
    '{ kind = "akka", min_backoff = 1, max_backoff = 9, random_factor = 0.5 }': AkkaBackoff(1.0, 9.0, 0.5),
    '{ kind = "akka", initial = 0 }': AkkaBackoff(initial=0.0),
    '{ kind = "tenacity", wait = "shop.waits:slow", cap = "1m" }': TenacityBackoff("shop.waits:slow", 60.0),
}
CHILD = '[[tree.child]]\nid = "db"\nstart = "shop.db:Database"\n'


def tree_of(text: str) -> SupervisorSpec:
    return parse_policy(text, file="p.toml").tree()


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("given", "expected"), EVERY.items(), ids=EVERY.keys())
def test_every_kind_is_its_value(given: str, expected: Delays) -> None:
    assert tree_of(f"[tree]\nbackoff = {given}\n").backoff == expected
    assert tree_of(f"[tree]\n{CHILD}backoff = {given}\n").children[0].backoff == expected


@pytest.mark.parametrize(("given", "expected"), EVERY.items(), ids=EVERY.keys())
def test_every_kind_moves_to_another_process(given: str, expected: Delays) -> None:
    text = (
        f'[tree]\nbackoff = {given}\n[[tree.child]]\nid = "pool"\ntype = "supervisor"\n'
        'isolation = "process"\nintensity = { kind = "decay", threshold = 2 }\n'
    )
    (pool,) = tree_of(text).children
    arguments = decode(encode(list(pool.start.args)))
    assert isinstance(arguments, list)
    inner = tree_start(*arguments).args[0]
    assert isinstance(inner, SupervisorSpec)
    assert (inner.backoff, inner.intensity) == (expected, FailureDecay(2.0))


@pytest.mark.parametrize("backoff", EVERY.values(), ids=EVERY.keys())
def test_a_spec_in_code_is_written_as_the_tables_of_its_kind(backoff: Delays) -> None:
    child = ChildSpec(id="a", start=Start("shop.db:Database"), backoff=backoff)
    spec = SupervisorSpec(children=[child], backoff=backoff, intensity=FailureDecay(3.0, 9.0), name="top")
    inner = tree_start(plain_spec(spec) | {"name": "top"}).args[0]
    assert isinstance(inner, SupervisorSpec)
    assert (inner.backoff, inner.intensity, inner.children[0].backoff) == (backoff, FailureDecay(3.0, 9.0), backoff)


def test_what_has_no_words_cannot_be_written() -> None:
    own = SupervisorSpec(backoff=TenacityBackoff(tenacity.wait_none()), name="shop")
    with pytest.raises(ValueError, match=r"^'shop' has a backoff whose wait is <.*>; give its import path instead$"):
        plain_spec(own)


def test_an_intensity_is_a_window_or_a_decay() -> None:
    assert tree_of("[tree]\n").intensity == RestartIntensity()
    assert tree_of('[tree]\nintensity = { kind = "window", max_restarts = 7 }\n').intensity == RestartIntensity(7, 5.0)
    decay = 'intensity = { kind = "decay", threshold = 2.5, decay = "1m" }'
    assert tree_of(f"[tree]\n{decay}\n").intensity == FailureDecay(2.5, 60.0)
    assert tree_of('[tree]\nintensity = { kind = "decay" }\n').intensity == FailureDecay()


# ── inheriting and overriding ────────────────────────────────────────────────────────────────────────────────────────


def test_fields_are_inherited_within_a_kind_and_end_with_it() -> None:
    tree = tree_of(f'[tree]\nbackoff = {{ base = 1, cap = 9 }}\n{CHILD}backoff = {{ kind = "decorrelated" }}\n')
    assert tree.children[0].backoff == DecorrelatedBackoff()
    tree = tree_of(
        f'[tree]\nbackoff = {{ kind = "akka", min_backoff = 1 }}\n{CHILD}backoff = {{ kind = "akka", max_backoff = 9 }}'
    )
    assert tree.children[0].backoff == AkkaBackoff(1.0, 9.0)
    tree = tree_of(f'[tree]\nbackoff = {{ kind = "ladder", steps = [1] }}\n{CHILD}backoff = {{ initial = 5 }}\n')
    assert tree.children[0].backoff == LadderBackoff([1], initial=5.0)


@pytest.mark.parametrize(
    ("before", "table", "after"),
    [
        (ConstantBackoff(1.0), {"seconds": 4.0}, ConstantBackoff(4.0)),
        (ConstantBackoff(1.0, reset_after=9.0), {"seconds": 4.0}, ConstantBackoff(4.0, reset_after=9.0)),
        (DecorrelatedBackoff(1.0, 3.0), {"cap": 9.0}, DecorrelatedBackoff(1.0, 9.0)),
        (LadderBackoff([1, 3]), {"steps": [1, 9]}, LadderBackoff([1, 9])),
        (AkkaBackoff(1.0, 3.0), {"max_backoff": 9.0}, AkkaBackoff(1.0, 9.0)),
    ],
)
def test_a_reset_that_follows_from_the_other_fields_goes_on_following_them(
    before: Delays, table: dict[str, object], after: Delays
) -> None:
    assert changed_backoff(before, table) == after


def test_rules_are_laid_over_each_other_within_a_kind() -> None:
    text = (
        f"[tree]\n{CHILD}"
        '[policy."root/*"]\nbackoff = { kind = "ladder", steps = [1, 2], initial = 3 }\n'
        '[policy."root/db"]\nbackoff = { steps = [7] }\n'
    )
    assert tree_of(text).children[0].backoff == LadderBackoff([7], initial=3.0)
    other = text.replace("{ steps = [7] }", '{ kind = "constant", seconds = 7 }')
    assert tree_of(other).children[0].backoff == ConstantBackoff(7.0)


def test_a_rule_changes_the_kind_of_an_intensity() -> None:
    text = '[tree]\nintensity = { max_restarts = 9 }\n[policy."root"]\nintensity = { kind = "decay", threshold = 2 }\n'
    assert tree_of(text).intensity == FailureDecay(2.0)


def test_delays_of_ones_own_are_replaced_by_what_a_rule_says() -> None:
    class Own:
        reset_after = 1.0

        def delay(self, restarts: int, rng: object, previous: float) -> float:
            return 1.0

    assert changed_backoff(Own(), {"base": 1.0}) == Backoff(base=1.0)


# ── models ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_model_has_the_keys_of_all_kinds_and_no_other() -> None:
    known = {key for kind in BACKOFFS for key in keys_of(kind, BACKOFFS)}
    assert set(BackoffModel.model_fields) == {"kind", *known}
    assert set(IntensityModel.model_fields) == {"kind", "max_restarts", "max_seconds", "threshold", "decay"}


def test_editors_learn_which_keys_go_with_a_kind() -> None:
    definitions = json.loads(json.dumps(json_schema()))["$defs"]
    rules = {
        rule["if"]["properties"]["kind"]["const"]: rule["then"]["propertyNames"]["enum"]
        for rule in definitions["BackoffModel"]["allOf"]
    }
    assert rules["ladder"] == ["kind", "steps", "initial", "reset_after"]
    assert set(rules) == set(BACKOFFS)


def test_reading_a_policy_imports_no_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits_that_explode.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    policy = parse_policy(
        '[tree]\nbackoff = { kind = "tenacity", wait = "waits_that_explode:slow" }\n'
        f'{CHILD}[policy."root/db"]\nbackoff = {{ kind = "tenacity", wait = "shop.waits:db" }}\n'
    )
    assert policy.tree().backoff == TenacityBackoff("waits_that_explode:slow")
    assert policy.waits() == (
        (("tree", "backoff", "wait"), 2, "waits_that_explode:slow"),
        (("policy", "root/db", "backoff", "wait"), 7, "shop.waits:db"),
    )
