"""State machines as actors: what their classes may say, and what becomes of messages."""

from __future__ import annotations

import threading
from enum import Enum
from typing import ClassVar

import pytest

from regrow.actors import ActorDeadError, ActorRef, ActorSystem, DeadLetter, Describe, Description, Down, SpawnOptions
from regrow.actors.patterns import (
    BadResult,
    BadStateMachine,
    Call,
    CancelTimeout,
    Cast,
    Enter,
    Event,
    EventTimeout,
    GenStateMachine,
    Info,
    Internal,
    NextEvent,
    Postpone,
    Result,
    StateTimedOut,
    StateTimeout,
    Timeout,
    keep_state,
    next_state,
    state,
    stop,
    stop_and_reply,
)
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet
from regrow.protocol import NORMAL, Crash, Shutdown


class Lock(GenStateMachine[str]):
    """A door that opens for a code, for ten seconds."""

    initial = "locked"
    transitions: ClassVar = {"locked": ["open"], "open": ["locked"]}

    def __init__(self, code: str = "1234") -> None:
        self.code = code
        self.entered = ""

    @state
    def locked(self, event: Event) -> Result[str]:
        match event:
            case Cast(str(digit)):
                self.entered = (self.entered + digit)[-len(self.code) :]
                return next_state("open", StateTimeout(10.0)) if self.entered == self.code else keep_state()
            case Call("walk through"):
                return keep_state(Postpone())
            case Call():
                return keep_state(event.reply("locked"))
            case _:
                return stop(Shutdown(f"unexpected: {event}"))

    @state("open")
    def is_open(self, event: Event) -> Result[str]:
        match event:
            case StateTimedOut():
                self.entered = ""
                return next_state("locked")
            case Call("walk through"):
                return keep_state(event.reply("thank you"))
            case Call():
                return keep_state(event.reply("open"))
            case _:
                return keep_state()


def enter(ref: ActorRef, code: str) -> None:
    for digit in code:
        ref.tell(digit)


def test_states_have_methods_and_timeouts_run_on_the_clock_of_the_system(
    system: ActorSystem, clock: ManualClock
) -> None:
    ref = system.spawn(Lock)
    assert ref.ask("?") == "locked"
    enter(ref, "1234")
    assert ref.ask("?") == "open"
    clock.advance(9.9)
    assert ref.ask("?") == "open"
    clock.advance(0.1)
    assert ref.ask("?") == "locked"
    assert clock.next_due() is None


def test_an_ask_that_is_postponed_is_answered_in_a_later_state(system: ActorSystem) -> None:
    ref = system.spawn(Lock)
    answer = ref.ask("walk through", block=False)
    assert ref.ask("?") == "locked"
    enter(ref, "1234")
    assert answer.get(timeout=5.0) == "thank you"


def test_an_asker_whose_ask_is_postponed_hears_of_the_end(system: ActorSystem) -> None:
    ref = system.spawn(Lock)
    answer = ref.ask("walk through", block=False)
    ref.stop()
    with pytest.raises(ActorDeadError):
        answer.get(timeout=5.0)


def test_what_was_told_and_is_left_behind_is_a_dead_letter(system: ActorSystem, probe: Probe) -> None:
    class Waits(GenStateMachine[str]):
        initial = "waiting"

        @state
        def waiting(self, event: Event) -> Result[str]:
            return stop() if event == Cast("stop") else keep_state(Postpone())

    letters = system.bus.collect(DeadLetter)
    ref = system.spawn(Waits)
    probe.monitor(ref)
    ref.tell("later")
    ref.tell("stop")
    probe.expect(Down, match=lambda down: down.reason == NORMAL)
    assert letters.get() == DeadLetter(ref, "later", "the state machine ended in state 'waiting'")


def test_a_life_after_a_crash_begins_in_the_first_state(system: ActorSystem) -> None:
    ref = system.spawn(Lock)
    enter(ref, "1234")
    again = system.spawn(Lock)
    assert again.ask("?") == "locked"


def test_what_a_handler_raises_ends_it_and_reaches_the_asker(system: ActorSystem, probe: Probe) -> None:
    class Fails(GenStateMachine[str]):
        initial = "on"

        @state
        def on(self, event: Event) -> Result[str]:
            raise ValueError("no")

    ref = system.spawn(Fails)
    probe.monitor(ref)
    with pytest.raises(ValueError, match="no"):
        ref.ask("?", timeout=5.0)
    assert isinstance(probe.expect(Down).reason, Crash)


def test_a_handler_without_a_result_is_told_what_is_expected(system: ActorSystem, probe: Probe) -> None:
    class Forgets(GenStateMachine[str]):
        initial = "on"

        @state
        def on(self, event: Event) -> Result[str]:
            return None  # type: ignore[return-value]

    ref = system.spawn(Forgets)
    probe.monitor(ref)
    ref.tell("hello")
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith(BadResult.__name__)
    assert "state machine Forgets: in state 'on' the handler of Cast(message='hello') returned None" in reason.text


def test_stop_and_reply_answers_and_ends(system: ActorSystem, probe: Probe) -> None:
    class Once(GenStateMachine[str]):
        initial = "on"

        @state
        def on(self, event: Event) -> Result[str]:
            assert isinstance(event, Call)
            return stop_and_reply(Shutdown("done"), event.reply("bye"))

    ref = system.spawn(Once)
    probe.monitor(ref)
    assert ref.ask("?", timeout=5.0) == "bye"
    assert probe.expect(Down).reason == Shutdown("done")


def test_an_error_as_answer_is_raised_in_the_asker_and_the_machine_lives_on(system: ActorSystem) -> None:
    class Refuses(GenStateMachine[str]):
        initial = "on"

        @state
        def on(self, event: Event) -> Result[str]:
            assert isinstance(event, Call)
            return keep_state(event.reply(KeyError("no") if event.message == "?" else "yes"))

    ref = system.spawn(Refuses)
    with pytest.raises(KeyError):
        ref.ask("?", timeout=5.0)
    assert ref.ask("!", timeout=5.0) == "yes"


class Light(Enum):
    RED = 1
    GREEN = 2


class Traffic(GenStateMachine[Light]):
    """One function for all states, a beginning of its own, and enter events."""

    state_enter = True
    states = Light

    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    def init(self) -> Result[Light]:
        return next_state(Light.RED, NextEvent(Internal("first")))

    def handle_event(self, state: Light, event: Event) -> Result[Light]:
        self.seen.append((state.name, event))
        match state, event:
            case Light.RED, Cast("go"):
                return next_state(Light.GREEN)
            case Light.GREEN, Enter():
                return keep_state(StateTimeout(30.0))
            case Light.GREEN, StateTimedOut():
                return next_state(Light.RED)
            case _, Call():
                return keep_state(event.reply(self.state))
            case _:
                return keep_state()


def test_one_function_may_know_all_states(system: ActorSystem, clock: ManualClock) -> None:
    seen: list[object] = []
    ref = system.spawn(Traffic, seen)
    assert seen == [("RED", Enter(Light.RED)), ("RED", Internal("first"))]
    ref.tell("go")
    assert ref.ask("?") is Light.GREEN
    clock.advance(30)
    assert ref.ask("?") is Light.RED
    assert [what for what in seen if isinstance(what, tuple) and isinstance(what[1], Enter)] == [
        ("RED", Enter(Light.RED)),
        ("GREEN", Enter(Light.RED)),
        ("RED", Enter(Light.GREEN)),
    ]


def test_downs_and_exits_come_as_info(system: ActorSystem) -> None:
    heard = threading.Event()
    seen: list[object] = []

    class Watches(GenStateMachine[str]):
        initial = "on"

        def __init__(self, watched: ActorRef) -> None:
            self.watched = watched

        def init(self) -> Result[str]:
            self.monitor(self.watched)
            return super().init()

        @state
        def on(self, event: Event) -> Result[str]:
            seen.append(event)
            heard.set()
            return keep_state()

    watched = system.spawn(Puppet)
    system.spawn(Watches, watched)
    watched.kill()
    assert heard.wait(5.0)
    (event,) = seen
    assert isinstance(event, Info)
    assert isinstance(event.message, Down)


def test_messages_that_come_while_it_handles_one_keep_their_order(system: ActorSystem) -> None:
    hold = Hold()
    seen: list[object] = []

    class Keeps(GenStateMachine[str]):
        initial = "on"

        @state
        def on(self, event: Event) -> Result[str]:
            match event:
                case Cast("hold"):
                    hold()
                    return keep_state(NextEvent(Internal("inserted")))
                case Call():
                    return keep_state(event.reply(list(seen)))
                case Cast(what) | Internal(what):
                    seen.append(what)
                    return keep_state()
                case _:
                    raise AssertionError(event)

    ref = system.spawn(Keeps)
    ref.tell("hold")
    hold.wait_reached()
    ref.tell("later")
    hold.release()
    assert ref.ask("?") == ["inserted", "later"]


def test_a_timeout_that_is_cancelled_leaves_no_timer_behind(system: ActorSystem, clock: ManualClock) -> None:
    class Patient(GenStateMachine[str]):
        initial = "waiting"

        @state
        def waiting(self, event: Event) -> Result[str]:
            match event:
                case Cast("start"):
                    return keep_state(Timeout("tick", 5.0), EventTimeout(9.0))
                case Cast("again"):
                    return keep_state(Timeout("tick", 7.0))
                case Call("cancel"):
                    return keep_state(CancelTimeout("tick"), event.reply("cancelled"))
                case _:
                    return stop(Shutdown(f"unexpected: {event}"))

    ref = system.spawn(Patient)
    ref.tell("start")
    ref.tell("again")
    assert ref.ask("cancel", timeout=5.0) == "cancelled"
    assert clock.advance(20) == 0
    assert ref.is_alive()


def test_an_on_start_that_does_not_call_the_one_above_is_told_so(system: ActorSystem) -> None:
    class Careless(Lock):
        def on_start(self) -> None:
            """Forgets the rest."""

    with pytest.raises(BadStateMachine, match="expected an `on_start` that calls super"):
        system.spawn(Careless).ask("?", timeout=5.0)


def test_it_says_what_state_it_is_in(system: ActorSystem) -> None:
    ref = system.spawn(Lock)
    ref.ask("walk through", block=False)
    enter(ref, "12")
    description = ref.ask(Describe())
    assert isinstance(description, Description)
    assert description.details["state"] == "'locked'"


def test_a_subclass_overrides_the_handler_of_a_state_by_its_name(system: ActorSystem) -> None:
    class Broken(Lock):
        def locked(self, event: Event) -> Result[str]:
            assert isinstance(event, Call)
            return keep_state(event.reply("jammed"))

    assert system.spawn(Broken).ask("?") == "jammed"


# What a class must not say.


def test_two_handlers_of_one_state_are_refused() -> None:
    with pytest.raises(BadStateMachine, match="state 'on' has two handlers, on and also_on"):

        class Twice(GenStateMachine[str]):
            @state
            def on(self, event: Event) -> Result[str]:
                return keep_state()

            @state("on")
            def also_on(self, event: Event) -> Result[str]:
                return keep_state()

        del Twice


def test_an_initial_state_that_has_no_handler_is_refused() -> None:
    with pytest.raises(BadStateMachine, match="state machine Lost: initial: expected one of 'on', got 'off'"):

        class Lost(GenStateMachine[str]):
            initial = "off"

            @state
            def on(self, event: Event) -> Result[str]:
                return keep_state()

        del Lost


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"of": ["on"]}, "transitions: expected one of 'off', 'on', got 'of'"),
        ({"off": ["on", "onn"]}, r"transitions\['off'\]: expected states of 'off', 'on', got 'onn'"),
    ],
)
def test_a_transition_table_with_an_unknown_state_is_refused(table: dict[str, list[str]], says: str) -> None:
    with pytest.raises(BadStateMachine, match=says):

        class Switch(GenStateMachine[str]):
            transitions = table

            @state
            def on(self, event: Event) -> Result[str]:
                return keep_state()

            @state
            def off(self, event: Event) -> Result[str]:
                return keep_state()

        del Switch


def test_methods_and_one_function_together_are_refused() -> None:
    with pytest.raises(BadStateMachine, match=r"either handle_event or @state methods, got both: \['on'\]"):

        class Both(GenStateMachine[str]):
            @state
            def on(self, event: Event) -> Result[str]:
                return keep_state()

            def handle_event(self, state: str, event: Event) -> Result[str]:
                return keep_state()

        del Both


def test_a_handler_takes_an_event_and_nothing_else() -> None:
    with pytest.raises(BadStateMachine, match=r"handler on: expected \(self, event\), got \(self, event, more\)"):

        class TooMuch(GenStateMachine[str]):
            @state
            def on(self, event, more):  # type: ignore[no-untyped-def]
                return keep_state()

        del TooMuch


def test_an_async_handler_is_refused() -> None:
    with pytest.raises(BadStateMachine, match="expected a plain method"):

        class Later(GenStateMachine[str]):
            @state
            async def on(self, event: Event) -> Result[str]:
                return keep_state()

        del Later


def test_declared_states_need_their_handlers() -> None:
    with pytest.raises(BadStateMachine, match="a @state method for each of 'off', 'on', got 'on'"):

        class Half(GenStateMachine[str]):
            states = ("on", "off")

            @state
            def on(self, event: Event) -> Result[str]:
                return keep_state()

        del Half


def test_a_machine_without_any_handler_does_not_start(system: ActorSystem) -> None:
    class Empty(GenStateMachine[str]):
        initial = "on"

    with pytest.raises(BadStateMachine, match="got neither"):
        system.spawn(Empty, options=SpawnOptions(start_timeout=5.0))


def test_a_machine_without_a_beginning_does_not_start(system: ActorSystem) -> None:
    class Nowhere(GenStateMachine[str]):
        def handle_event(self, state: str, event: Event) -> Result[str]:
            return keep_state()

    with pytest.raises(BadStateMachine, match="expected `initial`, or an `init`"):
        system.spawn(Nowhere)
