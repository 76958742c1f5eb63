"""What one life of a hosted process is begun with, and how far it can get."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ...protocol.host.messages import Init, Parcel
from ..child_spec import ChildSpec, Limits
from ..outcome import StartOutcome
from .black_box import BlackBox, create_page
from .counters import Counters
from .fork_guard import close_in_forks
from .import_path import ImportPath, search_path
from .launcher import LaunchRequest

if TYPE_CHECKING:
    from ..ref import ActorRef
    from .link_socket import LinkSocket

__all__ = ("Conception", "ProcessState", "conceive")


class ProcessState(Enum):
    """How far this life is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conception:
    """All that one life is begun with. The descriptors belong to the life from then on.

    `shared`: counters in the arguments of the start.
    `waits_for`: of an heir, the urn whose messages it gets only when the process before it has ended.
    """

    init: Init
    sock: socket.socket
    stdout_fd: int
    stderr_fd: int
    black_box: BlackBox
    start_timeout: float
    limits: Limits
    parent: ActorRef | None
    on_outcome: Callable[[StartOutcome], None]
    shared: tuple[Counters, ...] = ()
    waits_for: str | None = None

    def say_init(self, link: LinkSocket) -> None:
        """Say what it is to become. Errors: as LinkSocket.send; CountersClosed and OSError for what is shared."""
        descriptors: list[int] = []
        try:
            descriptors.extend(counters.lend() for counters in self.shared)
            link.send(Parcel(self.init, tuple(descriptors)) if descriptors else self.init)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise


def conceive(
    spec: ChildSpec,
    init: Init,
    named: ImportPath,
    parent: ActorRef | None,
    on_outcome: Callable[[StartOutcome], None],
    *,
    shared: tuple[Counters, ...],
    waits_for: str | None,
) -> tuple[Conception, LaunchRequest]:
    """Open all that lies between the two processes. Errors: OSError; then nothing is left open."""
    opened: list[int] = []
    try:
        page = create_page(init.incarnation)
        opened.append(page)
        stdout, stdout_child = os.pipe()
        opened += (stdout, stdout_child)
        stderr, stderr_child = os.pipe()
        opened += (stderr, stderr_child)
        cwd = str(Path.cwd())
        ours, theirs = socket.socketpair()
        close_in_forks(ours)
    except OSError:
        for fd in opened:
            os.close(fd)
        raise
    begun = Conception(
        init=init,
        sock=ours,
        stdout_fd=stdout,
        stderr_fd=stderr,
        black_box=BlackBox(page),
        start_timeout=spec.start_timeout,
        limits=spec.limits,
        parent=parent,
        on_outcome=on_outcome,
        shared=shared,
        waits_for=waits_for,
    )
    request = LaunchRequest(
        name=init.name,
        socket_fd=theirs.detach(),
        black_box_fd=page,
        stdout_fd=stdout_child,
        stderr_fd=stderr_child,
        path=tuple(search_path(named.entry)),
        cwd=cwd,
        env=dict(os.environ),
        orphan_grace=float(init.options["orphan_grace"]),  # type: ignore[arg-type]
        module="" if named.entry else named.target.partition(":")[0],  # a script may do anything when it is imported
    )
    return begun, request
