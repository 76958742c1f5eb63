"""What goes wrong, on purpose: faults, seeded plans, a proxy that misbehaves, and experiments that check a claim."""

from regrow.chaos.experiment import Experiment, Finding, HypothesisRefuted, wait_until
from regrow.chaos.faults import Fault, Freeze, Kill, TargetGone, Thaw, inject
from regrow.chaos.plan import Injection, Plan, PlanError
from regrow.chaos.proxy import FaultProxy, ProxyError, ProxyMode

__all__ = (
    "Experiment",
    "Fault",
    "FaultProxy",
    "Finding",
    "Freeze",
    "HypothesisRefuted",
    "Injection",
    "Kill",
    "Plan",
    "PlanError",
    "ProxyError",
    "ProxyMode",
    "TargetGone",
    "Thaw",
    "inject",
    "wait_until",
)
