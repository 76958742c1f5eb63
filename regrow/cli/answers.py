"""What a running program answers on its control socket about itself.

What lives here: the verbs that only look. What must not: the socket (`control.py`); verbs that change something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from regrow.cli.control import Verb

if TYPE_CHECKING:
    from regrow.actors import ActorRef, ActorSystem

__all__ = ("describing", "listing")

DESCRIBE_TIMEOUT: Final = 5.0  # seconds; a supervisor answers while its children hang


def describing(root: Callable[[], ActorRef], path: str) -> Verb:
    """Answer with the tree below a root. Runs in: the control thread; blocks up to DESCRIBE_TIMEOUT."""

    def describe(_request: Mapping[str, object]) -> dict[str, object]:
        from regrow.actors import Description
        from regrow.observe.nodes import node_of_description
        from regrow.supervision.tree import DescribeTree

        found = root().ask(DescribeTree(timeout=DESCRIBE_TIMEOUT / 2), timeout=DESCRIBE_TIMEOUT)
        assert isinstance(found, Description)
        return {"tree": node_of_description(found, path=path).to_json()}

    return describe


def listing(system: Callable[[], ActorSystem]) -> Verb:
    """Answer with the processes of a system. Runs in: the control thread; blocks up to ANSWER_SECONDS."""

    def processes(_request: Mapping[str, object]) -> dict[str, object]:
        from regrow.observe.processes import processes

        return {"processes": [row.to_json() for row in processes(system())]}

    return processes
