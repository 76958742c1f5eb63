"""The connection process of a worker: what it is told, and the tree that it hosts.

No user code runs in it, but for the words of a server that is not ours (`WorkerOptions.protocol`).

What lives here: `LinkConfig` and `link_start`, which the hosted process imports and calls. What must not: the main
process's side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeGuard

from regrow.actors import ActorRef, ChildSpec, Grace, Start
from regrow.actors.hosting.import_path import importing_target, resolve
from regrow.actors.roles.connection import Connection
from regrow.actors.roles.heartbeat import Heartbeat
from regrow.actors.roles.holdings import ConnectionSettings
from regrow.actors.roles.leases import Leases
from regrow.actors.roles.link_messages import CONNECTION, HEARTBEAT, LEASES, OUTBOX
from regrow.actors.roles.logger_proxy import LogForwarder
from regrow.actors.roles.outbox import Outbox
from regrow.actors.roles.reconnect import Patience
from regrow.actors.roles.tls import DialTls
from regrow.protocol.records import record
from regrow.protocol.session.foreign import ForeignProtocol, ForeignSession
from regrow.protocol.session.speaking import ConnectionProtocol, RegrowProtocol
from regrow.supervision import Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision.supervisor import Supervisor

__all__ = ("LINK_TARGET", "PRELOAD", "LinkConfig", "is_foreign", "link_start")

LINK_TARGET = "regrow.connect.worker_link:link_start"
"""What the ChildSpec of the link starts."""

PRELOAD = (
    "regrow.connect.worker_link",
    "regrow.actors.roles.executor.process_child",
    "regrow.supervision.supervisor",
    "regrow.actors.roles.ask_first",
    "tenacity.wait",
    "sqlite3",
    "ssl",
    "encodings.idna",
    "asyncio",
)
"""What the zygote imports once, so that a new link or executor process imports nothing."""


@record("regrow.link_config")
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """Everything that a link is told, as plain values. Shape: seconds and bytes."""

    urls: tuple[str, ...]
    tokens: tuple[str, ...] = field(repr=False)
    instance: str
    name: str
    functions: tuple[str, ...]
    capacity: int
    outbox_path: str
    outbox_max_bytes: int
    executor_silence: float
    log_level: str = "debug"
    labels: dict[str, str] = field(default_factory=dict)
    reconnect_base: float = 0.2
    reconnect_cap: float = 30.0
    max_attempts: int | None = None
    give_up_after: float | None = None
    protocol: str | None = None  # import path of a ForeignProtocol; None: ours
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | Literal[True] | None = field(default=None, repr=False)  # its url may have a password in it


def link_start(config: LinkConfig, executor: ActorRef) -> Start:
    """Name the tree of a link. Runs in: the connection process, once a life."""
    return Start(Supervisor, (_tree(config, executor),))


def is_foreign(protocol: object) -> TypeGuard[type[ForeignProtocol]]:
    """Whether it speaks to a server that is not ours."""
    return isinstance(protocol, type) and issubclass(protocol, ForeignProtocol)


def _protocol(target: str | None) -> Callable[[], ConnectionProtocol]:
    """Find who speaks to the server. Errors: NotImportable; TypeError for what is no ForeignProtocol."""
    if target is None:
        return RegrowProtocol
    with importing_target(target):
        found = resolve(target)
    if not is_foreign(found):
        raise TypeError(f"{target}: expected a subclass of ForeignProtocol, got {found!r}")
    return lambda: ForeignSession(found())


def _tree(config: LinkConfig, executor: ActorRef) -> SupervisorSpec:
    # A gateway that accepts and drops at once is met with growing waits; a session of 5 s counts as a good one.
    delays = Backoff(base=config.reconnect_base, cap=config.reconnect_cap, jitter="equal", reset_after=5.0)
    settings = ConnectionSettings(
        urls=config.urls,
        tokens=config.tokens,
        instance=config.instance,
        name=config.name,
        functions=config.functions,
        capacity=config.capacity,
        labels=config.labels,
        delays=delays,
        protocol=_protocol(config.protocol),
        patience=Patience(max_attempts=config.max_attempts, give_up_after=config.give_up_after),
        tls=DialTls(ca_file=config.ca_file, cert_file=config.cert_file, key_file=config.key_file),
        proxy=config.proxy,
    )
    return SupervisorSpec(
        strategy=Strategy.REST_FOR_ONE,
        children=(
            ChildSpec(id="logger_proxy", start=Start(LogForwarder, (), {"level": config.log_level})),
            ChildSpec(
                id=CONNECTION, name=CONNECTION, start=Start(Connection, (settings, executor)), shutdown=Grace(2.0)
            ),
            ChildSpec(id=HEARTBEAT, name=HEARTBEAT, start=Start(Heartbeat, (executor,)), shutdown=Grace(1.0)),
            ChildSpec(
                id=LEASES,
                name=LEASES,
                start=Start(Leases, (), {"silence_limit": config.executor_silence}),
                shutdown=Grace(1.0),
            ),
            ChildSpec(
                id=OUTBOX,
                name=OUTBOX,
                start=Start(
                    Outbox, (config.outbox_path,), {"executor": executor, "max_bytes": config.outbox_max_bytes}
                ),
                shutdown=Grace(1.0),
            ),
        ),
        intensity=RestartIntensity(5, 10.0),
        backoff=Backoff(base=0.05, cap=1.0, reset_after=5.0),
        name="link",
    )
