"""A client for asyncio: ask for functions to be run, and get their results, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import math
import uuid
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Final, Self

from regrow.connect.addresses import Tokens, Urls, tokens_of, urls_of
from regrow.connect.client_dead import AsyncDead
from regrow.connect.client_link import ClientLink
from regrow.connect.client_options import ClientOptions
from regrow.connect.client_requests import AsyncRequests, value_of
from regrow.connect.errors import (
    ClientClosed,
    DeadlineExceeded,
    GatewayUnreachable,
    Refused,
    UnknownRequest,
    WaitTimeout,
    invocation_failed,
)
from regrow.connect.pending import Pending
from regrow.connect.request_options import NO_OPTIONS, RequestOptions
from regrow.protocol.codec import encode
from regrow.protocol.errors import FrameTooLarge
from regrow.protocol.session.messages import (
    Accepted,
    Await,
    Cancel,
    ChangeDead,
    DeadLetters,
    Drain,
    ErrorMessage,
    Failure,
    ListDead,
    Message,
    Settled,
    Status,
    StatusRequest,
    Submit,
)

__all__ = ("AsyncClient",)

_AWAITED_AT_ONCE: Final = 1000  # request ids in one Await
_VERDICT_MARGIN: Final = 0.05  # seconds; the gateway's deadline is that much earlier, so that its verdict still arrives


class AsyncClient:
    """`async with AsyncClient(url, token=...) as client: await client.invoke("f", 1)`.

    Connects at the first call and again whenever the connection is lost: a gateway that restarts is not noticed, but
    for the time it takes. `url` may be several gateways, the first one preferred; `token` two, the second one to fall
    back on. Each call ends within its timeout, or within `options.default_timeout` if it names none.
    Runs in: one event loop. Errors: ValueError for a url that is none of a WebSocket, and for tokens that are none.
    """

    def __init__(self, url: Urls, *, token: Tokens = "", name: str = "", options: ClientOptions | None = None) -> None:
        self._urls = urls_of(url)
        self._tokens = tokens_of(token)
        self._name = name
        self._options = ClientOptions() if options is None else options
        self._pending: dict[str, Pending] = {}
        self._status: list[asyncio.Future[dict[str, object]]] = []
        self._queries: dict[str, tuple[ListDead | ChangeDead, asyncio.Future[DeadLetters]]] = {}
        self._to_await: list[str] = []
        self._link: ClientLink | None = None
        self._task: asyncio.Task[None] | None = None
        self._broken: Exception | None = None  # what the link ended with, if it will not try again
        self._closed = False

    @property
    def url(self) -> str:
        """The gateway that is in use, or dialed next."""
        return self._urls[0] if self._link is None else self._link.url

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def having(self, options: RequestOptions) -> AsyncRequests:
        """Give what invokes and submits with these options, over the same connection."""
        return AsyncRequests(self, options)

    async def invoke(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> object:
        """Have a function run and give its result.

        Errors: CodecError at once for arguments that cannot be said; InvocationFailed and its kinds; GatewayUnreachable
        if there was no connection; Refused; ClientClosed. A call that is given up is cancelled at the gateway.
        """
        return await self.having(NO_OPTIONS).invoke(function, *args, timeout=timeout, **kwargs)

    async def submit(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> str:
        """Hand a request over and give its id, once the gateway has it safe.

        `timeout` is the request's: it fails when it is not finished by then; None means that it may take for ever.
        Errors: CodecError, GatewayUnreachable, WaitTimeout, Refused, Rejected.
        """
        return await self.having(NO_OPTIONS).submit(function, *args, timeout=timeout, **kwargs)

    async def result(self, request_id: str, timeout: float | None = None) -> object:
        """Wait for the result of a request that was submitted, by this client or by another one.

        Errors: WaitTimeout (the request goes on), UnknownRequest, InvocationFailed, GatewayUnreachable, Refused.
        """
        settled = await self._watch(request_id, f"result of {request_id}", timeout)
        return value_of(settled)

    async def cancel(self, request_id: str, timeout: float | None = None) -> bool:
        """Cancel a request; False if it had ended before. Its worker is told to stop.

        Errors: WaitTimeout, UnknownRequest, GatewayUnreachable, Refused.
        """
        settled = await self._watch(request_id, f"cancel {request_id}", timeout, cancel=True)
        return isinstance(settled.outcome, Failure) and settled.outcome.kind == "cancelled"

    @property
    def dead(self) -> AsyncDead:
        """The dead letters of the gateway, for administrators."""
        return AsyncDead(self)

    async def status(self, timeout: float | None = None) -> dict[str, object]:
        """Ask how the gateway is. Errors: GatewayUnreachable, WaitTimeout, Refused."""
        link, seconds = self._begin(), self._seconds(timeout)
        answer: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self._status.append(answer)
        link.say(StatusRequest())
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise self._unanswered("status", seconds) from None
        finally:
            if answer in self._status:
                self._status.remove(answer)

    async def _query(self, question: ListDead | ChangeDead, timeout: float | None) -> DeadLetters:
        """Ask the gateway something, on each connection until there is an answer."""
        link, seconds = self._begin(), self._seconds(timeout)
        answer: asyncio.Future[DeadLetters] = asyncio.get_running_loop().create_future()
        self._queries[question.query_id] = question, answer
        try:
            link.say(question)
            await asyncio.wait([answer], timeout=seconds)
            if not answer.done():
                raise self._unanswered("dead letters", seconds)
            return answer.result()
        finally:
            self._queries.pop(question.query_id, None)

    async def close(self) -> None:
        """Close the connection and fail what is still waited for with ClientClosed. Within the close timeout."""
        self._closed = True
        self._fail_all(ClientClosed())
        task, self._task = self._task, None
        if task is None or self._link is None:
            return
        async with asyncio.timeout(2 * self._options.close_timeout):
            await self._link.goodbye()
        task.cancel()
        await asyncio.wait([task], timeout=2 * self._options.close_timeout)

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _submit(
        self,
        options: RequestOptions,
        function: str,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        deadline: float | None,
        wanted: bool,
    ) -> Pending:
        arguments = encode((args, kwargs), root="arguments")
        terms = options.terms(function, args, kwargs)
        link = self._begin()
        loop = asyncio.get_running_loop()
        submit = Submit(
            request_id=options.request_id() or uuid.uuid4().hex,
            function=function,
            arguments=arguments,
            max_attempts=self._options.max_attempts if options.max_attempts is None else options.max_attempts,
            priority=self._options.priority if options.priority is None else options.priority,
            terms=terms,
        )
        known = self._pending.get(submit.request_id)
        if known is not None and known.submit is not None:
            return self._join(known, submit, link, wanted=wanted)
        pending = Pending(submit.request_id, loop.create_future(), submit, wanted=wanted, waiters=1)
        if deadline is not None and math.isfinite(deadline):
            pending.deadline = loop.time() + deadline - (min(_VERDICT_MARGIN, deadline / 10) if wanted else 0.0)
        self._enter(pending)
        try:
            self._say_again(link, pending)
        except BaseException:
            del self._pending[pending.request_id]
            raise
        return pending

    def _join(self, pending: Pending, again: Submit, link: ClientLink, *, wanted: bool) -> Pending:
        """Wait for a request that somebody waits for already, under the same idempotency key. Errors: Rejected."""
        fingerprints = {submit.terms.fingerprint for submit in (pending.submit, again) if submit and submit.terms}
        if len(fingerprints) != 1:
            text = "expected the same function and arguments as before under this key, got others"
            failure = Failure("rejected", "idempotency_conflict", text)
            raise invocation_failed(again.request_id, failure, 0)
        pending.waiters += 1
        if wanted and not pending.wanted:
            pending.wanted = True
            self._say_again(link, pending)
        return pending

    def _leave(self, pending: Pending) -> None:
        pending.waiters -= 1
        if not pending.waiters and self._pending.get(pending.request_id) is pending:
            del self._pending[pending.request_id]

    async def _watch(self, request_id: str, what: str, timeout: float | None, *, cancel: bool = False) -> Settled:
        link, seconds = self._begin(), self._seconds(timeout)
        pending = self._pending.get(request_id)
        if pending is None:
            pending = Pending(request_id, asyncio.get_running_loop().create_future(), is_accepted=True)
            self._enter(pending)
        pending.waiters += 1
        pending.wanted = True
        pending.cancel |= cancel
        self._say_again(link, pending)
        try:
            await asyncio.wait([pending.settled], timeout=seconds)
            if not pending.settled.done():
                raise self._unanswered(what, seconds)
            return pending.settled.result()
        finally:
            self._leave(pending)

    def _enter(self, pending: Pending) -> None:
        if len(self._pending) >= self._options.max_pending:
            text = f"expected at most {self._options.max_pending} requests that this client waits for, got one more"
            raise invocation_failed(pending.request_id, Failure("rejected", "ClientFull", text), 0)
        self._pending[pending.request_id] = pending

    def _say_again(self, link: ClientLink, pending: Pending) -> None:
        """Say what the gateway has to know of a request, as far as it does not; without a connection: later."""
        if pending.submit is not None and not pending.is_accepted:
            left = None
            if pending.deadline is not None:
                left = max(1, round((pending.deadline - asyncio.get_running_loop().time()) * 1000))
            link.say(replace(pending.submit, deadline_ms=left))
        if pending.cancel:
            link.say(Cancel(request_id=pending.request_id))
        if pending.wanted and link.connected.is_set():
            if not self._to_await:
                asyncio.get_running_loop().call_soon(self._await_all)
            self._to_await.append(pending.request_id)

    def _await_all(self) -> None:
        ids = iter(self._to_await)
        self._to_await = []
        while batch := tuple(islice(ids, _AWAITED_AT_ONCE)):
            self._say(Await(request_ids=batch))

    # ── the link ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> ClientLink:
        if self._closed:
            raise ClientClosed
        if self._link is None:
            self._link = ClientLink(
                self._urls,
                self._tokens,
                self._name,
                self._options,
                on_ready=self._ready,
                on_message=self._received,
            )
            self._task = asyncio.get_running_loop().create_task(self._link.run(), name="regrow-client-link")
            self._task.add_done_callback(self._link_ended)
        broken = self._link.refused or self._broken
        if broken is not None:
            raise broken
        return self._link

    def _say(self, message: Message) -> None:
        if self._link is not None:
            self._link.say(message)

    def _ready(self) -> None:
        """Say everything again that the new connection does not know."""
        link = self._link
        if link is None:
            raise AssertionError("a link was ready before it was there")
        self._to_await.clear()
        for pending in list(self._pending.values()):
            try:
                self._say_again(link, pending)
            except FrameTooLarge as error:
                pending.fail(error)
        if self._status:
            link.say(StatusRequest())
        for question, _ in self._queries.values():
            link.say(question)

    def _received(self, message: Message) -> None:
        match message:
            case Settled(request_id=request_id):
                if (pending := self._pending.get(request_id)) is not None:
                    pending.settle(message)
                    self._leave_if_free()
            case Drain():
                self._leave_if_free()
            case Accepted(request_id=request_id):
                if (pending := self._pending.get(request_id)) is not None:
                    pending.accept()
            case Status(values=values):
                waiting, self._status = self._status, []
                for answer in waiting:
                    if not answer.done():
                        answer.set_result(values)
            case DeadLetters(query_id=query_id) if query_id in self._queries:
                self._queries.pop(query_id)[1].set_result(message)
            case ErrorMessage(request_id=query_id) if query_id in self._queries:
                self._queries.pop(query_id)[1].set_exception(Refused(message.code, message.text))
            case ErrorMessage(request_id=request_id) if (pending := self._pending.get(request_id)) is not None:
                self._complained(message, pending)
            case _:
                pass  # a word that this version has no use for

    def _complained(self, error: ErrorMessage, pending: Pending) -> None:
        """The gateway has a problem with one request."""
        if error.code == "unknown_request":
            if pending.submit is None:
                pending.fail(UnknownRequest(pending.request_id))
            elif pending.is_accepted and self._link is not None:
                pending.is_accepted = False  # the gateway came back without its memory
                self._say_again(self._link, pending)
        elif error.code != "draining":  # what is not taken by a gateway that goes is said again to the next
            failure = Failure("rejected", error.code, error.text)
            pending.fail(invocation_failed(pending.request_id, failure, 0))
        self._leave_if_free()

    def _leave_if_free(self) -> None:
        """Leave a gateway that drains for another one, as soon as it has nothing for us that another has not."""
        waited_for = (pending for pending in self._pending.values() if not pending.settled.done())
        if self._link is not None and not any(pending.is_accepted for pending in waited_for):
            self._link.leave_if_it_drains()

    def _link_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None and self._link is not None:
            error = self._link.refused
        if isinstance(error, Exception):
            self._broken = error
            self._fail_all(error)

    def _fail_all(self, error: Exception) -> None:
        for pending in self._pending.values():
            pending.fail(error)
        waiting, self._status = self._status, []
        for answer in waiting:
            if not answer.done():
                answer.set_exception(error)
        for _, asked in self._queries.values():
            if not asked.done():
                asked.set_exception(error)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _seconds(self, timeout: float | None) -> float:
        return self._options.default_timeout if timeout is None else timeout

    def _unanswered(self, what: str, seconds: float) -> Exception:
        link = self._link
        if link is not None and not link.connected.is_set():
            return GatewayUnreachable(self.url, f"{link.trouble} (for {seconds:g} s)")
        return WaitTimeout(what, seconds)

    def _late(self, pending: Pending, function: str, seconds: float) -> Exception:
        if not pending.is_accepted:
            error = self._unanswered(function, seconds)
            if isinstance(error, GatewayUnreachable):
                return error
        text = f"{function} was not finished within {seconds:g} s, as this client sees it"
        if self._link is not None and self._link.last_loss:
            text += f" (its connection was lost last by: {self._link.last_loss})"
        return DeadlineExceeded(pending.request_id, Failure("deadline", "DeadlineExceeded", text), 0)
