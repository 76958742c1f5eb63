"""A client, and what it says of each request: `client.having(RequestOptions(key="customer-7")).submit("f", 1)`.

What lives here: invoking and submitting, asynchronous and blocking. What must not: how a request is said, and said
again on the next connection (client_async.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from regrow.connect.errors import invocation_failed
from regrow.connect.pending import Pending
from regrow.connect.request_options import RequestOptions
from regrow.protocol.codec import decode
from regrow.protocol.session.messages import Cancel, Failure, Settled

if TYPE_CHECKING:
    from regrow.connect.client import Client
    from regrow.connect.client_async import AsyncClient

__all__ = ("AsyncRequests", "Requests", "value_of")


class AsyncRequests:
    """Runs in: the event loop of its client, whose connection it shares."""

    def __init__(self, client: AsyncClient, options: RequestOptions) -> None:
        self._client = client
        self._options = options

    async def invoke(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> object:
        """Have a function run and give its result. Errors: as `AsyncClient.invoke`; Rejected."""
        client = self._client
        seconds = client._seconds(timeout)
        pending = client._submit(self._options, function, args, kwargs, deadline=seconds, wanted=True)
        try:
            await asyncio.wait([pending.settled], timeout=seconds)
            if not pending.settled.done():
                self._call_off(pending, "the client's timeout is over")
                raise client._late(pending, function, seconds)
            return value_of(pending.settled.result())
        except asyncio.CancelledError:
            self._call_off(pending, "the client's task was cancelled")
            raise
        finally:
            client._leave(pending)

    async def submit(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> str:
        """Hand a request over and give its id. Errors: as `AsyncClient.submit`."""
        client = self._client
        seconds = client._seconds(None)
        pending = client._submit(self._options, function, args, kwargs, deadline=timeout, wanted=False)
        accepted = pending.acceptance()
        try:
            await asyncio.wait([accepted], timeout=seconds)
            if not accepted.done():
                raise client._unanswered(f"submit {function}", seconds)
            accepted.result()
        finally:
            client._leave(pending)
        if pending.settled.done():
            value_of(pending.settled.result())
        return pending.request_id

    def _call_off(self, pending: Pending, reason: str) -> None:
        """Cancel a request that nobody waits for any more, unless others may ask for it by its key."""
        if not self._options.idempotency_key:
            self._client._say(Cancel(request_id=pending.request_id, reason=reason))


class Requests:
    """Usable from any thread; blocks the caller."""

    def __init__(self, client: Client, options: RequestOptions) -> None:
        self._client = client
        self._options = options

    def invoke(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> object:
        """Have a function run and give its result. Errors: as `AsyncClient.invoke`; Rejected."""
        client = self._client
        return client._wait(client._client.having(self._options).invoke(function, *args, timeout=timeout, **kwargs))

    def submit(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> str:
        """Hand a request over and give its id. Errors: as `AsyncClient.submit`."""
        client = self._client
        return client._wait(client._client.having(self._options).submit(function, *args, timeout=timeout, **kwargs))


def value_of(settled: Settled) -> object:
    """Give the result of a request, or raise how it failed. Errors: InvocationFailed and its kinds."""
    if isinstance(settled.outcome, Failure):
        raise invocation_failed(settled.request_id, settled.outcome, settled.attempts)
    return decode(settled.outcome.value)
