"""Where requests are remembered: one interface, a store in memory and one in SQLite."""

from .changes import (
    Change,
    Ending,
    ForgetRequest,
    SaveLease,
    SaveOutcome,
    SaveRelease,
    SaveRequest,
    StoredRequest,
)
from .interface import Recovered, Store, StoreError
from .memory import MemoryStore

__all__ = (
    "Change",
    "Ending",
    "ForgetRequest",
    "MemoryStore",
    "Recovered",
    "SaveLease",
    "SaveOutcome",
    "SaveRelease",
    "SaveRequest",
    "Store",
    "StoreError",
    "StoredRequest",
)
