"""The description of a whole tree: parts that come back one by one, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors import Actor, ActorSystem, ChildSpec, Description, Start
from regrow.actors.child_spec import ChildType
from regrow.actors.futures import AskFuture
from regrow.actors.replies import ReplyHandle
from regrow.actors.testing import ManualClock, Script
from regrow.protocol.codec import decode, encode
from regrow.supervision import SupervisorHandle, SupervisorSpec
from regrow.supervision.tree import TOP, FlatTree, TreePart, TreeWalk, flattened

DEEP = 2000


def said(urn: str, *children: Description, child_id: str | None = None, **more: object) -> Description:
    row = Description(name=urn, urn=urn, kind="", state="running", incarnation=1, children=[*children])
    return replace(row, child_id=child_id, **more)  # type: ignore[arg-type]


class Walk(TreeWalk):
    """A walk with the answer in sight."""

    def __init__(self, *, flat: bool = False) -> None:
        self.future: AskFuture[object] = AskFuture()
        super().__init__(ReplyHandle(self.future, lambda _handle: None), flat=flat)

    def part(self, place: tuple[str, str], description: Description | None, *asked: str) -> bool:
        self.take(TreePart(7, place, description, asked))
        return self.finish()


def shape(tree: Description) -> object:
    return tree.child_id or tree.urn, [shape(child) for child in tree.children]


def test_the_parts_are_put_together_when_the_last_one_has_come() -> None:
    walk = Walk()
    top = said("top", said("a", child_id="a"), said("b", child_id="b"), said("c", child_id="c", state="stopped"))
    assert not walk.part(TOP, top, "a", "b")
    assert not walk.part(("top", "b"), said("b", said("x", child_id="x")), "x")
    assert not walk.part(("b", "x"), said("x"))
    assert walk.part(("top", "a"), said("a"))
    assert shape(walk.future.get()) == ("top", [("a", []), ("b", [("x", [])]), ("c", [])])


def test_what_a_supervisor_knows_of_a_child_is_added_to_what_the_child_says() -> None:
    walk = Walk()
    known = said("a", child_id="a", restarts=3, reason="killed", details={"type": "worker"})
    walk.part(TOP, said("top", known), "a")
    walk.part(("top", "a"), said("a", uptime=4.0, waiting_messages=2, details={"own": 1}))
    (child,) = walk.future.get().children
    assert (child.restarts, child.reason, child.uptime, child.waiting_messages) == (3, "killed", 4.0, 2)
    assert child.details == {"own": 1, "type": "worker"}


def test_a_child_that_does_not_answer_is_described_by_its_supervisor() -> None:
    walk = Walk()
    walk.part(TOP, said("top", said("a", child_id="a"), said("b", child_id="b")), "a", "b")
    walk.part(("top", "a"), None)
    walk.take(TreePart(7, None))
    assert walk.finish()
    assert shape(walk.future.get()) == ("top", [("a", []), ("b", [])])


def test_a_part_that_overtakes_the_one_above_it_is_kept() -> None:
    walk = Walk()
    walk.part(TOP, said("top", said("b", child_id="b")), "b")
    walk.part(("b", "x"), said("x"))
    assert walk.part(("top", "b"), said("b", said("x", child_id="x")), "x")
    assert shape(walk.future.get()) == ("top", [("b", [("x", [])])])


def test_a_flat_tree_is_the_same_tree() -> None:
    tree = said("top", said("a", said("x"), said("y")), said("b", said("z")))
    flat = flattened(tree)
    assert [row.urn for row in flat.rows] == ["top", "a", "b", "x", "y", "z"]
    assert flat.parents == [-1, 0, 0, 1, 1, 2]
    assert all(not row.children for row in flat.rows)
    assert flat.nested() == tree
    assert flat.rows[0].children == []


def test_a_tree_of_thousands_of_levels_is_put_together_flattened_and_sent_without_recursion() -> None:
    walk = Walk(flat=True)
    for level in range(DEEP):
        row = said(str(level), said(str(level + 1), child_id="x"))
        walk.part(TOP if not level else (str(level - 1), "x"), row, "x")
    assert walk.part((str(DEEP - 1), "x"), said(str(DEEP)))
    flat = walk.future.get()
    assert isinstance(flat, FlatTree)
    assert len(flat.rows) == DEEP + 1
    back = decode(encode(flat))
    assert isinstance(back, FlatTree)
    bottom, levels = back.nested(), 0
    while bottom.children:
        (bottom,), levels = bottom.children, levels + 1
    assert (bottom.urn, levels) == (str(DEEP), DEEP)


# With real actors


class Stranger(Actor):
    """Declared as a supervisor, and none: it does not understand the question."""


@pytest.mark.parametrize("start", [Start(Stranger), Start(lambda: Start(Stranger))])
def test_a_child_that_is_only_called_a_supervisor_is_described_without_waiting_for_the_time(
    clock: ManualClock, start: Start
) -> None:
    with ActorSystem(clock=clock) as system:
        spec = ChildSpec(id="stranger", start=start, type=ChildType.SUPERVISOR)
        handle = SupervisorHandle.start(system, SupervisorSpec(children=[spec]))
        (child,) = handle.describe_tree().children
        assert (child.child_id, child.state, child.children) == ("stranger", "running", [])


def test_a_part_of_a_question_that_nobody_asks_any_more_is_dropped(clock: ManualClock) -> None:
    with ActorSystem(clock=clock) as system:
        top = SupervisorHandle.start(system, SupervisorSpec(children=[ChildSpec(id="leaf", start=Script().start)]))
        top.ref.tell(TreePart(1, TOP, said("x")))
        assert [child.child_id for child in top.describe_tree().children] == ["leaf"]
