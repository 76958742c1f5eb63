"""Functions as supervised tasks: begun anywhere, waited for or not, never lost and never left behind.

What lives here: beginning them. A task supervisor is a DynamicSupervisor; there is no other mind to it.
Source: Elixir Task.Supervisor.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from ..actors.child_spec import BrutalKill, ChildSpec, Delays, Grace, Restart, Shutdown, Start
from ..actors.functions import FunctionActor, name_of
from ..protocol.exits import SHUTDOWN, ExitReason
from .backoff import Backoff
from .child_specs import dynamic_supervisor_child
from .decay import FailureDecay
from .dynamic_handle import DynamicSupervisorHandle
from .dynamic_spec import DynamicSpec
from .intensity import RestartIntensity
from .task import Task, TaskOutcome
from .task_actor import TaskActor, TaskCall
from .task_stream import OnTimeout, StreamOptions, run_stream

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem
    from .results import ChildCounts

__all__ = ("TaskSpec", "TaskSupervisorHandle", "task_supervisor_child")

T = TypeVar("T")

TASK_SHUTDOWN: Final = Grace(5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """A supervisor of tasks. `max_children`: tasks at once, None for no limit; one more is refused with MaxChildren.

    `intensity` and `backoff` are for what `start_child` starts to be restarted; other tasks never are.
    """

    max_children: int | None = None
    name: str | None = None
    intensity: RestartIntensity | FailureDecay = RestartIntensity()
    backoff: Delays = Backoff()

    def dynamic_spec(self) -> DynamicSpec:
        """Give what the supervisor below it is told."""
        return DynamicSpec(self.intensity, self.backoff, self.max_children, name=self.name)


class TaskSupervisorHandle:
    """The way to a supervisor of tasks; `TaskSupervisorHandle(ref)` for one that was started as a child.

    Functions may be plain or async. A plain one with a parameter `stop` is given a StopToken to look at; an async one
    is cancelled. `shutdown` is what a task gets when its supervisor ends it, or the iteration over its stream.
    Runs in: any thread, and any actor. Beginning a task waits until its thread runs.
    Errors of what begins tasks: MaxChildren; SupervisorStopping; ActorDeadError if the supervisor is dead; AskTimeout.
    """

    __slots__ = ("_supervisor", "shutdown")

    def __init__(self, ref: ActorRef[Any], *, shutdown: Shutdown = TASK_SHUTDOWN) -> None:
        self._supervisor = DynamicSupervisorHandle(ref)
        self.shutdown: Final = shutdown

    @classmethod
    def start(
        cls,
        system: ActorSystem,
        spec: TaskSpec = TaskSpec(),
        *,
        link: ActorRef[Any] | None = None,
        shutdown: Shutdown = TASK_SHUTDOWN,
    ) -> TaskSupervisorHandle:
        """Start one, registered under `spec.name` if there is one. Errors: InvalidSpec; NameTaken; SystemClosed."""
        handle = DynamicSupervisorHandle.start(system, spec.dynamic_spec(), link=link)
        return cls(handle.ref, shutdown=shutdown)

    @classmethod
    def named(cls, system: ActorSystem, name: str, *, shutdown: Shutdown = TASK_SHUTDOWN) -> TaskSupervisorHandle:
        """Find the one that is registered under this name. Errors: ActorDeadError with NOPROC if nobody is."""
        return cls(DynamicSupervisorHandle.named(system, name).ref, shutdown=shutdown)

    @property
    def ref(self) -> ActorRef[Any]:
        """The supervisor itself."""
        return self._supervisor.ref

    @overload
    def async_(
        self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: object, **kwargs: object
    ) -> Task[T]: ...

    @overload
    def async_(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> Task[T]: ...

    def async_(self, function: Callable[..., object], /, *args: object, **kwargs: object) -> Task[Any]:
        """Run a call as a task that is linked to the calling actor, if one calls: a crash of either ends the other.

        An actor that traps exits gets an Exit for the end of its task, a normal one too.
        """
        return self._begin(TaskCall.of(function, args, kwargs, linked=True))

    @overload
    def async_nolink(
        self, function: Callable[..., Coroutine[Any, Any, T]], /, *args: object, **kwargs: object
    ) -> Task[T]: ...

    @overload
    def async_nolink(self, function: Callable[..., T], /, *args: object, **kwargs: object) -> Task[T]: ...

    def async_nolink(self, function: Callable[..., object], /, *args: object, **kwargs: object) -> Task[Any]:
        """Run a call as a task of its own fate: its crash is in its outcome, and ends nobody else."""
        return self._begin(TaskCall.of(function, args, kwargs, linked=False))

    def start_child(
        self,
        function: Callable[..., object],
        /,
        *args: object,
        restart: Restart = Restart.TEMPORARY,
        shutdown: Shutdown | None = None,
        **kwargs: object,
    ) -> ActorRef[Any]:
        """Run a call that nobody waits for; its value is dropped. With `restart` it is run again when it has ended."""
        return self._start(Start(FunctionActor, (function, *args), kwargs), function, restart, shutdown)

    @overload
    def stream(
        self,
        function: Callable[..., Coroutine[Any, Any, T]],
        items: Iterable[object],
        *,
        max_concurrency: int,
        ordered: bool = True,
        timeout: float | None = None,
        on_timeout: OnTimeout = "exit",
    ) -> Iterator[TaskOutcome[T]]: ...

    @overload
    def stream(
        self,
        function: Callable[..., T],
        items: Iterable[object],
        *,
        max_concurrency: int,
        ordered: bool = True,
        timeout: float | None = None,
        on_timeout: OnTimeout = "exit",
    ) -> Iterator[TaskOutcome[T]]: ...

    def stream(
        self,
        function: Callable[..., object],
        items: Iterable[object],
        *,
        max_concurrency: int,
        ordered: bool = True,
        timeout: float | None = None,
        on_timeout: OnTimeout = "exit",
    ) -> Iterator[TaskOutcome[Any]]:
        """Run `function(item)` for each item as an unlinked task, at most `max_concurrency` at a time, and give the
        outcomes: TaskDone, or TaskExited with the reason, each with its item.

        Items are taken and tasks started as results are asked for. `ordered=False` gives them as they come. `timeout`:
        seconds for each task, without it a task is waited for as long as it takes; when it is over, "exit" raises
        TaskTimeout here, and "kill_task" kills the task and gives TaskExited(KILLED) with that error.
        However the iteration ends, also early by `close()` or by an exception, no task is left: those that run are
        asked to end, all at once, and after `shutdown` killed. It may be iterated in any thread, one at a time.
        Errors: ValueError for bad options, at once; what `items` raises; TaskTimeout; those of `async_nolink`.
        """
        options = StreamOptions(max_concurrency, ordered, timeout, on_timeout, self._grace())
        return run_stream(lambda item: self.async_nolink(function, item), items, options, self.ref.system.clock)

    def terminate_child(self, task: Task[Any] | ActorRef[Any], *, timeout: float | None = None) -> None:
        """End a task as its shutdown says and wait until that is done. Errors: ChildNotFound, also if it is over."""
        self._supervisor.terminate_child(task.ref if isinstance(task, Task) else task, timeout=timeout)

    def children(self) -> tuple[ActorRef[Any], ...]:
        """List the refs of the tasks, latest first."""
        return tuple(info.ref for info in self._supervisor.which_children() if info.ref is not None)

    def count_children(self) -> ChildCounts:
        """Count the tasks."""
        return self._supervisor.count_children()

    def stop(self, reason: ExitReason = SHUTDOWN, *, timeout: float | None = None) -> None:
        """End the supervisor with this reason, its tasks first, all at once; see SupervisorHandle.stop."""
        self._supervisor.stop(reason, timeout=timeout)

    def _begin(self, call: TaskCall) -> Task[Any]:
        try:
            ref = self._start(Start(TaskActor, (call,)), call.function, Restart.TEMPORARY, None)
        except BaseException:
            call.withdraw()
            raise
        return Task(ref, call)

    def _start(
        self, start: Start, function: Callable[..., object], restart: Restart, shutdown: Shutdown | None
    ) -> ActorRef[Any]:
        label = name_of(function) or "task"
        spec = ChildSpec(id=label, start=start, restart=restart, shutdown=shutdown or self.shutdown)
        ref = self._supervisor.start_child(spec).ref
        if ref is None:
            raise AssertionError(f"task {label!r} was left out, which no task asks for")
        return ref

    def _grace(self) -> float | None:
        match self.shutdown:
            case Grace(seconds):
                return seconds
            case BrutalKill():
                return 0.0
            case _:
                return None

    def __repr__(self) -> str:
        return f"TaskSupervisorHandle({self.ref!r})"


def task_supervisor_child(
    child_id: str,
    spec: TaskSpec = TaskSpec(),
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: Shutdown | None = None,
) -> ChildSpec:
    """Make the spec of a child that is a supervisor of tasks; its tasks end with it, and are not begun again."""
    return dynamic_supervisor_child(child_id, spec.dynamic_spec(), restart=restart, shutdown=shutdown, name=spec.name)
