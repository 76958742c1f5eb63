"""The event loop: what may be awaited, what may not block, and what happens when the loop is somebody else's."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    AskTimeout,
    AsyncElsewhere,
    BadHandler,
    BlockingLoop,
    DeadLetter,
    Reply,
    SpawnOptions,
    handles,
)
from regrow.actors.dispatchers.asyncio_loop import AsyncioDispatcher
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason
from tests.actors.dispatchers.waiting import exited, until

WAIT = 5.0
PINNED = SpawnOptions(start_timeout=WAIT)


@pytest.fixture
def looped() -> Iterator[ActorSystem]:
    system = ActorSystem("looped", dispatcher="asyncio")
    yield system
    assert system.shutdown(WAIT) == ()


class Awaiting(Actor):
    """All of its hooks await; it notes which have run."""

    def __init__(self, notes: list[str] | None = None) -> None:
        self.notes: list[str] = [] if notes is None else notes

    async def on_start(self) -> None:  # type: ignore[override]
        await self._note("on_start")

    async def on_receive(self, message: object) -> object:
        await asyncio.sleep(0)
        if not callable(message):
            return message
        answer: Any = message(self)
        return await answer

    async def on_stop_request(self, reason: ExitReason) -> None:  # type: ignore[override]
        await self._note("on_stop_request")
        self.exit(reason)

    async def on_stop(self) -> None:  # type: ignore[override]
        await self._note("on_stop")

    async def on_failure(self, *_args: object) -> None:  # type: ignore[override]
        await self._note("on_failure")

    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def _note(self, hook: str) -> None:
        await asyncio.sleep(0)
        self.notes.append(hook)


def code(command: Callable[[Awaiting], Coroutine[Any, Any, object]]) -> object:
    return command


class Plain(Actor):
    def on_receive(self, message: object) -> object:
        return message(self) if callable(message) else message


class TestHooks:
    def test_each_of_them_may_await(self, looped: ActorSystem) -> None:
        notes: list[str] = []
        ref = looped.spawn(Awaiting, notes)
        assert notes == ["on_start"]
        assert ref.ask("hello", timeout=WAIT) == "hello"
        assert ref.stop(timeout=WAIT) is True
        assert notes == ["on_start", "on_stop_request", "on_stop"]

    def test_after_a_crash_on_failure_awaits(self, looped: ActorSystem) -> None:
        notes: list[str] = []
        ref = looped.spawn(Awaiting, notes)
        exits = looped.bus.collect(ActorExited)

        async def fail(_actor: Awaiting) -> None:
            await asyncio.sleep(0)
            raise ValueError("told to")

        with pytest.raises(ValueError, match="told to"):
            ref.ask(code(fail), timeout=WAIT)
        assert str(exited(exits).reason) == "crash: ValueError: told to"
        assert notes == ["on_start", "on_failure"]

    def test_a_start_that_awaits_may_fail_or_take_too_long(self, looped: ActorSystem) -> None:
        class Failing(Actor):
            async def on_start(self) -> None:  # type: ignore[override]
                await asyncio.sleep(0)
                raise ValueError("no")

        class Hanging(Actor):
            async def on_start(self) -> None:  # type: ignore[override]
                await asyncio.Event().wait()

        with pytest.raises(ValueError, match="no"):
            looped.spawn(Failing)
        with pytest.raises(Exception, match=r"was not ready within 0\.05 seconds"):
            looped.spawn(Hanging, options=SpawnOptions(start_timeout=0.05))

    def test_messages_wait_while_a_handler_awaits_and_other_actors_run(self, looped: ActorSystem) -> None:
        order: list[object] = []
        began, go = threading.Event(), asyncio.Event()

        async def first(_actor: Awaiting) -> None:
            began.set()
            await go.wait()
            order.append("first")

        async def second(_actor: Awaiting) -> None:
            order.append("second")

        ref, other = looped.spawn(Awaiting), looped.spawn(Awaiting)
        ref.tell(code(first))
        last = ref.ask(code(second), block=False)
        assert began.wait(WAIT)
        assert other.ask("meanwhile", timeout=WAIT) == "meanwhile"
        assert order == []

        async def let_go(_actor: Awaiting) -> None:
            go.set()

        other.tell(code(let_go))
        last.get(timeout=WAIT)
        assert order == ["first", "second"]

    def test_an_async_handler_of_a_type_and_an_async_method_by_proxy(self, looped: ActorSystem) -> None:
        class Typed(Actor):
            @handles(int)
            async def on_int(self, message: int) -> int:
                await asyncio.sleep(0)
                return -message

        assert looped.spawn(Typed).ask(3, timeout=WAIT) == -3
        ref = looped.spawn(Awaiting)
        assert ref.proxy().double(4).get(timeout=WAIT) == 8

        async def main() -> object:
            return await ref.proxy().double(5)

        assert asyncio.run(main()) == 10

    def test_an_answer_that_is_an_error_leaves_it_alive(self, looped: ActorSystem) -> None:
        async def refuse(_actor: Awaiting) -> None:
            await asyncio.sleep(0)
            raise Reply(ValueError("no"))

        ref = looped.spawn(Awaiting)
        with pytest.raises(ValueError, match="no"):
            ref.ask(code(refuse), timeout=WAIT)
        assert ref.ask("alive", timeout=WAIT) == "alive"


class TestErrors:
    @pytest.mark.parametrize("awaits", [False, True])
    def test_a_traceback_begins_with_the_users_code(self, looped: ActorSystem, *, awaits: bool) -> None:
        async def fail(_actor: Awaiting) -> None:
            if awaits:
                await asyncio.sleep(0)
            raise ValueError("told to")

        exits = looped.bus.collect(ActorExited)
        looped.spawn(Awaiting).tell(code(fail))
        reason = exited(exits).reason
        assert isinstance(reason, Crash)
        assert reason.traceback is not None
        frames = [line for line in reason.traceback.splitlines() if line.startswith("  File")]
        assert all(__file__ in frame for frame in frames), reason.traceback
        assert frames[-1].endswith("in fail")

    def test_a_cancellation_that_nobody_ordered_is_a_crash(self, looped: ActorSystem) -> None:
        async def cancel(_actor: Awaiting) -> None:
            await asyncio.sleep(0)
            raise asyncio.CancelledError

        notes: list[str] = []
        exits = looped.bus.collect(ActorExited)
        ref = looped.spawn(Awaiting, notes)
        with pytest.raises(ActorDeadError):
            ref.ask(code(cancel), timeout=WAIT)
        assert "CancelledError" in str(exited(exits).reason)
        assert notes == ["on_start", "on_failure"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
    def test_an_interrupt_in_a_handler_ends_the_actor_and_not_the_loop(
        self, looped: ActorSystem, error: BaseException
    ) -> None:
        async def leave(_actor: Awaiting) -> None:
            await asyncio.sleep(0)
            raise error

        other, exits = looped.spawn(Awaiting), looped.bus.collect(ActorExited)
        looped.spawn(Awaiting).tell(code(leave))
        assert type(error).__name__ in str(exited(exits).reason)
        assert other.ask("alive", timeout=WAIT) == "alive"

    @pytest.mark.parametrize("name", ["thread", "pool"])
    def test_elsewhere_an_async_handler_is_a_crash_that_says_what_to_do(self, name: str) -> None:
        with ActorSystem("elsewhere", dispatcher=name) as system:

            class Handler(Actor):
                async def on_receive(self, message: object) -> object:
                    return message

            class Hook(Actor):
                async def on_start(self) -> None:  # type: ignore[override]
                    return None

            expected = f"expected dispatcher 'asyncio', got '{name}'"
            with pytest.raises(AsyncElsewhere, match=expected):
                system.spawn(Handler).ask("x", timeout=WAIT)
            with pytest.raises(AsyncElsewhere, match=expected):
                system.spawn(Hook)

    def test_a_hook_or_handler_that_yields_is_refused_when_its_class_is_made(self) -> None:
        with pytest.raises(BadHandler, match=r"on_receive: expected a plain or an async method, got one that yields"):

            class Receive(Actor):  # pyright: ignore[reportUnusedClass]
                async def on_receive(self, message: object) -> AsyncIterator[object]:
                    yield message

        with pytest.raises(BadHandler, match=r"on_int: expected a plain or an async method, got one that yields"):

            class Handler(Actor):  # pyright: ignore[reportUnusedClass]
                @handles(int)
                async def on_int(self, message: int) -> AsyncIterator[int]:
                    yield message


class TestEnds:
    def test_a_kill_cancels_what_is_awaited(self, looped: ActorSystem) -> None:
        began, cancelled = threading.Event(), threading.Event()

        async def hang(_actor: Awaiting) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        notes: list[str] = []
        ref = looped.spawn(Awaiting, notes)
        answer = ref.ask(code(hang), block=False)
        assert began.wait(WAIT)
        exits = looped.bus.collect(ActorExited)
        ref.kill()
        assert exited(exits).reason == KILLED
        assert cancelled.wait(WAIT)
        with pytest.raises(ActorDeadError, match="killed"):
            answer.get(timeout=WAIT)
        until(lambda: looped.abandoned.refs() == ())
        assert notes == ["on_start"]

    def test_one_that_does_not_heed_its_cancellation_can_send_no_more(self, looped: ActorSystem) -> None:
        began, got = threading.Event(), list[object]()
        other = looped.spawn(Plain)

        async def stubborn(_actor: Awaiting) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                other.tell(lambda _: got.append("sent"))

        ref = looped.spawn(Awaiting)
        ref.tell(code(stubborn))
        assert began.wait(WAIT)
        ref.kill()
        until(lambda: looped.abandoned.refs() == ())
        other.ask("sync", timeout=WAIT)
        assert got == []

    def test_a_shutdown_cancels_who_does_not_stop_in_time(self) -> None:
        system = ActorSystem("ends", dispatcher="asyncio")
        began = threading.Event()

        async def hang(_actor: Awaiting) -> None:
            began.set()
            await asyncio.Event().wait()

        ref = system.spawn(Awaiting)
        ref.tell(code(hang))
        assert began.wait(WAIT)
        system.shutdown(0.2)
        until(lambda: system.abandoned.refs() == ())
        assert not ref.is_alive()

    def test_the_reason_that_on_stop_request_gives_is_the_reason(self, looped: ActorSystem) -> None:
        exits = looped.bus.collect(ActorExited)
        for stop, reason in ((lambda ref: ref.stop(), NORMAL), (lambda ref: ref.shutdown(), SHUTDOWN)):
            stop(looped.spawn(Awaiting))
            assert exited(exits).reason == reason


class TestAwaiting:
    def test_a_ref_is_awaited_from_a_foreign_loop(self, looped: ActorSystem) -> None:
        refs = [looped.spawn(Awaiting) for _ in range(10)]

        async def main() -> list[object]:
            return await asyncio.gather(*(_await(ref.ask(n, block=False)) for n, ref in enumerate(refs)))

        assert asyncio.run(main()) == list(range(10))

    def test_and_from_the_loop_of_all_actors(self, looped: ActorSystem) -> None:
        asked, asker = looped.spawn(Awaiting), looped.spawn(Awaiting)

        async def ask(_actor: Awaiting) -> object:
            return await asked.ask("hello", block=False)

        assert asker.ask(code(ask), timeout=WAIT) == "hello"

    def test_to_wait_on_the_loop_for_one_that_is_quick_is_lent_to_it(self, looped: ActorSystem) -> None:
        plain, asker = looped.spawn(Plain), looped.spawn(Awaiting)

        async def ask(_actor: Awaiting) -> object:
            return plain.ask(lambda _: threading.current_thread().name, timeout=WAIT)

        assert asker.ask(code(ask), timeout=WAIT) == "regrow-asyncio"

    def test_to_wait_on_the_loop_for_one_that_awaits_is_refused(self, looped: ActorSystem) -> None:
        asked, asker = looped.spawn(Awaiting), looped.spawn(Awaiting)

        async def ask(_actor: Awaiting) -> object:
            try:
                return asked.ask("hello")
            except BlockingLoop as error:
                return str(error)

        said = asker.ask(code(ask), timeout=WAIT)
        assert "expected `await ref.ask(message, block=False)`, got an ask that blocks" in said

    def test_to_ask_oneself_is_refused_and_not_waited_for(self, looped: ActorSystem) -> None:
        async def ask(actor: Awaiting) -> object:
            try:
                return actor.ref.ask("hello")
            except Exception as error:
                return type(error).__name__

        assert looped.spawn(Awaiting).ask(code(ask), timeout=WAIT) == "CallingSelf"


WORD: contextvars.ContextVar[str] = contextvars.ContextVar("WORD", default="none")


class TestContext:
    def test_a_handler_does_not_see_the_context_of_who_sends(self, looped: ActorSystem) -> None:
        ref, awaiting = looped.spawn(Plain), looped.spawn(Awaiting)

        async def look(_actor: Awaiting) -> str:
            return WORD.get()

        async def main() -> tuple[object, object]:
            WORD.set("the sender's")
            return await ref.ask(lambda _: WORD.get(), block=False), await awaiting.ask(code(look), block=False)

        assert asyncio.run(main()) == ("none", "none")

    def test_what_a_coroutine_sets_stays_its_own(self, looped: ActorSystem) -> None:
        async def write(_actor: Awaiting) -> str:
            WORD.set("mine")
            await asyncio.sleep(0)
            return WORD.get()

        async def look(_actor: Awaiting) -> str:
            return WORD.get()

        ref = looped.spawn(Awaiting)
        assert ref.ask(code(write), timeout=WAIT) == "mine"
        assert ref.ask(code(look), timeout=WAIT) == "none"


class TestGivenLoop:
    def test_actors_of_an_asyncio_program_run_on_its_loop(self) -> None:
        async def main() -> object:
            async with ActorSystem("given", dispatcher=AsyncioDispatcher(asyncio.get_running_loop())) as system:
                plain = system.spawn(Plain)
                awaiting = await asyncio.to_thread(system.spawn, Awaiting)
                name: object = await plain.ask(lambda _: threading.current_thread().name, block=False)
                return name, await awaiting.ask("hello", block=False)

        assert asyncio.run(main()) == (threading.current_thread().name, "hello")

    def test_what_would_hold_the_loop_up_is_refused(self) -> None:
        async def main() -> None:
            async with ActorSystem("given", dispatcher=AsyncioDispatcher(asyncio.get_running_loop())) as system:
                notes: list[str] = []
                with pytest.raises(BlockingLoop, match=r"expected `await asyncio.to_thread\(system.spawn, ...\)`"):
                    system.spawn(Awaiting, notes)
                with pytest.raises(BlockingLoop):
                    system.spawn(Awaiting, notes, options=PINNED)
                assert system.spawn(Plain, options=PINNED).is_alive()
                awaiting = await asyncio.to_thread(system.spawn, Awaiting)
                with pytest.raises(BlockingLoop, match="got an ask that blocks"):
                    awaiting.ask("hello")
                with pytest.raises(BlockingLoop, match="got an ask that blocks"):
                    awaiting.stop()
                with pytest.raises(BlockingLoop, match="expected `async with ActorSystem"):
                    system.shutdown()

        asyncio.run(main())

    @pytest.mark.parametrize("state", ["idle", "queued", "awaits"])
    def test_who_is_left_when_the_program_closes_its_loop_ends_when_somebody_wants_something(self, state: str) -> None:
        async def main() -> tuple[ActorSystem, ActorRef[Any]]:
            system = ActorSystem("given", dispatcher=AsyncioDispatcher(asyncio.get_running_loop()))
            ref: ActorRef[Any] = await asyncio.to_thread(system.spawn, Awaiting)
            if state == "awaits":
                began = asyncio.Event()

                async def hang(_actor: Awaiting) -> None:
                    began.set()
                    await asyncio.Event().wait()

                ref.tell(code(hang))
                await began.wait()
            return system, ref

        loop = asyncio.new_event_loop()
        system, ref = loop.run_until_complete(main())
        exits = system.bus.collect(ActorExited)
        if state == "queued":
            ref.tell("never handled")
        loop.close()  # without a word to anybody, and cancelling nothing
        if state != "idle":
            with pytest.raises(AskTimeout):
                ref.ask("hello", timeout=0.01)
        else:
            with pytest.raises(ActorDeadError):
                ref.ask("hello", timeout=WAIT)
        with pytest.raises(RuntimeError, match="its event loop is closed"):
            system.spawn(Plain)
        assert system.shutdown(WAIT) == ()
        reasons = [str(exited(exits).reason) for _ in range(2)]
        assert reasons == ["crash: RuntimeError: asyncio dispatcher: its event loop is closed"] * 2

    def test_what_asyncio_cancels_at_its_end_is_a_crash(self) -> None:
        async def main() -> tuple[ActorSystem, Any]:
            system = ActorSystem("given", dispatcher=AsyncioDispatcher(asyncio.get_running_loop()))
            began = asyncio.Event()

            async def hang(_actor: Awaiting) -> None:
                began.set()
                await asyncio.Event().wait()

            ref: ActorRef[Any] = await asyncio.to_thread(system.spawn, Awaiting)
            ref.tell(code(hang))
            letters = system.bus.collect(DeadLetter)
            ref.tell("waits")
            await began.wait()
            return system, letters

        system, letters = asyncio.run(main())
        assert letters.get().message == "waits"
        assert system.relations.living() == ()
        assert system.shutdown(WAIT) == ()


async def _await(future: Any) -> object:
    return await future
