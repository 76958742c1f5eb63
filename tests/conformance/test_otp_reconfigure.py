"""OTP's code_change and significant_upgrade_child, as reconfiguration.

OTP merges what a new init/1 gives: flags and specs replace the old ones, nobody is started or stopped. Here the specs
that are the same, or differ only in what a supervisor reads when it needs it, are taken over in that way; what is new,
gone, or something else is started and stopped too (tests/supervision/test_reconfigure.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors import ActorExited, ActorSystem, ChildSpec, Grace, Restart
from regrow.protocol.exits import NORMAL
from regrow.supervision import (
    NO_BACKOFF,
    AutoShutdown,
    ChildStarted,
    ChildTerminated,
    InvalidSpec,
    RestartIntensity,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
)
from tests.conformance.case import case
from tests.conformance.tree import OFTEN, counts, end_child, puppet, ref_of, start
from tests.supervision.facts import Facts


def spec_of(*children: ChildSpec, **more: object) -> SupervisorSpec:
    base = SupervisorSpec(children=children, intensity=OFTEN, backoff=NO_BACKOFF)
    return replace(base, **more)  # type: ignore[arg-type]


class TestCodeChange:
    @case("O-69")
    def test_o_69_new_flags_count_from_the_next_decision_on_and_nobody_is_touched(
        self, system: ActorSystem, facts: Facts
    ) -> None:
        children = [puppet("a"), puppet("b")]
        top = start(system, *children)
        refs = [ref_of(top, "a"), ref_of(top, "b")]
        new = spec_of(*children, strategy=Strategy.ONE_FOR_ALL, intensity=RestartIntensity(1, 3600.0))
        done = top.reconfigure(new, timeout=5.0)
        assert (done.own, done.kept) == (("strategy", "intensity"), ("a", "b"))
        assert [(ref.is_alive(), ref.incarnation) for ref in refs] == [(True, 1), (True, 1)]
        assert facts.all(ChildTerminated) == []
        end_child(top, facts, "a")
        facts.wait(ChildTerminated, child_id="b")  # one_for_all now

    @case("O-69")
    def test_o_69_new_specs_replace_those_of_the_same_id_and_the_lives_go_on(
        self, system: ActorSystem, facts: Facts
    ) -> None:
        child = puppet("a")
        top = start(system, child)
        ref = ref_of(top, "a")
        top.reconfigure(spec_of(replace(child, restart=Restart.TRANSIENT, shutdown=Grace(9.0))), timeout=5.0)
        assert (ref.is_alive(), ref.incarnation) == (True, 1)
        found = top.get_childspec("a")
        assert (found.restart, found.shutdown) == (Restart.TRANSIENT, Grace(9.0))
        end_child(top, facts, "a", NORMAL)
        assert counts(top) == (1, 0, 0, 1)  # transient now

    @case("O-69")
    def test_o_69_children_that_no_spec_ever_named_are_kept(self, system: ActorSystem) -> None:
        child = puppet("a")
        top = start(system, child)
        by_hand = top.start_child(puppet("by hand")).ref
        assert by_hand is not None
        top.reconfigure(spec_of(child), timeout=5.0)
        assert by_hand.is_alive()
        assert [info.id for info in top.which_children()] == ["by hand", "a"]

    @case("O-70")
    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"strategy": "none_for_all"}, "strategy"),
            ({"intensity": "often"}, "intensity"),
            ({"auto_shutdown": "maybe"}, "auto_shutdown"),
            ({"children": [puppet("a", restart="forever")]}, "children[0] ('a').restart"),
            ({"children": [puppet("a"), puppet("a")]}, "children[1] ('a').id"),
            ({"children": ["a"]}, "children[0]"),
        ],
    )
    def test_o_70_bad_flags_or_specs_are_refused_and_the_old_ones_stay(
        self, system: ActorSystem, facts: Facts, change: dict[str, object], where: str
    ) -> None:
        child = puppet("a")
        top = start(system, child)
        ref = ref_of(top, "a")
        with pytest.raises(InvalidSpec) as caught:
            top.reconfigure(spec_of(replace(child, restart=Restart.TEMPORARY), **change), timeout=5.0)
        assert where in {problem.where for problem in caught.value.problems}
        assert (ref.is_alive(), ref.incarnation, top.get_childspec("a")) == (True, 1, child)
        end_child(top, facts, "a", NORMAL)
        facts.wait(ChildStarted, child_id="a", times=2)  # permanent still

    @case("O-70")
    def test_o_70_something_else_than_a_spec_is_refused(self, system: ActorSystem) -> None:
        top = start(system, puppet("a"))
        with pytest.raises(InvalidSpec, match="a SupervisorSpec"):
            top.reconfigure({"strategy": "one_for_all"}, timeout=5.0)  # type: ignore[arg-type]
        assert counts(top) == (1, 1, 0, 1)


@case("O-93")
class TestSignificantUpgradeChild:
    def flagged(self, child: ChildSpec, *, significant: bool) -> SupervisorSpec:
        return spec_of(replace(child, significant=significant), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)

    def started(self, system: ActorSystem, *, significant: bool) -> tuple[SupervisorHandle, ChildSpec]:
        child = puppet("a", restart=Restart.TRANSIENT, significant=significant)
        return start(system, child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), child

    def test_o_93_a_child_that_has_become_significant_ends_its_supervisor(
        self, system: ActorSystem, facts: Facts
    ) -> None:
        top, child = self.started(system, significant=False)
        ref = ref_of(top, "a")
        assert top.reconfigure(self.flagged(child, significant=True), timeout=5.0).changed == ("a",)
        assert ref.incarnation == 1
        end_child(top, facts, "a", NORMAL)
        facts.wait(ActorExited, ref=top.ref)

    def test_o_93_a_child_that_is_significant_no_more_does_not(self, system: ActorSystem, facts: Facts) -> None:
        top, child = self.started(system, significant=True)
        ref = ref_of(top, "a")
        top.reconfigure(self.flagged(child, significant=False), timeout=5.0)
        assert ref.incarnation == 1
        end_child(top, facts, "a", NORMAL)
        assert counts(top) == (1, 0, 0, 1)
