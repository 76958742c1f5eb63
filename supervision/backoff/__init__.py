"""How long to wait before a restart: a family of frozen values, each with one rule.

All implement `actors.child_spec.Delays`, take their randomness from the rng that is passed in, and never see a clock.
"""

from .akka import AkkaBackoff
from .constant import ConstantBackoff
from .decorrelated import DecorrelatedBackoff
from .exponential import NO_BACKOFF, Backoff, Jitter
from .ladder import LadderBackoff
from .tenacity_wait import TenacityBackoff

__all__ = (
    "NO_BACKOFF",
    "AkkaBackoff",
    "Backoff",
    "ConstantBackoff",
    "DecorrelatedBackoff",
    "Jitter",
    "LadderBackoff",
    "TenacityBackoff",
)
