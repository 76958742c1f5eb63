"""Making the spec of a supervisor that is itself a child."""

from __future__ import annotations

from ..actors.child_spec import ChildSpec, ChildType, Delays, Isolation, Restart, Shutdown, Start
from .dynamic_spec import DynamicSpec
from .dynamic_supervisor import DynamicSupervisor
from .spec import SupervisorSpec
from .start_times import boot_timeout, start_seconds
from .supervisor import Supervisor

__all__ = ("boot_timeout", "dynamic_supervisor_child", "start_seconds", "supervisor_child")


def supervisor_child(  # noqa: PLR0913 - as many as a ChildSpec has
    child_id: str,
    spec: SupervisorSpec | str,
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: Shutdown | None = None,
    significant: bool = False,
    isolation: Isolation = Isolation.THREAD,
    start_timeout: float | None = None,
    backoff: Delays | None = None,
    name: str | None = None,
) -> ChildSpec:
    """Make the spec of a child that is a supervisor; by default it has unlimited time to stop.

    `spec` is the supervisor's own spec, or the import path "package.module:function" of a function that returns
    `Start(Supervisor, (SupervisorSpec(...),))`: the only way to say it to another process. `start_timeout` is by
    default unlimited, as each child below has one; in a process of its own it is what the starts below may take
    together, and a minute for an import path.
    """
    start = Start(spec) if isinstance(spec, str) else Start(Supervisor, (spec,))
    if start_timeout is None:
        start_timeout = 60.0 if isinstance(spec, str) else boot_timeout(spec, isolation)
    return ChildSpec(
        id=child_id,
        start=start,
        restart=restart,
        shutdown=shutdown,
        type=ChildType.SUPERVISOR,
        significant=significant,
        isolation=isolation,
        start_timeout=start_timeout,
        backoff=backoff,
        name=name,
    )


def dynamic_supervisor_child(  # noqa: PLR0913 - as many as a ChildSpec has
    child_id: str,
    spec: DynamicSpec | str = DynamicSpec(),  # noqa: B008 - frozen
    *,
    restart: Restart = Restart.PERMANENT,
    shutdown: Shutdown | None = None,
    significant: bool = False,
    isolation: Isolation = Isolation.THREAD,
    start_timeout: float | None = None,
    backoff: Delays | None = None,
    name: str | None = None,
) -> ChildSpec:
    """Make the spec of a child that is a DynamicSupervisor; by default it has unlimited time to stop.

    `spec` is its own spec, or, for another process, the import path "package.module:function" of a function that
    returns `Start(DynamicSupervisor, (DynamicSpec(...),))`.
    """
    start = Start(spec) if isinstance(spec, str) else Start(DynamicSupervisor, (spec,))
    if start_timeout is None:
        start_timeout = 60.0 if isinstance(spec, str) else boot_timeout(SupervisorSpec(), isolation)
    return ChildSpec(
        id=child_id,
        start=start,
        restart=restart,
        shutdown=shutdown,
        type=ChildType.SUPERVISOR,
        significant=significant,
        isolation=isolation,
        start_timeout=start_timeout,
        backoff=backoff,
        name=name,
    )
