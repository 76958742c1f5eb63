"""Dead letters, for administrators: `client.dead.list()`, `.retry(ids)`, `.drop(ids)`.

What lives here: the questions, asynchronous and blocking. What must not: how a question is said (client_async.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from regrow.protocol.session.messages import ChangeDead, DeadLetter, DeadLetters, ListDead

if TYPE_CHECKING:
    from regrow.connect.client import Client
    from regrow.connect.client_async import AsyncClient

__all__ = ("AsyncDead", "Dead")

_CHANGED_AT_ONCE: Final = 1000

Letters: TypeAlias = list[DeadLetter]
Ids: TypeAlias = list[str]
"""Named here: in the classes, `list` is what gives them."""


class AsyncDead:
    """The requests of a gateway that died: they went through all their attempts, or killed their processes too often.

    Needs a token of scope admin. Runs in: the event loop of its client.
    Errors of all: GatewayUnreachable, WaitTimeout, Refused.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(
        self, function: str = "", *, after: str = "", limit: int = 100, timeout: float | None = None
    ) -> Letters:
        """Give those of one function, or of all, the oldest first; at most 1000 at once, behind the id `after`."""
        answer = await self._ask(ListDead(query_id=_name(), function=function, after=after, limit=limit), timeout)
        return [*answer.letters]

    async def retry(self, request_ids: Iterable[str], timeout: float | None = None) -> Ids:
        """Have them run again, under their ids and from their first attempt on; give those that were there."""
        return await self._change("retry", request_ids, timeout)

    async def drop(self, request_ids: Iterable[str], timeout: float | None = None) -> Ids:
        """Forget them; give those that were there."""
        return await self._change("drop", request_ids, timeout)

    async def _change(self, what: Literal["retry", "drop"], request_ids: Iterable[str], timeout: float | None) -> Ids:
        done: Ids = []
        for some in _parts(request_ids):
            answer = await self._ask(ChangeDead(query_id=_name(), what=what, request_ids=some), timeout)
            done += answer.done
        return done

    async def _ask(self, question: ListDead | ChangeDead, timeout: float | None) -> DeadLetters:
        return await self._client._query(question, timeout)


class Dead:
    """As `AsyncDead`; usable from any thread, blocks the caller."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, function: str = "", *, after: str = "", limit: int = 100, timeout: float | None = None) -> Letters:
        """Give those of one function, or of all, the oldest first; at most 1000 at once, behind the id `after`."""
        client = self._client
        return client._wait(client._client.dead.list(function, after=after, limit=limit, timeout=timeout))

    def retry(self, request_ids: Iterable[str], timeout: float | None = None) -> Ids:
        """Have them run again, under their ids and from their first attempt on; give those that were there."""
        return self._client._wait(self._client._client.dead.retry(request_ids, timeout))

    def drop(self, request_ids: Iterable[str], timeout: float | None = None) -> Ids:
        """Forget them; give those that were there."""
        return self._client._wait(self._client._client.dead.drop(request_ids, timeout))


def _name() -> str:
    return uuid.uuid4().hex


def _parts(request_ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    ids = iter(request_ids)
    while some := tuple(islice(ids, _CHANGED_AT_ONCE)):
        yield some
