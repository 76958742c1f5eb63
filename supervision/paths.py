"""Where a supervisor is in its tree, in words: the child ids from the root down, as in a policy file.

What lives here: what an id may be, and how a supervisor finds its own path; those of its children follow
(`ActorRef.path`).
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..actors.actor import Actor
    from ..actors.system import ActorSystem

__all__ = ("ID_EXPECTED", "ROOT", "RootPaths", "is_id", "take_path")

ROOT: Final = "root"
"""The path of the first root without a name that is of no class of one's own."""


ID_EXPECTED: Final = (
    "a printable string that is not empty, without any of / * ? [ ]: paths and patterns are made of ids"
)

_OF_PATTERNS: Final = frozenset("/*?[]")


def is_id(value: object) -> bool:
    """Say whether a child can be called this, so that its path leads to nobody else, and no pattern is taken for it.

    >>> is_id("db-1"), is_id("a/b"), is_id("job*"), is_id("x\\n"), is_id(1)
    (True, False, False, False, False)
    """
    return isinstance(value, str) and bool(value) and value.isprintable() and _OF_PATTERNS.isdisjoint(value)


class RootPaths:
    """The paths of the roots of one system that have no name: none is given twice, so that their events stay apart.

    Runs in: the threads of the roots.
    """

    def __init__(self, _system: ActorSystem) -> None:
        self._lock = threading.Lock()
        self._given: Counter[str] = Counter()

    def take(self, label: str) -> str:
        """Give `label` to the first, `label-2` to the second, and so on."""
        with self._lock:
            self._given[label] += 1
            count = self._given[label]
        return label if count == 1 else f"{label}-{count}"

    def close(self) -> None:
        """There is nothing to do, as paths are only text."""


def take_path(supervisor: Actor, name: str | None) -> None:
    """Let a supervisor's ref say its path: below its own supervisor the one that it was given, else its name.

    `name` is what its spec calls it; as a child it goes by its id, whatever its spec says. A root without a name goes
    by its class, if that is somebody's own, or by "root".
    """
    if supervisor.parent is not None and "/" in supervisor.ref.path:
        return
    cls = type(supervisor)
    registered = supervisor.name if supervisor.name != cls.__name__ else None
    given = name or registered
    if given is None and supervisor.incarnation > 1:
        return  # it has one from its first life
    label = ROOT if cls.__module__.rpartition(".")[0] == __package__ else cls.__name__
    supervisor.ref.path = given or supervisor.system.part(RootPaths).take(label)
