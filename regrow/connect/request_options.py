"""What one request can be told beyond its function and arguments: when, after whom, where, and how it is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from regrow.protocol.codec import encode
from regrow.protocol.session.messages import Terms

__all__ = ("NO_OPTIONS", "RequestOptions")

_DIGEST_CHARS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """Seconds unless the name says otherwise. Errors: ValueError naming the field.

    Of the requests with the same `key` for one function, `key_concurrency` run at a time, in the order in which they
    were submitted; the next one waits until the one before is settled, over all its attempts.
    `labels` are what a worker must have; `affinity` goes, if there is room, to the worker that had it last.
    With an `idempotency_key`, what is asked for again, by whomever and while its result is kept, is the same request:
    it runs once, and everybody gets its result. Nobody's timeout cancels it; its own deadline does.
    """

    priority: int | None = None  # higher goes first, strictly; None: the client's
    max_attempts: int | None = None  # None: the client's
    delay: float = 0.0  # it does not run before
    key: str = ""
    key_concurrency: int = 1
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    affinity: str = ""
    result_ttl: float | None = None  # how long its result is kept; None: as long as the gateway keeps any
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # for the function: `traceparent` and the like
    idempotency_key: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.delay < float("inf"):
            raise ValueError(f"delay: expected seconds >= 0, got {self.delay!r}")
        if self.result_ttl is not None and not 0 <= self.result_ttl < float("inf"):
            raise ValueError(f"result_ttl: expected seconds >= 0 or None, got {self.result_ttl!r}")
        for name in ("key_concurrency", "max_attempts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected a whole number >= 1, got {value!r}")

    def request_id(self) -> str:
        """Give the id that everybody with this idempotency key gives to the request; "" without one.

        >>> RequestOptions(idempotency_key="order-4711").request_id() == RequestOptions(
        ...     idempotency_key="order-4711"
        ... ).request_id()
        True
        """
        if not self.idempotency_key:
            return ""
        return "key-" + hashlib.sha256(self.idempotency_key.encode()).hexdigest()[:_DIGEST_CHARS]

    def terms(self, function: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Terms | None:
        """Give what the gateway is told, None if there is nothing. Errors: CodecError."""
        fingerprint = b""
        if self.idempotency_key:
            said = encode((function, args, {name: kwargs[name] for name in sorted(kwargs)}), root="arguments")
            fingerprint = hashlib.sha256(said).digest()[:16]
        terms = Terms(
            delay_ms=round(self.delay * 1000),
            key=self.key,
            key_concurrency=self.key_concurrency,
            labels=dict(self.labels),
            affinity=self.affinity,
            result_ttl_ms=None if self.result_ttl is None else round(self.result_ttl * 1000),
            headers=dict(self.headers),
            fingerprint=fingerprint,
        )
        return None if terms == _PLAIN else terms


_PLAIN: Final = Terms()
NO_OPTIONS: Final = RequestOptions()
"""What is said of a request of which nothing is said."""
