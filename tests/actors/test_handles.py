"""Handlers by message type: which one gets a message, and what is refused when the class is made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from regrow.actors import Actor, ActorRef, ActorSystem, BadHandler, Down, UnhandledMessage, handles
from regrow.actors.compat import PykkaActor
from regrow.actors.handles import CACHE_MAX, HandlerTable
from regrow.actors.testing import Probe
from regrow.protocol.exits import Crash

if TYPE_CHECKING:
    from pathlib import Path as OnlyForTypeCheckers

WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Message:
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ping(Message):
    pass


@dataclass(frozen=True, slots=True)
class LoudPing(Ping):
    pass


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Add:
    number: int


class Handler(Actor):
    def __init__(self) -> None:
        self.sum = 0

    @handles(Ping)
    def on_ping(self, message: Ping) -> str:
        return f"ping {message.text}"

    @handles(Add, int)
    def on_number(self, message: Add | int) -> int:
        self.sum += message if isinstance(message, int) else message.number
        return self.sum


def test_a_message_goes_to_the_handler_of_its_type(system: ActorSystem) -> None:
    ref = system.spawn(Handler)
    assert ref.ask(Ping("one")) == "ping one"
    assert ref.ask(Add(2)) == 2
    assert ref.ask(3) == 5


def test_a_message_of_a_subclass_goes_to_the_nearest_type_of_its_class_order(system: ActorSystem) -> None:
    class Nearer(Handler):
        @handles(Message)
        def on_any(self, message: Message) -> str:
            return f"any {message.text}"

    ref = system.spawn(Nearer)
    for _ in range(2):  # looked up, then remembered
        assert ref.ask(LoudPing("loud")) == "ping loud"
        assert ref.ask(Message("plain")) == "any plain"


def test_object_takes_what_no_other_takes(system: ActorSystem) -> None:
    class Open(Handler):
        @handles(object)
        def on_rest(self, message: object) -> str:
            return f"rest {message}"

    assert system.spawn(Open).ask("x") == "rest x"


def test_a_message_that_no_handler_takes_is_a_crash_that_says_so(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Handler)
    probe.monitor(ref)
    with pytest.raises(
        UnhandledMessage, match=r"Handler .*: expected a message of one of Ping, Add, int, got Pong"
    ) as e:
        ref.ask(Pong(), timeout=WAIT)
    assert (e.value.message, e.value.handled) == (Pong(), (Ping, Add, int))
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith("UnhandledMessage")


def test_on_unhandled_can_take_it(system: ActorSystem) -> None:
    class Patient(Handler):
        def on_unhandled(self, message: object) -> object:
            return f"never mind {message}"

    assert system.spawn(Patient).ask("x") == "never mind x"


def test_without_handlers_an_unknown_message_is_a_warning_as_in_pykka(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    class Plain(Actor):
        pass

    ref = system.spawn(Plain)
    assert ref.ask("what") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Unexpected message received by Plain" in caplog.text
    assert ref.is_alive()


def test_an_on_receive_is_asked_first_and_its_super_dispatches(system: ActorSystem) -> None:
    class First(Handler):
        def on_receive(self, message: object) -> object:
            return "mine" if message == "mine" else super().on_receive(message)

    class Alone(Handler):
        def on_receive(self, message: object) -> object:
            return "all mine"

    ref = system.spawn(First)
    assert (ref.ask("mine"), ref.ask(Ping("x"))) == ("mine", "ping x")
    assert system.spawn(Alone).ask(Ping("x")) == "all mine"


def test_a_subclass_overrides_a_handler_by_its_name(system: ActorSystem) -> None:
    class Polite(Handler):
        def on_ping(self, message: Ping) -> str:
            return f"dear {super().on_ping(message)}"

    assert system.spawn(Polite).ask(Ping("x")) == "dear ping x"


def test_a_subclass_overrides_a_handler_by_its_type(system: ActorSystem) -> None:
    class Other(Handler):
        @handles(Ping)
        def on_ping_too(self, message: Ping) -> str:
            return "other"

    assert system.spawn(Other).ask(Ping("x")) == "other"


def test_a_handler_that_a_subclass_gives_another_type_has_only_that_one(system: ActorSystem) -> None:
    class Changed(Handler):
        @handles(Pong)
        def on_ping(self, message: Pong) -> str:  # type: ignore[override]
            return "pong"

    ref = system.spawn(Changed)
    assert ref.ask(Pong()) == "pong"
    with pytest.raises(UnhandledMessage):
        ref.ask(Ping())


def test_a_subclass_takes_a_handler_away(system: ActorSystem) -> None:
    class Less(Handler):
        on_ping = None  # type: ignore[assignment]

    with pytest.raises(UnhandledMessage, match="one of Add, int"):
        system.spawn(Less).ask(Ping())


def test_in_a_diamond_the_nearest_class_with_a_handler_of_its_own_wins(system: ActorSystem) -> None:
    class Left(Handler):
        pass

    class Right(Handler):
        @handles(Ping)
        def on_right(self, message: Ping) -> str:
            return "right"

    class Both(Left, Right):
        pass

    assert system.spawn(Both).ask(Ping()) == "right"


def test_a_class_that_is_no_actor_can_bring_handlers(system: ActorSystem) -> None:
    class Ponging:
        @handles(Pong)
        def on_pong(self, message: Pong) -> str:
            return "pong"

    class Both(Ponging, Handler):
        pass

    ref = system.spawn(Both)
    assert (ref.ask(Pong()), ref.ask(Ping("x"))) == ("pong", "ping x")


def test_an_actor_with_pykkas_rules_has_handlers_too(system: ActorSystem) -> None:
    class Old(PykkaActor):
        @handles(Ping)
        def on_ping(self, message: Ping) -> str:
            return "old"

    ref = system.spawn(Old)
    assert ref.ask(Ping()) == "old"
    with pytest.raises(UnhandledMessage):
        ref.ask(Pong())
    assert ref.ask(Ping()) == "old"


def test_a_handler_may_be_async() -> None:
    class Async(Actor):
        @handles(Ping)
        async def on_ping(self, message: Ping) -> str:
            return message.text

    assert asyncio.run(Async().on_receive(Ping("x"))) == "x"


def test_messages_of_the_runtime_are_handled_by_their_type(system: ActorSystem) -> None:
    ended: list[ActorRef] = []

    class Watcher(Actor):
        @handles(Down)
        def on_down(self, message: Down) -> None:
            ended.append(message.ref)

        @handles(str)
        def on_str(self, message: str) -> None:
            pass

    watcher, watched = system.spawn(Watcher), system.spawn(Handler)
    system.monitor(watcher, watched)
    watched.stop()
    watcher.ask("sync", timeout=WAIT)
    assert ended == [watched]


def no_class() -> type:
    class Bad(Actor):
        @handles("Ping")  # type: ignore[call-overload, untyped-decorator]
        def on_ping(self, message: object) -> None: ...

    return Bad


def a_generic() -> type:
    class Bad(Actor):
        @handles(list[int])
        def on_list(self, message: list[int]) -> None: ...

    return Bad


def nothing() -> type:
    class Bad(Actor):
        @handles()
        def on_nothing(self, message: object) -> None: ...

    return Bad


def twice() -> type:
    class Bad(Actor):
        @handles(Ping)
        def one(self, message: Ping) -> None: ...

        @handles(Pong, Ping)
        def two(self, message: Ping | Pong) -> None: ...

    return Bad


def no_message() -> type:
    class Bad(Actor):
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self) -> None: ...

    return Bad


def two_messages() -> type:
    class Bad(Actor):
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self, message: Ping, other: int) -> None: ...

    return Bad


def any_messages() -> type:
    class Bad(Actor):
        @handles(Ping)
        def on_ping(self, *messages: Ping) -> None: ...

    return Bad


def by_keyword() -> type:
    class Bad(Actor):
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self, *, message: Ping) -> None: ...

    return Bad


def of_no_instance() -> type:
    class Bad(Actor):
        @staticmethod
        @handles(Ping)
        def on_ping(actor: Any, message: Ping) -> None: ...

    return Bad


def a_property() -> type:
    class Bad(Actor):
        @property  # type: ignore[misc]
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self) -> None: ...

    return Bad


def annotated_otherwise() -> type:
    class Bad(Actor):
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self, message: Pong) -> None: ...

    return Bad


def annotated_too_narrowly() -> type:
    class Bad(Actor):
        @handles(Ping, Pong)  # type: ignore[arg-type]
        def on_ping(self, message: Ping | int) -> None: ...

    return Bad


def annotated_with_a_subclass() -> type:
    class Bad(Actor):
        @handles(Ping)  # type: ignore[arg-type]
        def on_ping(self, message: LoudPing) -> None: ...

    return Bad


BAD = [
    (no_class, "on_ping", "a class in @handles(...)", "'Ping'"),
    (a_generic, "on_list", "a class in @handles(...)", "list[int]"),
    (nothing, "on_nothing", "@handles(MessageType)", "@handles()"),
    (twice, "two", "the only handler of Ping", "one handles it too"),
    (no_message, "on_ping", "exactly one parameter after self, for the message", "on_ping(self) -> 'None'"),
    (two_messages, "on_ping", "exactly one parameter", "on_ping(self, message: 'Ping', other: 'int') -> 'None'"),
    (any_messages, "on_ping", "exactly one parameter", "on_ping(self, *messages: 'Ping') -> 'None'"),
    (by_keyword, "on_ping", "exactly one parameter", "on_ping(self, *, message: 'Ping') -> 'None'"),
    (of_no_instance, "on_ping", "a plain or an async method", "staticmethod"),
    (a_property, "on_ping", "a plain or an async method", "property"),
    (annotated_otherwise, "on_ping", "a message parameter that takes Ping", "message: Pong"),
    (annotated_too_narrowly, "on_ping", "a message parameter that takes Pong", "Ping | int"),
    (annotated_with_a_subclass, "on_ping", "a message parameter that takes Ping", "message: LoudPing"),
]


@pytest.mark.parametrize(("make", "method", "expected", "got"), BAD, ids=[row[0].__name__ for row in BAD])
def test_a_bad_handler_is_refused_when_the_class_is_made(
    make: Callable[[], type], method: str, expected: str, got: str
) -> None:
    with pytest.raises(TypeError) as caught:
        make()
    assert isinstance(caught.value, BadHandler)
    text = str(caught.value)
    assert text.startswith(f"handler {make.__name__}.<locals>.Bad.{method}: expected {expected}")
    assert text.endswith(got)
    assert caught.value.method == method


def test_annotations_that_take_the_message_are_accepted(system: ActorSystem) -> None:
    @dataclass
    class Local:
        pass

    class Good(Actor):
        @handles(Ping)
        def wider(self, message: Message) -> str:
            return "wider"

        @handles(Pong)
        def anything(self, message: Any) -> str:
            return "anything"

        @handles(int)
        def unsaid(self, message) -> str:  # type: ignore[no-untyped-def]
            return "unsaid"

        @handles(Local)
        def local(self, message: Local) -> str:
            return "local"

        @handles(list)
        def generic(self, message: list[int] | None) -> str:
            return "generic"

        @handles(str)  # type: ignore[arg-type]
        def unknown_yet(self, message: OnlyForTypeCheckers) -> str:
            return "unknown"

    ref = system.spawn(Good)
    asked = [Ping(), Pong(), 1, Local(), [1], "x"]
    assert [ref.ask(message) for message in asked] == ["wider", "anything", "unsaid", "local", "generic", "unknown"]


def test_what_is_remembered_of_types_is_bounded() -> None:
    table = HandlerTable({Message: "on_message"})
    for number in range(CACHE_MAX + 10):
        assert table[type(f"Made{number}", (Message,), {})] == "on_message"
    assert table[int] is None
    assert len(table) == CACHE_MAX
