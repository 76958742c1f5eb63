"""Where requests are remembered: one interface, a store in memory and one in SQLite."""

from regrow.connect.store.changes import (
    Change,
    Ending,
    ForgetRequest,
    SaveLease,
    SaveOutcome,
    SaveRelease,
    SaveRequest,
    StoredRequest,
)
from regrow.connect.store.interface import Recovered, Store, StoreError
from regrow.connect.store.memory import MemoryStore

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
