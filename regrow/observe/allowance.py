"""What a supervisor forgives, in few words.

What lives here: text. What must not: any decision.
"""

from __future__ import annotations

from regrow.supervision.decay import FailureDecay
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.policy import format_duration

__all__ = ("allowance_text",)


def allowance_text(intensity: RestartIntensity | FailureDecay) -> str:
    """Say how many restarts in how much time.

    >>> allowance_text(RestartIntensity(1, 60.0)), allowance_text(FailureDecay(2.5, 30.0))
    ('1 restart in 1m', 'a count of 2.5 restarts that halves every 30s')
    """
    if isinstance(intensity, FailureDecay):
        return f"a count of {intensity.threshold:g} restarts that halves every {format_duration(intensity.decay)}"
    restarts = f"{intensity.max_restarts} restart{'' if intensity.max_restarts == 1 else 's'}"
    return f"{restarts} in {format_duration(intensity.max_seconds)}"
