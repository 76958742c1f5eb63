"""Policies reach dynamic supervisors, and the template of their children; what they do not mean there is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors import Actor
from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Isolation, Restart, Start
from regrow.supervision import (
    Backoff,
    DynamicSpec,
    DynamicSupervisor,
    RestartIntensity,
    Supervisor,
    SupervisorSpec,
    dynamic_supervisor_child,
)
from regrow.supervision.policy import PolicyError, parse_policy
from regrow.supervision.policy.apply import START_CHANGED, inner_spec
from regrow.supervision.policy.hosted import start_changed

TEMPLATE = ChildSpec(id="visitor", start=Start(Actor))


def applied(text: str, spec: DynamicSpec) -> ChildSpec:
    tree = SupervisorSpec(children=[dynamic_supervisor_child("crowd", spec)])
    return parse_policy(text, file="p.toml").apply(tree).children[0]


def spec_in(text: str, spec: DynamicSpec) -> DynamicSpec:
    given = applied(text, spec).start.args[0]
    assert isinstance(given, DynamicSpec)
    return given


def refusals(text: str, spec: DynamicSpec) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        applied(text, spec)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize("pattern", ["root/crowd", "root/*", "**"])
def test_a_dynamic_supervisor_is_told_what_every_supervisor_is(pattern: str) -> None:
    text = f"""
        [policy."{pattern}"]
        intensity = {{ max_restarts = 7, max_seconds = "2s" }}
        child_backoff = {{ base = "1s" }}
        """
    changed = spec_in(text, DynamicSpec(max_children=5))
    assert changed == DynamicSpec(RestartIntensity(7, 2.0), Backoff(base=1.0), max_children=5)


def test_its_template_is_the_child_below_it() -> None:
    text = """
        [policy."root/crowd/visitor"]
        restart = "transient"
        shutdown = "1s"
        backoff = { base = "3s" }
        """
    changed = spec_in(text, DynamicSpec(template=TEMPLATE))
    assert changed.template == replace(
        TEMPLATE, restart=Restart.TRANSIENT, shutdown=Grace(1.0), backoff=Backoff(base=3.0)
    )


def test_without_a_template_nothing_below_it_has_a_path() -> None:
    assert refusals('[policy."root/crowd/*"]\nshutdown = "1s"', DynamicSpec()) == [
        'p.toml:1: policy."root/crowd/*": expected a path in the tree, got "root/crowd/*"; did you mean "root/crowd"?'
    ]


def test_it_may_live_in_a_process_of_its_own() -> None:
    child = applied('[policy."root/crowd"]\nisolation = "process"\nshutdown = "9s"', DynamicSpec(max_children=5))
    assert (child.isolation, child.shutdown) == (Isolation.PROCESS, Grace(9.0))
    assert inner_spec(child) == DynamicSpec(max_children=5, name="root/crowd")


def test_what_it_cannot_be_is_refused_unless_a_glob_says_it_of_others() -> None:
    wrong = 'strategy = "one_for_all"\nauto_shutdown = "any_significant"'
    assert refusals(f'[policy."root/crowd"]\n{wrong}', DynamicSpec()) == [
        (
            'p.toml:2: policy."root/crowd".strategy: expected "one_for_one", the only one of a DynamicSupervisor, '
            'got "one_for_all"'
        ),
        (
            'p.toml:3: policy."root/crowd".auto_shutdown: expected "never", the only one of a DynamicSupervisor, '
            'got "any_significant"'
        ),
    ]
    assert spec_in(f'[policy."**"]\n{wrong}', DynamicSpec()) == DynamicSpec()
    assert spec_in('[policy."root/crowd"]\nstrategy = "one_for_one"', DynamicSpec()) == DynamicSpec()


def crowd(max_children: int) -> Start:
    return Start(DynamicSupervisor, (DynamicSpec(max_children=max_children, template=TEMPLATE),))


def pool() -> Start:
    return Start(Supervisor, (SupervisorSpec(),))


def started(start: Start, text: str) -> object:
    """Give the spec that a start function comes to where it is called, with the policy's changes."""
    child = ChildSpec(id="crowd", start=start, type=ChildType.SUPERVISOR)
    changed = parse_policy(text, file="p.toml").apply(SupervisorSpec(children=[child])).children[0]
    assert changed.start.target == START_CHANGED
    return start_changed(*changed.start.args).args[0]  # type: ignore[arg-type]


def test_one_that_only_its_start_function_knows_is_reached_where_it_is_built() -> None:
    text = '[policy."root/crowd"]\nmax_children = 1\n[policy."root/crowd/visitor"]\nshutdown = "1s"\n'
    found = started(Start(f"{__name__}:crowd", (5,)), text)
    assert found == DynamicSpec(max_children=1, template=replace(TEMPLATE, shutdown=Grace(1.0)))


def test_what_a_start_function_gives_may_be_something_that_has_no_such_key() -> None:
    with pytest.raises(PolicyError, match="max_children: expected a dynamic supervisor at this path, but root/crowd"):
        started(Start(f"{__name__}:pool"), '[policy."root/crowd"]\nmax_children = 1\n')
    assert started(Start(f"{__name__}:pool"), '[policy."root/*"]\nmax_children = 1\n') == SupervisorSpec()


class Greeter(DynamicSupervisor):
    """One of the user's own."""


def test_a_class_of_ones_own_stays_what_it_is_in_another_process() -> None:
    child = ChildSpec(id="crowd", start=Start(Greeter, (DynamicSpec(),)), type=ChildType.SUPERVISOR)
    tree = SupervisorSpec(children=[child])
    moved = parse_policy('[policy."root/crowd"]\nisolation = "process"\n').apply(tree).children[0]
    assert (moved.isolation, moved.start) == (Isolation.PROCESS, child.start)
