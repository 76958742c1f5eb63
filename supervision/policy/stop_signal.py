"""Which signal a policy file means: "TERM", "SIGTERM" or 15."""

from __future__ import annotations

import signal

__all__ = ("signal_names", "signal_number")


def signal_number(value: object) -> signal.Signals | None:
    """Give the signal that a name (with or without SIG) or a number stands for, or None.

    >>> signal_number("TERM") is signal_number(15) is signal_number("SIGTERM")
    True
    """
    try:
        if isinstance(value, str):
            return signal.Signals[value if value.startswith("SIG") else f"SIG{value}"]
        if isinstance(value, int) and not isinstance(value, bool):
            return signal.Signals(value)
    except (KeyError, ValueError):
        return None
    return None


def signal_names() -> list[str]:
    """The short names of all signals of this system."""
    return [item.name.removeprefix("SIG") for item in signal.Signals]
