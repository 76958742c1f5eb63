"""What an actor can do with the message in hand, beside answering it: keep it, hand it on, answer it later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .extras import extras_of, forward, receive_timeout, stash, unstash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .life import Life
    from .ref import ActorRef
    from .replies import ReplyHandle

__all__ = ("InHand",)


class InHand:
    """A part of every Actor. Runs in: its own turns."""

    stash_max: ClassVar[int] = 1_000
    """How many messages it may keep for later."""

    if TYPE_CHECKING:

        def _alive(self) -> Life: ...

    @property
    def asked(self) -> bool:
        """True if somebody waits for an answer to the message in hand."""
        future = self._alive().ask_in_hand()
        return future is not None and not future.done

    def defer_reply(self) -> ReplyHandle:
        """Take over answering the ask in hand: what the handler returns is not sent."""
        return self._alive().defer_reply()

    def forward(self, ref: ActorRef[Any]) -> None:
        """Hand the message in hand on to another, who answers in its place; what the handler returns is not sent.

        Who has asked waits for that one from now on: its errors name it, and so do circles.
        Errors: NothingInHand; if nobody has asked, as `ref.tell`.
        """
        forward(self._alive(), ref)

    def stash(self) -> None:
        """Keep the message in hand, and who waits for its answer, for later; what the handler returns is not sent.

        What is kept when the life ends is rejected like what waits then.
        Errors: StashFull if it keeps `stash_max` already; NothingInHand. Source: Akka's Stash.
        """
        stash(self._alive(), self.stash_max)

    def unstash(self, number: int = 1) -> int:
        """Let so many of the kept messages, oldest first, be the next, before all that waits; gives how many."""
        return unstash(self._alive(), max(0, number))

    def unstash_all(self) -> int:
        """Let all kept messages be the next, in their order, before all that waits; gives how many."""
        return unstash(self._alive(), None)

    @property
    def stashed(self) -> int:
        """How many messages it keeps for later."""
        extras = self._alive().extras
        return 0 if extras is None else len(extras.stashed)

    def set_receive_timeout(self, seconds: float | None) -> None:
        """Get `ReceiveTimeout(seconds)` when no message of a user has come for so long, each time; None: no more.

        Counted from when it has nothing more to do. Errors: ValueError. Source: Akka's setReceiveTimeout.
        """
        receive_timeout(self._alive(), seconds)

    def keep(self, left: Callable[[], Iterable[object]]) -> None:
        """Say which messages it has taken and not handled, besides the stash: a kill reports them as dead letters.

        `left` runs in: the thread of who kills, perhaps while the actor's code runs.
        """
        extras_of(self._alive()).kept = left
