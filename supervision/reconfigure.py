"""How a running supervisor follows a new spec, touching nothing that is the same in it.

What lives here: taking the new spec over, in one step, and then bringing the lives in line with it, step by step.
What must not: comparing (difference.py), how other supervisors are asked (supervisor.py).

1. All of the new spec is checked, with the trees inside it as far as they are known here; one mistake and nothing has
   changed.
2. From then on the new spec counts: policies hold for the lives that run, and for restarts that are waited for.
3. What has to go (removed, or something else now) is stopped in reverse start order, one after the other.
4. What has to come (added, or something else now) is started in start order, one when the one before it is ready;
   supervisors below are asked to follow when it is their turn.

These starts are no restarts: they do not count in the intensity. One that fails is one that a child has to be restarted
from: after its backoff, and counted. A child that was down stays down, unless it was waiting for its restart: that
comes at once if the child is something else now, because the new spec may be the cure.
Source: OTP supervisor code_change/3.
Differs from OTP: a changed start function is used at once, and children that are new are started and those that are
gone are stopped; OTP does all of that only when somebody asks for it by name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..actors.child_spec import ChildSpec, Restart
from . import commands as do
from . import requests as ask
from .child import Child, StartCause
from .core_events import LifeReconfigured
from .core_state import CoreState
from .difference import Difference, difference
from .dynamic_spec import DynamicSpec
from .errors import CannotReconfigure, ChildWithdrawn, InvalidSpec, SpecProblem
from .partition_spec import PartitionSpec
from .plans import GroupPhase, GroupRestart, Reconfiguration
from .results import Reconfigured
from .spec import SupervisorSpec
from .states import ALIVE, ChildState, Step
from .validate import check_dynamic_spec, check_supervisor_spec

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("advance_reconfiguration", "ending_with", "note_answer", "note_failed_start", "reconfigure")


def reconfigure(state: CoreState, new: SupervisorSpec, to: Hashable) -> None:
    """Take a new spec over, or refuse it whole. The answer follows when the lives are in line with it."""
    if not state.booted:
        state.refuse(to, CannotReconfigure(state.name, "it is starting"))
        return
    if state.reconfiguration is not None:
        state.refuse(to, CannotReconfigure(state.name, "it is being reconfigured"))
        return
    problems = tuple(_problems(state.spec, new))
    if problems:
        state.refuse(to, InvalidSpec(problems))
        return
    change = difference(_in_force(state, new), new)
    job = Reconfiguration(to, change, {}, {}, {}, [], [])
    state.reconfiguration = job
    if type(new.intensity) is not type(state.spec.intensity):
        state.log = ()  # the log of another kind of intensity means nothing to this one
    state.spec = new
    _remove(state, job)
    _renew(state, job, new)
    _order(state, job, new)
    _hurry_group(state, job)


def ending_with(state: CoreState, new: SupervisorSpec) -> tuple[ActorRef[Any] | None, ...]:
    """Give the refs of those that end, or below which something may end, when this spec is followed; none if it is bad.

    Shape: as of `difference`.
    """
    if tuple(_problems(state.spec, new)):
        return ()
    change = difference(_in_force(state, new), new)
    children = (state.children.get(child_id) for child_id in (*change.removed, *change.restarted, *change.inside))
    return tuple(child.ref for child in children if child is not None)


def _problems(old: SupervisorSpec, new: SupervisorSpec) -> Iterator[SpecProblem]:
    if old.name != new.name:
        yield SpecProblem("name", f"{old.name!r}, as a running supervisor keeps its name", repr(new.name))
    specs: list[tuple[str, SupervisorSpec]] = [("", new)]
    for prefix, spec in specs:  # it grows by the supervisors below
        for problem in check_supervisor_spec(spec):
            yield replace(problem, where=prefix + problem.where)
        children: Sequence[object] = spec.children
        for index, child in enumerate(children):
            inner: object = child.start.args[0] if isinstance(child, ChildSpec) and child.start.args else None
            if isinstance(child, ChildSpec) and isinstance(inner, SupervisorSpec):
                specs.append((f"{prefix}children[{index}] ({child.id!r}).", inner))
            elif isinstance(child, ChildSpec) and isinstance(inner, DynamicSpec):
                for problem in check_dynamic_spec(inner):
                    yield replace(problem, where=f"{prefix}children[{index}] ({child.id!r}).{problem.where}")


def _in_force(state: CoreState, new: SupervisorSpec) -> SupervisorSpec:
    """Give the old spec with the children as they are now: one that was added by hand is ours if `new` has its id."""
    wanted = {child.id for child in new.children}
    static = [_of_row(state.children.get(spec.id), spec) for spec in state.spec.children]
    known = {spec.id for spec in static}
    by_hand = [row.spec for row in state.children.values() if row.id in wanted and row.id not in known]
    return replace(state.spec, children=(*static, *by_hand))


def _of_row(child: Child | None, static: ChildSpec) -> ChildSpec:
    """Give a child's spec. What a temporary one was started with is let go, but in the static spec it is known."""
    if child is None:
        return static
    let_go = child.spec.restart is Restart.TEMPORARY and child.cause is not StartCause.ADDED
    return replace(child.spec, start=static.start) if let_go else child.spec


def _remove(state: CoreState, job: Reconfiguration) -> None:
    """Have those that are gone end: from now on they are as good as temporary, so nothing brings them back."""
    for child_id in job.change.removed:
        child = state.children.get(child_id)
        if child is None:
            continue
        job.removed.append(child_id)
        if child.state in ALIVE:
            child.spec = replace(child.spec, restart=Restart.TEMPORARY, significant=False)
        else:
            _drop(state, child)


def _drop(state: CoreState, child: Child) -> None:
    if child.state is ChildState.BACKOFF:
        state.cancel_wait(child)
    state.refuse_starter(child, ChildWithdrawn(child.id))
    state.forget(child)


def _renew(state: CoreState, job: Reconfiguration, new: SupervisorSpec) -> None:
    """Give every child its new spec, and note what has to be done about those that live."""
    change, specs = job.change, {spec.id: spec for spec in new.children}
    for child_id in (*change.changed, *change.inside, *change.restarted):
        child = state.children.get(child_id)
        if child is None:
            continue  # deleted by hand, or temporary and over: the file does not bring it back
        before, child.spec = child.spec, specs[child_id]
        anew = child_id in change.restarted
        if child.spec.restart is Restart.TEMPORARY and child.state not in ALIVE and not anew:
            _drop(state, child)  # a temporary child is never down
        elif child.state in ALIVE and child_id in change.inside:
            job.before[child_id], job.lives[child_id] = before, child.life
        elif anew and (child.state in ALIVE or child.state is ChildState.BACKOFF):
            job.lives[child_id], job.types[child_id] = child.life, before.type
        else:
            job.changed.append(child_id)


def _order(state: CoreState, job: Reconfiguration, new: SupervisorSpec) -> None:
    """Put the table into the new order, the added ones in their places; what is not in the spec stands behind."""
    ends = {*job.change.removed, *job.change.restarted}
    job.stopping = [row.id for row in state.children.values() if row.id in ends and row.state in ALIVE]
    job.lives |= {child_id: state.children[child_id].life for child_id in job.stopping}
    rows, state.children = state.children, {}
    for spec in new.children:
        if spec.id in job.change.added:
            child = Child(spec)
            child.move(Step.WAIT)  # down, and to be started: what BACKOFF means
            rows[spec.id] = child
        if spec.id in rows:
            state.children[spec.id] = rows.pop(spec.id)
    state.children |= rows
    comes = {*job.change.added, *job.change.inside, *job.change.restarted}
    job.starting = [spec.id for spec in new.children if spec.id in comes and spec.id in state.children]


def _hurry_group(state: CoreState, job: Reconfiguration) -> None:
    """Let a group that waits be started at once if one of its members is something else now."""
    plan = state.plan
    if not isinstance(plan, GroupRestart) or plan.phase is not GroupPhase.WAITING:
        return
    if any(member in job.change.restarted for member in plan.members):
        state.say(do.CancelTimer(do.GroupDue(plan.turn)))
        plan.due, plan.phase = state.now, GroupPhase.STOPPING


def advance_reconfiguration(state: CoreState, job: Reconfiguration) -> None:
    """Do the next step, if nothing is waited for; answer when there is none."""
    while True:
        if _awaited(state, job):
            return
        if job.stopping:
            if _stop_last(state, job):
                return
        elif job.starting:
            _start_first(state, job)
        else:
            break
    state.reconfiguration = None
    state.announce_followed(result := _result(state, job))
    state.say(do.Reply(job.asker, result))


def _awaited(state: CoreState, job: Reconfiguration) -> bool:
    if job.current is None:
        return False
    child = state.current(*job.current)
    waits = {ChildState.RUNNING, ChildState.STOPPING} if job.asked else {ChildState.STARTING, ChildState.STOPPING}
    if child is not None and child.state in waits:
        return True
    job.current, job.asked = None, False
    return False


def _stop_last(state: CoreState, job: Reconfiguration) -> bool:
    """Stop the last of those that have to end; say whether that has to be waited for."""
    child_id = job.stopping[-1]
    child = state.current(child_id, job.lives[child_id])
    if child is not None and child.state in ALIVE:
        if child.state is not ChildState.STOPPING:
            child.withdrawn = child_id in job.change.removed
            spec = child.spec
            child.spec = replace(spec, type=job.types.get(child_id, spec.type))  # whose shutdown is the default
            state.ask_to_stop(child)
            child.spec = spec
        return True
    job.stopping.pop()
    if child is None:
        return False
    if child_id in job.change.removed:
        _drop(state, child)
    elif child.state is ChildState.STOPPED and not child.withdrawn:
        child.move(Step.WAIT)
    return False


def _start_first(state: CoreState, job: Reconfiguration) -> None:
    """Start the first of those that have to come, or ask it to change inside, or see that it has come already."""
    child_id = job.starting.pop(0)
    child = state.children.get(child_id)
    if child is None:
        return
    if child.state is ChildState.BACKOFF and child_id not in job.change.inside:
        _begin(state, child)
        job.current = (child_id, child.life)
    elif child.state is ChildState.STARTING:
        job.starting.insert(0, child_id)  # by a restart, or on request
        job.current = (child_id, child.life)
        return
    elif child_id in job.before and child.life == job.lives[child_id] and child.state is ChildState.RUNNING:
        job.current, job.asked = (child_id, child.life), True
        state.say(do.ReconfigureLife(child_id, child.life, _message(child.spec)))
        return
    if child_id in job.before:
        job.changed.append(child_id)  # it is down, or has a new life since
    elif child.state in ALIVE:
        (job.added if child_id in job.change.added else job.restarted).append(child_id)


def _begin(state: CoreState, child: Child) -> None:
    """Start it with a clean record, as it is something else than what may have failed before."""
    if child.turn:
        state.say(do.CancelTimer(do.RestartDue(child.id, child.turn)))
    child.failures, child.last_delay = 0, 0.0
    state.begin(child, StartCause.RECONFIGURED)


def _message(spec: ChildSpec) -> ask.Reconfigure | ask.ReconfigureFrom:
    inner = spec.start.args[0] if spec.start.args else None
    if isinstance(inner, SupervisorSpec | DynamicSpec | PartitionSpec):
        return ask.Reconfigure(inner)
    return ask.ReconfigureFrom(spec.start)


def note_failed_start(state: CoreState, child: Child, reason: object) -> None:
    """Remember that a child that has been started for the new spec did not become ready."""
    if state.reconfiguration is not None:
        state.reconfiguration.failed[child.id] = str(reason)


def note_answer(state: CoreState, event: LifeReconfigured) -> None:
    """Take what a supervisor below has answered: it follows, it cannot and needs a new life, or it refuses."""
    job = state.reconfiguration
    if job is None or not job.asked or job.current != (event.child_id, event.life):
        return  # it has ended meanwhile, which counts for more
    job.current, job.asked = None, False
    child = state.children[event.child_id]
    if event.error is not None:
        job.refused[child.id] = event.error
        child.spec = replace(child.spec, start=job.before[child.id].start)
        children = [replace(s, start=child.spec.start) if s.id == child.id else s for s in state.spec.children]
        state.spec = replace(state.spec, children=children)
    elif event.result is None:
        del job.before[child.id]
        job.stopping.append(child.id)
        job.starting.insert(0, child.id)
        job.change = replace(
            job.change,
            inside=tuple(other for other in job.change.inside if other != child.id),
            restarted=(*job.change.restarted, child.id),
        )
    elif not event.result.unchanged:
        job.inside[child.id] = event.result


def _result(state: CoreState, job: Reconfiguration) -> Reconfigured:
    change: Difference = job.change
    touched = {*job.changed, *job.restarted, *job.added, *job.inside, *job.refused}
    order = {spec.id: index for index, spec in enumerate(state.spec.children)}

    def ordered(ids: list[str]) -> tuple[str, ...]:
        return tuple(sorted(ids, key=order.__getitem__))

    def is_down(child_id: str) -> bool:
        child = state.children.get(child_id)
        return child is not None and child.state is ChildState.STOPPED

    return Reconfigured(
        own=change.own,
        kept=tuple(child_id for child_id in order if child_id in state.children and child_id not in touched),
        changed=ordered(job.changed),
        stopped=tuple(filter(is_down, ordered(job.changed))),
        restarted=ordered(job.restarted),
        added=ordered(job.added),
        removed=tuple(job.removed),
        reordered=change.reordered,
        failed=dict(job.failed),
        refused=dict(job.refused),
        inside=dict(job.inside),
    )
