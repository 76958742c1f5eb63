"""The whole tree below a supervisor, asked for without anybody ever waiting, however deep it is.

What lives here: the question, its way down, the parts of the answer on their way back, and putting them together. The
supervisor that is asked collects: every other one below it sends it its own part and passes the question on, so there
is one time limit, no part is within another one on its way, and it works across processes. A child that does not
answer in time is described by what its supervisor knows of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from ..actors.actor import Actor
from ..actors.child_spec import ChildType
from ..actors.describe import Describe, Description
from ..actors.futures import AskFuture
from ..actors.mailbox import Envelope
from ..protocol.errors import RegrowError
from ..protocol.records import record
from .states import ChildState

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.replies import ReplyHandle
    from ..actors.timers import Timer

__all__ = ("TOP", "DescribeBelow", "DescribeTree", "FlatTree", "TreePart", "TreeWalk", "flattened", "send_part")

Place: TypeAlias = tuple[str, str]
"""Where a part belongs: the urn of the supervisor above it, and its child id there."""

TOP: Final[Place] = ("", "")


@record("regrow.describe_tree")
@dataclass(frozen=True, slots=True)
class DescribeTree:
    """Ask a supervisor for its Description with all that is below it; who does not answer in `timeout` seconds is left
    out. `flat`: the answer is a FlatTree, which can cross process boundaries at any depth.
    """

    timeout: float = 1.0
    flat: bool = False


@record("regrow.flat_tree")
@dataclass(frozen=True, slots=True)
class FlatTree:
    """A Description without nesting. `parents`: for each of `rows` the position of the one above it, -1 for the top;
    those above come first, siblings are in order.
    """

    rows: list[Description]
    parents: list[int]

    def nested(self) -> Description:
        """Put it together again. Shape: O(rows), iterative."""
        built = [replace(row, children=[]) for row in self.rows]
        for row, above in zip(built[1:], self.parents[1:], strict=True):
            built[above].children.append(row)
        return built[0]


def flattened(top: Description) -> FlatTree:
    """Take the nesting out of a Description. Shape: O(rows), iterative.

    >>> leaf = Description(name="a", urn="", kind="", state="running", incarnation=1)
    >>> flattened(replace(leaf, name="top", children=[leaf])).parents
    [-1, 0]
    """
    rows, parents = [top], [-1]
    for position, row in enumerate(rows):  # which grows meanwhile
        rows.extend(row.children)
        parents.extend([position] * len(row.children))
    return FlatTree([replace(row, children=[]) for row in rows], parents)


@record("regrow.describe_below")
@dataclass(frozen=True, slots=True)
class DescribeBelow:
    """Ask a supervisor to send a TreePart of itself to `collector`, and to pass this on. Answer: True."""

    collector: ActorRef[Any]
    walk: int
    place: Place


@record("regrow.tree_part")
@dataclass(frozen=True, slots=True)
class TreePart:
    """What one actor says of itself, None if it does not; `asked` are those of its children that answer for
    themselves. Without a place: the time is up.
    """

    walk: int
    place: Place | None
    description: Description | None = None
    asked: tuple[str, ...] = ()


class TreeWalk:
    """One question on its way through a tree, in the supervisor that collects the parts."""

    __slots__ = ("_awaited", "_flat", "_parts", "_reply", "timer")

    def __init__(self, reply: ReplyHandle, *, flat: bool) -> None:
        self._reply = reply
        self._flat = flat
        self._awaited: set[Place] = {TOP}
        self._parts: dict[Place, Description] = {}
        self.timer: Timer | None = None  # set by the supervisor, before it asks

    def take(self, part: TreePart) -> None:
        """Note a part, or the end of the time."""
        if part.place is None:
            self._awaited.clear()
            return
        place = part.place[0], part.place[1]
        self._awaited.discard(place)
        if part.description is not None:
            self._parts[place] = part.description
            below = {(part.description.urn, child_id) for child_id in part.asked}
            self._awaited |= below - self._parts.keys()

    def finish(self) -> bool:
        """Reply if nobody is awaited any more; say whether that is so."""
        if self._awaited:
            return False
        if self.timer is not None:
            self.timer.cancel()
        whole = self._whole()
        self._reply.set(flattened(whole) if self._flat else whole)
        return True

    def _whole(self) -> Description:
        order: list[Place] = [TOP]
        for place in order:  # which grows meanwhile: those above come first
            said = self._parts[place]
            below = [(said.urn, child.child_id or "") for child in said.children]
            order.extend(child for child in below if child in self._parts)
        built: dict[Place, Description] = {}
        for place in reversed(order):
            said = self._parts[place]
            children = [_merged(child, built.get((said.urn, child.child_id or ""))) for child in said.children]
            built[place] = replace(said, children=children)
        return built[TOP]


def send_part(
    own: Description, refs: Mapping[str, ActorRef[Any]], collector: ActorRef[Any], walk: int, place: Place
) -> None:
    """Send a supervisor's own part to whoever collects, and ask its children for theirs. Never blocks."""
    running = {child.child_id: child for child in own.children if child.state == ChildState.RUNNING and child.child_id}
    asked = {child_id: refs[child_id] for child_id in running if child_id in refs}
    _deliver(collector, TreePart(walk, place, own, tuple(asked)))
    for child_id, ref in asked.items():
        below = running[child_id].details.get("type") == ChildType.SUPERVISOR and _may_know_more(ref.actor_class)
        _ask_child(ref, collector, walk, (own.urn, child_id), below=below)


def _ask_child(ref: ActorRef[Any], collector: ActorRef[Any], walk: int, place: Place, *, below: bool) -> None:
    question = DescribeBelow(collector, walk, place) if below else Describe()
    future = cast("AskFuture[Any]", ref.ask(question, block=False))

    def answered() -> None:
        said: object = future.get() if future.error is None else None
        if not (below and said is True):  # else it has sent its part before it said so
            _deliver(collector, TreePart(walk, place, said if isinstance(said, Description) else None))

    future.add_done_callback(answered)


def _deliver(collector: ActorRef[Any], part: TreePart) -> None:
    cell = collector.cell
    try:
        if cell is not None:
            cell.put(Envelope(part, exempt=True))
    except RegrowError:
        return  # who collects has ended, and with it the walk; or cannot be told, and does without this part


def _merged(known: Description, said: Description | None) -> Description:
    """Put together what a supervisor knows of a child and what the child says of itself."""
    if said is None:
        return known
    return replace(
        said,
        child_id=known.child_id,
        state=said.state if said.state != "running" else known.state,
        restarts=known.restarts,
        reason=known.reason,
        details={**said.details, **known.details},
    )


def _may_know_more(actor_class: type) -> bool:
    """Say whether to ask for a tree: of a Supervisor, and of who is known only by its start (a hosted one)."""
    return actor_class is Actor or bool(getattr(actor_class, "describes_tree", False))
