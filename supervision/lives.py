"""What the core makes of the news of one life: ready, ignored, failed, ended.

What lives here: one function an event. What follows from it for other children is in boot.py, restarts.py, groups.py.
"""

from __future__ import annotations

from ..actors.child_spec import Restart
from ..protocol.exits import KILLED, NORMAL, ExitReason
from . import commands as do
from . import core_events as ev
from .boot import fail_boot
from .child import Child, StartCause
from .core_state import CoreState
from .errors import AlreadyStarted, ChildWithdrawn, FailedToStartChild, SupervisionError
from .events import BackoffWasReset, ChildStarted, ChildStartFailed, ChildTerminated
from .plans import Boot, Ending, GroupPhase, GroupRestart
from .reconfigure import note_failed_start
from .restarts import decide, schedule
from .states import ChildState, Step

__all__ = ("abandon", "begun", "ended", "failed", "give_up_waiting", "ignored", "ready", "reset_backoff")


def begun(state: CoreState, event: ev.LifeBegun) -> None:
    """Note the ref of a life, so that the child can be listed while it starts."""
    child = state.current(event.child_id, event.life)
    if child is not None:
        state.note_ref(child, event.ref)
        child.incarnation = event.incarnation


def ready(state: CoreState, event: ev.LifeReady) -> None:
    """A start has succeeded."""
    child = state.current(event.child_id, event.life)
    if child is None or child.state not in {ChildState.STARTING, ChildState.STOPPING}:
        return
    starting = child.state is ChildState.STARTING
    child.move(Step.READY)
    child.ready = True
    if starting:
        _now_running(state, child, event.info)


def _now_running(state: CoreState, child: Child, info: object) -> None:
    reset_after = state.delays(child.spec).reset_after
    if child.failures:
        child.reset_armed = True
        if reset_after > 0:
            state.say(do.SetTimer(do.BackoffReset(child.id, child.life), state.now + reset_after))
    if child.spec.restart is Restart.TEMPORARY:
        state.drop_arguments(child)
    state.announce(ChildStarted(supervisor=state.name, child_id=child.id, life=child.life, restarts=child.restarts))
    if child.reset_armed and reset_after <= 0:  # no timer for what is so at once: it would wake the clock for nothing
        reset_backoff(state, do.BackoffReset(child.id, child.life))
    state.tell_starter(child, info)


def ignored(state: CoreState, event: ev.LifeIgnored) -> None:
    """A start asked to be left out: the spec is kept without a life, a temporary one is forgotten."""
    child = state.current(event.child_id, event.life)
    if child is None:
        return
    if child.state is ChildState.STOPPING:
        _stopped(state, child, Step.IGNORE, NORMAL)
    elif child.state is ChildState.STARTING:
        child.move(Step.IGNORE)
        child.last_reason = None
        state.tell_starter(child, None, ignored=True)
        state.let_go(child)


def failed(state: CoreState, event: ev.LifeFailed) -> None:
    """A start has failed; what that means depends on why the life was begun."""
    child = state.current(event.child_id, event.life)
    if child is None or child.state not in {ChildState.STARTING, ChildState.STOPPING}:
        return
    if event.abandoned:
        state.report_unstopped(child)
    if child.state is ChildState.STOPPING:
        _stopped(state, child, Step.FAIL, event.reason)
        return
    child.move(Step.FAIL)
    child.last_reason = event.reason
    state.announce(
        ChildStartFailed(
            supervisor=state.name,
            child_id=child.id,
            life=child.life,
            reason=event.reason,
            restarts=child.restarts,
        )
    )
    if isinstance(state.plan, Ending):
        return  # nothing is started any more; whoever asked for this start has been refused
    match child.cause:
        case StartCause.RESTART | StartCause.RECONFIGURED if _goes_down_with_its_group(state, child):
            _rejoin(state, child)
        case StartCause.BOOT:
            fail_boot(state, child, event.reason)
        case StartCause.ADDED:
            state.refuse_starter(child, _why_not(event, child.spec.name))
            state.forget(child)
        case StartCause.MANUAL:
            state.refuse_starter(child, _why_not(event, child.spec.name))
        case StartCause.RESTART | StartCause.RECONFIGURED:
            if child.cause is StartCause.RECONFIGURED:
                note_failed_start(state, child, event.reason)
            if child.spec.restart is Restart.TEMPORARY:  # it may have become one since the restart was decided
                state.forget(child)
            else:
                schedule(state, child)


def _why_not(event: ev.LifeFailed, name: str | None) -> SupervisionError:
    if event.holder is not None:
        return AlreadyStarted(event.child_id, event.holder, name)
    return FailedToStartChild(event.child_id, event.reason)


def ended(state: CoreState, event: ev.LifeEnded) -> None:
    """A life is over: because the supervisor wanted it, or on its own."""
    child = state.current(event.child_id, event.life)
    if child is None or child.state in {ChildState.STOPPED, ChildState.BACKOFF}:
        return
    if child.state is ChildState.STARTING:
        # Failed starts are reported as such and never as exits: it was ready, and that news was overtaken by this.
        child.move(Step.READY)
        _now_running(state, child, None)
    expected = child.state is ChildState.STOPPING
    state.announce(
        ChildTerminated(
            supervisor=state.name,
            child_id=child.id,
            life=child.life,
            reason=event.reason,
            expected=expected,
            report=event.report,
            restarts=child.restarts,
        )
    )
    if event.abandoned:
        state.report_unstopped(child)
    if expected:
        _stopped(state, child, Step.END, event.reason)
    else:
        _ended_on_its_own(state, child, event.reason)


def _ended_on_its_own(state: CoreState, child: Child, reason: ExitReason) -> None:
    state.disarm(child)
    child.move(Step.END)
    child.last_reason = reason
    match state.plan:
        case Boot() as boot:
            boot.exits.append((child.id, reason))
        case Ending():
            state.report_if_unclean(child, reason)
        case _ if _goes_down_with_its_group(state, child):
            state.report_if_unclean(child, reason)
            _rejoin(state, child)
        case _:
            decide(state, child, reason)


def _goes_down_with_its_group(state: CoreState, child: Child) -> bool:
    """Say whether it was to be stopped for its siblings' sake anyway: that end never counts and decides nothing."""
    plan = state.plan
    return isinstance(plan, GroupRestart) and plan.phase is GroupPhase.STOPPING and child.id in plan.ids


def _rejoin(state: CoreState, child: Child) -> None:
    """A member of a group is down: it waits for the group, a temporary one is dropped for good."""
    if state.let_go(child):
        state.refuse_starter(child, ChildWithdrawn(child.id))
    else:
        child.move(Step.WAIT)


def _stopped(state: CoreState, child: Child, step: Step, reason: ExitReason) -> None:
    state.stopped(child, step, reason)
    group = state.plan
    if child.withdrawn:
        state.refuse_starter(child, ChildWithdrawn(child.id))
        state.let_go(child)
    elif isinstance(group, GroupRestart) and child.id in group.ids:
        _rejoin(state, child)
    elif isinstance(group, Ending):
        state.let_go(child)


def give_up_waiting(state: CoreState, key: do.StopDeadline | do.KillDeadline) -> None:
    """A stop has taken too long: kill; a kill has taken too long: go on without, and say so."""
    child = state.current(key.child_id, key.life)
    if child is None or child.state is not ChildState.STOPPING:
        return
    if isinstance(key, do.StopDeadline) and not child.killed:
        state.kill(child)
    elif isinstance(key, do.KillDeadline):
        abandon(state, child)


def abandon(state: CoreState, child: Child) -> None:
    """Go on without a life that does not end although it was killed, and say so."""
    state.report_unstopped(child)
    _stopped(state, child, Step.ABANDON, KILLED)


def reset_backoff(state: CoreState, key: do.BackoffReset) -> None:
    """A life has proved stable. A reset that was armed for an earlier life is ignored."""
    child = state.current(key.child_id, key.life)
    if child is not None and child.state is ChildState.RUNNING and child.reset_armed:
        child.reset_armed = False
        child.failures, child.last_delay = 0, 0.0
        state.announce(BackoffWasReset(supervisor=state.name, child_id=child.id, life=child.life))
