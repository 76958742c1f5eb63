"""The order of events in a state machine: gen_statem's rules, one test each, and random machines."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.patterns import (
    Action,
    BadAction,
    BadResult,
    CancelTimeout,
    Cast,
    Enter,
    Event,
    EventTimedOut,
    EventTimeout,
    Internal,
    NextEvent,
    NextState,
    Postpone,
    ReplyTo,
    Result,
    StateTimedOut,
    StateTimeout,
    TimedOut,
    Timeout,
    TimeoutKind,
    UnknownState,
    UpdateTimeout,
    keep_state,
    next_state,
    repeat_state,
    stop,
    stop_and_reply,
)
from regrow.actors.patterns.machine_core import Effect, End, MachineCore, Rules, SendReply, StartTimer, StopTimer
from regrow.protocol import NORMAL, SHUTDOWN

Key = tuple[str, Event]
Table = dict[Key, Result[str] | list[Result[str]]]


@dataclass
class Caller:
    """Somebody who waits for an answer."""

    name: str = "caller"

    def set(self, value: object = None) -> bool:
        raise AssertionError("the core does nothing itself")

    def fail(self, error: BaseException) -> bool:
        raise AssertionError("the core does nothing itself")


@dataclass
class Machine:
    """A core whose handler looks its results up, and keeps a diary; it carries the timers as an actor would."""

    table: Table
    rules: Rules[str] = field(default_factory=lambda: Rules[str](name="test"))
    now: float = 0.0
    seen: list[Key] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    timers: dict[int, StartTimer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._left = {key: list(found) if isinstance(found, list) else None for key, found in self.table.items()}
        self.core = MachineCore(self.rules, self._handle)

    def _handle(self, state: str, event: Event) -> Result[str]:
        self.seen.append((state, event))
        found = self.table.get((state, event), keep_state())
        if isinstance(found, list):
            left = self._left[state, event]
            assert left is not None
            return left.pop(0) if left else keep_state()
        return found

    def begin(self, first: Result[str] | None = None) -> Machine:
        self._take(self.core.begin(next_state("a") if first is None else first, self.now))
        return self

    def send(self, *events: Event) -> Machine:
        for event in events:
            self._take(self.core.receive(event, self.now))
        return self

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers.values() if timer.due <= until]:
            first = min(due, key=lambda timer: (timer.due, timer.serial))
            self.now = first.due
            del self.timers[first.serial]
            self._take(self.core.fire(first.key, first.serial, self.now))
        self.now = until

    def events(self) -> list[Event]:
        return [event for _, event in self.seen]

    def _take(self, effects: Iterator[Effect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            if isinstance(effect, StartTimer):
                self.timers[effect.serial] = effect
            elif isinstance(effect, StopTimer):
                del self.timers[effect.serial]


A, B, C, GO = Cast("a"), Cast("b"), Cast("c"), Cast("go")
DONE = Internal("done")


def machine(table: Table, *actions: Action, enter: bool = False) -> Machine:
    return Machine(table, Rules[str](name="test", state_enter=enter)).begin(next_state("a", *actions))


# Events and their order.


def test_events_go_to_the_handler_with_the_present_state() -> None:
    m = machine({("a", GO): next_state("b")}).send(A, GO, A)
    assert m.seen == [("a", A), ("a", GO), ("b", A)]
    assert m.core.state == "b"


def test_postponed_events_are_retried_in_order_after_a_change_of_state() -> None:
    table: Table = {
        ("a", A): keep_state(Postpone()),
        ("a", B): keep_state(Postpone()),
        ("a", GO): next_state("b"),
    }
    m = machine(table).send(A, C, B)
    assert m.core.waiting == (A, B)
    m.send(GO)
    assert m.seen[3:] == [("a", GO), ("b", A), ("b", B)]
    assert not m.core.waiting


def test_postponed_events_wait_on_when_the_state_stays() -> None:
    table: Table = {("a", A): keep_state(Postpone()), ("a", GO): next_state("a"), ("a", C): repeat_state()}
    m = machine(table).send(A, GO, C)
    assert m.seen == [("a", A), ("a", GO), ("a", C)]
    assert m.core.waiting == (A,)


def test_an_event_postponed_by_the_transition_itself_is_retried_in_the_new_state_after_the_older_ones() -> None:
    m = machine({("a", A): keep_state(Postpone()), ("a", B): next_state("b", Postpone())}).send(A, B)
    assert m.seen == [("a", A), ("a", B), ("b", A), ("b", B)]


def test_an_event_can_be_postponed_again_and_again_and_keeps_its_place() -> None:
    table: Table = {
        ("a", A): keep_state(Postpone()),
        ("a", B): keep_state(Postpone()),
        ("b", A): keep_state(Postpone()),
        ("b", B): keep_state(Postpone()),
        ("a", GO): next_state("b"),
        ("b", GO): next_state("c"),
    }
    m = machine(table).send(A, B, GO, GO)
    assert m.seen[-2:] == [("c", A), ("c", B)]


def test_a_retried_event_that_changes_the_state_lets_the_rest_wait_again_in_order() -> None:
    table: Table = {
        ("a", A): keep_state(Postpone()),
        ("a", B): keep_state(Postpone()),
        ("a", C): keep_state(Postpone()),
        ("a", GO): next_state("b"),
        ("b", A): keep_state(Postpone()),
        ("b", B): next_state("c"),
    }
    m = machine(table).send(A, B, C, GO)
    assert m.seen[4:] == [("b", A), ("b", B), ("c", A), ("c", C)]


def test_inserted_events_go_first_and_in_their_order() -> None:
    m = machine({("a", A): keep_state(NextEvent(DONE), NextEvent(B))}).send(A, C)
    assert m.events() == [A, DONE, B, C]


def test_inserted_events_go_before_retried_ones() -> None:
    m = machine({("a", A): keep_state(Postpone()), ("a", GO): next_state("b", NextEvent(DONE))}).send(A, GO)
    assert m.seen[2:] == [("b", DONE), ("b", A)]


def test_an_event_inserted_by_an_inserted_one_goes_before_its_brothers() -> None:
    m = machine({("a", A): keep_state(NextEvent(B), NextEvent(C)), ("a", B): keep_state(NextEvent(DONE))}).send(A)
    assert m.events() == [A, B, DONE, C]


def test_events_can_be_inserted_by_the_beginning() -> None:
    m = machine({("a", DONE): next_state("b")}, NextEvent(DONE))
    assert m.core.state == "b"


# Replies and ends.


def test_replies_go_out_in_their_order_before_the_next_event_is_handled() -> None:
    one, two = Caller("one"), Caller("two")
    m = machine({("a", A): keep_state(ReplyTo(one, 1), NextEvent(DONE)), ("a", DONE): keep_state(ReplyTo(two, 2))})
    effects = m.core.receive(A, 0.0)
    assert next(effects) == SendReply(one, 1)
    assert m.seen == [("a", A)]
    assert list(effects) == [SendReply(two, 2)]


def test_stop_ends_it_and_nothing_is_handled_after_it() -> None:
    m = machine({("a", A): keep_state(NextEvent(GO), NextEvent(B)), ("a", GO): stop(SHUTDOWN)}).send(A)
    assert m.effects == [End(SHUTDOWN)]
    assert m.events() == [A, GO]
    assert m.core.waiting == (B,)


def test_stop_and_reply_answers_first() -> None:
    caller = Caller()
    m = machine({("a", A): stop_and_reply(NORMAL, ReplyTo(caller, "bye"))}).send(A)
    assert m.effects == [SendReply(caller, "bye"), End(NORMAL)]


# State timeouts.


def test_a_state_timeout_comes_when_the_state_has_lasted() -> None:
    m = machine({}, StateTimeout(5.0, "late"))
    m.advance(4.9)
    m.send(A)
    assert m.events() == [A]
    m.advance(0.1)
    assert m.events() == [A, StateTimedOut("late")]


def test_a_change_of_state_cancels_the_state_timeout() -> None:
    m = machine({("a", GO): next_state("b")}, StateTimeout(5.0)).send(GO)
    m.advance(10)
    assert m.events() == [GO]
    assert m.core.timeouts == ()


def test_a_state_timeout_set_by_a_change_belongs_to_the_new_state() -> None:
    m = machine({("a", GO): next_state("b", StateTimeout(1.0, "new"))}, StateTimeout(5.0, "old")).send(GO)
    m.advance(10)
    assert m.seen == [("a", GO), ("b", StateTimedOut("new"))]


def test_going_to_the_same_state_keeps_the_state_timeout() -> None:
    m = machine({("a", GO): next_state("a")}, StateTimeout(5.0)).send(GO)
    m.advance(5)
    assert m.events() == [GO, StateTimedOut(None)]


def test_a_state_timeout_set_again_starts_anew() -> None:
    m = machine({("a", GO): keep_state(StateTimeout(5.0, 2))}, StateTimeout(5.0, 1))
    m.advance(3)
    m.send(GO)
    m.advance(4)
    assert m.events() == [GO]
    m.advance(1)
    assert m.events() == [GO, StateTimedOut(2)]


def test_a_timer_that_fires_after_it_was_replaced_is_ignored() -> None:
    m = machine({("a", GO): keep_state(StateTimeout(5.0, 2))}, StateTimeout(5.0, 1))
    old = next(iter(m.timers.values()))
    m.send(GO)
    assert list(m.core.fire(old.key, old.serial, 5.0)) == []
    assert m.events() == [GO]


# Event timeouts.


def test_an_event_timeout_comes_when_nothing_happens() -> None:
    m = machine({}, EventTimeout(5.0, "quiet"))
    m.advance(5)
    assert m.events() == [EventTimedOut("quiet")]


@pytest.mark.parametrize("event", [A, DONE])
def test_any_event_cancels_the_event_timeout(event: Event) -> None:
    m = machine({}, EventTimeout(5.0)).send(event)
    m.advance(5)
    assert m.events() == [event]


def test_another_timeout_is_an_event_too_and_cancels_it() -> None:
    m = machine({}, EventTimeout(5.0), Timeout("tick", 1.0))
    m.advance(5)
    assert m.events() == [TimedOut("tick")]


# Timeouts with a name.


def test_named_timeouts_survive_changes_of_state_and_events() -> None:
    m = machine({("a", GO): next_state("b")}, Timeout("one", 2.0, 1), Timeout("two", 1.0, 2)).send(GO)
    m.advance(5)
    assert m.seen[1:] == [("b", TimedOut("two", 2)), ("b", TimedOut("one", 1))]


def test_the_same_name_again_starts_it_anew_and_another_name_does_not() -> None:
    m = machine({("a", GO): keep_state(Timeout("one", 2.0, "again"))}, Timeout("one", 2.0), Timeout("two", 2.0))
    m.advance(1)
    m.send(GO)
    m.advance(1)
    assert m.events() == [GO, TimedOut("two")]
    m.advance(1)
    assert m.events()[2:] == [TimedOut("one", "again")]


@pytest.mark.parametrize(
    ("action", "of"),
    [
        (StateTimeout(1.0), TimeoutKind.STATE),
        (EventTimeout(1.0), TimeoutKind.EVENT),
        (Timeout("tick", 1.0), "tick"),
    ],
)
def test_a_cancelled_timeout_never_comes(action: Action, of: object) -> None:
    assert isinstance(of, TimeoutKind | str)
    m = machine({("a", GO): keep_state(CancelTimeout(of))}, action).send(GO)
    m.advance(5)
    assert m.events() == [GO]


def test_to_cancel_what_does_not_run_is_fine() -> None:
    assert machine({("a", GO): keep_state(CancelTimeout("none"))}).send(GO).events() == [GO]


def test_an_infinite_timeout_cancels() -> None:
    m = machine({("a", GO): keep_state(Timeout("tick", math.inf))}, Timeout("tick", 1.0)).send(GO)
    m.advance(5)
    assert m.events() == [GO]
    assert m.timers == {}


def test_update_changes_the_content_and_not_the_time() -> None:
    m = machine({("a", GO): keep_state(UpdateTimeout("tick", "new"))}, Timeout("tick", 2.0, "old"))
    m.advance(1)
    m.send(GO)
    m.advance(1)
    assert m.events() == [GO, TimedOut("tick", "new")]


def test_an_update_changes_what_the_same_transition_has_begun() -> None:
    table: Table = {
        ("a", GO): next_state("b", StateTimeout(5.0, "begun")),
        ("b", Enter("a")): keep_state(UpdateTimeout(TimeoutKind.STATE, "updated")),
    }
    m = machine(table, enter=True).send(GO)
    m.advance(5)
    assert m.events()[1:] == [GO, Enter("a"), StateTimedOut("updated")]


def test_update_of_what_does_not_run_is_a_timeout_of_zero() -> None:
    m = machine({("a", GO): keep_state(UpdateTimeout(TimeoutKind.STATE, "now"))}).send(GO)
    assert m.events() == [GO, StateTimedOut("now")]


# Timeouts of zero seconds.


def test_a_zero_timeout_comes_after_inserted_and_retried_events_and_before_later_ones() -> None:
    table: Table = {("a", A): keep_state(Postpone()), ("a", GO): next_state("b", StateTimeout(0.0), NextEvent(DONE))}
    m = machine(table).send(A, GO, B)
    assert m.seen[2:] == [("b", DONE), ("b", A), ("b", StateTimedOut()), ("b", B)]


def test_zero_timeouts_come_in_the_order_in_which_they_were_asked_for() -> None:
    m = machine({}, Timeout("one", 0.0), StateTimeout(0.0), Timeout("two", 0.0))
    assert m.events() == [TimedOut("one"), StateTimedOut(), TimedOut("two")]
    assert m.timers == {}


def test_a_zero_event_timeout_comes_only_if_no_event_waits() -> None:
    assert machine({}, EventTimeout(0.0), NextEvent(DONE)).events() == [DONE]
    assert machine({}, EventTimeout(0.0)).events() == [EventTimedOut()]
    assert machine({}, EventTimeout(0.0), Timeout("one", 0.0)).events() == [EventTimedOut(), TimedOut("one")]
    assert machine({}, Timeout("one", 0.0), EventTimeout(0.0)).events() == [TimedOut("one")]


def test_a_zero_state_timeout_that_waits_is_cancelled_by_a_change_of_state() -> None:
    m = machine({("a", DONE): next_state("b")}, StateTimeout(0.0), NextEvent(DONE))
    assert m.seen == [("a", DONE)]


def test_a_zero_timeout_that_waits_can_be_updated_and_cancelled() -> None:
    m = machine({("a", DONE): keep_state(UpdateTimeout("tick", 2))}, Timeout("tick", 0.0, 1), NextEvent(DONE))
    assert m.events() == [DONE, TimedOut("tick", 2)]
    m = machine({("a", DONE): keep_state(CancelTimeout("tick"))}, Timeout("tick", 0.0), NextEvent(DONE))
    assert m.events() == [DONE]


# Entering states.


def test_nobody_hears_of_entering_who_did_not_ask_for_it() -> None:
    assert machine({("a", GO): next_state("b")}).send(GO).events() == [GO]


def test_the_first_state_is_entered_from_itself() -> None:
    assert machine({}, enter=True).seen == [("a", Enter("a"))]


def test_a_state_is_entered_before_any_event_that_waits() -> None:
    table: Table = {("a", A): keep_state(Postpone()), ("a", GO): next_state("b", NextEvent(DONE))}
    m = machine(table, enter=True).send(A, GO)
    assert m.seen[3:] == [("b", Enter("a")), ("b", DONE), ("b", A)]


def test_going_to_the_same_state_enters_nothing_and_repeating_it_does() -> None:
    m = machine({("a", GO): next_state("a"), ("a", A): repeat_state()}, enter=True).send(GO, A)
    assert m.events() == [Enter("a"), GO, A, Enter("a")]


def test_actions_of_entering_come_after_those_of_the_transition() -> None:
    caller = Caller()
    table: Table = {
        ("a", GO): next_state("b", ReplyTo(caller, 1), StateTimeout(1.0, "transition")),
        ("b", Enter("a")): keep_state(ReplyTo(caller, 2), StateTimeout(2.0, "enter")),
    }
    m = machine(table, enter=True).send(GO)
    assert m.effects[:2] == [SendReply(caller, 1), SendReply(caller, 2)]
    m.advance(5)
    assert m.seen[-1] == ("b", StateTimedOut("enter"))
    assert m.now == 5


def test_it_can_stop_while_it_enters() -> None:
    m = machine({("a", GO): next_state("b", NextEvent(DONE)), ("b", Enter("a")): stop()}, enter=True).send(GO)
    assert m.effects == [End(NORMAL)]
    assert m.seen[-1] == ("b", Enter("a"))


@pytest.mark.parametrize("action", [Postpone(), NextEvent(DONE)])
def test_no_event_can_be_postponed_or_inserted_while_a_state_is_entered(action: Action) -> None:
    with pytest.raises(BadAction, match=r"in state 'a' the handler of Enter\(old='a'\)"):
        machine({("a", Enter("a")): keep_state(action)}, enter=True)


@pytest.mark.parametrize("result", [next_state("b"), repeat_state()])
def test_no_state_can_be_left_while_it_is_entered(result: Result[str]) -> None:
    with pytest.raises(BadResult, match="no state can be left while it is entered"):
        machine({("a", Enter("a")): result}, enter=True)


# What cannot be.


def test_a_result_that_is_none_names_state_event_expected_and_got() -> None:
    m = machine({("a", A): None})  # type: ignore[dict-item]
    with pytest.raises(BadResult) as caught:
        m.send(A)
    assert str(caught.value) == (
        "state machine test: in state 'a' the handler of Cast(message='a') returned None: expected next_state(...), "
        "keep_state(...), repeat_state(...), stop(...) or stop_and_reply(...)"
    )


def test_an_action_that_is_none_is_named() -> None:
    m = machine({("a", A): keep_state("postpone")})  # type: ignore[arg-type]
    with pytest.raises(BadAction, match="returned 'postpone': expected actions"):
        m.send(A)


@pytest.mark.parametrize("after", [-1.0, math.nan])
def test_a_timeout_needs_a_time(after: float) -> None:
    with pytest.raises(BadAction, match="a timeout of 0 seconds or more"):
        machine({("a", A): keep_state(StateTimeout(after))}).send(A)


def test_only_an_event_can_be_inserted() -> None:
    with pytest.raises(BadAction, match="NextEvent of an event"):
        machine({("a", A): keep_state(NextEvent("done"))}).send(A)  # type: ignore[arg-type]


def test_nothing_can_be_postponed_in_the_beginning() -> None:
    with pytest.raises(BadAction, match="the handler of 'init'"):
        machine({}, Postpone())


def test_it_begins_with_a_state() -> None:
    with pytest.raises(BadResult, match="next_state"):
        Machine({}).begin(keep_state())


def test_only_replies_go_with_a_stop() -> None:
    with pytest.raises(BadAction, match="replies alone"):
        machine({("a", A): stop_and_reply(NORMAL, Postpone())}).send(A)  # type: ignore[arg-type]


def test_a_state_that_it_does_not_have_is_refused() -> None:
    m = Machine({("a", GO): next_state("z")}, Rules(name="test", states=("a", "b"))).begin()
    with pytest.raises(UnknownState, match="wants to go to 'z': expected one of 'a', 'b'"):
        m.send(GO)


def test_a_transition_that_the_table_does_not_have_is_refused() -> None:
    rules = Rules[str](name="test", states=("a", "b", "c"), transitions={"a": ("b",)})
    m = Machine({("a", GO): next_state("b"), ("b", GO): next_state("b"), ("b", A): next_state("c")}, rules).begin()
    m.send(GO, GO)
    with pytest.raises(UnknownState, match=r"in state 'b' .* to 'c': expected one of none"):
        m.send(A)


# Random machines.


@dataclass
class Random:
    """A handler that draws what it does; every event that it takes has a number of its own."""

    rng: random.Random
    handled: list[Event] = field(default_factory=list)
    inserted: list[Event] = field(default_factory=list)
    calls: list[tuple[str, Event, Result[str]]] = field(default_factory=list)
    timeouts: int = 0

    def __call__(self, state: str, event: Event) -> Result[str]:
        actions: list[Action] = []
        rng = self.rng
        if len(self.calls) < 60 and rng.random() < 0.25:
            inserted = Internal(len(self.inserted))
            self.inserted.append(inserted)
            actions.append(NextEvent(inserted))
        if rng.random() < 0.5:
            self.timeouts += 1
            after = rng.choice([0.0, 1.0, 2.0]) if len(self.calls) < 60 else 1.0
            actions.append(StateTimeout(after, (state, self.timeouts)))
        to = rng.choice("abc")
        postponed = isinstance(event, Cast) and len(self.calls) < 60 and rng.random() < 0.5
        if postponed:
            actions.append(Postpone())
        else:
            self.handled.append(event)
        if to != state:
            actions = [
                StateTimeout(action.after, (to, self.timeouts)) if isinstance(action, StateTimeout) else action
                for action in actions
            ]
        result = NextState(to, tuple(actions))
        self.calls.append((state, event, result))
        return result


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_no_event_is_lost_or_handled_twice_and_no_state_timeout_comes_in_another_state(seed: int, count: int) -> None:
    handler = Random(random.Random(seed))
    core = MachineCore(Rules[str](name="random"), handler)
    timers: dict[int, StartTimer] = {}
    now = 0.0

    def take(effects: Iterator[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, StartTimer):
                timers[effect.serial] = effect
            elif isinstance(effect, StopTimer):
                del timers[effect.serial]

    take(core.begin(next_state("a"), now))
    sent: list[Event] = []
    for number in range(count):
        event = Cast(number)
        sent.append(event)
        take(core.receive(event, now))
        if timers and handler.rng.random() < 0.5:
            timer = timers.pop(min(timers))
            now = max(now, timer.due)
            take(core.fire(timer.key, timer.serial, now))
    done = [event for event in handler.handled if not isinstance(event, StateTimedOut)]
    assert len(done) == len(set(done))
    assert set(done) | set(core.waiting) == {*sent, *handler.inserted}
    assert not set(done) & set(core.waiting)
    for state, handled, _ in handler.calls:
        if isinstance(handled, StateTimedOut):
            assert isinstance(handled.content, tuple)
            assert handled.content[0] == state
    assert len(timers) <= 1


@given(st.lists(st.sampled_from(["keep", "go"]), max_size=20))
def test_events_that_only_ever_wait_for_one_state_are_handled_in_the_order_in_which_they_were_sent(
    moves: list[str],
) -> None:
    handled: list[object] = []

    def handle(state: str, event: Event) -> Result[str]:
        assert isinstance(event, Cast)
        if event.message == "go":
            return next_state("closed" if state == "open" else "open")
        if state == "closed":
            return keep_state(Postpone())
        handled.append(event.message)
        return keep_state()

    core = MachineCore(Rules[str](name="door"), handle)
    list(core.begin(next_state("closed"), 0.0))
    sent: list[object] = []
    for number, move in enumerate([*moves, "keep"]):
        if move == "keep":
            sent.append(number)
        list(core.receive(Cast(number if move == "keep" else "go"), 0.0))
    if core.state == "closed":
        list(core.receive(Cast("go"), 0.0))
    assert handled == sent
