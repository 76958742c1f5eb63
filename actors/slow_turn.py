"""A turn of a life with extras that need a look at each message: suspended, traced, timed, or served in batches.

What lives here: the loop, beside the fast one of `turn.py`, and with the same order. What must not: what messages mean.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from .extras import Batch, Extras, give_back
from .inquiries import LookAgain
from .mailbox import Envelope, Mailbox, reply_to_of
from .rest import AWAITS, MORE, Rest

if TYPE_CHECKING:
    from .life import Life

__all__ = ("go_slowly",)


def go_slowly(  # noqa: C901 - what all messages go through
    life: Life,
    extras: Extras,
    limit: int,
    handle: Callable[[Life, object], object],
    special: Container[type[object]],
) -> Rest:
    """Handle up to `limit` messages of users, and all that goes before them; after the last of them, nothing."""
    box = life.mailbox
    left = limit
    try:
        while True:
            if box.urgent is not None:
                if left <= 0:
                    return MORE
                item = box.pop_urgent()
                if item is not None:
                    if not _handle_one(life, extras, item, handle):
                        return AWAITS
                    continue
            if not extras.suspended and left <= 0:
                if box.waiting():
                    return MORE
                extras.going_idle()
            elif not extras.suspended:
                try:
                    item = box.pop()
                except IndexError:
                    extras.going_idle()
                else:
                    extras.taken += 1
                    if extras.batch_max > 0:
                        item = _gather(life, item, min(left, extras.batch_max), special)
                    left -= len(item) if isinstance(item, Batch) else 1
                    if not _handle_one(life, extras, item, handle):
                        return AWAITS
                    continue
            rest = box.rest(deaf=extras.suspended)
            if rest is not MORE:
                return rest
    finally:
        life.handled += limit - left


def _handle_one(life: Life, extras: Extras, item: object, handle: Callable[[Life, object], object]) -> bool:
    """Handle a message, or a batch. Gives False if a coroutine does that now."""
    box = life.mailbox
    box.in_hand = item
    if extras.taps.any:
        _trace(extras, item)
    handle(life, item)
    if life.awaits():
        return False
    box.in_hand = None
    return True


def _gather(life: Life, first: object, most: int, special: Container[type[object]]) -> object:
    """Take the told messages that follow, up to so many. What must be handled alone goes alone."""
    box: Mailbox = life.mailbox
    if not _is_told(first, special):
        return first
    batch = Batch([_message(first)])
    while len(batch) < most and box.urgent is None:
        try:
            item = box.pop()
        except IndexError:
            break
        if not _is_told(item, special):
            give_back(life, (item,))
            break
        batch.append(_message(item))
    return batch


def _is_told(item: object, special: Container[type[object]]) -> bool:
    if not isinstance(item, Envelope):
        return type(item) not in special
    return item.reply_to is None and item.timer is None and type(item.message) not in special


def _message(item: object) -> object:
    return item.message if isinstance(item, Envelope) else item


def _trace(extras: Extras, item: object) -> None:
    future = reply_to_of(item)
    asker = None if future is None else future.asker
    for message in item if isinstance(item, Batch) else (_message(item),):
        if not isinstance(message, LookAgain):
            extras.taps.note("in", message, asker)
