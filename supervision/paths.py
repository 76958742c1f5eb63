"""Where a supervisor is in its tree, in words: the child ids from the root down, as in a policy file.

What lives here: how a supervisor finds its own path; those of its children follow (`ActorRef.path`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..actors.actor import Actor

__all__ = ("ROOT", "take_path")

ROOT: Final = "root"
"""The path of a root without a name."""


def take_path(supervisor: Actor, name: str | None) -> None:
    """Let a supervisor's ref say its path: below its own supervisor the one that it was given, else its name.

    `name` is what its spec calls it; as a child it goes by its id, whatever its spec says.
    """
    if supervisor.parent is not None and "/" in supervisor.ref.path:
        return
    registered = supervisor.name if supervisor.name != type(supervisor).__name__ else None
    supervisor.ref.path = name or registered or ROOT
