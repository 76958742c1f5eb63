"""The service: `Gateway`, and the `Worker`s and `Client`s that connect to it. Each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regrow.connect.client import Client as Client
    from regrow.connect.client_async import AsyncClient as AsyncClient
    from regrow.connect.gateway import Gateway as Gateway
    from regrow.connect.worker import Worker as Worker

__all__ = ("AsyncClient", "Client", "Gateway", "Worker")

_HOMES: Final = {"AsyncClient": "client_async", "Client": "client", "Gateway": "gateway", "Worker": "worker"}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
