"""What of supervision may cross a process boundary: specs, requests and answers, each under a tag.

What lives here: the registration alone; it happens when `regrow.supervision` is imported, in every process.
A spec crosses if what it starts has import paths, by which it is named over there, and its arguments can cross; a
supervisor in another process can then be described, and asked, from here.
"""

from __future__ import annotations

from typing import Final

from ..actors import child_spec
from ..protocol.records import record, said_instead
from . import errors, requests, results
from .backoff import (
    AkkaBackoff,
    Backoff,
    ConstantBackoff,
    DecorrelatedBackoff,
    LadderBackoff,
    TenacityBackoff,
)
from .decay import FailureDecay
from .dynamic_spec import DynamicSpec
from .intensity import RestartIntensity
from .significance import AutoShutdown
from .spec import SupervisorSpec
from .start_paths import named_start
from .states import ChildState
from .strategy import Strategy

__all__ = ("TAGS",)

TAGS: Final[dict[str, type]] = {
    "regrow.auto_shutdown": AutoShutdown,
    "regrow.backoff": Backoff,
    "regrow.backoff.akka": AkkaBackoff,
    "regrow.backoff.constant": ConstantBackoff,
    "regrow.backoff.decorrelated": DecorrelatedBackoff,
    "regrow.backoff.ladder": LadderBackoff,
    "regrow.backoff.tenacity": TenacityBackoff,
    "regrow.brutal_kill": child_spec.BrutalKill,
    "regrow.child_counts": results.ChildCounts,
    "regrow.child_info": results.ChildInfo,
    "regrow.child_spec": child_spec.ChildSpec,
    "regrow.child_state": ChildState,
    "regrow.child_type": child_spec.ChildType,
    "regrow.children": results.Children,
    "regrow.count_children": requests.CountChildren,
    "regrow.delete_child": requests.DeleteChild,
    "regrow.done": results.Done,
    "regrow.failure_decay": FailureDecay,
    "regrow.dynamic_spec": DynamicSpec,
    "regrow.get_child_spec": requests.GetChildSpec,
    "regrow.grace": child_spec.Grace,
    "regrow.infinity": child_spec.Infinity,
    "regrow.isolation": child_spec.Isolation,
    "regrow.limits": child_spec.Limits,
    "regrow.reconfigure": requests.Reconfigure,
    "regrow.reconfigure_from": requests.ReconfigureFrom,
    "regrow.reconfigured": results.Reconfigured,
    "regrow.restart": child_spec.Restart,
    "regrow.restart_child": requests.RestartChild,
    "regrow.restart_intensity": RestartIntensity,
    "regrow.spec_problem": errors.SpecProblem,
    "regrow.start": child_spec.Start,
    "regrow.start_child": requests.StartChild,
    "regrow.start_child_with": requests.StartChildWith,
    "regrow.started_child": results.StartedChild,
    "regrow.stop_supervisor": requests.StopSupervisor,
    "regrow.strategy": Strategy,
    "regrow.supervisor_spec": SupervisorSpec,
    "regrow.terminate_child": requests.TerminateChild,
    "regrow.which_children": requests.WhichChildren,
}
"""By tag. Tags are part of the protocol between processes: they are never given to something else."""

for _tag, _cls in TAGS.items():
    record(_tag)(_cls)
said_instead(child_spec.Start, named_start)
