"""The worker: functions of yours that a gateway's clients can invoke.

What lives here: `Worker`, the public face: registration, start, stop, status. What must not: the tree
(worker_tree.py), the roles (actors/roles), signals and exit codes (worker_run.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from regrow.actors import ActorDeadError, ActorSystem, AskTimeout
from regrow.actors.hosting.import_path import import_in_progress
from regrow.actors.roles.executor.actor import AskExecutor, ExecutorPlan, ExecutorStatus, StartDrain
from regrow.actors.roles.executor.events import RunsAbandoned
from regrow.actors.roles.logger_proxy import AskStatistics, LogStatistics
from regrow.actors.roles.reconnect import GAVE_UP
from regrow.connect.addresses import Tokens, Urls, urls_of
from regrow.connect.function_policy import FunctionIsolation, FunctionPolicy
from regrow.connect.worker_errors import (
    WorkerGaveUp,
    WorkerMisused,
    WorkerNotReady,
    WorkerRefused,
    WorkerStartFailed,
)
from regrow.connect.worker_functions import FunctionRegistry
from regrow.connect.worker_link import PRELOAD
from regrow.connect.worker_options import WorkerOptions, WorkerStatus
from regrow.connect.worker_settings import check, executor_plan, link_config
from regrow.connect.worker_state import StateDir
from regrow.connect.worker_tree import EXECUTOR, LOGGER_PROXY, link_child, worker_tree
from regrow.connect.worker_watch import LinkStatus, WorkerWatch
from regrow.protocol.errors import RegrowError
from regrow.supervision.handle import SupervisorHandle

if TYPE_CHECKING:
    from regrow.connect.worker_admin import WorkerAdmin

__all__ = ("Worker", "WorkerOptions", "WorkerStatus")

E = TypeVar("E")
F = TypeVar("F", bound=Callable[..., object])

_ASK_SECONDS: Final = 5.0
_ABANDON_SECONDS: Final = 1.0  # for the executor to kill what runs; it never blocks
_SHUTDOWN_SECONDS: Final = 8.0  # for a tree that has nothing left to do: link 4 s, executor 4 s at the very worst


class Worker:
    """Serves functions through a gateway.

        worker = regrow.Worker("ws://127.0.0.1:8790", token="...")

        @worker.function
        def factor(n: int) -> list[int]: ...

        if __name__ == "__main__":
            worker.run()

    Plain functions run in processes of their own, so neither a crash nor a computation that holds the GIL touches the
    connection. `url` may be several gateways, the first one preferred; `token` two, the second one to fall back on when
    the first is refused. `logger` is loguru's, a `logging.Logger` or any object with .info and friends; records from
    everywhere reach it in this process. Usable from any thread; signals are handled by `run()` alone.
    """

    def __init__(
        self,
        url: Urls,
        *,
        token: Tokens = "",
        name: str = "",
        capacity: int | None = None,
        logger: object | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        options: WorkerOptions | None = None,
    ) -> None:
        self.url = url
        self.token = token
        self.name = name or "worker"
        self.capacity = capacity if capacity is not None else os.cpu_count() or 1
        self.logger = logger
        self.state_dir = state_dir
        self.options = options or WorkerOptions()
        self._functions = FunctionRegistry()
        self._listeners: list[tuple[Callable[[Any], None], tuple[type, ...]]] = []
        self._system: ActorSystem | None = None  # set while it is started
        self._root: SupervisorHandle | None = None
        self._watch: WorkerWatch | None = None
        self._state: StateDir | None = None
        self._admin: WorkerAdmin | None = None
        self._ending = threading.Lock()
        check(self)

    # ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def function(self, function: F) -> F: ...

    @overload
    def function(
        self,
        function: None = None,
        *,
        name: str | None = None,
        isolation: FunctionIsolation | None = None,
        deadline: float | None = None,
        retries: int = 0,
        validate: bool = True,
        concurrency: int | None = None,
        priority: int = 0,
        rate: str | None = None,
        quarantine: int | None = None,
    ) -> Callable[[F], F]: ...

    def function(  # noqa: PLR0913 - as many as a FunctionPolicy has
        self,
        function: F | None = None,
        *,
        name: str | None = None,
        isolation: FunctionIsolation | None = None,
        deadline: float | None = None,
        retries: int = 0,
        validate: bool = True,
        concurrency: int | None = None,
        priority: int = 0,
        rate: str | None = None,
        quarantine: int | None = None,
    ) -> F | Callable[[F], F]:
        """Serve a function; gives it back unchanged.

        `isolation`: "process" (the default of plain functions), "thread", or "inline" (that of async ones: the event
        loop of this process). `deadline`: seconds a run may take; then cancel, interrupt, kill. `retries`: local
        re-runs when the process that ran it dies. `validate`: check arguments against the annotations, and make
        maps the dataclasses that these name. `concurrency`: runs of it at a time. `rate`: how many may begin, such as
        "10/s". `priority`: of what waits here, the highest goes first. `quarantine`: how many deaths of its process
        one request may cause. Errors: WorkerMisused.
        """
        policy = FunctionPolicy(
            isolation=isolation,
            deadline=deadline,
            retries=retries,
            validate=validate,
            concurrency=concurrency,
            priority=priority,
            rate=rate,
            quarantine=quarantine,
        )

        def register(served: F) -> F:
            if self._system is not None:
                raise WorkerMisused("functions have to be registered before the worker is started")
            self._functions.add(served, name=name, policy=policy)
            return served

        return register if function is None else register(function)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions that are served."""
        return self._functions.names

    def subscribe(self, listener: Callable[[E], None], *kinds: type[E]) -> None:
        """Have events of these kinds told, of every run of the worker from its first moment on.

        Runs in: the thread that publishes, so the listener has to be quick. docs/reference/events.md has them all.
        """
        hear: Callable[[Any], None] = listener  # the bus tells it of nothing but these kinds
        self._listeners.append((hear, kinds))
        if self._system is not None:
            self._system.bus.subscribe(hear, *kinds)

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start the tree and return; the session comes up behind it, whenever the gateway is there.

        Runs in: any thread; blocks until every part has started. Errors: WorkerMisused; WorkerStartFailed.
        """
        importing = import_in_progress()
        if importing is not None:
            raise WorkerMisused(
                f"the worker is started while {importing!r} is being imported in a process that runs functions; "
                'put worker.run() or worker.start() under `if __name__ == "__main__":`'
            )
        if self._system is not None:
            raise WorkerMisused(f"worker {self.name} is started already")
        if not len(self._functions):
            raise WorkerMisused("expected at least one function, registered with @worker.function; got none")
        check(self)  # again: it may have been told more since it was made
        targets = self._functions.targets()
        self._state = StateDir(self.state_dir)
        system = self._system = ActorSystem(self.name)
        self._watch = WorkerWatch(system)
        for listener, kinds in self._listeners:
            system.bus.subscribe(listener, *kinds)
        try:
            if self.options.watchdog_seconds is not None:
                system.hosting.watchdog_seconds = self.options.watchdog_seconds
            if self.options.http is not None:
                from regrow.connect.worker_admin import WorkerAdmin

                self._admin = WorkerAdmin(self.options.http, system, self._watch)
            self._grow(system, self._watch, executor_plan(self, targets, self._functions.local()), self._state)
        except RegrowError as error:
            self._tear_down(_SHUTDOWN_SECONDS)
            raise WorkerStartFailed(f"worker {self.name}", str(error)) from error
        except BaseException:  # Ctrl-C, or no descriptors left: nothing of it may stay
            self._tear_down(_SHUTDOWN_SECONDS)
            raise

    def stop(self, timeout: float | None = None) -> bool:
        """Drain, then end: take nothing new, finish what runs, deliver what is owed, close.

        Blocks for at most `timeout` seconds (by default `options.drain_grace`) and the end of the tree. Gives whether
        all was delivered; what was not, is redelivered by the gateway. Does nothing if it is not started.
        """
        if self._system is None or self._watch is None:
            return True
        grace = self.options.drain_grace if timeout is None else timeout
        drained = self.begin_drain() and self._watch.wait(self._over, grace) and self._watch.drained
        self._tear_down(_SHUTDOWN_SECONDS)
        return drained

    def begin_drain(self, reason: str = "draining") -> bool:
        """Take nothing new from now on; returns at once. Gives False if there is nobody left to do so."""
        executor = self._system.whereis(EXECUTOR) if self._system is not None else None
        if executor is None:
            return False
        try:
            executor.tell(StartDrain(reason))
        except ActorDeadError:
            return False
        return True

    def kill(self) -> None:
        """End now: what runs is killed, the gateway redelivers it. Blocks for the end of the tree."""
        self._tear_down(2.0)

    def run(self) -> int:
        """Start, serve until SIGTERM or SIGINT, drain, end; gives 0.

        A second signal ends it now. Off the main thread no signal is handled.
        Errors: SystemExit with a code of docs/reference/cli.md if it does not start, gives up, is refused, or has to
        leave something behind; the reason goes to the logger, in one line.
        """
        from regrow.connect.worker_run import run_worker

        return run_worker(self)

    def wait_ready(self, timeout: float = 10.0) -> LinkStatus:
        """Wait until there is a session. Errors: WorkerNotReady; WorkerRefused; WorkerGaveUp; WorkerMisused."""
        watch = self._watching()
        watch.wait(lambda: watch.link.phase == "ready" or self._over(), timeout)
        link = watch.link
        if link.phase == "ready":
            return link
        self.raise_for_end()
        raise WorkerNotReady(" or ".join(urls_of(self.url)), timeout, f"{link.phase} {link.reason}".strip())

    def raise_for_end(self) -> None:
        """Raise why the worker has come to its end, if it has. Errors: WorkerRefused; WorkerGaveUp."""
        watch = self._watching()
        if watch.refused:
            if watch.link.code == GAVE_UP:
                raise WorkerGaveUp(self.name, watch.link.reason)
            raise WorkerRefused(watch.link.url, watch.link.code, watch.link.reason)
        if watch.ended is not None:
            raise WorkerGaveUp(self.name, watch.report())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop(None if kind is None else 0.0)

    # ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def watch(self) -> WorkerWatch:
        """What is known of it, to wait on. Errors: WorkerMisused if it is not started."""
        return self._watching()

    @property
    def system(self) -> ActorSystem:
        """The actor system that it lives in. Errors: WorkerMisused if it is not started."""
        if self._system is None:
            raise WorkerMisused(f"worker {self.name} is not started")
        return self._system

    @property
    def root(self) -> SupervisorHandle:
        """The root of its tree. Errors: WorkerMisused if it is not started."""
        if self._root is None:
            raise WorkerMisused(f"worker {self.name} is not started")
        return self._root

    @property
    def instance(self) -> str:
        """The id under which the gateway knows it, over all its link processes; empty if it is not started."""
        return self._state.instance if self._state is not None else ""

    @property
    def http_port(self) -> int | None:
        """Where it answers /healthz, /readyz and /metrics; None unless `options.http` asks for it."""
        return None if self._admin is None else self._admin.port

    @property
    def link_pid(self) -> int | None:
        """The connection process, None while there is none."""
        return self._watch.link.pid if self._watch is not None else None

    @property
    def executor_pids(self) -> tuple[int, ...]:
        """The processes that run functions and are up."""
        executor = self._ask(EXECUTOR, AskExecutor())
        return executor.pids if isinstance(executor, ExecutorStatus) else ()

    def status(self) -> WorkerStatus:
        """Say how it is. Blocks for up to 5 s a part that does not answer."""
        watch = self._watching()
        executor = self._ask(EXECUTOR, AskExecutor())
        logs = self._ask(LOGGER_PROXY, AskStatistics())
        return WorkerStatus(
            name=self.name,
            instance=self.instance,
            link=watch.link,
            executor=executor if isinstance(executor, ExecutorStatus) else None,
            heartbeat=watch.heartbeat,
            logs=logs if isinstance(logs, LogStatistics) else None,
        )

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _grow(self, system: ActorSystem, watch: WorkerWatch, plan: ExecutorPlan, state: StateDir) -> None:
        options = self.options
        system.hosting.preload(*PRELOAD, *options.preload)
        root = self._root = SupervisorHandle.start(system, worker_tree(plan, self.logger, options.tree, system))
        watch.watch_root(root.ref)
        executor = system.whereis(EXECUTOR)
        if executor is None:
            raise WorkerStartFailed("executor", "it ended at once")
        config = link_config(self, plan, state)
        root.start_child(link_child(config, executor, options.tree))

    def _tear_down(self, timeout: float) -> None:
        system, watch, state = self._system, self._watch, self._state
        with self._ending:  # whoever comes second returns when it has ended, too
            if system is None or self._system is not system:
                return
            try:
                executor = system.whereis(EXECUTOR)
                if executor is not None:
                    with suppress(ActorDeadError, AskTimeout):
                        executor.ask(RunsAbandoned(), timeout=_ABANDON_SECONDS)
                system.shutdown(timeout)
            finally:
                if self._admin is not None:
                    self._admin.close()
                if watch is not None:
                    watch.close()
                if state is not None:
                    state.close(keep=False)
                self._system = self._root = self._admin = None

    def _over(self) -> bool:
        watch = self._watch
        return watch is None or watch.drained or watch.refused or watch.ended is not None

    def _watching(self) -> WorkerWatch:
        if self._watch is None:
            raise WorkerMisused(f"worker {self.name} is not started")
        return self._watch

    def _ask(self, name: str, question: object) -> object:
        ref = self._system.whereis(name) if self._system is not None else None
        if ref is None:
            return None
        try:
            answer: object = ref.ask(question, timeout=_ASK_SECONDS)
        except (ActorDeadError, AskTimeout):
            return None
        return answer
