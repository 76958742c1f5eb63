"""What follows when a child has ended on its own, or a restart of it has failed.

What lives here: the decision table, the restart intensity, the backoff of a single child.
Restarts of several children together are in groups.py. Source: OTP supervisor restart/2, do_restart/3.
"""

from __future__ import annotations

from typing import Final

from ..protocol.exits import ExitReason, Shutdown
from . import commands as do
from .child import Child, StartCause, needs_restart
from .core_state import CoreState
from .decay import FailureDecay
from .ending import end
from .events import IntensityReached, RestartScheduled, SignificantChildEnded, SupervisorLeftDown
from .groups import join_group
from .significance import is_significant_end, wants_shutdown
from .states import ALIVE, ChildState, Step
from .strategy import Strategy

__all__ = ("GAVE_UP", "attempt", "count_attempt", "decide", "give_up", "schedule")

GAVE_UP: Final = Shutdown("reached_max_restart_intensity")
"""Why a supervisor ends that would have to restart once too often: a clean reason, as in OTP."""


def decide(state: CoreState, child: Child, reason: ExitReason) -> None:
    """Apply the restart type to a child that has ended on its own: restart it, keep it stopped, or forget it."""
    if needs_restart(child.spec.restart, reason):
        schedule(state, child)
        return
    if reason == GAVE_UP:
        state.announce(
            SupervisorLeftDown(supervisor=state.name, child_id=child.id, life=child.life, restart=child.spec.restart)
        )
    state.let_go(child)
    if not is_significant_end(child.spec, reason):
        return
    others = (
        other.state in ALIVE or other.state is ChildState.BACKOFF
        for other in state.children.values()
        if other.spec.significant and other is not child
    )
    if wants_shutdown(state.spec.auto_shutdown, others):
        state.announce(SignificantChildEnded(supervisor=state.name, child_id=child.id, reason=reason))
        end(state, Shutdown("auto_shutdown"))


def schedule(state: CoreState, child: Child) -> None:
    """Decide on the restart of a stopped child: now, after its backoff, or not at all because it is one too many.

    If the attempt would be over the intensity even after the wait, it gives up now, without waiting. A child of a group
    that waits already is restarted with it, at the later time: that is the attempt that is looked ahead to.
    """
    child.failures += 1
    delay = max(0.0, state.delays(child.spec).delay(child.failures, state.rng, child.last_delay))
    child.last_delay = delay
    due = max(state.now + delay, state.group_due or state.now)
    if not state.spec.intensity.allows(state.log, due):
        give_up(state, child)
        return
    child.move(Step.WAIT)
    group: tuple[str, ...] = (child.id,)
    if state.spec.strategy is not Strategy.ONE_FOR_ONE:
        plan = join_group(state, child, due)
        group, delay = plan.members, plan.due - state.now
    state.announce(
        RestartScheduled(
            supervisor=state.name,
            child_id=child.id,
            delay=delay,
            failures=child.failures,
            group=group,
            life=child.life,
            reason=child.last_reason,
            restarts=child.restarts,
        )
    )
    if state.spec.strategy is not Strategy.ONE_FOR_ONE:
        return
    if delay > 0:
        child.turn, child.due = state.next_turn(), due
        state.say(do.SetTimer(do.RestartDue(child.id, child.turn), due))
    else:
        attempt(state, child)


def attempt(state: CoreState, child: Child) -> None:
    """Begin the restart of a single child that was waiting for it, if the intensity allows one more."""
    if count_attempt(state):
        state.begin(child, StartCause.RESTART)
    else:
        state.cancel_wait(child)
        give_up(state, child)


def count_attempt(state: CoreState) -> bool:
    """Enter one restart attempt into the log; say whether it is allowed."""
    state.log, allowed = state.spec.intensity.record(state.log, state.now)
    return allowed


def give_up(state: CoreState, child: Child) -> None:
    """End the supervisor, because it would have to restart once too often.

    The reason is a clean one, as in OTP: a transient supervisor that gives up is not restarted, a permanent one is.
    """
    intensity = state.spec.intensity
    state.announce(
        IntensityReached(
            supervisor=state.name,
            child_id=child.id,
            max_restarts=intensity.burst,
            max_seconds=intensity.memory,
            decay=intensity if isinstance(intensity, FailureDecay) else None,
            life=child.life,
            reason=child.last_reason,
            restarts=child.restarts,
        )
    )
    end(state, GAVE_UP)
