"""Looking at a running system: who lives, what they do, who is stuck. What few programs use is imported when it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .named_ref import resolved
from .tracing import start_trace

if TYPE_CHECKING:
    from .actor_tree import ActorTree
    from .ref import ActorRef
    from .stuck import StuckHandler, StuckWatch
    from .system import ActorSystem
    from .trace import Trace

__all__ = ("SystemView",)


class SystemView:
    """A part of every ActorSystem."""

    def tree(self) -> ActorTree:
        """Give everybody below whoever has begun him; `str()` draws it. Asks nobody, and so never waits."""
        from .actor_tree import tree_of

        return tree_of(cast("ActorSystem", self))

    def trace(self, ref: ActorRef, *, maxlen: int = 1_000) -> Trace:
        """Write down what the present life of `ref` takes, sends in its turns and runs as hooks.

        Errors: ActorDeadError; LivesElsewhere; ValueError.
        """
        return start_trace(resolved(ref), cast("ActorSystem", self).clock, maxlen)

    def stuck(self, seconds: float) -> tuple[StuckHandler, ...]:
        """Give the handlers and hooks that run for `seconds` from now on, each with its stack.

        Blocks that long if any runs at all. Runs in: any thread; the caller's own handler is left out.
        """
        from .stuck import stuck_in

        return stuck_in(cast("ActorSystem", self), seconds)

    def watch_stuck(self, seconds: float) -> StuckWatch:
        """Publish HandlerStuck for each handler that runs for `seconds`, or half as long again, until it is closed.

        Classes that say `long_running = True` are left out. `ActorSystem(stuck_after=seconds)` does it from the start.
        """
        from .stuck import StuckWatch

        return StuckWatch(cast("ActorSystem", self), seconds)
