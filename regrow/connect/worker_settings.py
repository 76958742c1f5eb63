"""What a worker was told, checked, and in the words of its parts.

What lives here: from the arguments of `Worker` to the plan of its executor and the config of its link. What must not:
starting anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import path_of
from regrow.actors.roles.executor.actor import ExecutorPlan
from regrow.actors.roles.executor.request import ExecutorSettings
from regrow.actors.roles.log_sinks import record_sink
from regrow.actors.roles.messages import FunctionTarget
from regrow.actors.roles.tls import DialTls
from regrow.connect.addresses import check_proxy, tokens_of, urls_of
from regrow.connect.broker.labels import label_problem
from regrow.connect.worker_errors import WorkerMisused
from regrow.connect.worker_link import LinkConfig, is_foreign
from regrow.protocol.session.foreign import ForeignProtocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from regrow.connect.worker import Worker
    from regrow.connect.worker_state import StateDir

__all__ = ("check", "executor_plan", "link_config")


def check(worker: Worker) -> None:
    """Look at what can be looked at before anything is started. Errors: WorkerMisused naming it, and what was got."""
    options = worker.options
    if worker.capacity < 1:
        raise WorkerMisused(f"capacity: expected an integer >= 1, got {worker.capacity!r}")
    for name in ("processes", "max_attempts"):
        given = getattr(options, name)
        if given is not None and given < 1:
            raise WorkerMisused(f"options.{name}: expected an integer >= 1, got {given!r}")
    if problem := label_problem(options.labels):
        raise WorkerMisused(problem)
    if options.give_up_after is not None and not options.give_up_after > 0:
        raise WorkerMisused(f"options.give_up_after: expected seconds > 0, got {options.give_up_after!r}")
    if options.protocol is not None and not is_foreign(options.protocol):
        raise WorkerMisused(f"options.protocol: expected a subclass of ForeignProtocol, got {options.protocol!r}")
    try:
        urls_of(worker.url)
        tokens_of(worker.token)
        record_sink(worker.logger)
        check_proxy(options.proxy)
        DialTls(ca_file=options.ca_file, cert_file=options.cert_file, key_file=options.key_file).check()
    except (TypeError, ValueError) as error:
        raise WorkerMisused(str(error)) from error


def executor_plan(
    worker: Worker, targets: Mapping[str, FunctionTarget], local: Mapping[str, Callable[..., object]]
) -> ExecutorPlan:
    """Give the plan of the executor."""
    options = worker.options
    settings = ExecutorSettings(
        capacity=worker.capacity,
        prefetch=options.prefetch,
        queue_bound=max(worker.capacity if options.queue_bound is None else options.queue_bound, options.prefetch),
        deaths_before_quarantine=options.deaths_before_quarantine,
        cancel_grace=options.cancel_grace,
        interrupt_grace=options.interrupt_grace,
    )
    return ExecutorPlan(
        settings=settings,
        functions=targets,
        local=local,
        log_level=options.log_level,
        link_silence_beats=options.link_silence_beats,
        processes=options.processes,
    )


def _protocol_path(protocol: type[ForeignProtocol]) -> str:
    """Name the class for the link. Errors: WorkerMisused."""
    try:
        return path_of(protocol).target
    except NotImportable as error:
        raise WorkerMisused(f"options.protocol: {error}") from error


def link_config(worker: Worker, plan: ExecutorPlan, state: StateDir) -> LinkConfig:
    """Give what the link is told."""
    options = worker.options
    return LinkConfig(
        urls=urls_of(worker.url),
        tokens=tokens_of(worker.token),
        protocol=None if options.protocol is None else _protocol_path(options.protocol),
        instance=state.instance,
        name=worker.name,
        functions=tuple(sorted(plan.functions)),
        capacity=worker.capacity + options.prefetch,
        labels=dict(options.labels),
        outbox_path=str(state.outbox),
        outbox_max_bytes=options.outbox_max_bytes,
        executor_silence=options.executor_silence,
        log_level=options.log_level,
        reconnect_base=options.reconnect_base,
        reconnect_cap=options.reconnect_cap,
        max_attempts=options.max_attempts,
        give_up_after=options.give_up_after,
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
        proxy=options.proxy,
    )
