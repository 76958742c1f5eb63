"""Supervision trees for Python: actors, supervisors, OS processes that exchange only messages, and a service on top.

Everything here is imported when it is first asked for, so `import regrow` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regrow.actors.actor import Actor as Actor
    from regrow.actors.child_spec import BrutalKill as BrutalKill
    from regrow.actors.child_spec import ChildSpec as ChildSpec
    from regrow.actors.child_spec import ChildType as ChildType
    from regrow.actors.child_spec import Grace as Grace
    from regrow.actors.child_spec import Infinity as Infinity
    from regrow.actors.child_spec import Isolation as Isolation
    from regrow.actors.child_spec import Limits as Limits
    from regrow.actors.child_spec import Restart as Restart
    from regrow.actors.child_spec import Start as Start
    from regrow.actors.ref import ActorRef as ActorRef
    from regrow.actors.roles.invocation import Invocation as Invocation
    from regrow.actors.roles.invocation import invocation as invocation
    from regrow.actors.roles.logger import logger as logger
    from regrow.actors.system import ActorSystem as ActorSystem
    from regrow.connect.client import Client as Client
    from regrow.connect.client_async import AsyncClient as AsyncClient
    from regrow.connect.gateway import Gateway as Gateway
    from regrow.connect.request_options import RequestOptions as RequestOptions
    from regrow.connect.worker import Worker as Worker
    from regrow.connect.worker import WorkerOptions as WorkerOptions
    from regrow.protocol.errors import RegrowError as RegrowError
    from regrow.protocol.records import record as record
    from regrow.supervision.backoff import Backoff as Backoff
    from regrow.supervision.dynamic_handle import DynamicSupervisorHandle as DynamicSupervisorHandle
    from regrow.supervision.dynamic_spec import DynamicSpec as DynamicSpec
    from regrow.supervision.handle import SupervisorHandle as SupervisorHandle
    from regrow.supervision.intensity import RestartIntensity as RestartIntensity
    from regrow.supervision.partition_handle import PartitionHandle as PartitionHandle
    from regrow.supervision.partition_spec import PartitionSpec as PartitionSpec
    from regrow.supervision.significance import AutoShutdown as AutoShutdown
    from regrow.supervision.spec import SupervisorSpec as SupervisorSpec
    from regrow.supervision.strategy import Strategy as Strategy
    from regrow.supervision.supervise import supervise as supervise
    from regrow.supervision.supervisor import Supervisor as Supervisor
    from regrow.supervision.task_supervisor import TaskSpec as TaskSpec
    from regrow.supervision.task_supervisor import TaskSupervisorHandle as TaskSupervisorHandle

__version__: Final = "0.1.0"
"""The same as in pyproject.toml; a test compares them."""

_HOMES: Final = {
    "Actor": "actors.actor",
    "ActorRef": "actors.ref",
    "ActorSystem": "actors.system",
    "AsyncClient": "connect.client_async",
    "AutoShutdown": "supervision.significance",
    "Backoff": "supervision.backoff",
    "BrutalKill": "actors.child_spec",
    "ChildSpec": "actors.child_spec",
    "ChildType": "actors.child_spec",
    "Client": "connect.client",
    "DynamicSpec": "supervision.dynamic_spec",
    "DynamicSupervisorHandle": "supervision.dynamic_handle",
    "Gateway": "connect.gateway",
    "Grace": "actors.child_spec",
    "Infinity": "actors.child_spec",
    "Invocation": "actors.roles.invocation",
    "Isolation": "actors.child_spec",
    "Limits": "actors.child_spec",
    "PartitionHandle": "supervision.partition_handle",
    "PartitionSpec": "supervision.partition_spec",
    "RegrowError": "protocol.errors",
    "RequestOptions": "connect.request_options",
    "Restart": "actors.child_spec",
    "RestartIntensity": "supervision.intensity",
    "Start": "actors.child_spec",
    "Strategy": "supervision.strategy",
    "Supervisor": "supervision.supervisor",
    "SupervisorHandle": "supervision.handle",
    "SupervisorSpec": "supervision.spec",
    "TaskSpec": "supervision.task_supervisor",
    "TaskSupervisorHandle": "supervision.task_supervisor",
    "Worker": "connect.worker",
    "WorkerOptions": "connect.worker",
    "invocation": "actors.roles.invocation",
    "logger": "actors.roles.logger",
    "record": "protocol.records",
    "supervise": "supervision.supervise",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(sorted({*_HOMES, "__version__"}))

    def __getattr__(name: str) -> object:
        from regrow.protocol.lazy import import_name  # here, so that `import regrow` imports nothing else

        return import_name(name, _HOMES, globals())

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
