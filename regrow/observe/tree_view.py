"""Trees for people and for programs: plain text, rich, JSON.

What lives here: how a `Node` is written. What must not: where it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from regrow.observe.nodes import Node
from regrow.supervision.policy import format_duration

if TYPE_CHECKING:
    from rich.tree import Tree

__all__ = ("facts_text", "json_text", "plain_text", "rich_tree")

_STYLES: Final[Mapping[str, str]] = {
    "running": "green",
    "starting": "cyan",
    "backoff": "yellow",
    "stopping": "magenta",
    "stopped": "dim",
    "dead": "red",
}


def facts_text(node: Node, *, home: int | None = None) -> str:
    """Write what is known of one node in one line, without its name and state; the pid only if it is not `home`."""
    facts: list[str] = []
    if node.pid is not None and node.pid != home:
        facts.append(f"pid {node.pid}")
    if node.uptime is not None:
        facts.append(f"up {format_duration(node.uptime)}")
    if node.restarts:
        facts.append(f"{node.restarts} restart{'' if node.restarts == 1 else 's'}")
    if node.next_restart is not None:
        facts.append(f"next restart in {format_duration(max(0.0, node.next_restart))}")
    if node.waiting_messages:
        facts.append(f"{node.waiting_messages} messages wait")
    if node.reason:
        facts.append(f"last ended: {node.reason.splitlines()[0]}")
    return ", ".join([*facts, *node.notes])


def plain_text(node: Node) -> str:
    """Draw the tree with lines, one row a node, no colors.

    >>> print(plain_text(Node(path="root", name="root", state="running", children=(Node(path="root/a", name="a"),))))
    root  running
    └── a
    """
    rows: list[str] = []

    def draw(node: Node, lead: str, below: str, home: int | None) -> None:
        parts = (lead + node.name, node.state, _kind(node), facts_text(node, home=home))
        rows.append("  ".join(part for part in parts if part))
        for index, child in enumerate(node.children):
            last = index == len(node.children) - 1
            draw(child, below + ("└── " if last else "├── "), below + ("    " if last else "│   "), node.pid or home)

    draw(node, "", "", None)
    return "\n".join(rows)


def rich_tree(node: Node) -> Tree:
    """Draw the tree for a terminal with colors."""
    from rich.text import Text
    from rich.tree import Tree

    def label(node: Node, home: int | None) -> Text:
        text = Text(node.name, style="bold")
        if node.state:
            text.append(f"  {node.state}", style=_STYLES.get(node.state, ""))
        text.append(f"  {_kind(node)}" if _kind(node) else "", style="not bold")
        text.append(f"  {facts_text(node, home=home)}", style="not bold dim")
        return text

    def grow(tree: Tree, node: Node, home: int | None) -> Tree:
        for child in node.children:
            grow(tree.add(label(child, node.pid or home)), child, node.pid or home)
        return tree

    return grow(Tree(label(node, None)), node, None)


def json_text(node: Node) -> str:
    """Write the tree as one JSON object."""
    return json.dumps(node.to_json(), indent=2)


def _kind(node: Node) -> str:
    """A live node's class without its package, which would fill the row."""
    return node.kind.rpartition(".")[2] if node.state else node.kind
