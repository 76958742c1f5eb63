"""Looking at an actor of another process: questions that can be sent, and answers that can.

What lives here: what only such questions need. No code is sent, so `replace_state` runs its function where it is
called, on a copy, and puts the result in place if the state is still the one that was copied. What must not: the
doors (`looking.py`), what is asked within one process as well (`inquiries.py`), the link (`hosting/`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ..protocol.records import record
from .errors import StateChanged

if TYPE_CHECKING:
    from ..protocol.ref_token import RefToken
    from .actor import Actor
    from .looking import Statistics
    from .ref import ActorRef

__all__ = (
    "GetStatistics",
    "PutState",
    "ShowState",
    "ShownState",
    "inquire",
    "put_shown",
    "replace_elsewhere",
    "show_state",
    "statistics_elsewhere",
)

ATTEMPTS: Final = 10
"""Of `replace_state`, each one after the state has changed under the one before."""


@record("regrow.show_state")
@dataclass(frozen=True, slots=True)
class ShowState:
    """Show the state, and how to know it again."""


@record("regrow.shown_state")
@dataclass(frozen=True, slots=True)
class ShownState:
    """The answer. `mark`: the same as long as the state is."""

    state: object
    mark: bytes


@record("regrow.put_state")
@dataclass(frozen=True, slots=True)
class PutState:
    """Take this for the state that was shown with `mark`. Answered with the new one; with None if it has changed."""

    state: object
    mark: bytes


@record("regrow.get_statistics")
@dataclass(frozen=True, slots=True)
class GetStatistics:
    """Count. Answered by the process, and so for an actor that is stuck, too."""


# Where the actor lives.


def show_state(actor: Actor) -> ShownState:
    """Show it. Runs in: its turn. Errors: CodecError with the path of what cannot be sent; what its hook raises."""
    state = actor.on_get_state()
    return ShownState(state, _mark_of(state))


def put_shown(actor: Actor, question: PutState) -> ShownState | None:
    """Put a new state in place of the one that was shown, if that is still there. Runs in: its turn."""
    if show_state(actor).mark != question.mark:
        return None
    actor.on_replace_state(lambda _: question.state)
    return show_state(actor)


def _mark_of(state: object) -> bytes:
    from hashlib import blake2b  # few are ever asked

    from ..protocol.codec import encode

    return blake2b(encode(state, refs=_said, root="state"), digest_size=16).digest()


def _said(value: object) -> RefToken | None:
    from ..protocol.ref_token import RefToken
    from .ref import ActorRef

    return RefToken(value.urn) if isinstance(value, ActorRef) else None


# Where somebody looks at it.


def inquire(ref: ActorRef[Any], question: object) -> Any:
    """Ask, for as long as an ask of this system waits."""
    return ref.ask(question, timeout=ref.system.ask_timeout)


def replace_elsewhere(ref: ActorRef[Any], function: Callable[[Any], object]) -> object:
    """Put what `function` makes of a copy of the state in its place; again if that has changed meanwhile.

    Errors: what `function` raises; StateChanged.
    """
    for _ in range(ATTEMPTS):
        shown: ShownState = inquire(ref, ShowState())
        put: ShownState | None = inquire(ref, PutState(function(shown.state), shown.mark))
        if put is not None:
            return put.state
    raise StateChanged(ref, ATTEMPTS)


def statistics_elsewhere(ref: ActorRef[Any]) -> Statistics:
    """Ask its process to count. The lives of a hosted child are counted where it was begun."""
    found: Statistics = inquire(ref, GetStatistics())
    return replace(found, incarnation=ref.incarnation, restarts=ref.incarnation - 1) if ref.hosted else found
