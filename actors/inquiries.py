"""Questions about a live actor that it answers itself, ahead of all messages of users, and while it is suspended.

Source: the system messages of OTP (`sys`). Differs from OTP: what comes from links, monitors and groups is handled by a
suspended actor too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..protocol.records import record
from .control import Reply
from .describe import Describe
from .elsewhere import GetStatistics, PutState, ShowState, put_shown, show_state

if TYPE_CHECKING:
    from .actor import Actor
    from .life import Life

__all__ = (
    "INQUIRIES",
    "GetState",
    "LookAgain",
    "ReplaceState",
    "Resume",
    "Suspend",
    "answer_inquiry",
    "put_state",
    "state_of",
)

_OURS: Final = frozenset(
    # on_receive: by which a hosted process notes what its root handles
    ("_life", "_end_told", "_actor_ref", "actor_inbox", "actor_stopped", "actor_urn", "on_receive")
)


@record("regrow.suspend")
@dataclass(frozen=True, slots=True)
class Suspend:
    """Handle no messages of users for now."""


@record("regrow.resume")
@dataclass(frozen=True, slots=True)
class Resume:
    """Handle them again."""


@dataclass(frozen=True, slots=True)
class GetState:
    """Show the state."""


@dataclass(frozen=True, slots=True)
class ReplaceState:
    """Change the state, and show the new one."""

    function: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Nothing: a turn that takes it looks anew at what its life needs."""


INQUIRIES: Final[frozenset[type[object]]] = frozenset(
    (Describe, Suspend, Resume, GetState, ReplaceState, ShowState, PutState, GetStatistics, LookAgain)
)


def answer_inquiry(life: Life, actor: Actor, message: object) -> object:
    """Do what it asks for. What the actor's hooks raise goes to the asker: to be looked at must not end anybody."""
    from .extras import extras_of
    from .looking import statistics_of

    try:
        match message:
            case Describe():
                return actor.describe()
            case Suspend():
                extras_of(life).suspended = True
            case Resume():
                if life.extras is not None:
                    life.extras.suspended = False
            case GetState():
                return actor.on_get_state()
            case ReplaceState(function):
                return actor.on_replace_state(function)
            case ShowState():
                return show_state(actor)
            case PutState():
                return put_shown(actor, message)
            case GetStatistics():
                return statistics_of(life)
            case _:
                pass
    except Exception as error:
        raise Reply(error) from error
    return None


def state_of(holder: object) -> dict[str, object]:
    """Give a copy of the attributes of an actor, without the runtime's own."""
    return {name: value for name, value in vars(holder).items() if name not in _OURS}


def put_state(holder: object, state: object) -> None:
    """Make these its attributes. Errors: TypeError."""
    if not isinstance(state, Mapping):
        raise TypeError(f"replace_state: expected a function that gives a mapping of attributes, got {state!r:.200}")
    for name in state_of(holder):
        if name not in state:
            delattr(holder, name)
    for name, value in state.items():
        setattr(holder, str(name), value)
