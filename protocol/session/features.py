"""What two ends can agree on beyond the version: features, by name, and what is said if there is no common version.

What lives here: the names, who asks for which, and the rules of the agreement, pure. What must not: what one does.
Hello offers, Connect asks, Ready grants what is in both; what is in Ready holds on that session, nothing else does.
A peer that has never heard of features offers and asks for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .messages import SUBPROTOCOL, Hello

__all__ = ("GATEWAY_FEATURES", "PROGRESS", "WORKER_FEATURES", "granted", "version_problem")

PROGRESS: Final = "progress"
"""`Progress` is said by workers, and passed on to clients; without it, it would be thrown away at the other end."""

GATEWAY_FEATURES: Final = (PROGRESS,)
"""What a gateway offers."""

WORKER_FEATURES: Final = (PROGRESS,)
"""What a worker asks for. Our client asks for none."""

_SHOWN_CHARS: Final = 200


def granted(offered: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
    """Give what is in both, in the order of the offer.

    >>> granted(("progress", "resume"), ("zip", "progress"))
    ('progress',)
    """
    wanted = frozenset(asked)
    return tuple(feature for feature in offered if feature in wanted)


def version_problem(hello: Hello) -> str:
    """Say why there is no talking to this gateway, or nothing.

    >>> version_problem(Hello(gateway="g", versions=("regrow.v2", "regrow.v3")))
    'unsupported version: expected a gateway that speaks regrow.v1, got one of regrow.v2, regrow.v3'
    """
    if SUBPROTOCOL in hello.versions:
        return ""
    said = ", ".join(hello.versions)[:_SHOWN_CHARS] or "no version at all"
    return f"unsupported version: expected a gateway that speaks {SUBPROTOCOL}, got one of {said}"
