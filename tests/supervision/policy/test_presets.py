"""Presets: who wins, and what can be wrong with them."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import ChildSpec, Grace, Infinity, Isolation, Limits, Restart
from regrow.supervision import Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision.backoff import ConstantBackoff
from regrow.supervision.policy import PolicyError, parse_policy

PRESETS = """
[preset.patient]
shutdown = "1m"
backoff = { base = "1s", cap = "1m" }
[preset.small]
isolation = "process"
limits = { memory_bytes = "64MiB", nice = 5 }
[preset.both]
extends = ["patient", "small"]
shutdown = "infinity"
limits = { nice = 9 }
"""


def tree(text: str) -> SupervisorSpec:
    return parse_policy(PRESETS + text, file="p.toml").tree()


def only_child(text: str) -> ChildSpec:
    (child,) = tree(f'[tree]\n[[tree.child]]\nid = "a"\nstart = "app:A"\n{text}\n').children
    return child


def mistakes(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, file="p.toml").tree()
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_child_takes_over_what_a_preset_says() -> None:
    child = only_child('preset = "patient"')
    assert child.shutdown == Grace(60.0)
    assert child.backoff == Backoff(base=1.0, cap=60.0)


def test_a_child_s_own_keys_win_key_by_key() -> None:
    child = only_child('preset = "patient"\nshutdown = 1\nbackoff = { base = "2s" }')
    assert (child.shutdown, child.backoff) == (Grace(1.0), Backoff(base=2.0, cap=60.0))


def test_another_kind_puts_all_keys_of_the_former_away() -> None:
    child = only_child('preset = "patient"\nbackoff = { kind = "constant", seconds = 3 }')
    assert child.backoff == ConstantBackoff(3.0)


def test_of_several_presets_the_later_wins() -> None:
    later = '[preset.quick]\nshutdown = "brutal_kill"\nbackoff = { cap = "2s" }\n'
    spec = tree(f'{later}[tree]\n[[tree.child]]\nid = "a"\nstart = "app:A"\npreset = ["quick", "patient"]\n')
    assert spec.children[0].shutdown == Grace(60.0)
    assert spec.children[0].backoff == Backoff(base=1.0, cap=60.0)


def test_a_preset_s_own_keys_beat_those_that_it_extends() -> None:
    child = only_child('preset = "both"')
    assert child.shutdown == Infinity()
    assert child.backoff == Backoff(base=1.0, cap=60.0)
    assert (child.isolation, child.limits) == (Isolation.PROCESS, Limits(nice=9, memory_bytes=2**26))


def test_a_policy_table_and_the_root_take_presets_too() -> None:
    spec = tree(
        """
        [preset.strict]
        strategy = "one_for_all"
        intensity = { max_restarts = 1 }
        [tree]
        preset = "strict"
        intensity = { max_seconds = "1m" }
        [[tree.child]]
        id = "a"
        start = "app:A"
        shutdown = 3
        [policy."root/*"]
        preset = "patient"
        restart = "transient"
        """
    )
    assert (spec.strategy, spec.intensity) == (Strategy.ONE_FOR_ALL, RestartIntensity(1, 60.0))
    assert spec.children[0].shutdown == Grace(60.0)
    assert spec.children[0].restart is Restart.TRANSIENT


def test_an_unknown_preset_is_reported_with_the_nearest_name_everywhere_at_once() -> None:
    text = '[preset.slow]\nextends = "slwo"\nrestart = "transient"\n[tree]\npreset = ["slow", "fast"]\n'
    assert mistakes(text + '[policy."root/a"]\npreset = "slo"\n') == [
        'p.toml:2: preset.slow.extends: expected the name of a preset, got "slwo"; did you mean "slow"?',
        'p.toml:5: tree.preset[1]: expected the name of a preset (slow), got "fast"',
        (
            "p.toml:5: tree.preset: expected no such key at the root, which is nobody's child;"
            ' preset.slow.restart at line 3 says it, got "transient"'
        ),
        'p.toml:7: policy."root/a".preset: expected the name of a preset, got "slo"; did you mean "slow"?',
    ]
    assert mistakes('[tree]\npreset = "x"\n') == [
        'p.toml:2: tree.preset: expected the name of a preset (there is none), got "x"'
    ]


def test_presets_that_extend_each_other_in_a_circle_are_reported_once() -> None:
    text = '[preset.a]\nextends = "b"\n[preset.b]\nextends = ["c", "b"]\n[preset.c]\nextends = "a"\n'
    assert mistakes(text) == [
        ('p.toml:4: preset.b.extends[1]: expected presets that do not extend themselves (b -> b), got "b"'),
        ('p.toml:6: preset.c.extends: expected presets that do not extend themselves (a -> b -> c -> a), got "a"'),
    ]


def test_what_is_wrong_in_a_preset_is_reported_there_and_not_at_every_use() -> None:
    text = """\
[preset.bad]
shutdown = "soon"
backoff = { base = "1m", cap = "1s" }
normal_exit_codes = [0, 300]
limit = { nice = 1 }
[tree]
[[tree.child]]
id = "a"
command = ["x"]
preset = "bad"
"""
    assert mistakes(text) == [
        (
            'p.toml:2: preset.bad.shutdown: expected "brutal_kill", "infinity" or a duration'
            ' (seconds, or text such as "250ms", "1.5s", "2m"), got "soon"'
        ),
        'p.toml:3: preset.bad.backoff.cap: expected at least as long as base, 1m, got "1s"',
        "p.toml:4: preset.bad.normal_exit_codes[1]: expected an exit code from 0 to 255, got 300",
        'p.toml:5: preset.bad.limit: expected a known key, got "limit"; did you mean limits?',
    ]


def test_what_does_not_fit_where_a_preset_is_used_is_reported_there_with_where_it_comes_from() -> None:
    text = """\
[preset.small]
limits = { nice = 5 }
[tree]
[[tree.child]]
id = "a"
start = "app:A"
preset = "small"
"""
    assert mistakes(text) == [
        (
            'p.toml:7: tree.child[0].preset: expected isolation = "process" beside it;'
            " preset.small.limits at line 2 says it, got a table"
        )
    ]


@pytest.mark.parametrize("value", ["3", '""', "[]", '["a", 1]', "{ a = 1 }"])
def test_a_preset_is_named_by_a_string_or_several(value: str) -> None:
    assert mistakes(f"[tree]\npreset = {value}\n")[0].startswith(
        "p.toml:2: tree.preset: expected the name of a preset, or an array of them, got "
    )


def test_a_preset_may_have_the_name_of_a_key() -> None:
    assert mistakes('[preset.backoff]\nrestrat = "permanent"\n') == [
        'p.toml:2: preset.backoff.restrat: expected a known key, got "restrat"; did you mean restart?'
    ]
