"""What clients and gateways say about dead letters: requests that failed in a way that a person may want to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .outcomes import Failure

__all__ = ("ChangeDead", "DeadLetter", "DeadLetters", "ListDead")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One of them; the traceback of its failure is not said here, its result has it."""

    request_id: str
    function: str
    attempts: int
    age_ms: int  # since it died
    failure: Failure
    size: int  # bytes of its arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDead:
    """client -> gateway, administrators only: which are there, the oldest first, behind `after`, at most `limit`?"""

    query_id: str
    function: str = ""  # of this one alone
    after: str = ""  # a request id
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDead:
    """client -> gateway, administrators only: have these run again, from their first attempt on; or forget them."""

    query_id: str
    what: Literal["retry", "drop"]
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """gateway -> client: the answer to either. `done`: those that were changed; what is not in it was not there."""

    query_id: str
    letters: tuple[DeadLetter, ...] = ()
    more: bool = False  # there are, behind the last one
    done: tuple[str, ...] = ()
