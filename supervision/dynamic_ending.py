"""How a DynamicSupervisor ends: all children at once, as none of them needs another.

All are asked at once; those that get the same time share one timer; who is not over by then is killed, and all are
waited for. What went wrong is told once a reason, with the number of children. Source: OTP supervisor
terminate_dynamic_children/1; Elixir DynamicSupervisor terminate_children/2.
Differs from OTP: one timer a distinct shutdown time, as children may have different specs.
"""

from __future__ import annotations

from . import commands as do
from .child import Child
from .core_state import KILL_WAIT
from .dynamic_state import DynamicState, Parting
from .ending import finish
from .events import ShutdownErrors
from .lives import abandon
from .plans import Ending
from .states import ALIVE, ChildState

__all__ = ("advance_parting", "wave_due")


def advance_parting(state: DynamicState, plan: Ending) -> None:
    """Stop all children if that has not been done; end when none is left. Shape: O(children), for all of it."""
    if state.parting is None:
        state.parting = Parting()
        _part(state, state.parting)
    if state.children:
        return
    for wave, members in enumerate(state.parting.waves):
        if members:
            state.say(do.CancelTimer(do.WaveDeadline(wave)))
    for reason, children in state.parting.unclean.items():
        state.announce(ShutdownErrors(supervisor=state.name, reason=reason, children=children))
    finish(state, plan)


def wave_due(state: DynamicState, wave: int) -> None:
    """The time of some children is up: kill those that were only asked, go on without those that were killed."""
    parting = state.parting
    if parting is None or wave >= len(parting.waves):
        return
    members, parting.waves[wave] = parting.waves[wave], []
    left = [child for child in map(state.children.get, members) if child is not None]
    asked = [child for child in left if not child.killed]
    for child in left:
        if child.killed:
            abandon(state, child)
    for child in asked:
        state.order_kill(child)
    _limit(state, parting, asked, KILL_WAIT)


def _part(state: DynamicState, parting: Parting) -> None:
    together: dict[tuple[float, bool], list[Child]] = {}
    for child in tuple(state.children.values()):
        if child.state not in ALIVE:
            state.forget(child)
        elif child.state is not ChildState.STOPPING:  # who is being stopped has a deadline of his own
            seconds = state.order_stop(child)
            if seconds is not None:
                together.setdefault((seconds, child.killed), []).append(child)
    for (seconds, _), children in together.items():
        _limit(state, parting, children, seconds)


def _limit(state: DynamicState, parting: Parting, children: list[Child], seconds: float) -> None:
    if children:
        state.say(do.SetTimer(do.WaveDeadline(len(parting.waves)), state.now + seconds))
        parting.waves.append([child.id for child in children])
