"""The errors of the patterns; all of them are ActorErrors.

ActorError
├── CircuitOpen(name, retry_after)         the breaker lets no call through now
├── NoAnswer(errors)                       everybody who was asked has failed
├── NoRoutee(router, routees)              there is nobody alive to send it to
├── BadStateMachine(machine, problem)      the class says something that cannot be
├── BadResult(machine, state, event, got)  a state's handler has returned what is no result
├── BadAction(machine, state, event, ...)  an action that is none, or that has no place there
└── UnknownState(machine, ...)             a state that the machine does not have, or must not go to from there
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ActorError

__all__ = ("BadAction", "BadResult", "BadStateMachine", "CircuitOpen", "NoAnswer", "NoRoutee", "UnknownState")


class CircuitOpen(ActorError):
    """The breaker lets no call through; `retry_after` seconds from now it lets one try."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(name, retry_after)
        self.name = name
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"circuit {self.name!r} is open: no call before {self.retry_after:.3g} s have passed"


class NoAnswer(ActorError):
    """Everybody who was asked has failed; `errors` says how, in the order they were asked."""

    def __init__(self, errors: tuple[BaseException, ...]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        if not self.errors:
            return "nobody was asked: expected at least one actor"
        seen = "; ".join(f"{type(error).__name__}: {error}" for error in self.errors[:4])
        more = f"; and {len(self.errors) - 4} more" if len(self.errors) > 4 else ""
        return f"all {len(self.errors)} that were asked have failed: {seen}{more}"


class NoRoutee(ActorError):
    """There is nobody alive to send it to."""

    def __init__(self, router: str, routees: int) -> None:
        super().__init__(router, routees)
        self.router = router
        self.routees = routees

    def __str__(self) -> str:
        return f"{self.router}: expected a routee that is alive, got {self.routees} of which none is"


class BadStateMachine(ActorError):
    """What a state machine's class says of itself cannot be."""

    def __init__(self, machine: str, problem: str) -> None:
        super().__init__(machine, problem)
        self.machine = machine
        self.problem = problem

    def __str__(self) -> str:
        return f"state machine {self.machine}: {self.problem}"


class BadResult(ActorError):
    """A state's handler has returned what is no result."""

    def __init__(self, machine: str, state: object, event: object, expected: str, got: object) -> None:
        super().__init__(machine, state, event, expected, got)
        self.machine = machine
        self.state = state
        self.event = event
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return (
            f"state machine {self.machine}: in state {self.state!r} the handler of {self.event!r} "
            f"returned {self.got!r}: expected {self.expected}"
        )


class BadAction(BadResult):
    """A result holds an action that is none, or one that has no place there."""


class UnknownState(ActorError):
    """A state that the machine does not have, or must not go to from the one it is in."""

    def __init__(self, machine: str, state: object, event: object, to: object, expected: Iterable[object]) -> None:
        super().__init__(machine, state, event, to)
        self.machine = machine
        self.state = state
        self.event = event
        self.to = to
        self.expected = tuple(expected)

    def __str__(self) -> str:
        expected = ", ".join(sorted(map(repr, self.expected))) or "none"
        return (
            f"state machine {self.machine}: in state {self.state!r} the handler of {self.event!r} "
            f"wants to go to {self.to!r}: expected one of {expected}"
        )
