"""What kind of mailbox an actor has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ("UNBOUNDED", "MailboxOptions", "Overflow")


class Overflow(StrEnum):
    """What a full mailbox does with a new message of a user; signals, stops and timers always get in."""

    BLOCK = "block"  # let the sender wait, up to `block_timeout`, then fail
    FAIL = "fail"  # raise MailboxFull in the sender
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    LATEST = "latest"  # drop all that wait: only the newest counts


@dataclass(frozen=True, slots=True)
class MailboxOptions:
    """What kind of mailbox an actor has; by default one without a bound, in the order of arrival.

    `maxsize`: messages of users that may wait; None: no bound. `priority` gives the rank of a message, the lowest goes
    first, equal ones in order of arrival; it runs in the sender. `latest_by` gives a key: a new message replaces one
    with the same key that waits, at its place; None is no key. `high_water`, `low_water`: how many wait when
    MailboxHigh and then MailboxLow is published.
    Errors: ValueError for numbers that make no sense together.
    """

    maxsize: int | None = None
    overflow: Overflow = Overflow.FAIL
    block_timeout: float = 5.0
    priority: Callable[[object], int] | None = None
    latest_by: Callable[[object], object] | None = None
    high_water: int | None = None
    low_water: int | None = None

    def __post_init__(self) -> None:
        """Check them."""
        for name, least in (("maxsize", 1), ("high_water", 1), ("low_water", 0)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise ValueError(f"mailbox: {name}: expected at least {least}, got {number}")
        if self.low_water is not None and (self.high_water is None or self.low_water >= self.high_water):
            raise ValueError(
                f"mailbox: low_water: expected less than high_water, got {self.low_water}, {self.high_water}"
            )
        if self.priority is not None and self.latest_by is not None:
            raise ValueError("mailbox: expected priority or latest_by, got both")

    @property
    def plain(self) -> bool:
        """True if there is nothing to do but to append."""
        return self.maxsize is None and self.priority is None and self.latest_by is None and self.high_water is None


UNBOUNDED: Final = MailboxOptions()
