"""Asking a DynamicSupervisor, with types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..actors.child_spec import ChildSpec
from ..actors.options import SpawnOptions
from . import requests as ask
from .any_handle import ASK_TIMEOUT, AnyHandle
from .child_specs import start_seconds
from .dynamic_spec import DynamicSpec
from .dynamic_supervisor import DynamicSupervisor
from .results import Done, Reconfigured, StartedChild
from .sending import DynamicRequests
from .validate import check_dynamic_child, check_dynamic_spec, raise_problems

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem

__all__ = ("DynamicSupervisorHandle",)


class DynamicSupervisorHandle(AnyHandle):
    """A DynamicSupervisor's ref with a method for every request.

    Runs in: any thread, and any actor, also a child of that supervisor in its on_start or its cleanup. A child is named
    by its ref, which is the same for all its lives, or by the id in its StartedChild and ChildInfo.
    Errors of all methods: AskTimeout; ActorDeadError if it is dead or dies first; SupervisorStopping; NotOffered for
    what a DynamicSupervisor with or without a template does not do.
    """

    __slots__ = ()

    @classmethod
    def start(
        cls,
        system: ActorSystem,
        spec: DynamicSpec = DynamicSpec(),  # noqa: B008 - frozen
        *,
        link: ActorRef[Any] | None = None,
    ) -> DynamicSupervisorHandle:
        """Start a DynamicSupervisor, registered under `spec.name` if there is one; it has no children yet.

        Errors: InvalidSpec; NameTaken; StartTimeout; SystemClosed.
        """
        raise_problems(check_dynamic_spec(spec))
        return cls(system.spawn(DynamicSupervisor, spec, options=SpawnOptions(name=spec.name, link=link)))

    @property
    def send(self) -> DynamicRequests:
        """The same requests, sent without waiting for their answers: `handle.send.terminate_child(ref)`."""
        return DynamicRequests(self.ref)

    def start_child(self, spec: ChildSpec, *, timeout: float | None = None) -> StartedChild:
        """Start a child and wait until it is ready, by default its start_timeout and more.

        `spec.id` is a label, that several children may have; the id of this child is in the answer. Its `ref` is None
        if the child asked to be left out, and then it is forgotten.
        Errors: InvalidSpec, raised here before anything is sent; MaxChildren; FailedToStartChild; AlreadyStarted if
        somebody has the name that it is to have; ChildWithdrawn.
        """
        raise_problems(check_dynamic_child(spec))
        wait = start_seconds(spec) + ASK_TIMEOUT if timeout is None else timeout
        return self._ask(ask.StartChild(spec), StartedChild, wait)

    def start_child_with(self, *args: object, timeout: float | None = None) -> StartedChild:
        """Start a child of the template, with `args` behind the template's, and wait until it is ready.

        Without `timeout` it waits for as long as the template's start_timeout lets the start take.
        Errors: as of start_child.
        """
        return self._ask(ask.StartChildWith(args), StartedChild, timeout)

    def terminate_child(self, child: ActorRef[Any] | str, *, timeout: float | None = None) -> None:
        """Stop a child, or cancel its restart, and forget it; without `timeout` wait for as long as it takes.

        Errors: ChildNotFound, also for a child that is over already (with a template that is no error, as in OTP);
        CallingSelf at or below that child.
        """
        self._ask(ask.TerminateChild(child), Done, timeout)

    def reconfigure(self, spec: DynamicSpec, *, timeout: float = ASK_TIMEOUT) -> Reconfigured:
        """Become what `spec` describes. The children that are there stay, also those beyond a lower max_children.

        Their restarts are by the new spec: its intensity, backoff, extra arguments and template.
        Errors: InvalidSpec with all mistakes, and nothing has changed; SupervisorStopping.
        """
        return self._ask(ask.Reconfigure(spec), Reconfigured, timeout)

    def get_childspec(self, child: ActorRef[Any] | str, *, timeout: float = ASK_TIMEOUT) -> ChildSpec:
        """Look a child's spec up as it was given; with a template that is what all give. Errors: ChildNotFound."""
        return self._ask(ask.GetChildSpec(child), ChildSpec, timeout)
