"""The exit codes of `regrow`, all of them (docs/reference/cli.md shows the same table).

What lives here: the numbers and what they mean. Every verb ends with one of these.
Source: gunicorn and uvicorn for 3, sysexits and argparse for 2, shells for 128 + signal.
"""

from __future__ import annotations

import signal
from typing import Final

__all__ = ("GAVE_UP", "MEANINGS", "OK", "START_FAILED", "UNREACHABLE", "USAGE", "after_signal")

OK: Final = 0
GAVE_UP: Final = 1
USAGE: Final = 2
START_FAILED: Final = 3
UNREACHABLE: Final = 4

MEANINGS: Final[dict[int, str]] = {
    OK: "It did what it was asked to. A tree that SIGTERM or SIGINT stopped in order, within its grace, counts.",
    GAVE_UP: (
        "The tree gave up (restart intensity reached, or its root crashed), an invocation failed, "
        "or a reload did not take effect everywhere."
    ),
    USAGE: "Wrong usage, or a mistake in a policy file.",
    START_FAILED: "It did not start: a child failed to start, or a port or socket is taken.",
    UNREACHABLE: "The other side is unreachable or refuses the token: a gateway, or the control socket of a tree.",
    128 + signal.SIGINT: "Ended by SIGINT, and not in order: a second signal came, or the grace was over.",
    128 + signal.SIGTERM: "Ended by SIGTERM, and not in order: a second signal came, or the grace was over.",
}


def after_signal(signo: int, *, in_order: bool) -> int:
    """Give the code for an end that a signal asked for.

    >>> after_signal(signal.SIGTERM, in_order=True), after_signal(signal.SIGTERM, in_order=False)
    (0, 143)
    """
    return OK if in_order else 128 + signo
