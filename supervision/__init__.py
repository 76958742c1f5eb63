"""Who looks after whom: supervisors with OTP's semantics."""

from ..actors.child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Delays,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Shutdown,
    Start,
)
from .any_handle import AnyHandle
from .backoff import (
    NO_BACKOFF,
    AkkaBackoff,
    Backoff,
    ConstantBackoff,
    DecorrelatedBackoff,
    Jitter,
    LadderBackoff,
    TenacityBackoff,
)
from .child_specs import dynamic_supervisor_child, supervisor_child
from .decay import FailureDecay
from .difference import Difference, difference
from .dynamic_handle import DynamicSupervisorHandle
from .dynamic_spec import DynamicSpec
from .dynamic_supervisor import DynamicSupervisor
from .errors import (
    AlreadyPresent,
    AlreadyStarted,
    BadPartitionCount,
    CannotReconfigure,
    ChildError,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildWithdrawn,
    FailedToStartChild,
    InvalidSpec,
    MaxChildren,
    NoPartitions,
    NotASupervisor,
    NotOffered,
    ResizeUnderWay,
    SpecProblem,
    SupervisionError,
    SupervisorStopping,
    TaskTimeout,
)
from .events import (
    BackoffWasReset,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartScheduled,
    ShutdownError,
    ShutdownErrors,
    SignificantChildEnded,
    SupervisionEvent,
    SupervisorLeftDown,
    SupervisorReconfigured,
    SupervisorStarted,
    Unstopped,
)
from .handle import SupervisorHandle
from .intensity import Intensity, RestartIntensity
from .partition_handle import PartitionHandle
from .partition_spec import PartitionSpec
from .partition_supervisor import PartitionSupervisor, partition_supervisor_child
from .results import ChildCounts, ChildInfo, Children, Done, Reconfigured, StartedChild
from .sending import AnyRequests, DynamicRequests, SupervisorRequests
from .significance import AutoShutdown
from .spec import SupervisorSpec
from .states import ChildState
from .strategy import Strategy
from .supervise import supervise
from .supervisor import Supervisor
from .task import Task, TaskDone, TaskExited, TaskOutcome, TaskReport
from .task_actor import task_callers
from .task_supervisor import TaskSpec, TaskSupervisorHandle, task_supervisor_child
from .tree import DescribeTree
from .validate import check_child_spec, check_supervisor_spec
from .wire import TAGS

__all__ = (
    "NO_BACKOFF",
    "TAGS",
    "AkkaBackoff",
    "AlreadyPresent",
    "AlreadyStarted",
    "AnyHandle",
    "AnyRequests",
    "AutoShutdown",
    "Backoff",
    "BackoffWasReset",
    "BadPartitionCount",
    "BrutalKill",
    "CannotReconfigure",
    "ChildCounts",
    "ChildError",
    "ChildInfo",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "ChildSpec",
    "ChildStartFailed",
    "ChildStarted",
    "ChildState",
    "ChildTerminated",
    "ChildType",
    "ChildWithdrawn",
    "Children",
    "ConstantBackoff",
    "DecorrelatedBackoff",
    "Delays",
    "DescribeTree",
    "Difference",
    "Done",
    "DynamicRequests",
    "DynamicSpec",
    "DynamicSupervisor",
    "DynamicSupervisorHandle",
    "FailedToStartChild",
    "FailureDecay",
    "Grace",
    "Infinity",
    "Intensity",
    "IntensityReached",
    "InvalidSpec",
    "Isolation",
    "Jitter",
    "LadderBackoff",
    "Limits",
    "MaxChildren",
    "NoPartitions",
    "NotASupervisor",
    "NotOffered",
    "PartitionHandle",
    "PartitionSpec",
    "PartitionSupervisor",
    "Reconfigured",
    "ResizeUnderWay",
    "Restart",
    "RestartIntensity",
    "RestartScheduled",
    "Shutdown",
    "ShutdownError",
    "ShutdownErrors",
    "SignificantChildEnded",
    "SpecProblem",
    "Start",
    "StartedChild",
    "Strategy",
    "SupervisionError",
    "SupervisionEvent",
    "Supervisor",
    "SupervisorHandle",
    "SupervisorLeftDown",
    "SupervisorReconfigured",
    "SupervisorRequests",
    "SupervisorSpec",
    "SupervisorStarted",
    "SupervisorStopping",
    "Task",
    "TaskDone",
    "TaskExited",
    "TaskOutcome",
    "TaskReport",
    "TaskSpec",
    "TaskSupervisorHandle",
    "TaskTimeout",
    "TenacityBackoff",
    "Unstopped",
    "check_child_spec",
    "check_supervisor_spec",
    "difference",
    "dynamic_supervisor_child",
    "partition_supervisor_child",
    "supervise",
    "supervisor_child",
    "task_callers",
    "task_supervisor_child",
)
