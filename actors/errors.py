"""The errors of the actor runtime: what a caller did wrong, or found dead.

RegrowError
└── ActorError
    ├── ActorDeadError(to, reason, report)   nobody is there to take the message (also a pykka.ActorDeadError)
    ├── AskTimeout(timeout)          no answer in time (also a pykka.Timeout)
    ├── CallingSelf(who)             an actor would wait for itself, directly or in a circle
    ├── MailboxFull(to, maxsize)     a bounded mailbox refused a message
    ├── StashFull(who, stash_max)    an actor keeps more messages for later than it may
    ├── NothingInHand(who, what)     no message is being handled that could be kept or handed on
    ├── LivesElsewhere(who)          it can be traced only in its own process
    ├── StateChanged(who, attempts)  the state of an actor of another process did not stay as it was shown
    ├── NameTaken(name, holder)      the name is held by somebody alive
    │   └── KeyTaken(registry, key, holder)  the same of a key of a unique registry
    ├── NotStarted(what)             an actor object that no system has started
    ├── BadTarget(target, got)       `Start.target` does not lead to an actor class
    ├── BlockingLoop(to)             to wait here would keep the event loop from running who has to answer
    ├── AsyncElsewhere(who, dispatcher)   its code is `async def`, and it does not run on an event loop
    ├── UnknownDispatcher(name)      there is no dispatcher of this name
    ├── BadHandler(cls, method, ...) `@handles` over a method that cannot be a handler (also a TypeError)
    ├── UnhandledMessage(who, message) no handler takes messages of this type
    ├── ReturnedUnready(function)    a function that was to call `ready` has not
    ├── ReturnedStart(function)      a function that gives a Start was run as the child itself
    ├── StartError(who, reason)      it ended before it was ready
    │   ├── StartTimeout(who, timeout)
    │   └── StartIgnored(who)          its on_start raised Ignore()
    └── SystemClosed(system)         the system has been shut down
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka

from ..protocol.errors import RegrowError
from ..protocol.exits import NORMAL, ExitReason, NoProc, crash_of

if TYPE_CHECKING:
    from .signals import ExitReport

__all__ = (
    "ActorDeadError",
    "ActorError",
    "AskTimeout",
    "AsyncElsewhere",
    "BadHandler",
    "BadTarget",
    "BlockingLoop",
    "CallingSelf",
    "KeyTaken",
    "LivesElsewhere",
    "MailboxFull",
    "NameTaken",
    "NotStarted",
    "NothingInHand",
    "RegrowError",
    "ReturnedStart",
    "ReturnedUnready",
    "StartError",
    "StartIgnored",
    "StartTimeout",
    "StashFull",
    "StateChanged",
    "SystemClosed",
    "UnhandledMessage",
    "UnknownDispatcher",
)


class ActorError(RegrowError):
    """Root of the runtime's own errors."""


class ActorDeadError(ActorError, pykka.ActorDeadError):
    """Nobody is there to take, or to answer, the message. `reason` says how the life ended, if it is known.

    `report` says the rest where an OS process has ended: its last lines, what it had in hand. It does not travel on to
    other processes.
    """

    def __init__(
        self, to: object = "actor", reason: ExitReason | None = None, report: ExitReport | None = None
    ) -> None:
        super().__init__(to, reason)
        self.to = str(to)
        self.reason = reason
        self.report = report

    def __str__(self) -> str:
        # pykka's words, which its users may look for, and then why; a name that nobody has is nobody who has ended.
        never_lived = isinstance(self.args[0], str) and isinstance(self.reason, NoProc)
        known = "" if self.reason is None or never_lived else f": it ended with {self.reason}"
        return f"{self.to} not found{known}"


class AskTimeout(ActorError, pykka.Timeout):
    """No answer in time. The question is not taken back: the actor may still handle it."""

    def __init__(self, timeout: float, to: object = None) -> None:
        super().__init__(timeout, to)
        self.timeout = timeout
        self.to = to

    def __str__(self) -> str:
        return (
            f"{self.timeout} seconds" if self.to is None else f"no answer from {self.to} within {self.timeout} seconds"
        )


class CallingSelf(ActorError):
    """An actor would wait for an answer that only it can give; `circle` names who waits for whom."""

    def __init__(self, *circle: str) -> None:
        super().__init__(*circle)
        self.circle = circle

    def __str__(self) -> str:
        if len(self.circle) == 1:
            return f"{self.circle[0]} asks itself and would wait forever"
        return "asking in a circle would wait forever: " + " -> ".join((*self.circle, self.circle[0]))


class MailboxFull(ActorError):
    """A bounded mailbox refused a message."""

    def __init__(self, to: object, maxsize: int) -> None:
        super().__init__(to, maxsize)
        self.to = str(to)
        self.maxsize = maxsize

    def __str__(self) -> str:
        return f"the mailbox of {self.to} is full: {self.maxsize} messages wait already"


class StashFull(ActorError):
    """An actor would keep more messages for later than its `stash_max`."""

    def __init__(self, who: object, stash_max: int) -> None:
        super().__init__(who, stash_max)
        self.who = str(who)
        self.stash_max = stash_max

    def __str__(self) -> str:
        return f"the stash of {self.who} is full: expected at most {self.stash_max} messages (its `stash_max`)"


class NothingInHand(ActorError):
    """An actor would keep, or hand on, a message where it handles none, or has given it away already."""

    def __init__(self, who: object, what: str) -> None:
        super().__init__(who, what)
        self.who = str(who)
        self.what = what

    def __str__(self) -> str:
        return f"{self.who}: {self.what}(): expected a message in hand, got none (or it was given away before)"


class LivesElsewhere(ActorError):
    """It lives in another process: what is asked for can only be had in that one."""

    def __init__(self, who: object, what: str) -> None:
        super().__init__(who, what)
        self.who = str(who)
        self.what = what

    def __str__(self) -> str:
        there = "in its own, `self.system.trace(self.ref)` does it"
        return f"{self.what} of {self.who}: expected an actor of this process ({there})"


class StateChanged(ActorError):
    """`replace_state` of an actor of another process found another state than it was shown, each time that it tried."""

    def __init__(self, who: object, attempts: int) -> None:
        super().__init__(who, attempts)
        self.who = str(who)
        self.attempts = attempts

    def __str__(self) -> str:
        return (
            f"replace_state() of {self.who}: expected its state to stay as it was shown, "
            f"it has changed {self.attempts} times (`suspend()` it first)"
        )


class NameTaken(ActorError):
    """The name is held by somebody alive."""

    def __init__(self, name: str, holder: object) -> None:
        super().__init__(name, holder)
        self.name = name
        self.holder = holder

    def __str__(self) -> str:
        return f"name {self.name!r}: expected a free one, it is held by {self.holder}"


class KeyTaken(NameTaken):
    """The key of a unique registry is held by somebody alive."""

    def __init__(self, registry: str, key: object, holder: object) -> None:
        super().__init__(str(key), holder)
        self.args = (registry, key, holder)
        self.registry = registry
        self.key = key

    def __str__(self) -> str:
        return f"registry {self.registry!r}: expected key {self.key!r} to be free, it is held by {self.holder}"


class NotStarted(ActorError):
    """An actor object was made by hand; only `start()` or `ActorSystem.spawn()` give it a life."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} has no life: expected it to be started by Actor.start(), spawn() or a supervisor"


class BadTarget(ActorError):
    """`Start.target` does not lead to an actor class."""

    def __init__(self, target: object, got: object) -> None:
        super().__init__(target, got)
        self.target = target
        self.got = got

    def __str__(self) -> str:
        return (
            f"start target {self.target!r}: expected an Actor class, a callable that gives a Start, "
            f"or an import path of either, got {self.got!r}"
        )


class BlockingLoop(ActorError):
    """The event loop's own thread would wait for an answer, the start or the end of somebody who runs on that loop."""

    def __init__(
        self, to: object, *, expected: str = "`await ref.ask(message, block=False)`", got: str = "an ask that blocks"
    ) -> None:
        super().__init__(to)
        self.to = str(to)
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return (
            f"{self.to} runs on this event loop, which would wait for it and so keep it from running: "
            f"expected {self.expected}, got {self.got}"
        )


class AsyncElsewhere(ActorError, TypeError):
    """A hook or a handler of an actor gave a coroutine where there is no event loop to run it."""

    def __init__(self, who: object, dispatcher: str) -> None:
        super().__init__(who, dispatcher)
        self.who = str(who)
        self.dispatcher = dispatcher

    def __str__(self) -> str:
        return (
            f"{self.who}: its code is `async def`: expected dispatcher 'asyncio', got {self.dispatcher!r} "
            '(set `dispatcher = "asyncio"` on the class, in its SpawnOptions or in its ChildSpec)'
        )


class UnknownDispatcher(ActorError, ValueError):
    """There is no dispatcher of this name."""

    def __init__(self, name: object, names: tuple[str, ...]) -> None:
        super().__init__(name, names)
        self.name = name
        self.names = names

    def __str__(self) -> str:
        return f"dispatcher: expected one of {', '.join(map(repr, self.names))}, got {self.name!r}"


class BadHandler(ActorError, TypeError):
    """`@handles` stands over a method that cannot be a handler, or that handles what another one handles."""

    def __init__(self, cls: type, method: str, expected: str, got: str) -> None:
        super().__init__(cls, method, expected, got)
        self.cls = cls
        self.method = method
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"handler {self.cls.__qualname__}.{self.method}: expected {self.expected}, got {self.got}"


class UnhandledMessage(ActorError):
    """An actor with handlers has none for messages of this type; `on_unhandled` could have taken it."""

    def __init__(self, who: object, message: object, handled: tuple[type, ...]) -> None:
        super().__init__(who, message, handled)
        self.who = str(who)
        self.message = message
        self.handled = handled

    def __str__(self) -> str:
        names = ", ".join(kind.__name__ for kind in self.handled)
        got = f"{type(self.message).__name__}: {self.message!r:.200}"
        return f"{self.who}: expected a message of one of {names}, got {got}"


class ReturnedUnready(ActorError):
    """A function that has a parameter `ready` has returned without calling it, so its child never was."""

    def __init__(self, function: object) -> None:
        super().__init__(function)
        self.function = function

    def __str__(self) -> str:
        return f"{self.function!r} returned: expected a call of ready() before that, got none"


class ReturnedStart(ActorError):
    """A function that makes a Start was given where a function is expected that does the child's work itself."""

    def __init__(self, function: object) -> None:
        super().__init__(function)
        self.function = function

    def __str__(self) -> str:
        return (
            f"{self.function!r} returned a Start: expected a function that does the work of the child; "
            "for one that says how the child starts, use ChildSpec(id=..., start=Start(function))"
        )


class StartError(ActorError):
    """It ended before it was ready, and not by an error of its own: killed, or it chose to exit."""

    def __init__(self, who: object, reason: ExitReason) -> None:
        super().__init__(who, reason)
        self.who = str(who)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.who} ended before it was ready: {self.reason}"


class StartTimeout(StartError):
    """It was not ready in time; its thread cannot be ended and is abandoned."""

    def __init__(self, who: object, timeout: float) -> None:
        Exception.__init__(self, who, timeout)
        self.who = str(who)
        self.timeout = timeout
        self.reason = crash_of(self)

    def __str__(self) -> str:
        return f"{self.who} was not ready within {self.timeout} seconds"


class StartIgnored(StartError):
    """Its on_start raised Ignore(): it does not want to run, and that is no failure."""

    def __init__(self, who: object) -> None:
        super().__init__(who, NORMAL)

    def __str__(self) -> str:
        return f"{self.who} chose not to start"


class SystemClosed(ActorError):
    """The system has been shut down; nothing starts in it any more."""

    def __init__(self, system: str) -> None:
        super().__init__(system)
        self.system = system

    def __str__(self) -> str:
        return f"actor system {self.system!r} has been shut down"
