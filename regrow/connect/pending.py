"""What a client waits for: the requests that it has to say again on every new connection until they are answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from regrow.protocol.session.messages import Settled, Submit

__all__ = ("Pending",)


@dataclass(slots=True, eq=False)
class Pending:
    """One request. `submit` is None for one that somebody else submitted: its result alone is wanted."""

    request_id: str
    settled: asyncio.Future[Settled]
    submit: Submit | None = None
    deadline: float | None = None  # loop time, of the request
    accepted: asyncio.Future[None] | None = None  # set for those whose caller waits for no more than that
    is_accepted: bool = False
    wanted: bool = True  # the result is waited for
    cancel: bool = False  # the request shall be cancelled
    waiters: int = 0

    def acceptance(self) -> asyncio.Future[None]:
        """Give what is done once the gateway has the request. Shared by all who wait for no more than that."""
        if self.accepted is None:
            self.accepted = self.settled.get_loop().create_future()
            if self.is_accepted:
                self.accepted.set_result(None)
        return self.accepted

    def fail(self, error: Exception) -> None:
        """Give everybody who waits an error."""
        for future in (self.settled, self.accepted):
            if future is not None and not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; nobody waiting is fine as well

    def accept(self) -> None:
        """Note that the gateway has the request."""
        self.is_accepted = True
        if self.accepted is not None and not self.accepted.done():
            self.accepted.set_result(None)

    def settle(self, settled: Settled) -> None:
        """Note how the request ended."""
        self.accept()
        if not self.settled.done():
            self.settled.set_result(settled)
