"""Ask many, wait once: all answers, or the first one, under one deadline.

Answers that come after the deadline reach a future that nobody holds any more, and go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, overload

from ..clock import monotonic
from ..current import calling_life
from ..errors import AskTimeout, CallingSelf
from ..futures import AskFuture
from ..named_ref import resolved
from ..ref import ActorRef
from .errors import NoAnswer

__all__ = ("ASK_TIMEOUT", "all_of", "ask_all", "ask_all_async", "ask_each", "ask_first", "ask_first_async", "first_of")

ASK_TIMEOUT: Final = 5.0
"""Seconds that an ask of this package waits by default, as in gen_server:call/2."""


@overload
def ask_all(
    refs: Iterable[ActorRef], message: object, *, timeout: float | None = ASK_TIMEOUT, return_errors: Literal[True]
) -> list[object | Exception]: ...


@overload
def ask_all(
    refs: Iterable[ActorRef], message: object, *, timeout: float | None = ASK_TIMEOUT, return_errors: bool = False
) -> list[object]: ...


def ask_all(
    refs: Iterable[ActorRef],
    message: object,
    *,
    timeout: float | None = ASK_TIMEOUT,
    return_errors: bool = False,
) -> list[object]:
    """Ask all of them at once and wait for all answers, `timeout` seconds together; the answers are in their order.

    With `return_errors` an error stands in the place of its answer, AskTimeout for who was late: a partial result.
    Runs in: any thread; blocks. Errors: without `return_errors`, the first error in order, when it is known.
    """
    deadline = None if timeout is None else monotonic() + timeout
    futures = ask_each(refs, message, waits=True)
    answers: list[object] = []
    for future in futures:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        try:
            answers.append(future.get(timeout=left))
        except Exception as error:  # noqa: BLE001 - it is the answer
            seen = AskTimeout(timeout, error.to) if isinstance(error, AskTimeout) and timeout is not None else error
            if not return_errors:
                raise seen from None
            answers.append(seen)
    return answers


async def ask_all_async(
    refs: Iterable[ActorRef],
    message: object,
    *,
    timeout: float | None = ASK_TIMEOUT,
    return_errors: bool = False,
) -> list[object]:
    """Do what ask_all does without holding up the event loop."""
    import asyncio

    asked = list(refs)
    futures = ask_each(asked, message)

    async def all_answers() -> None:
        for future in futures:
            try:
                await future
            except Exception:
                if not return_errors:
                    raise

    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            await all_answers()
    except TimeoutError:
        if not limit.expired():
            raise  # that is an answer
        late = next((ref for future, ref in zip(futures, asked) if not future.done), None)
        if late is not None and not return_errors:
            raise AskTimeout(timeout or 0.0, late) from None
    return [_settled(future, timeout, ref) for future, ref in zip(futures, asked)]


def ask_first(refs: Iterable[ActorRef], message: object, *, timeout: float | None = ASK_TIMEOUT) -> object:
    """Ask all of them at once and give the answer that comes first; errors count only if all have failed.

    Runs in: any thread; blocks. Errors: NoAnswer with all errors; AskTimeout; CallingSelf.
    Source: akka's ScatterGatherFirstCompleted.
    """
    return _first(refs, message, waits=True).get(timeout=timeout)


async def ask_first_async(refs: Iterable[ActorRef], message: object, *, timeout: float | None = ASK_TIMEOUT) -> object:
    """Do what ask_first does without holding up the event loop."""
    import asyncio

    first = _first(refs, message, waits=False)
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await first
    except TimeoutError:
        if not limit.expired():
            raise  # that is an answer
        raise AskTimeout(timeout or 0.0) from None


def ask_each(refs: Iterable[ActorRef], message: object, *, waits: bool = False) -> list[AskFuture[Any]]:
    """Ask all of them and wait for none; who cannot be asked has answered with the error already.

    `waits`: the caller does nothing else until it has the answers.
    """
    life = calling_life()
    asker = None if life is None else life.ref
    futures: list[AskFuture[Any]] = []
    for ref in refs:
        try:
            futures.append(ref.ask_for(asker, message, waits=waits))
        except Exception as error:  # noqa: BLE001 - a full mailbox of one is not the end of the question
            refused: AskFuture[Any] = AskFuture()
            refused.try_fail(error)
            futures.append(refused)
    return futures


def first_of(futures: Sequence[AskFuture[Any]]) -> AskFuture[Any]:
    """Give a future of the first answer. If all fail it fails with NoAnswer and all the errors."""
    first: AskFuture[Any] = AskFuture()
    first.deferred = True  # anybody of them may answer: to wait for one is no circle
    if not futures:
        first.try_fail(NoAnswer(()))

    def settled(future: AskFuture[Any]) -> None:
        if first.done:
            return
        if future.error is None:
            first.try_set(future.get())
        elif all(other.done for other in futures):
            errors = tuple(other.error for other in futures)
            if None not in errors:  # else that one is about to be heard of
                first.try_fail(NoAnswer(tuple(error for error in errors if error is not None)))

    for future in futures:
        future.add_done_callback(lambda future=future: settled(future))  # type: ignore[misc]
    return first


def all_of(futures: Sequence[AskFuture[Any]]) -> AskFuture[Any]:
    """Give a future of the list of all answers, in their order. It fails with the first failure."""
    together: AskFuture[Any] = AskFuture()
    together.deferred = True

    def settled(future: AskFuture[Any]) -> None:
        if future.error is not None:
            together.try_fail(future.error)
        elif all(other.done for other in futures) and not together.done:
            failed = next((other.error for other in futures if other.error is not None), None)
            if failed is None:
                together.try_set([other.get() for other in futures])

    if not futures:
        together.try_set([])
    for future in futures:
        future.add_done_callback(lambda future=future: settled(future))  # type: ignore[misc]
    return together


def _first(refs: Iterable[ActorRef], message: object, *, waits: bool) -> AskFuture[Any]:
    asked = list(refs)
    life = calling_life()
    if waits and life is not None and any(resolved(ref) is life.ref for ref in asked):
        raise CallingSelf(str(life.ref))
    return first_of(ask_each(asked, message, waits=waits))


def _settled(future: AskFuture[Any], timeout: float | None, ref: ActorRef) -> object:
    if not future.done:
        return AskTimeout(timeout or 0.0, ref)
    return future.get() if future.error is None else future.error
