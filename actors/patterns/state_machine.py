"""A state machine as an actor: states, postponed events, timeouts that know the state they belong to.

What lives here: the actor, and what its class says of itself, checked when the class is made. Which event is handled
when is decided in `machine_core.py`; the words are in `machine_words.py`.
Source: OTP's gen_statem.
Differs from OTP: the data of the machine are the attributes of the actor, so no result carries them; a state is not to
be repeated while it is entered; of several actions for one timeout not only the last counts, they are done in order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, TypeVar, assert_never, cast, overload

from ..actor import Actor
from ..describe import Description
from ..events import DeadLetter
from ..signals import Down, Exit
from ..timers import Timer
from .errors import BadStateMachine
from .machine_core import Effect, End, MachineCore, Rules, SendReply, StartTimer, StopTimer
from .machine_words import Call, Cast, Event, Info, Result, next_state

__all__ = ("GenStateMachine", "state")

S = TypeVar("S", bound=Hashable)
F = TypeVar("F", bound=Callable[..., Any])

UNSET: Final = object()
STATES: Final = "__state_of_machine__"


@overload
def state(method: F, /) -> F: ...


@overload
def state(method: Hashable, /) -> Callable[[F], F]: ...


def state(method: object, /) -> object:
    """Make a method the handler of a state: of the one it is named after, or with `@state(Light.RED)` of that one."""
    if inspect.isfunction(method):
        setattr(method, STATES, method.__name__)
        return method

    def mark(function: F) -> F:
        setattr(function, STATES, method)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class _Due:
    key: Hashable
    serial: int


class GenStateMachine(Actor, Generic[S]):
    """An actor whose answer to an event depends on its state.

    Either every state has a method, `@state def locked(self, event)`, or one `handle_event(state, event)` knows them
    all. Both give a result: `next_state("open", StateTimeout(10.0))`, `keep_state(...)`, `repeat_state(...)`,
    `stop(...)`, `stop_and_reply(...)`. What is told comes as Cast, what is asked as Call: it is answered by the action
    `event.reply(answer)`, in this state or a later one. Downs and Exits come as Info.

    Set `initial`, or override `init` to begin with actions; `state_enter = True` to hear `Enter(old)` in every state
    that is entered; `transitions` to say which state may follow which.
    Runs in: its own turns, one event at a time. Errors: BadStateMachine when the class is made; BadResult, BadAction
    and UnknownState end the machine, as everything does that a handler raises.
    """

    initial: ClassVar[Hashable] = UNSET
    states: ClassVar[Collection[Hashable] | type[Enum] | None] = None  # of those with `handle_event`; None: any
    transitions: ClassVar[Mapping[Any, Collection[Any]] | None] = None
    state_enter: ClassVar[bool] = False

    _handlers: ClassVar[Mapping[Hashable, str]] = {}
    _rules: ClassVar[Rules[Any]] = Rules(name="GenStateMachine")

    _core: MachineCore[S] | None = None  # set by on_start
    _running: dict[tuple[Hashable, int], Timer]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls._handlers = _handlers_of(cls)
        cls._rules = _rules_of(cls)

    @property
    def state(self) -> S:
        """The state that it is in."""
        return cast(S, self._machine().state)

    def init(self) -> Result[S]:
        """Say how it begins: `next_state(first, *actions)`. By default in `initial`, without actions."""
        if type(self).initial is UNSET:
            raise BadStateMachine(type(self).__name__, "expected `initial`, or an `init` that gives the first state")
        return next_state(cast(S, type(self).initial))

    def handle_event(self, state: S, event: Event) -> Result[S]:
        """Handle an event in a state; to be overridden by those whose states have no methods."""
        method: Callable[[Event], Result[S]] = getattr(self, self._handlers[state])
        return method(event)

    def on_start(self) -> None:
        """Come into the first state; whoever overrides this calls it."""
        if not self._handlers and type(self).handle_event is GenStateMachine.handle_event:
            raise BadStateMachine(type(self).__name__, "expected @state methods, or a handle_event, got neither")
        self._running = {}
        core = self._core = MachineCore(self._rules, self.handle_event)
        self.keep(lambda: [event.message for event in core.waiting if isinstance(event, Cast)])
        self._perform(self._core.begin(self.init(), self.system.clock.now()))

    def on_receive(self, message: object) -> object:
        """Take a message as an event."""
        core, now = self._machine(), self.system.clock.now()
        if type(message) is _Due:
            self._running.pop((message.key, message.serial), None)
            self._perform(core.fire(message.key, message.serial, now))
        elif isinstance(message, Down | Exit):
            self._perform(core.receive(Info(message), now))
        else:
            caller = self.defer_reply()
            if caller.wanted:
                self._perform(core.receive(Call(message, caller), now))
            else:
                caller.set()  # told: nobody waits
                self._perform(core.receive(Cast(message), now))
        return None

    def on_stop(self) -> None:
        """Report the events that it leaves behind unhandled; whoever overrides this calls it."""
        self._report_left()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Report the events that it leaves behind unhandled; whoever overrides this calls it."""
        self._report_left()

    def describe(self) -> Description:
        """Say what every actor says, and the state."""
        description = super().describe()
        core = self._machine()
        found = {"state": repr(core.state), "postponed": len(core.waiting), "timeouts": len(core.timeouts)}
        return replace(description, details={**description.details, **found})

    def _machine(self) -> MachineCore[S]:
        if self._core is None:
            raise BadStateMachine(type(self).__name__, "expected an `on_start` that calls super().on_start()")
        return self._core

    def _perform(self, effects: Iterator[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendReply(caller, answer):
                    if isinstance(answer, BaseException):
                        caller.fail(answer)
                    else:
                        caller.set(answer)
                case StartTimer(key, serial, due):
                    delay = max(0.0, due - self.system.clock.now())
                    self._running[key, serial] = self.send_after(delay, _Due(key, serial))
                case StopTimer(key, serial):
                    self._running.pop((key, serial)).cancel()
                case End(reason):
                    self.exit(reason)
                case _:
                    assert_never(effect)

    def _report_left(self) -> None:
        if self._core is not None:
            for event in self._core.waiting:
                if isinstance(event, Cast):  # who asked is told by the end itself
                    why = f"the state machine ended in state {self._core.state!r}"
                    self.system.bus.publish(DeadLetter(self.ref, event.message, why))


def _handlers_of(cls: type[GenStateMachine[Any]]) -> Mapping[Hashable, str]:
    """Give which method handles which state. A method that a subclass overrides needs no mark of its own."""
    found: dict[Hashable, str] = {}
    for part in reversed(cls.__mro__):
        for name, value in vars(part).items():
            marked: object = getattr(value, STATES, UNSET) if inspect.isfunction(value) else UNSET
            if marked is UNSET:
                continue
            key = marked
            if found.get(key, name) != name:
                raise BadStateMachine(cls.__name__, f"state {key!r} has two handlers, {found[key]} and {name}")
            found = {state: method for state, method in found.items() if method != name}
            found[key] = name
    for key, name in found.items():
        _check_handler(cls, key, name)
    return found


def _check_handler(cls: type[GenStateMachine[Any]], key: Hashable, name: str) -> None:
    method: object = getattr(cls, name)
    if not callable(method) or inspect.iscoroutinefunction(method):
        raise BadStateMachine(cls.__name__, f"the handler of state {key!r}: expected a plain method, got {method!r}")
    try:
        inspect.signature(method).bind(None, None)
    except TypeError:
        got = inspect.signature(method)
        raise BadStateMachine(cls.__name__, f"handler {name}: expected (self, event), got {got}") from None


def _rules_of(cls: type[GenStateMachine[Any]]) -> Rules[Any]:
    handlers = cls._handlers
    own = cls.handle_event is not GenStateMachine.handle_event
    if own and handlers:
        raise BadStateMachine(
            cls.__name__, f"expected either handle_event or @state methods, got both: {sorted(handlers.values())}"
        )
    states = None if cls.states is None else frozenset[Hashable](cls.states)
    if handlers and states is not None and states != set(handlers):
        raise BadStateMachine(
            cls.__name__, f"expected a @state method for each of {_words(states)}, got {_words(handlers)}"
        )
    states = frozenset(handlers) if handlers else states
    transitions = cls.transitions
    if states is None and transitions is not None:
        states = frozenset(transitions) | {to for targets in transitions.values() for to in targets}
    if states is not None:
        if transitions is not None:
            _check_transitions(cls, transitions, states)
        if cls.initial is not UNSET and cls.initial not in states:
            raise BadStateMachine(cls.__name__, f"initial: expected one of {_words(states)}, got {cls.initial!r}")
    return Rules(name=cls.__name__, states=states, transitions=transitions, state_enter=cls.state_enter)


def _check_transitions(
    cls: type[GenStateMachine[Any]], transitions: Mapping[Any, Collection[Any]], states: Collection[Hashable]
) -> None:
    for source, targets in transitions.items():
        if source not in states:
            raise BadStateMachine(cls.__name__, f"transitions: expected one of {_words(states)}, got {source!r}")
        for to in targets:
            if to not in states:
                raise BadStateMachine(
                    cls.__name__, f"transitions[{source!r}]: expected states of {_words(states)}, got {to!r}"
                )


def _words(states: Collection[Hashable]) -> str:
    return ", ".join(sorted(map(repr, states)))
