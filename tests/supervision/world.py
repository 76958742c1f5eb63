"""A world of supervisor cores for property tests: mail comes in any order, lives do what they like, time is a number.

What lives here: the carrying out of commands, for one supervisor or for a tree of them. What must not: what is right
(judge.py), what happens next (the state machines).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from regrow.actors.child_spec import ChildSpec, Infinity
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash, ExitReason
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.errors import SupervisionError, SupervisorStopping
from regrow.supervision.results import Reconfigured
from regrow.supervision.spec import SupervisorSpec
from tests.supervision.dynamic_judge import DynamicJudge
from tests.supervision.judge import Judge

__all__ = ("AnySpec", "Life", "Node", "World")


AnySpec: TypeAlias = SupervisorSpec | DynamicSpec


@dataclass(frozen=True, slots=True)
class FakeRef:
    """All that a core ever looks at of a ref."""

    urn: str


class Life:
    """One incarnation of a child: a leaf that is told what to do, or a supervisor with a core of its own."""

    def __init__(self, owner: Node, child_id: str, number: int, spec: ChildSpec) -> None:
        self.owner = owner
        self.child_id = child_id
        self.number = number
        self.spec = spec
        self.under: Node | None = None  # if it is a supervisor
        self.ready = False  # it has said so
        self.over = False
        self.asked = False  # to stop
        self.killed = False
        self.stubborn = False  # a kill does not end it, as with a thread that is busy
        self.written_off = False  # its supervisor has said that it goes on without it

    def __repr__(self) -> str:
        return f"{self.owner.name}/{self.child_id}#{self.number}"

    @property
    def beyond_kill(self) -> bool:
        return self.stubborn and not isinstance(self.spec.effective_shutdown, Infinity)

    def say_ready(self) -> None:
        self.ready = True
        self.owner.send(ev.LifeReady(self.child_id, self.number))

    def ignore(self) -> None:
        self.over = True
        self.owner.send(ev.LifeIgnored(self.child_id, self.number))

    def end(self, reason: ExitReason, *, abandoned: bool = False) -> None:
        """End, as a failed start if it was not ready. `abandoned`: fenced, and its thread runs on."""
        assert not self.over
        self.over = True
        kind = ev.LifeEnded if self.ready else ev.LifeFailed
        self.owner.send(kind(self.child_id, self.number, reason, abandoned=abandoned))
        if self.under is not None:
            self.under.vanish()

    def obey(self) -> bool:
        """Do what it has been told; say whether there was anything to do."""
        if self.over or (self.under is not None and not self.killed):
            return False
        if self.killed:
            if self.beyond_kill:
                return False
            self.end(KILLED)
        elif self.asked:
            self.end(SHUTDOWN)
        elif not self.ready and self.number % 2 == 0 and self.child_id[0] in self.owner.world.flaky:
            self.end(Crash("OSError", "no luck this time"))
        elif not self.ready:
            self.say_ready()
        else:
            return False
        return True


class Node:
    """A supervisor: its core, the mail on its way to it, its timers and the lives of its children."""

    def __init__(self, world: World, spec: AnySpec, name: str, life: Life | None) -> None:
        self.world = world
        self.name = name
        self.life = life  # that it is, for the supervisor above
        rng = random.Random(len(world.nodes))
        self.core: SupervisorCore | DynamicCore
        self.judge: Judge
        if isinstance(spec, DynamicSpec):
            self.core, self.judge = DynamicCore(spec, rng, name=name), DynamicJudge(self, spec)
        else:
            self.core, self.judge = SupervisorCore(spec, rng, name=name), Judge(self, spec)
        self.mail: list[ev.CoreEvent] = []
        self.timers: dict[do.TimerKey, float] = {}
        self.spent: dict[do.TimerKey, float] = {}  # fired or cancelled
        self.lives: list[Life] = []
        self.over = False
        self.exited: ExitReason | None = None
        self.start_error: SupervisionError | None = None
        self._asked = 0
        world.nodes.append(self)
        self.feed(ev.Booted())

    def send(self, event: ev.CoreEvent) -> None:
        if not self.over:
            self.mail.append(event)

    def request(self, request: ask.Request) -> None:
        self._asked += 1
        self.send(ev.Requested(request, self._asked))

    def fire(self, key: do.TimerKey) -> None:
        """The time has come; the word of it is on its way, and no cancel catches up with it."""
        assert self.timers[key] <= self.world.now
        self.spent[key] = self.timers.pop(key)
        self.send(ev.TimerFired(key))

    def deliver(self, index: int = 0) -> None:
        self.feed(self.mail.pop(index))

    def feed(self, event: ev.CoreEvent) -> None:
        try:
            self._feed(event)
        except AssertionError:
            self.world.whole = False
            raise

    def _feed(self, event: ev.CoreEvent) -> None:
        events = deque([event])
        while events and not self.over:
            current = events.popleft()
            self.judge.before(current)
            commands = self.core.receive(current, self.world.now)
            for command in commands:
                self.judge.command(command)
                begun = self._obey(command)
                if begun is not None:
                    events.append(begun)
            self.judge.after(commands)

    def due(self) -> list[do.TimerKey]:
        return [key for key, at in self.timers.items() if at <= self.world.now]

    def life_of(self, child_id: str, number: int) -> Life:
        return next(life for life in self.lives if life.number == number and life.child_id == child_id)

    def living(self, child_id: str | None = None) -> list[Life]:
        """Give the lives that its children have, as far as it can know."""
        return [
            life for life in self.lives if not life.over and not life.written_off and child_id in {None, life.child_id}
        ]

    def vanish(self) -> None:
        """It is no more; whatever still lived under it ends with it, by its links."""
        self.over = True
        self.mail.clear()
        self.timers.clear()
        for life in self.lives:
            if not life.over:
                life.over = True
                if life.under is not None:
                    life.under.vanish()

    def _obey(self, command: do.Command) -> ev.CoreEvent | None:
        match command:
            case do.StartLife(child_id, number, spec):
                return self._begin(Life(self, child_id, number, spec))
            case do.StopLife(child_id, number):
                life = self.life_of(child_id, number)
                life.asked = True
                if life.under is not None:
                    life.under.send(ev.StopRequested(command.reason))
            case do.KillLife(child_id, number):
                self.life_of(child_id, number).killed = True
            case do.SetTimer(key, at):
                assert key not in self.timers, f"{key} is set already"
                self.timers[key] = at
            case do.CancelTimer(key):
                assert key in self.timers or key in self.spent, f"{key} was never set"
                if key in self.timers:
                    self.spent[key] = self.timers.pop(key)
            case do.ReconfigureLife(child_id, number, message):
                self._pass_on(self.life_of(child_id, number), message)
            case do.Reply(to, value) if isinstance(to, Life):  # the supervisor above has asked
                result = value if isinstance(value, Reconfigured) else None
                to.owner.send(ev.LifeReconfigured(to.child_id, to.number, result))
            case do.Refuse(to, error) if isinstance(to, Life) and not isinstance(error, SupervisorStopping):
                to.owner.send(ev.LifeReconfigured(to.child_id, to.number, None, str(error)))
            case do.ConfirmStart():
                if self.life is not None:
                    self.life.say_ready()
            case do.FailStart(error):
                self.start_error = error
            case do.ExitSelf(reason):
                self._exit(reason)
        return None

    def _begin(self, life: Life) -> ev.CoreEvent:
        assert not self.living(life.child_id), f"a second incarnation of {life.child_id} beside a living one"
        self.lives.append(life)
        inner = life.spec.start.args
        if inner and isinstance(inner[0], SupervisorSpec | DynamicSpec):
            life.under = Node(self.world, inner[0], f"{self.name}/{life.child_id}#{life.number}", life)
        ref = cast(Any, FakeRef(f"urn:{life.child_id}"))
        return ev.LifeBegun(life.child_id, life.number, ref, life.number)

    def _pass_on(self, life: Life, message: ask.Reconfigure | ask.ReconfigureFrom) -> None:
        if life.under is None or isinstance(message, ask.ReconfigureFrom):
            self.send(ev.LifeReconfigured(life.child_id, life.number, None))
        else:
            life.under.send(ev.Requested(message, life))

    def _exit(self, reason: ExitReason) -> None:
        assert not self.living(), f"{self.name} ends and leaves {self.living()} alive"
        assert not self.timers, f"{self.name} ends and leaves {self.timers}"
        self.over = True
        self.exited = reason
        self.mail.clear()
        if self.life is not None and not self.life.over:
            failed = self.start_error is not None
            self.life.end(Crash(type(self.start_error).__name__, "") if failed and not self.life.ready else reason)


class World:
    """A tree of supervisors, and the time that they share."""

    def __init__(self, spec: AnySpec) -> None:
        self.now = 1000.0
        self.whole = True  # until a judge has objected
        self.flaky: set[str] = set()  # children of whose starts every other one fails
        self.nodes: list[Node] = []  # also those that are over
        self.root = Node(self, spec, "top", None)

    def open_nodes(self) -> list[Node]:
        return [node for node in self.nodes if not node.over]

    def open_lives(self) -> Iterator[Life]:
        """Give the lives that can do something of their own accord; supervisors act through their cores."""
        for node in self.open_nodes():
            yield from (life for life in node.lives if not life.over and life.under is None)

    def calm_down(self) -> None:
        """Let everything happen that is under way, until nothing is: mail, stops and starts, timers in order.

        From now on every start succeeds: a child that never does is restarted for ever, if slowly enough.
        """
        self.flaky = set()
        for _ in range(2000):
            if self._one_round():
                continue
            waiting = [at for node in self.open_nodes() for at in node.timers.values()]
            if not waiting:
                return
            self.now = max(self.now, min(waiting))
            for node in self.open_nodes():
                for key in node.due():
                    node.fire(key)
        raise AssertionError("it does not come to rest")

    def _one_round(self) -> bool:
        moved = False
        for node in self.open_nodes():
            while node.mail and not node.over:
                node.deliver()
                moved = True
        for node in self.open_nodes():
            for life in list(node.lives):
                moved = life.obey() or moved
        return moved
