"""What was told to nobody."""

from __future__ import annotations

from regrow.actors import ActorSystem, DeadLetter

__all__ = ("dead_letters",)


def dead_letters(system: ActorSystem) -> list[object]:
    """The messages that become dead letters from now on, in order; the list grows."""
    found: list[object] = []

    def take(event: object) -> None:
        assert isinstance(event, DeadLetter)
        found.append(event.message)

    system.bus.subscribe(take, DeadLetter)
    return found
