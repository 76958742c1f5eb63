"""What a lost or refused connection means: come back when, or never.

What lives here: the classes of loss and the policy over them, pure. What must not: sockets, timers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..child_spec import Delays

__all__ = ("GiveUp", "Loss", "ReconnectPolicy", "Retry", "loss_of_close", "loss_of_refusal", "loss_of_status")

FATAL_CLOSE_CODES: Final = frozenset({4400, 4401, 4403, 4409})
"""Bad Connect, unauthorized, out of scope, stale epoch: the same Connect would be refused again."""

_RETRY_AFTER_MAX: Final = 300.0  # seconds; a gateway's wish beyond it is taken for a mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why there is no connection. `retry_after` is what the gateway asked for, in seconds."""

    kind: Literal["unreachable", "refused", "closed", "silent", "garbage", "fatal"]
    code: str
    text: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Dial again after so many seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Dialing again would not help."""

    code: str
    reason: str


Verdict: TypeAlias = Retry | GiveUp


class ReconnectPolicy:
    """Counts the failures since the last stable connection and says how long to wait.

    The first attempt after a loss is immediate if the delays say so. A connection counts as stable when it has been
    ready for `delays.reset_after` seconds; so a gateway that accepts and drops at once is not stormed.
    """

    def __init__(self, delays: Delays, rng: random.Random) -> None:
        self._delays = delays
        self._rng = rng
        self._failures = 0
        self._last_delay = 0.0
        self._ready_at: float | None = None

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def ready(self, now: float) -> None:
        """The session is up."""
        self._ready_at = now

    def lost(self, loss: Loss, now: float) -> Verdict:
        """Say what to do after this loss."""
        if loss.kind == "fatal":
            return GiveUp(loss.code, loss.text)
        if self._ready_at is not None and now - self._ready_at >= self._delays.reset_after:
            self._failures, self._last_delay = 0, 0.0
        self._ready_at = None
        self._failures += 1
        delay = self._last_delay = self._delays.delay(self._failures, self._rng, self._last_delay)
        if loss.retry_after is not None:
            # Everybody is told the same time; a tenth of jitter keeps everybody from coming at it.
            wish = min(loss.retry_after, _RETRY_AFTER_MAX)
            delay = max(delay, wish * (1 + self._rng.random() / 10))
        return Retry(delay)


def loss_of_status(status: int, retry_after: str | None, body: str) -> Loss:
    """Read an HTTP answer that was no upgrade. 401, 403 and another version are final, all else may pass."""
    text = f"HTTP {status} {body}".strip()
    if status in (401, 403):
        return Loss(kind="fatal", code="unauthorized", text=text)
    if status == 400 and "unsupported version" in body:
        return Loss(kind="fatal", code="unsupported", text=text)
    return Loss(kind="refused", code=f"http_{status}", text=text, retry_after=_seconds(retry_after))


def loss_of_close(code: int | None, reason: str) -> Loss:
    """Read a WebSocket close. Source: RFC 6455 section 7.4."""
    text = f"closed with {code} {reason}".strip() if code is not None else f"connection lost {reason}".strip()
    if code in FATAL_CLOSE_CODES:
        return Loss(kind="fatal", code="unauthorized" if code == 4401 else f"close_{code}", text=text)
    return Loss(kind="closed", code=f"close_{code}" if code is not None else "lost", text=text)


def loss_of_refusal(code: str, text: str, *, fatal: bool) -> Loss:
    """Read an ErrorMessage of scope connection."""
    return Loss(kind="fatal" if fatal else "refused", code=code, text=text)


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header is not None else None
    except ValueError:  # an HTTP date: rare here, and our own backoff is a good enough answer
        return None
