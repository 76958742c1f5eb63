"""The service: `Gateway`, and the `Worker`s and `Client`s that connect to it. Each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regrow.protocol.lazy import lazily

if TYPE_CHECKING:
    from regrow.connect.client import Client as Client
    from regrow.connect.client_async import AsyncClient as AsyncClient
    from regrow.connect.gateway import Gateway as Gateway
    from regrow.connect.worker import Worker as Worker

_HOMES: Final = {"AsyncClient": "client_async", "Client": "client", "Gateway": "gateway", "Worker": "worker"}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
