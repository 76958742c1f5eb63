"""Who looks after whom: supervisors with OTP's semantics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..protocol.lazy import lazily
from . import tree as tree  # at once, like `wire`: who has anything of this package can read and say all its records
from . import wire as wire

if TYPE_CHECKING:
    from ..actors.child_spec import BrutalKill as BrutalKill
    from ..actors.child_spec import ChildSpec as ChildSpec
    from ..actors.child_spec import ChildType as ChildType
    from ..actors.child_spec import Delays as Delays
    from ..actors.child_spec import Grace as Grace
    from ..actors.child_spec import Infinity as Infinity
    from ..actors.child_spec import Isolation as Isolation
    from ..actors.child_spec import Limits as Limits
    from ..actors.child_spec import Restart as Restart
    from ..actors.child_spec import Shutdown as Shutdown
    from ..actors.child_spec import Start as Start
    from .any_handle import AnyHandle as AnyHandle
    from .backoff import NO_BACKOFF as NO_BACKOFF
    from .backoff import AkkaBackoff as AkkaBackoff
    from .backoff import Backoff as Backoff
    from .backoff import ConstantBackoff as ConstantBackoff
    from .backoff import DecorrelatedBackoff as DecorrelatedBackoff
    from .backoff import Jitter as Jitter
    from .backoff import LadderBackoff as LadderBackoff
    from .backoff import TenacityBackoff as TenacityBackoff
    from .child_specs import dynamic_supervisor_child as dynamic_supervisor_child
    from .child_specs import supervisor_child as supervisor_child
    from .decay import FailureDecay as FailureDecay
    from .difference import Difference as Difference
    from .difference import difference as difference
    from .dynamic_handle import DynamicSupervisorHandle as DynamicSupervisorHandle
    from .dynamic_spec import DynamicSpec as DynamicSpec
    from .dynamic_supervisor import DynamicSupervisor as DynamicSupervisor
    from .errors import AlreadyPresent as AlreadyPresent
    from .errors import AlreadyStarted as AlreadyStarted
    from .errors import BadPartitionCount as BadPartitionCount
    from .errors import CannotReconfigure as CannotReconfigure
    from .errors import ChildError as ChildError
    from .errors import ChildNotFound as ChildNotFound
    from .errors import ChildRestarting as ChildRestarting
    from .errors import ChildRunning as ChildRunning
    from .errors import ChildWithdrawn as ChildWithdrawn
    from .errors import FailedToStartChild as FailedToStartChild
    from .errors import InvalidSpec as InvalidSpec
    from .errors import MaxChildren as MaxChildren
    from .errors import NoPartitions as NoPartitions
    from .errors import NotASupervisor as NotASupervisor
    from .errors import NotOffered as NotOffered
    from .errors import ResizeUnderWay as ResizeUnderWay
    from .errors import SpecProblem as SpecProblem
    from .errors import SupervisionError as SupervisionError
    from .errors import SupervisorStopping as SupervisorStopping
    from .errors import TaskTimeout as TaskTimeout
    from .events import BackoffWasReset as BackoffWasReset
    from .events import ChildStarted as ChildStarted
    from .events import ChildStartFailed as ChildStartFailed
    from .events import ChildTerminated as ChildTerminated
    from .events import IntensityReached as IntensityReached
    from .events import RestartScheduled as RestartScheduled
    from .events import ShutdownError as ShutdownError
    from .events import ShutdownErrors as ShutdownErrors
    from .events import SignificantChildEnded as SignificantChildEnded
    from .events import SupervisionEvent as SupervisionEvent
    from .events import SupervisorLeftDown as SupervisorLeftDown
    from .events import SupervisorReconfigured as SupervisorReconfigured
    from .events import SupervisorStarted as SupervisorStarted
    from .events import Unstopped as Unstopped
    from .handle import SupervisorHandle as SupervisorHandle
    from .intensity import Intensity as Intensity
    from .intensity import RestartIntensity as RestartIntensity
    from .partition_handle import PartitionHandle as PartitionHandle
    from .partition_spec import PartitionSpec as PartitionSpec
    from .partition_supervisor import PartitionSupervisor as PartitionSupervisor
    from .partition_supervisor import partition_supervisor_child as partition_supervisor_child
    from .results import ChildCounts as ChildCounts
    from .results import ChildInfo as ChildInfo
    from .results import Children as Children
    from .results import Done as Done
    from .results import Reconfigured as Reconfigured
    from .results import StartedChild as StartedChild
    from .sending import AnyRequests as AnyRequests
    from .sending import DynamicRequests as DynamicRequests
    from .sending import SupervisorRequests as SupervisorRequests
    from .significance import AutoShutdown as AutoShutdown
    from .spec import SupervisorSpec as SupervisorSpec
    from .states import ChildState as ChildState
    from .strategy import Strategy as Strategy
    from .supervise import supervise as supervise
    from .supervisor import Supervisor as Supervisor
    from .task import Task as Task
    from .task import TaskDone as TaskDone
    from .task import TaskExited as TaskExited
    from .task import TaskOutcome as TaskOutcome
    from .task import TaskReport as TaskReport
    from .task_actor import task_callers as task_callers
    from .task_supervisor import TaskSpec as TaskSpec
    from .task_supervisor import TaskSupervisorHandle as TaskSupervisorHandle
    from .task_supervisor import task_supervisor_child as task_supervisor_child
    from .tree import DescribeTree as DescribeTree
    from .validate import check_child_spec as check_child_spec
    from .validate import check_supervisor_spec as check_supervisor_spec
    from .wire import TAGS as TAGS

_HOMES: Final = {
    "NO_BACKOFF": "backoff",
    "TAGS": "wire",
    "AkkaBackoff": "backoff",
    "AlreadyPresent": "errors",
    "AlreadyStarted": "errors",
    "AnyHandle": "any_handle",
    "AnyRequests": "sending",
    "AutoShutdown": "significance",
    "Backoff": "backoff",
    "BackoffWasReset": "events",
    "BadPartitionCount": "errors",
    "BrutalKill": ".actors.child_spec",
    "CannotReconfigure": "errors",
    "ChildCounts": "results",
    "ChildError": "errors",
    "ChildInfo": "results",
    "ChildNotFound": "errors",
    "ChildRestarting": "errors",
    "ChildRunning": "errors",
    "ChildSpec": ".actors.child_spec",
    "ChildStartFailed": "events",
    "ChildStarted": "events",
    "ChildState": "states",
    "ChildTerminated": "events",
    "ChildType": ".actors.child_spec",
    "ChildWithdrawn": "errors",
    "Children": "results",
    "ConstantBackoff": "backoff",
    "DecorrelatedBackoff": "backoff",
    "Delays": ".actors.child_spec",
    "DescribeTree": "tree",
    "Difference": "difference",
    "Done": "results",
    "DynamicRequests": "sending",
    "DynamicSpec": "dynamic_spec",
    "DynamicSupervisor": "dynamic_supervisor",
    "DynamicSupervisorHandle": "dynamic_handle",
    "FailedToStartChild": "errors",
    "FailureDecay": "decay",
    "Grace": ".actors.child_spec",
    "Infinity": ".actors.child_spec",
    "Intensity": "intensity",
    "IntensityReached": "events",
    "InvalidSpec": "errors",
    "Isolation": ".actors.child_spec",
    "Jitter": "backoff",
    "LadderBackoff": "backoff",
    "Limits": ".actors.child_spec",
    "MaxChildren": "errors",
    "NoPartitions": "errors",
    "NotASupervisor": "errors",
    "NotOffered": "errors",
    "PartitionHandle": "partition_handle",
    "PartitionSpec": "partition_spec",
    "PartitionSupervisor": "partition_supervisor",
    "Reconfigured": "results",
    "ResizeUnderWay": "errors",
    "Restart": ".actors.child_spec",
    "RestartIntensity": "intensity",
    "RestartScheduled": "events",
    "Shutdown": ".actors.child_spec",
    "ShutdownError": "events",
    "ShutdownErrors": "events",
    "SignificantChildEnded": "events",
    "SpecProblem": "errors",
    "Start": ".actors.child_spec",
    "StartedChild": "results",
    "Strategy": "strategy",
    "SupervisionError": "errors",
    "SupervisionEvent": "events",
    "Supervisor": "supervisor",
    "SupervisorHandle": "handle",
    "SupervisorLeftDown": "events",
    "SupervisorReconfigured": "events",
    "SupervisorRequests": "sending",
    "SupervisorSpec": "spec",
    "SupervisorStarted": "events",
    "SupervisorStopping": "errors",
    "Task": "task",
    "TaskDone": "task",
    "TaskExited": "task",
    "TaskOutcome": "task",
    "TaskReport": "task",
    "TaskSpec": "task_supervisor",
    "TaskSupervisorHandle": "task_supervisor",
    "TaskTimeout": "errors",
    "TenacityBackoff": "backoff",
    "Unstopped": "events",
    "check_child_spec": "validate",
    "check_supervisor_spec": "validate",
    "difference": "difference",
    "dynamic_supervisor_child": "child_specs",
    "partition_supervisor_child": "partition_supervisor",
    "supervise": "supervise",
    "supervisor_child": "child_specs",
    "task_callers": "task_actor",
    "task_supervisor_child": "task_supervisor",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
