"""The core of a state machine: which event is handled when, and which timeout still counts.

What lives here: order, pure. No clock, no thread, no mailbox; the handler is called, all else comes out as effects.
Source: the sequence of a state transition in gen_statem's documentation. After the handler has returned:

    1  actions in their order; replies go out at once
    2  if the state has changed or is repeated, and the machine wants it: Enter, and its actions
    3  a postponed event joins those that were postponed before
    4  if the state has changed: they all wait again, before everything else, oldest first; no state timeout runs on
    5  events inserted by NextEvent go before all that
    6  timeouts begin; those of zero seconds wait behind all events that wait already, before all that come later
    7  the oldest event that waits is handled; if there is none, the oldest timeout of zero; else it is over for now
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar, cast

from ...protocol.exits import ExitReason
from .errors import BadAction, BadResult, UnknownState
from .machine_words import (
    Action,
    Call,
    Caller,
    CancelTimeout,
    Cast,
    Enter,
    Event,
    EventTimedOut,
    EventTimeout,
    Info,
    Internal,
    KeepState,
    NextEvent,
    NextState,
    Postpone,
    RepeatState,
    ReplyTo,
    Result,
    StateTimedOut,
    StateTimeout,
    Stop,
    TimedOut,
    Timeout,
    TimeoutKind,
    UpdateTimeout,
)

__all__ = ("Effect", "End", "MachineCore", "Rules", "SendReply", "StartTimer", "StopTimer")

S = TypeVar("S", bound=Hashable)

RESULTS: Final = "next_state(...), keep_state(...), repeat_state(...), stop(...) or stop_and_reply(...)"
EVENTS: Final = (Cast, Call, Info, Internal, StateTimedOut, EventTimedOut, TimedOut)


@dataclass(frozen=True, slots=True)
class SendReply:
    """Answer somebody."""

    caller: Caller
    answer: object


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Call `fire(key, serial)` when it is `due`."""

    key: Hashable
    serial: int
    due: float  # monotonic seconds


@dataclass(frozen=True, slots=True)
class StopTimer:
    """This timer need not fire; if it does it is ignored."""

    key: Hashable
    serial: int


@dataclass(frozen=True, slots=True)
class End:
    """It is over."""

    reason: ExitReason


Effect: TypeAlias = SendReply | StartTimer | StopTimer | End


@dataclass(frozen=True, kw_only=True)  # no slots: before 3.13 `Rules[str](...)` fails with them
class Rules(Generic[S]):
    """What a machine may do. `states=None`: any; `transitions=None`: from every state to every other."""

    name: str
    states: Collection[S] | None = None
    transitions: Mapping[S, Collection[S]] | None = None
    state_enter: bool = False


@dataclass(slots=True)
class _Timer:
    serial: int
    content: object
    due: float | None  # None: of zero seconds, it waits behind the events


@dataclass(slots=True)
class _Wishes:
    """What the actions of one transition want, beside replies."""

    postponed: bool
    inserted: list[Event]
    timeouts: list[StateTimeout | EventTimeout | Timeout | CancelTimeout | UpdateTimeout]


class MachineCore(Generic[S]):
    """Decides the order of events for `handle(state, event) -> result`.

    `begin`, `receive` and `fire` give effects one by one, and the handler runs between them: take them all, and do
    each before the next is taken.
    """

    def __init__(self, rules: Rules[S], handle: Callable[[S, Event], Result[S]]) -> None:
        self.rules = rules
        self._handle = handle
        self._state: S | None = None
        self._begun = False
        self._over = False
        self._events: deque[Event] = deque()
        self._postponed: list[Event] = []
        self._timers: dict[Hashable, _Timer] = {}
        self._zeros: dict[Hashable, None] = {}  # keys of the timeouts of zero seconds, oldest first
        self._serial = 0

    @property
    def state(self) -> S | None:
        """The present state, None before the first."""
        return self._state

    @property
    def timeouts(self) -> tuple[Hashable, ...]:
        """The timeouts that run, by name or kind."""
        return tuple(self._timers)

    @property
    def waiting(self) -> tuple[Event, ...]:
        """The events that it has taken and not handled: the postponed ones, then those after them."""
        return (*self._postponed, *self._events)

    def begin(self, first: Result[S], now: float) -> Iterator[Effect]:
        """Come into the first state. Errors: BadResult, BadAction, UnknownState, as for every result."""
        if not isinstance(first, NextState | Stop):
            raise BadResult(self.rules.name, None, "init", "next_state(...) or stop(...)", first)
        yield from self._apply(None, first, now)
        yield from self._run(now)

    def receive(self, event: Event, now: float) -> Iterator[Effect]:
        """Take an event from outside and handle it, and all that waits because of it."""
        if not self._begun:
            raise AssertionError("an event before the first state")
        yield from self._dispatch(event, now)
        yield from self._run(now)

    def fire(self, key: Hashable, serial: int, now: float) -> Iterator[Effect]:
        """Take a timer that has come due; one that does not count any more is ignored."""
        timer = self._timers.get(key)
        if timer is None or timer.serial != serial or timer.due is None:
            return
        del self._timers[key]
        yield from self.receive(_event_of(key, timer.content), now)

    def _run(self, now: float) -> Iterator[Effect]:
        while not self._over:
            if self._events:
                yield from self._dispatch(self._events.popleft(), now)
            elif self._zeros:
                key = next(iter(self._zeros))
                del self._zeros[key]
                yield from self._dispatch(_event_of(key, self._timers.pop(key).content), now)
            else:
                return

    def _dispatch(self, event: Event, now: float) -> Iterator[Effect]:
        if self._over:
            return
        yield from self._cancel(TimeoutKind.EVENT)  # whatever happens, it is not nothing
        yield from self._apply(event, self._call(event), now)

    def _call(self, event: Event) -> Result[S]:
        state = self._state
        result = self._handle(cast(S, state), event)
        if not isinstance(result, NextState | KeepState | RepeatState | Stop):
            raise BadResult(self.rules.name, state, event, RESULTS, result)
        return result

    def _apply(self, event: Event | None, result: Result[S], now: float) -> Iterator[Effect]:
        if isinstance(result, Stop):
            yield from self._stop(event, result)
            return
        wishes = _Wishes(postponed=False, inserted=[], timeouts=[])
        yield from self._collect(event, result.actions, wishes)
        old, first = self._state, not self._begun
        if isinstance(result, NextState):
            self._change(event, result.state)
        changed = not first and self._state != old
        if self.rules.state_enter and (first or changed or isinstance(result, RepeatState)):
            yield from self._enter(self._state if first else old, wishes)
            if self._over:
                return
        if wishes.postponed and event is not None:
            self._postponed.append(event)
        if changed:
            self._events.extendleft(reversed(self._postponed))
            self._postponed.clear()
            yield from self._cancel(TimeoutKind.STATE)
        self._events.extendleft(reversed(wishes.inserted))
        for wish in wishes.timeouts:
            yield from self._time(wish, now)

    def _change(self, event: Event | None, to: S) -> None:
        rules, state = self.rules, self._state
        if rules.states is not None and to not in rules.states:
            raise UnknownState(rules.name, state, event, to, rules.states)
        if self._begun and rules.transitions is not None and to != state:
            allowed = rules.transitions.get(cast(S, state), ())
            if to not in allowed:
                raise UnknownState(rules.name, state, event, to, allowed)
        self._state = to
        self._begun = True

    def _enter(self, old: S | None, wishes: _Wishes) -> Iterator[Effect]:
        event = Enter(old)
        result = self._call(event)
        if isinstance(result, Stop):
            yield from self._stop(event, result)
            return
        stays = isinstance(result, KeepState) or (isinstance(result, NextState) and result.state == self._state)
        if not stays:
            expected = "keep_state(...) or stop(...): no state can be left while it is entered"
            raise BadResult(self.rules.name, self._state, event, expected, result)
        yield from self._collect(event, result.actions, wishes)

    def _stop(self, event: Event | None, result: Stop) -> Iterator[Effect]:
        for reply in result.replies:
            if not isinstance(reply, ReplyTo):
                raise BadAction(self.rules.name, self._state, event, "replies alone beside a stop", reply)
            yield SendReply(reply.caller, reply.answer)
        self._over = True
        yield End(result.reason)

    def _collect(self, event: Event | None, actions: tuple[Action, ...], wishes: _Wishes) -> Iterator[Effect]:
        for action in actions:
            match action:
                case ReplyTo(caller, answer):
                    yield SendReply(caller, answer)
                case Postpone():
                    if event is None or isinstance(event, Enter):
                        raise self._misplaced(event, action, "no Postpone where no event is handled")
                    wishes.postponed = True
                case NextEvent(inserted):
                    if isinstance(event, Enter):
                        raise self._misplaced(event, action, "no NextEvent while a state is entered")
                    if not isinstance(inserted, EVENTS):
                        raise self._misplaced(event, action, "NextEvent of an event, as Internal(...)")
                    wishes.inserted.append(inserted)
                case StateTimeout(after) | EventTimeout(after) | Timeout(after=after):
                    if not after >= 0:
                        raise self._misplaced(event, action, "a timeout of 0 seconds or more")
                    wishes.timeouts.append(action)
                case CancelTimeout() | UpdateTimeout():
                    wishes.timeouts.append(action)
                case _:
                    raise self._misplaced(event, action, "actions, as Postpone() or StateTimeout(5.0)")

    def _misplaced(self, event: Event | None, action: object, expected: str) -> BadAction:
        return BadAction(self.rules.name, self._state, "init" if event is None else event, expected, action)

    def _time(
        self, wish: StateTimeout | EventTimeout | Timeout | CancelTimeout | UpdateTimeout, now: float
    ) -> Iterator[Effect]:
        match wish:
            case CancelTimeout(key):
                yield from self._cancel(key)
            case UpdateTimeout(key, content):
                timer = self._timers.get(key)
                if timer is None:
                    yield from self._start(key, 0.0, content, now)
                else:
                    timer.content = content
            case Timeout(name, after, content):
                yield from self._start(name, after, content, now)
            case StateTimeout(after, content):
                yield from self._start(TimeoutKind.STATE, after, content, now)
            case EventTimeout(after, content):
                yield from self._start(TimeoutKind.EVENT, after, content, now)

    def _start(self, key: Hashable, after: float, content: object, now: float) -> Iterator[Effect]:
        yield from self._cancel(key)
        if after == math.inf:
            return
        self._serial += 1
        if after == 0:
            self._timers[key] = _Timer(self._serial, content, None)
            self._zeros[key] = None
            return
        timer = self._timers[key] = _Timer(self._serial, content, now + after)
        yield StartTimer(key, timer.serial, now + after)

    def _cancel(self, key: Hashable) -> Iterator[Effect]:
        timer = self._timers.pop(key, None)
        if timer is None:
            return
        if timer.due is None:
            del self._zeros[key]
        else:
            yield StopTimer(key, timer.serial)


def _event_of(key: Hashable, content: object) -> Event:
    if key is TimeoutKind.STATE:
        return StateTimedOut(content)
    if key is TimeoutKind.EVENT:
        return EventTimedOut(content)
    return TimedOut(key, content)
