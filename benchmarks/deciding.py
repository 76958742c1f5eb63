"""How many decisions a second the minds of supervisors take: pure, without a thread, a clock or an actor.

What lives here: the measuring, for `benchmarks.supervision`. What must not: rows.
"""

from __future__ import annotations

import random
import time
from typing import Any

from regrow.actors.child_spec import ChildSpec, Start
from regrow.protocol.exits import Crash
from regrow.supervision import NO_BACKOFF, DynamicSpec, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.mind import Mind

__all__ = ("decide_dynamic", "decide_group", "decide_static")

BOOM = Crash("RuntimeError", "told to crash")
INTENSITY = RestartIntensity(100, 1.0)


class _Players:
    """The lives of one mind's children, and the events that their ends and starts are."""

    def __init__(self, mind: Mind[Any]) -> None:
        self.mind = mind
        self.lives: dict[str, int] = {}
        self.now = 0.0
        self.events = 0

    def feed(self, event: ev.CoreEvent) -> None:
        """Take one event and all that follows from it; a start is ready at once, and a stop obeyed."""
        waiting = [event]
        while waiting:
            self.events += 1
            for command in self.mind.receive(waiting.pop(), self.now):
                if isinstance(command, do.StartLife):
                    self.lives[command.child_id] = command.life
                    waiting.append(ev.LifeReady(command.child_id, command.life))
                elif isinstance(command, do.StopLife):
                    waiting.append(ev.LifeEnded(command.child_id, command.life, command.reason))

    def rate(self, crashes: int, ids: list[str]) -> float:
        """Crash one after the other, each a second later; give events decided in a second of CPU."""
        self.events, began = 0, time.process_time()
        for number in range(crashes):
            self.now += 1.0
            child_id = ids[number % len(ids)]
            self.feed(ev.LifeEnded(child_id, self.lives[child_id], BOOM))
        return self.events / (time.process_time() - began)


def _static(children: int, strategy: Strategy) -> _Players:
    specs = [ChildSpec(id=str(number), start=Start(object)) for number in range(children)]
    spec = SupervisorSpec(strategy, specs, INTENSITY, NO_BACKOFF)
    players = _Players(SupervisorCore(spec, random.Random(0)))
    players.feed(ev.Booted())
    return players


def decide_static(children: int, crashes: int) -> float:
    """Decisions a second among so many children under one_for_one: an end, a start, a readiness are one each."""
    players = _static(children, Strategy.ONE_FOR_ONE)
    return players.rate(crashes, list(players.lives))


def decide_group(children: int, crashes: int) -> float:
    """The same under one_for_all, where a crash is the end and the start of them all."""
    return _static(children, Strategy.ONE_FOR_ALL).rate(crashes, ["0"])


def decide_dynamic(children: int, crashes: int) -> float:
    """The same for a DynamicSupervisor."""
    players = _Players(DynamicCore(DynamicSpec(INTENSITY, NO_BACKOFF), random.Random(0)))
    players.feed(ev.Booted())
    spec = ChildSpec(id="x", start=Start(object))
    for number in range(children):
        players.feed(ev.Requested(ask.StartChild(spec), number))
    return players.rate(crashes, list(players.lives))
