"""Asking a supervisor without waiting: what `gen_server:send_request(Sup, ...)` is, with types.

What lives here: `send` of every handle. The methods that wait are in any_handle.py, handle.py and dynamic_handle.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from ..actors.child_spec import ChildSpec
from ..actors.describe import Description
from ..protocol.exits import SHUTDOWN, ExitReason
from . import requests as ask
from .results import ChildCounts, Children, Done, StartedChild
from .tree import DescribeTree

if TYPE_CHECKING:
    import pykka

    from ..actors.ref import ActorRef

__all__ = ("AnyRequests", "DynamicRequests", "SupervisorRequests")


class AnyRequests:
    """Sends each request and gives the future of its answer: `get(timeout=...)` it, `await` it, or let it go.

    For whoever must not wait, as a child that wants its own end: `handle.send.terminate_child("me")`, then back to its
    mailbox, where the request to stop is next. To wait for such an answer is CallingSelf in `get`, and at once; what
    was asked for is done all the same.

    Runs in: any thread. Never blocks. Errors come by the future: what SupervisorHandle's methods raise.
    """

    __slots__ = ("ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        self.ref: Final = ref

    def which_children(self) -> pykka.Future[Children]:
        """List the children, latest first."""
        return cast("pykka.Future[Children]", self._ask(ask.WhichChildren()))

    def count_children(self) -> pykka.Future[ChildCounts]:
        """Count the children."""
        return cast("pykka.Future[ChildCounts]", self._ask(ask.CountChildren()))

    def describe_tree(self, *, timeout: float = 1.0) -> pykka.Future[Description]:
        """Describe all that is below; who does not answer in time is described by its supervisor alone."""
        return cast("pykka.Future[Description]", self._ask(DescribeTree(timeout)))

    def stop(self, reason: ExitReason = SHUTDOWN) -> pykka.Future[None]:
        """End the supervisor, its children first; answered with None when its exit has been announced."""
        return cast("pykka.Future[None]", self._ask(ask.StopSupervisor(reason)))

    def _ask(self, request: object) -> object:
        return self.ref.ask(request, block=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.ref!r})"


class SupervisorRequests(AnyRequests):
    """Sends a Supervisor's requests and gives the future of each answer."""

    __slots__ = ()

    def start_child(self, spec: ChildSpec) -> pykka.Future[StartedChild]:
        """Add a child behind the others and start it; answered when it is ready."""
        return cast("pykka.Future[StartedChild]", self._ask(ask.StartChild(spec)))

    def restart_child(self, child_id: str) -> pykka.Future[StartedChild]:
        """Start a child that is stopped; answered when it is ready."""
        return cast("pykka.Future[StartedChild]", self._ask(ask.RestartChild(child_id)))

    def terminate_child(self, child_id: str) -> pykka.Future[Done]:
        """Stop a child, or cancel its restart; answered when that is done."""
        return cast("pykka.Future[Done]", self._ask(ask.TerminateChild(child_id)))

    def delete_child(self, child_id: str) -> pykka.Future[Done]:
        """Forget a stopped child."""
        return cast("pykka.Future[Done]", self._ask(ask.DeleteChild(child_id)))

    def get_childspec(self, child_id: str) -> pykka.Future[ChildSpec]:
        """Look a child's spec up."""
        return cast("pykka.Future[ChildSpec]", self._ask(ask.GetChildSpec(child_id)))


class DynamicRequests(AnyRequests):
    """Sends a DynamicSupervisor's requests and gives the future of each answer."""

    __slots__ = ()

    def start_child(self, spec: ChildSpec) -> pykka.Future[StartedChild]:
        """Start a child; answered when it is ready."""
        return cast("pykka.Future[StartedChild]", self._ask(ask.StartChild(spec)))

    def start_child_with(self, *args: object) -> pykka.Future[StartedChild]:
        """Start a child of the template, with `args` behind the template's; answered when it is ready."""
        return cast("pykka.Future[StartedChild]", self._ask(ask.StartChildWith(args)))

    def terminate_child(self, child: ActorRef[Any] | str) -> pykka.Future[Done]:
        """Stop a child, or cancel its restart; answered when that is done."""
        return cast("pykka.Future[Done]", self._ask(ask.TerminateChild(child)))

    def get_childspec(self, child: ActorRef[Any] | str) -> pykka.Future[ChildSpec]:
        """Look a child's spec up."""
        return cast("pykka.Future[ChildSpec]", self._ask(ask.GetChildSpec(child)))
