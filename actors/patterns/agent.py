"""State behind an address: functions go to it and run one at a time, where it lives.

Source: Elixir's Agent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast

from ..actor import Actor
from ..child_spec import ChildSpec, Restart, Start
from ..errors import ActorDeadError
from ..options import SpawnOptions
from ..ref import ActorRef
from .gather import ASK_TIMEOUT

if TYPE_CHECKING:
    from ..futures import AskFuture
    from ..system import ActorSystem

__all__ = ("Agent", "AgentRef")

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")

DEFAULTS: Final = SpawnOptions()


@dataclass(frozen=True, slots=True)
class _Get:
    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Update(_Get):
    pass


@dataclass(frozen=True, slots=True)
class _GetAndUpdate(_Get):
    pass


class Agent(Actor):
    """Keeps what `initial(*args, **kwargs)` gives; a new life begins with that again. Talk to it by an AgentRef."""

    def __init__(self, initial: Callable[..., object], *args: object, **kwargs: object) -> None:
        self._begin: Callable[[], object] = partial(initial, *args, **kwargs)
        self._state: object = None

    def on_start(self) -> None:
        """Make the first state. Runs in: the agent's place; what it raises is a failed start."""
        self._state = self._begin()

    def on_receive(self, message: object) -> object:
        """Run a function on the state. What it raises ends the agent and is raised in the asker too."""
        match message:
            case _GetAndUpdate(function, args, kwargs):
                pair = function(self._state, *args, **kwargs)
                if not isinstance(pair, tuple) or len(pair) != 2:
                    raise TypeError(f"{function!r}: expected (answer, new state), got {pair!r}")
                answer, self._state = pair
                return answer
            case _Update(function, args, kwargs):
                self._state = function(self._state, *args, **kwargs)
                return None
            case _Get(function, args, kwargs):
                return function(self._state, *args, **kwargs)
            case _:
                return super().on_receive(message)


class AgentRef(Generic[S]):
    """The typed address of an agent; it stays the same through restarts.

    The functions run in the agent, one at a time: keep them short, and let them share nothing with the caller.
    Errors, of all that wait: what the function raised (the agent has died of it); ActorDeadError; AskTimeout;
    CallingSelf from a function of its own.
    """

    __slots__ = ("_find", "_said")

    def __init__(self, ref: ActorRef | Callable[[], ActorRef | None], *, said: str | None = None) -> None:
        self._find: Callable[[], ActorRef | None] = (lambda: ref) if isinstance(ref, ActorRef) else ref
        self._said = said

    @classmethod
    def start(cls, initial: Callable[P, S], /, *args: P.args, **kwargs: P.kwargs) -> AgentRef[S]:
        """Start one, unsupervised, as `Actor.start` does. Errors: what `initial` raised."""
        return AgentRef(Agent.start(initial, *args, **kwargs))

    @classmethod
    def spawn(cls, system: ActorSystem, initial: Callable[[], S], *, options: SpawnOptions = DEFAULTS) -> AgentRef[S]:
        """Start one in a system. Errors: what `initial` raised; those of `ActorSystem.spawn`."""
        return AgentRef(system.spawn(Agent, initial, options=options))

    @classmethod
    def named(cls, system: ActorSystem, name: str) -> AgentRef[S]:
        """Lead to whoever has the name when it is used, as the child of a supervisor has."""
        return AgentRef(lambda: system.whereis(name), said=name)

    @staticmethod
    def child_spec(
        id: str,  # noqa: A002 - the word of ChildSpec
        initial: Callable[..., object] | tuple[Callable[..., object], *tuple[object, ...]],
        *,
        name: str | None = None,
        restart: Restart = Restart.PERMANENT,
    ) -> ChildSpec:
        """How a supervisor starts an agent; `initial` is a function, or one with its arguments as a tuple."""
        parts = initial if isinstance(initial, tuple) else (initial,)
        return ChildSpec(id=id, start=Start(Agent, parts), restart=restart, name=name)

    @property
    def ref(self) -> ActorRef:
        """The address of the actor. Errors: ActorDeadError if nobody has the name."""
        ref = self._find()
        if ref is None:
            raise ActorDeadError(self._said or "agent")
        return ref

    def get(self, function: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give what `function(state, *args)` gives, within 5 s."""
        return cast(T, self.ref.ask(_Get(function, args, kwargs), timeout=ASK_TIMEOUT))

    def update(self, function: Callable[Concatenate[S, P], S], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Make `function(state, *args)` the state, and wait for that, within 5 s."""
        self.ref.ask(_Update(function, args, kwargs), timeout=ASK_TIMEOUT)

    def get_and_update(
        self, function: Callable[Concatenate[S, P], tuple[T, S]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Let `function(state, *args)` give an answer and the new state, in one step; give the answer, within 5 s."""
        return cast(T, self.ref.ask(_GetAndUpdate(function, args, kwargs), timeout=ASK_TIMEOUT))

    def cast(self, function: Callable[Concatenate[S, P], S], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Make `function(state, *args)` the state, some time soon. Errors: ActorDeadError; MailboxFull."""
        self.ref.tell(_Update(function, args, kwargs))

    def asking(self, function: Callable[Concatenate[S, P], T], /, *args: P.args, **kwargs: P.kwargs) -> AskFuture[T]:
        """Do what `get` does, without waiting: a future, which can be awaited, or waited for with another timeout."""
        return cast("AskFuture[T]", self.ref.ask(_Get(function, args, kwargs), block=False))

    def stop(self, *, timeout: float | None = ASK_TIMEOUT) -> bool:
        """End it after all that it was sent before. Gives False if it was dead. Errors: AskTimeout."""
        return bool(self.ref.stop(timeout=timeout))

    def __repr__(self) -> str:
        return f"<AgentRef {self._said or self._find()}>"
