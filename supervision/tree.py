"""The whole tree below a supervisor, asked for without anybody ever waiting.

What lives here: the question, the answers under way, and putting them together. A child that does not answer in time is
described by what its supervisor knows of it. Works across processes, because each supervisor asks its own children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from ..actors.actor import Actor
from ..actors.child_spec import ChildType
from ..actors.describe import Describe, Description
from ..actors.errors import ActorDeadError
from ..actors.futures import AskFuture
from ..actors.mailbox import Envelope
from ..protocol.records import record
from .states import ChildState

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.replies import ReplyHandle
    from ..actors.timers import Timer

__all__ = ("DescribeTree", "TreeAnswered", "TreeWalk")

TIMEOUT_SHRINK: Final = 0.8
"""What a level leaves to the one below it, so that the lower one gives up first and its part is not lost."""


@record("regrow.describe_tree")
@dataclass(frozen=True, slots=True)
class DescribeTree:
    """Ask a supervisor for its Description with all that is below it, each within `timeout` seconds."""

    timeout: float = 1.0


@dataclass(frozen=True, slots=True)
class TreeAnswered:
    """A child has answered (or its ask has failed: no description); with no child, the time is up."""

    walk: int
    child_id: str | None
    description: Description | None


class TreeWalk:
    """One question on its way through the children of one supervisor."""

    __slots__ = ("_awaited", "_found", "_own", "_reply", "timer")

    def __init__(self, own: Description, reply: ReplyHandle) -> None:
        self._own = own
        self._reply = reply
        self._awaited: set[str] = set()
        self._found: dict[str, Description] = {}
        self.timer: Timer | None = None  # set by the supervisor, before it asks

    def ask_children(self, refs: Mapping[str, ActorRef[Any]], home: ActorRef[Any], number: int, timeout: float) -> None:
        """Ask every child that runs; the answers come to `home` as TreeAnswered(number, ...)."""
        running = [child for child in self._own.children if child.state == ChildState.RUNNING]
        asked = {child.child_id: refs[child.child_id] for child in running if child.child_id and child.child_id in refs}
        self._awaited = set(asked)
        for child in running:
            if child.child_id in asked:
                ref = asked[child.child_id]
                below = child.details.get("type") == ChildType.SUPERVISOR and _may_know_more(ref.actor_class)
                message = DescribeTree(timeout * TIMEOUT_SHRINK) if below else Describe()
                future = cast("AskFuture[Any]", ref.ask(message, block=False))
                self._forward(future, home, number, child.child_id)

    def take(self, answer: TreeAnswered) -> None:
        """Note an answer, or the end of the time."""
        if answer.child_id is None:
            self._awaited.clear()
            return
        self._awaited.discard(answer.child_id)
        if answer.description is not None:
            self._found[answer.child_id] = answer.description

    def finish(self) -> bool:
        """Reply if nobody is awaited any more; say whether that is so."""
        if self._awaited:
            return False
        if self.timer is not None:
            self.timer.cancel()
        self._reply.set(replace(self._own, children=[self._merged(child) for child in self._own.children]))
        return True

    def _merged(self, known: Description) -> Description:
        said = self._found.get(known.child_id or "")
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

    @staticmethod
    def _forward(future: AskFuture[Any], home: ActorRef[Any], number: int, child_id: str) -> None:
        cell = home.cell

        def answered() -> None:
            said: object = future.get() if future.error is None else None
            answer = TreeAnswered(number, child_id, said if isinstance(said, Description) else None)
            try:
                if cell is not None:
                    cell.put(Envelope(answer, exempt=True))
            except ActorDeadError:
                return  # the supervisor has ended, and with it the walk

        future.add_done_callback(answered)


def _may_know_more(actor_class: type) -> bool:
    """Say whether to ask for a tree: of a Supervisor, and of who is known only by its start (a hosted one)."""
    return actor_class is Actor or bool(getattr(actor_class, "describes_tree", False))
