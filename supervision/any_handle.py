"""What every kind of supervisor can be asked, with types.

What lives here: the methods that all handles have. Those of one kind are in handle.py and dynamic_handle.py.
"""

from __future__ import annotations

from contextlib import suppress
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from ..actors.actor import Actor
from ..actors.describe import Description
from ..actors.errors import ActorDeadError
from ..actors.lineage import way_down
from ..protocol.errors import shown
from ..protocol.exits import NOPROC, SHUTDOWN, ExitReason
from ..protocol.remote_error import RemoteError
from . import requests as ask
from .errors import NotASupervisor
from .remote_errors import local_error
from .results import ChildCounts, ChildInfo, Children
from .tree import DescribeTree, FlatTree

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem

__all__ = ("ASK_TIMEOUT", "AnyHandle")

ASK_TIMEOUT: Final = 5.0
"""Seconds to wait for what a supervisor answers at once. OTP's gen_server:call default.

Differs from OTP, whose supervisor is asked without limit, as it may be busy with a start or a stop; ours never is.
"""

TREE_MARGIN: Final = 1.0
"""Seconds beyond a tree's own timeout before its asker gives up."""

T = TypeVar("T")


class AnyHandle:
    """A supervisor's ref with a method for everything that every supervisor can be asked.

    Errors: NotASupervisor, when it is made if the class behind the ref is known, else by the first answer. Of all
    methods: AskTimeout; ActorDeadError if it is dead or dies first.
    """

    __slots__ = ("ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        kind = ref.actor_class
        if kind is not Actor and not getattr(kind, "describes_tree", False):  # Actor: not known before it answers
            raise NotASupervisor(ref, f"an actor of the class {kind.__qualname__}")
        self.ref: Final = ref

    @classmethod
    def named(cls, system: ActorSystem, name: str) -> Self:
        """Give the supervisor of this name in the registry. Errors: ActorDeadError with NOPROC if there is none."""
        ref = system.whereis(name)
        if ref is None:
            raise ActorDeadError(f"supervisor {name!r}", NOPROC)
        return cls(ref)

    def which_children(self, *, timeout: float = ASK_TIMEOUT) -> tuple[ChildInfo, ...]:
        """List the children, latest first."""
        return self._ask(ask.WhichChildren(), Children, timeout).children

    def which_child(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> ChildInfo | None:
        """Look one child up; None if there is none of this id."""
        return next((info for info in self.which_children(timeout=timeout) if info.id == child_id), None)

    def count_children(self, *, timeout: float = ASK_TIMEOUT) -> ChildCounts:
        """Count the children."""
        return self._ask(ask.CountChildren(), ChildCounts, timeout)

    def describe_tree(self, *, timeout: float = 1.0) -> Description:
        """Describe all that is below; who does not answer in time is described by its supervisor alone."""
        return self._ask(DescribeTree(timeout, flat=True), FlatTree, timeout + TREE_MARGIN).nested()

    def stop(self, reason: ExitReason = SHUTDOWN, *, timeout: float | None = None) -> tuple[ActorRef[Any], ...]:
        """End the supervisor with this reason, its children first, and wait; without `timeout` for as long as it takes.

        If it is stopping already, the first reason stays. If it is dead, there is nothing to do. Gives those below it
        whose threads run on, as no thread can be killed: suture's unstopped report.
        Errors: AskTimeout, and it goes on stopping; CallingSelf in an actor below it, and then it does not stop.
        """
        with suppress(ActorDeadError):  # it has ended by itself meanwhile, or long ago
            self._ask(ask.StopSupervisor(reason), NoneType, timeout)
        return self.unstopped()

    def unstopped(self) -> tuple[ActorRef[Any], ...]:
        """Give those at or below this supervisor, alive or dead, that were given up while their threads ran on."""
        return tuple(ref for ref in self.ref.system.abandoned.refs() if way_down(self.ref, ref))

    def _ask(self, request: object, kind: type[T], timeout: float | None) -> T:
        answer = self._answer(request, timeout)
        if not isinstance(answer, kind):
            said = f"{shown(answer)} where a {kind.__name__} answers {type(request).__name__}"
            raise NotASupervisor(self.ref, said)
        return answer

    def _answer(self, request: object, timeout: float | None) -> object:
        try:
            return cast(object, self.ref.ask(request, timeout=timeout))
        except RemoteError as error:
            raise local_error(error) from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.ref!r})"
