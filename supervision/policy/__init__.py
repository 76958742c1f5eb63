"""Policy files: a whole supervision tree as TOML, and overrides of any tree by path."""

from .apply import ROOT, Rule, apply_rules
from .durations import format_duration, parse_duration, parse_size
from .load import load_policy, parse_policy
from .mistakes import Mistake, PolicyError
from .policy import Policy

__all__ = (
    "ROOT",
    "Mistake",
    "Policy",
    "PolicyError",
    "Rule",
    "apply_rules",
    "format_duration",
    "load_policy",
    "parse_duration",
    "parse_policy",
    "parse_size",
)
