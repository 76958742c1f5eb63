"""What it costs a supervisor's mind to have many children: a crowd of them, and a count of steps instead of seconds.

The calls are the same in every run. Lines and opcodes would tell more, but 3.12 does not count opcodes, and to trace
lines hangs 3.11 once an exception was set in another thread that ended before it was raised there.
"""

from __future__ import annotations

import cProfile
import random
from collections.abc import Callable
from typing import Any

from regrow.actors.child_spec import ChildSpec, Grace, Restart, Start
from regrow.protocol.exits import SHUTDOWN
from regrow.supervision import NO_BACKOFF, RestartIntensity
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from tests.supervision.dynamic_stage import FakeRef
from tests.supervision.stage import BOOM


class Crowd:
    """Many children of one core, each ready."""

    def __init__(self, size: int, restart: Restart = Restart.PERMANENT) -> None:
        self.core = DynamicCore(DynamicSpec(RestartIntensity(10**6, 0.5), NO_BACKOFF), random.Random(0))
        self.now = 0.0
        self.lives: dict[str, int] = {}
        self.spec = ChildSpec(id="w", start=Start(object), restart=restart, shutdown=Grace(1.0))
        self.feed(ev.Booted())
        for _ in range(size):
            self.start()

    def feed(self, event: ev.CoreEvent) -> list[do.Command]:
        self.now += 1.0
        commands = self.core.receive(event, self.now)
        for command in commands:
            if isinstance(command, do.StartLife):
                self.lives[command.child_id] = command.life
        return commands

    def begin(self, child_id: str) -> None:
        life = self.lives[child_id]
        ref: Any = FakeRef(f"urn:{child_id}")
        self.feed(ev.LifeBegun(child_id, life, ref, 1))
        self.feed(ev.LifeReady(child_id, life))

    def start(self) -> str:
        [command] = self.feed(ev.Requested(ask.StartChild(self.spec), 1))
        assert isinstance(command, do.StartLife)
        self.begin(command.child_id)
        return command.child_id

    def crash(self) -> None:
        child_id = next(reversed(self.lives))
        self.feed(ev.LifeEnded(child_id, self.lives[child_id], BOOM))
        self.begin(child_id)

    def terminate(self) -> None:
        child_id, life = next(reversed(self.lives.items()))
        ref: Any = FakeRef(f"urn:{child_id}")
        self.feed(ev.Requested(ask.TerminateChild(ref), 2))
        self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))

    def finish(self) -> None:
        child_id, life = next(reversed(self.lives.items()))
        self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))

    def stop(self) -> None:
        self.feed(ev.StopRequested())
        for child_id, life in self.lives.items():
            self.feed(ev.LifeEnded(child_id, life, SHUTDOWN))
        assert self.core.ended


def steps(work: Callable[[], object]) -> int:
    """Count the calls that are made, of generators each time they go on."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())
