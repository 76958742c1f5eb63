"""Who began whom: the way from an actor up to the root of its tree.

What lives here: looking, at any moment, from any thread, without asking anybody. What must not: conclusions.
Parents are known within one process; the way up from a hosted process ends at the ref to who began it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("lineage", "path_below", "way_down")


def path_below(parent: ActorRef[Any] | None, child_id: str) -> str:
    """Give the path of a child: its parent's, and its id. A root's path is its name.

    >>> path_below(None, "db")
    'db'
    """
    return child_id if parent is None else f"{parent.path}/{child_id}"


def lineage(ref: ActorRef[Any]) -> Iterator[ActorRef[Any]]:
    """Give the actor, its parent, and so on up to a root. Shape: O(depth), iterative."""
    seen: set[ActorRef[Any]] = set()
    above: ActorRef[Any] | None = ref
    while above is not None and above not in seen:  # a parent that became its own child's child ends the walk
        seen.add(above)
        yield above
        cell = above.cell
        above = None if cell is None else cell.parent


def way_down(top: ActorRef[Any], ref: ActorRef[Any], *, asked: ActorRef[Any] | None = None) -> list[str]:
    """Give the paths of the actors from `top` down to `ref`, after `asked`; an empty list if it does not live there.

    Of a long way only both ends are named.
    """
    names: list[str] = []
    for above in lineage(ref):
        names.append(above.path)
        if above is top:
            break
    else:
        return []
    names.reverse()
    if asked is not None and asked is not top:
        names.insert(0, asked.path)
    return names if len(names) <= 8 else [*names[:4], f"({len(names) - 8} more)", *names[-4:]]
