"""Which gateway is dialed next, with which token, and when; or that no dial would help.

What lives here: the choice, pure. What must not: sockets, timers, and what a loss means (`losses.py`).
Each gateway has its own count of failures, and its own time before which it is not dialed; with one gateway this is a
backoff, with several the others are tried meanwhile.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..child_spec import Delays
from .losses import Loss

__all__ = ("GAVE_UP", "GatewayChoice", "GiveUp", "Patience", "Retry", "Verdict")

GAVE_UP: Final = "gave_up"
"""The code of a GiveUp for want of patience; all others are the gateway's."""

_DRAIN_SECONDS: Final = 10.0
"""That a gateway which drains is left alone: it takes nobody meanwhile, but it may be the only one left."""

_RETRY_AFTER_MAX: Final = 300.0  # seconds; a gateway's wish beyond it is taken for a mistake


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """After how many attempts, or seconds, without a stable session to give up; None: never."""

    max_attempts: int | None = None
    give_up_after: float | None = None


@dataclass(slots=True)
class _Gateway:
    url: str
    failures: int = 0  # since its last stable session
    last_delay: float = 0.0
    until: float = -math.inf  # not dialed before
    refused: set[int] = field(default_factory=set)  # the tokens that it did not take since its last stable session
    over: Loss | None = None  # set when it has refused us for good


class GatewayChoice:
    """Says whom to dial, and after each loss whom next and when.

    A gateway that fails is left alone for a while, which grows with its failures in a row. The one in use is kept for
    as long as it may be dialed, because it knows what this peer holds; else the first in the order given that may be
    dialed; else the one that may be dialed first. A session counts as stable when it has been ready for
    `delays.reset_after` seconds, and then all is forgotten that went wrong before; so a gateway that accepts and drops
    at once is not stormed. A token that is refused is replaced by the next one at once; a gateway that has refused all
    of them, or this peer for another reason, is not dialed again; when that is so for all gateways, no dial would help.
    """

    def __init__(
        self,
        urls: Sequence[str],
        tokens: Sequence[str],
        delays: Delays,
        rng: random.Random,
        patience: Patience | None = None,
    ) -> None:
        self._gateways = [_Gateway(url) for url in dict.fromkeys(urls)]
        self._tokens = tuple(tokens)
        self._delays = delays
        self._rng = rng
        self._patience = Patience() if patience is None else patience
        self._current = self._gateways[0]
        self._token = 0
        self._ready_at: float | None = None
        self._attempts = 0  # that failed since the last stable session
        self._since: float | None = None  # when the first of them did

    @property
    def url(self) -> str:
        """Whom to dial, or who is in use."""
        return self._current.url

    @property
    def token(self) -> str:
        """What to present there."""
        return self._tokens[self._token]

    def ready(self, now: float) -> None:
        """The session is up."""
        self._ready_at = now

    def lost(self, loss: Loss, now: float) -> Verdict:
        """Say what to do after the gateway in use was lost, or could not be reached."""
        self._settle(now)
        gateway = self._current
        if loss.kind == "credentials":
            gateway.refused.add(self._token)
            if self._pick_token(gateway):
                return Retry(0.0)
        if loss.kind in ("credentials", "fatal"):
            gateway.over = loss
        else:
            gateway.failures += 1
            gateway.last_delay = self._delays.delay(gateway.failures, self._rng, gateway.last_delay)
            gateway.until = now + max(gateway.last_delay, self._wish(loss))
        self._attempts += 1
        self._since = now if self._since is None else self._since
        return self._impatient(loss, now) or self._next(now, loss)

    def drained(self, now: float) -> None:
        """The gateway in use is going away: dial another one now, or this if there is none."""
        self._settle(now)
        self._current.until = now + _DRAIN_SECONDS
        for gateway in self._gateways:
            if gateway.over is None and gateway.until <= now:
                self._move_to(gateway)
                return

    def _settle(self, now: float) -> None:
        """Forget what went wrong, if the session that has ended was a stable one."""
        if self._ready_at is not None and now - self._ready_at >= self._delays.reset_after:
            self._attempts, self._since = 0, None
            gateway = self._current
            gateway.failures, gateway.last_delay = 0, 0.0
            gateway.refused.clear()
        self._ready_at = None

    def _wish(self, loss: Loss) -> float:
        """Give the least wait that was asked for; spread, because everybody is told the same."""
        wish = min(loss.retry_after or 0.0, _RETRY_AFTER_MAX)
        return wish + self._rng.random() * max(wish / 10, min(wish, 1.0)) if wish else 0.0

    def _impatient(self, loss: Loss, now: float) -> GiveUp | None:
        patience, spent = self._patience, 0.0 if self._since is None else now - self._since
        many = patience.max_attempts is not None and self._attempts >= patience.max_attempts
        long = patience.give_up_after is not None and spent >= patience.give_up_after
        if not many and not long:
            return None
        return GiveUp(GAVE_UP, f"no session after {self._attempts} attempts within {spent:.1f} s; last: {loss.text}")

    def _next(self, now: float, loss: Loss) -> Verdict:
        left = [gateway for gateway in self._gateways if gateway.over is None]
        if not left:
            return GiveUp(loss.code, self._refusals())
        if self._current.over is not None or self._current.until > now:
            free = (gateway for gateway in left if gateway.until <= now)
            self._move_to(next(free, min(left, key=lambda gateway: gateway.until)))
        return Retry(max(0.0, self._current.until - now))

    def _refusals(self) -> str:
        over = [(gateway.url, gateway.over.text) for gateway in self._gateways if gateway.over is not None]
        return over[0][1] if len(over) == 1 else "; ".join(f"{url}: {text}" for url, text in over)

    def _move_to(self, gateway: _Gateway) -> None:
        self._current = gateway
        self._pick_token(gateway)

    def _pick_token(self, gateway: _Gateway) -> bool:
        """Keep the token that was taken last, unless this gateway has refused it. False if it has refused them all."""
        order = (self._token, *range(len(self._tokens)))
        found = next((index for index in order if index not in gateway.refused), None)
        if found is None:
            return False
        self._token = found
        return True
