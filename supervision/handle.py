"""Asking a supervisor, with types: what `gen_server:call(Sup, ...)` is wrapped in, in OTP's supervisor module."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..actors.child_spec import ChildSpec
from ..actors.options import SpawnOptions
from ..protocol.remote_error import RemoteError
from . import requests as ask
from .any_handle import ASK_TIMEOUT, AnyHandle
from .child_specs import boot_timeout, start_seconds
from .results import Done, Reconfigured, StartedChild
from .sending import SupervisorRequests
from .spec import SupervisorSpec
from .supervisor import Supervisor
from .validate import check_supervisor_spec, raise_problems

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem

__all__ = ("ASK_TIMEOUT", "SupervisorHandle")


class SupervisorHandle(AnyHandle):
    """A supervisor's ref with a method for every request.

    Runs in: any thread, and any actor, also a child of that supervisor in its on_start or its cleanup: the supervisor
    never waits for anything, so it answers. What cannot be is to wait for one's own end: `terminate_child`, `stop` and
    `reconfigure` refuse it at once, with CallingSelf, if they are called by the child that is to end or by anybody
    below it, and then nothing is done. `send` has the same methods without waiting, and those work from everywhere.
    Errors of all methods: AskTimeout; ActorDeadError if it is dead or dies first; SupervisorStopping.
    """

    __slots__ = ()

    @property
    def send(self) -> SupervisorRequests:
        """The same requests, sent without waiting for their answers: `handle.send.terminate_child("db")`."""
        return SupervisorRequests(self.ref)

    @classmethod
    def start(cls, system: ActorSystem, spec: SupervisorSpec, *, link: ActorRef[Any] | None = None) -> SupervisorHandle:
        """Start a supervisor, registered under `spec.name` if there is one, and wait for all its children.

        The wait has no limit of its own: each child has its start_timeout.
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
            with suppress(RemoteError):  # a spec in another process that cannot be said: its start_timeout holds there
                timeout = start_seconds(self.get_childspec(child_id)) + ASK_TIMEOUT
        return self._ask(ask.RestartChild(child_id), StartedChild, timeout)

    def terminate_child(self, child_id: str, *, timeout: float | None = None) -> None:
        """Stop a child, or cancel its restart, and wait until that is done; without `timeout` for as long as it takes.

        The spec is kept, unless the child is temporary. Errors: ChildNotFound; CallingSelf at or below that child.
        """
        self._ask(ask.TerminateChild(child_id), Done, timeout)

    def delete_child(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> None:
        """Forget a stopped child. Errors: ChildNotFound; ChildRunning; ChildRestarting."""
        self._ask(ask.DeleteChild(child_id), Done, timeout)

    def get_childspec(self, child_id: str, *, timeout: float = ASK_TIMEOUT) -> ChildSpec:
        """Look a child's spec up.

        From another process what its start names comes by its import path.
        Errors: ChildNotFound; RemoteError from another process, for a start without an import path.
        """
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
