"""Asking a supervisor, with types: what `gen_server:call(Sup, ...)` is wrapped in, in OTP's supervisor module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..actors.child_spec import ChildSpec
from ..actors.describe import Description
from ..actors.options import SpawnOptions
from ..protocol.exits import SHUTDOWN, ExitReason
from . import requests as ask
from .child_specs import boot_timeout, start_seconds
from .results import ChildCounts, ChildInfo, Children, Reconfigured, StartedChild
from .spec import SupervisorSpec
from .supervisor import Supervisor
from .tree import DescribeTree
from .validate import check_supervisor_spec, raise_problems

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem

__all__ = ("ASK_TIMEOUT", "SupervisorHandle")

ASK_TIMEOUT: Final = 5.0
"""Seconds to wait for what a supervisor answers at once. OTP's gen_server:call default."""

TREE_MARGIN: Final = 1.0
"""Seconds beyond a tree's own timeout before its asker gives up."""

T = TypeVar("T")


class SupervisorHandle:
    """A supervisor's ref with a method for every request.

    Runs in: any thread, and any actor, also a child of that supervisor in its own on_start: the supervisor never waits
    for anything, so it answers. What cannot be is waiting for its own end in a child (terminate_child of itself): that
    lasts until the child's shutdown time is over and it is killed.
    Errors of all methods: AskTimeout; ActorDeadError if it is dead or dies first; SupervisorStopping.
    """

    __slots__ = ("ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        self.ref: Final = ref

    @classmethod
    def start(cls, system: ActorSystem, spec: SupervisorSpec, *, link: ActorRef[Any] | None = None) -> SupervisorHandle:
        """Start a supervisor, registered under `spec.name` if there is one, and wait for all its children.

        The wait is bounded by what the children's start_timeouts add up to.
        Errors: InvalidSpec; FailedToStartChild; NameTaken; StartTimeout; SystemClosed.
        """
        raise_problems(check_supervisor_spec(spec))
        options = SpawnOptions(name=spec.name, start_timeout=boot_timeout(spec), link=link)
        return cls(system.spawn(Supervisor, spec, options=options))

    def start_child(self, spec: ChildSpec, *, timeout: float | None = None) -> StartedChild:
        """Add a child behind the others and start it; wait until it is ready, by default its start_timeout and more.

        Errors: AlreadyStarted; AlreadyPresent; InvalidSpec; FailedToStartChild (the spec is not kept then);
        ChildWithdrawn.
        """
        wait = start_seconds(spec) + ASK_TIMEOUT if timeout is None else timeout
        return self._ask(ask.StartChild(spec), StartedChild, wait)

    def restart_child(self, child_id: str, *, timeout: float | None = None) -> StartedChild:
        """Start a child that is stopped; wait until it is ready.

        Errors: ChildNotFound; ChildRunning; ChildRestarting; FailedToStartChild (it stays stopped); ChildWithdrawn.
        """
        if timeout is None:
            timeout = self.get_childspec(child_id).start_timeout + ASK_TIMEOUT
        return self._ask(ask.RestartChild(child_id), StartedChild, timeout)

    def terminate_child(self, child_id: str, *, timeout: float | None = None) -> None:
        """Stop a child, or cancel its restart, and wait until that is done; without `timeout` for as long as it takes.

        The spec is kept, unless the child is temporary. Errors: ChildNotFound.
        """
        self.ref.ask(ask.TerminateChild(child_id), timeout=timeout)

    def delete_child(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> None:
        """Forget a stopped child. Errors: ChildNotFound; ChildRunning; ChildRestarting."""
        self.ref.ask(ask.DeleteChild(child_id), timeout=timeout)

    def which_children(self, *, timeout: float = ASK_TIMEOUT) -> tuple[ChildInfo, ...]:
        """List the children, latest first."""
        return self._ask(ask.WhichChildren(), Children, timeout).children

    def which_child(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> ChildInfo | None:
        """Look one child up; None if there is none of this id."""
        return next((info for info in self.which_children(timeout=timeout) if info.id == child_id), None)

    def count_children(self, *, timeout: float = ASK_TIMEOUT) -> ChildCounts:
        """Count the children."""
        return self._ask(ask.CountChildren(), ChildCounts, timeout)

    def get_childspec(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> ChildSpec:
        """Look a child's spec up. Errors: ChildNotFound."""
        return self._ask(ask.GetChildSpec(child_id), ChildSpec, timeout)

    def reconfigure(self, spec: SupervisorSpec, *, timeout: float | None = None) -> Reconfigured:
        """Become what `spec` describes, without touching the children that are the same in it, and wait for that.

        Children that are gone are stopped, changed ones are stopped and started, new ones are started; policies are
        applied to the lives that run, and supervisors below follow in the same way. Children that were added by hand
        stay. Without `timeout` it waits for as long as those stops and starts take.
        Errors: InvalidSpec with all mistakes, and nothing has changed; CannotReconfigure while it starts or follows
        another spec; SupervisorStopping.
        """
        return self._ask(ask.Reconfigure(spec), Reconfigured, timeout)

    def describe_tree(self, *, timeout: float = 1.0) -> Description:
        """Describe all that is below; who does not answer in time is described by its supervisor alone."""
        return self._ask(DescribeTree(timeout), Description, timeout + TREE_MARGIN)

    def stop(self, reason: ExitReason = SHUTDOWN, *, timeout: float | None = None) -> None:
        """End the supervisor with this reason, its children first, and wait; without `timeout` for as long as it takes.

        Errors: AskTimeout, and it goes on stopping; CallingSelf in an actor that it would wait for in a circle.
        """
        self.ref.shutdown(reason)
        self.ref.stop(timeout=timeout)  # whose answer comes when it is over; the first reason stays

    def _ask(self, request: object, kind: type[T], timeout: float | None) -> T:
        answer = self.ref.ask(request, timeout=timeout)
        if not isinstance(answer, kind):
            raise AssertionError(f"{self.ref}: expected a {kind.__name__} for {request}, got {answer!r}")
        return answer

    def __repr__(self) -> str:
        return f"SupervisorHandle({self.ref!r})"
