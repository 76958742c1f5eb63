"""The way up: parents, paths, and ends of it."""

from __future__ import annotations

from regrow.actors import ActorRef, ActorSystem, ChildSpec, SpawnOptions
from regrow.actors.lineage import lineage, path_below, way_down
from regrow.actors.outcome import StartWaiter
from regrow.actors.testing import Puppet, Script


def begin(system: ActorSystem, child_id: str, parent: ActorRef | None) -> ActorRef:
    waiter = StartWaiter()
    system.begin(ChildSpec(id=child_id, start=Script().start), parent=parent, ref=None, on_outcome=waiter)
    return waiter.wait()


def test_the_way_leads_from_an_actor_over_its_parents_to_the_root() -> None:
    with ActorSystem() as system:
        a = begin(system, "a", None)
        b = begin(system, "b", a)
        c = begin(system, "c", b)
        assert list(lineage(c)) == [c, b, a]
        assert [ref.path for ref in (a, b, c)] == ["a", "a/b", "a/b/c"]
        assert way_down(a, c) == ["a", "a/b", "a/b/c"]
        assert way_down(b, c, asked=a) == ["a", "a/b", "a/b/c"]
        assert way_down(c, c, asked=c) == ["a/b/c"]
        assert way_down(c, a) == []


def test_a_linked_root_keeps_its_own_name_as_its_path() -> None:
    with ActorSystem() as system:
        a = begin(system, "a", None)
        linked = system.spawn(Puppet, options=SpawnOptions(name="linked", link=a))
        assert linked.path == "linked"
        assert list(lineage(linked)) == [linked, a]


def test_a_ref_that_never_lived_is_the_whole_way() -> None:
    with ActorSystem() as system:
        ref = ActorRef(system, name="nobody", actor_class=Puppet)
        assert list(lineage(ref)) == [ref]
        assert path_below(ref, "x") == "nobody/x"


def test_a_circle_of_parents_ends_the_walk() -> None:
    with ActorSystem() as system:
        a = begin(system, "a", None)
        b = begin(system, "b", a)
        a.kill()
        waiter = StartWaiter()
        system.begin(ChildSpec(id="a", start=Script().start), parent=b, ref=a, on_outcome=waiter)
        waiter.wait()
        assert list(lineage(b)) == [b, a]


def test_of_a_long_way_only_both_ends_are_named() -> None:
    with ActorSystem() as system:
        ref = root = begin(system, "0", None)
        for number in range(1, 30):
            ref = begin(system, str(number), ref)
        shown = way_down(root, ref)
        assert shown[:2] == ["0", "0/1"]
        assert shown[4] == "(22 more)"
        assert shown[-1] == ref.path
        assert len(shown) == 9
