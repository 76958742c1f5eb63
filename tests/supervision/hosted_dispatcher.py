"""An actor that knows what its system was told to begin; imported in hosted processes alone, where it listens in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from regrow.actors import Actor, ActorRef, ActorSystem, ChildSpec
from regrow.actors.outcome import StartOutcome

BEGUN: Final[list[ChildSpec]] = []
_begin: Final = ActorSystem.begin


def overhear(
    system: ActorSystem,
    spec: ChildSpec,
    *,
    parent: ActorRef | None,
    ref: ActorRef | None,
    on_outcome: Callable[[StartOutcome], None],
) -> ActorRef:
    """Keep the spec of what begins."""
    BEGUN.append(spec)
    return _begin(system, spec, parent=parent, ref=ref, on_outcome=on_outcome)


ActorSystem.begin = overhear  # type: ignore[method-assign,assignment]


class Overheard(Actor):
    """Says with which dispatchers its process has begun lives, its own first."""

    def on_receive(self, message: object) -> object:
        return [spec.dispatcher for spec in BEGUN]
