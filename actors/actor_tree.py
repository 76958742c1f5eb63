"""Who lives, below whom: a picture of a moment, taken without asking anybody.

Parents are known within one process; a hosted process is a leaf.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .looking import state_in_words

if TYPE_CHECKING:
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("ActorNode", "ActorTree", "tree_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorNode:
    """One actor. `children` in start order."""

    ref: ActorRef[Any]
    name: str
    kind: str  # the name of its class
    state: str  # as in Statistics; "elsewhere" for one of another process
    waiting: int = 0  # messages in its mailbox
    dispatcher: str | None = None
    incarnation: int = 0
    children: tuple[ActorNode, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ActorTree:
    """All roots, in start order; `str()` draws it."""

    roots: tuple[ActorNode, ...]

    def nodes(self) -> tuple[tuple[int, ActorNode], ...]:
        """Give everybody with his depth, each before his children. Shape: O(n), iterative."""
        found: list[tuple[int, ActorNode]] = []
        left = [(0, root) for root in reversed(self.roots)]
        while left:
            depth, node = left.pop()
            found.append((depth, node))
            left += [(depth + 1, child) for child in reversed(node.children)]
        return tuple(found)

    def __str__(self) -> str:
        return "\n".join(f"{'  ' * depth}{_line(node)}" for depth, node in self.nodes())


def tree_of(system: ActorSystem) -> ActorTree:
    """Draw all who live in a system. Shape: O(n), iterative. Runs in: any thread; asks nobody."""
    refs = system.relations.living()
    living = frozenset(refs)
    below: dict[ActorRef[Any] | None, list[ActorRef[Any]]] = {}
    for ref in refs:
        cell = ref.cell
        parent = None if cell is None else cell.parent
        below.setdefault(parent if parent in living and parent is not ref else None, []).append(ref)
    order: list[ActorRef[Any]] = []
    left = [*below.get(None, ())]
    while left:
        ref = left.pop()
        order.append(ref)
        left += below.get(ref, ())
    nodes: dict[ActorRef[Any], ActorNode] = {}
    for ref in reversed(order):  # children before parents
        nodes[ref] = _node(ref, tuple(nodes[child] for child in below.get(ref, ())))
    return ActorTree(tuple(nodes[ref] for ref in below.get(None, ())))


def _node(ref: ActorRef[Any], children: tuple[ActorNode, ...]) -> ActorNode:
    from .life import Life

    life = ref.cell
    return ActorNode(
        ref=ref,
        name=ref.name,
        kind=ref.actor_class.__name__,
        state=state_in_words(life) if isinstance(life, Life) else "elsewhere",
        waiting=len(life.mailbox) if isinstance(life, Life) else 0,
        dispatcher=life.dispatcher.name if isinstance(life, Life) else None,
        incarnation=ref.incarnation,
        children=children,
    )


def _line(node: ActorNode) -> str:
    place = "" if node.dispatcher is None else f" on {node.dispatcher}"
    waiting = f", {node.waiting} waiting" if node.waiting else ""
    life = f", life {node.incarnation}" if node.incarnation > 1 else ""
    kind = "" if node.kind == node.name else f" ({node.kind})"
    return f"{node.name}{kind}: {node.state}{place}{waiting}{life}"
