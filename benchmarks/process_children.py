"""What runs in the children that `multiprocessing` and executors start: as little as possible.

What must not be here: imports, which each of them would pay for.
"""

from __future__ import annotations

__all__ = ("echo", "stay")

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def stay(pipe: Connection) -> None:
    """Say ready, then answer with what comes, until None does."""
    pipe.send("ready")
    while (message := pipe.recv()) is not None:
        pipe.send(message)


def echo(message: object) -> object:
    """Answer with what came."""
    return message
