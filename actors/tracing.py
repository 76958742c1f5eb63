"""How a trace begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .extras import extras_of, look_again
from .looking import local_life
from .trace import Trace

if TYPE_CHECKING:
    from .clock import Clock
    from .ref import ActorRef

__all__ = ("start_trace",)


def start_trace(ref: ActorRef[Any], clock: Clock, maxlen: int) -> Trace:
    """Write down what a life does from now on; what it takes, once its turn has come to look at that.

    Errors: ActorDeadError; LivesElsewhere; ValueError. Runs in: any thread; never blocks.
    """
    life = local_life(ref, "trace()")
    trace = Trace(ref, clock, maxlen)
    trace.attach(extras_of(life).taps)
    try:
        look_again(life)
    except BaseException:
        trace.close()
        raise
    return trace
