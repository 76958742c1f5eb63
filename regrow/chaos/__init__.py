"""What goes wrong, on purpose: faults, seeded plans, a proxy that misbehaves, and experiments that check a claim."""

from regrow.chaos.experiment import Experiment, Finding, HypothesisRefuted, wait_until
from regrow.chaos.faults import Fault, Freeze, Kill, TargetGone, Thaw, inject
from regrow.chaos.flow import End, Flow
from regrow.chaos.plan import Injection, Plan, PlanError
from regrow.chaos.proxy import FaultProxy
from regrow.chaos.proxy_counts import ProxyCounts, ProxyError

__all__ = (
    "End",
    "Experiment",
    "Fault",
    "FaultProxy",
    "Finding",
    "Flow",
    "Freeze",
    "HypothesisRefuted",
    "Injection",
    "Kill",
    "Plan",
    "PlanError",
    "ProxyCounts",
    "ProxyError",
    "TargetGone",
    "Thaw",
    "inject",
    "wait_until",
)
