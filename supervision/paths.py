"""Where a supervisor is in its tree, in words: the child ids from the root down, as in a policy file.

What lives here: what an id may be, and how a supervisor finds its own path; those of its children follow
(`ActorRef.path`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..actors.actor import Actor

__all__ = ("ID_EXPECTED", "ROOT", "is_id", "take_path")

ROOT: Final = "root"
"""The path of a root without a name."""


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


def take_path(supervisor: Actor, name: str | None) -> None:
    """Let a supervisor's ref say its path: below its own supervisor the one that it was given, else its name.

    `name` is what its spec calls it; as a child it goes by its id, whatever its spec says.
    """
    if supervisor.parent is not None and "/" in supervisor.ref.path:
        return
    registered = supervisor.name if supervisor.name != type(supervisor).__name__ else None
    supervisor.ref.path = name or registered or ROOT
