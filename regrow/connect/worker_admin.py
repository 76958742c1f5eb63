"""/healthz, /readyz and /metrics of a worker, answered by its main process.

What lives here: which path says what. Functions that hang in processes of their own are not waited for; the one
question, to the executor, is given a second.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from loguru import logger

from regrow.actors import ActorDeadError, ActorSystem, AskTimeout
from regrow.actors.roles.executor.actor import AskExecutor, ExecutorStatus
from regrow.connect.admin_http import AdminServer, Answer, parse_address
from regrow.connect.metrics import CONTENT_TYPE, exposition
from regrow.connect.worker_metrics import WorkerMetrics
from regrow.connect.worker_tree import EXECUTOR
from regrow.connect.worker_watch import WorkerWatch

__all__ = ("WorkerAdmin",)

_ASK_SECONDS: Final = 1.0  # kubernetes gives a probe one second unless told otherwise; the executor never blocks


class WorkerAdmin:
    """Answers while it is open. Runs in: the thread of its server and those that make its answers."""

    def __init__(self, address: str, system: ActorSystem, watch: WorkerWatch) -> None:
        """Listen at "HOST:PORT". Errors: AdminStartError; ValueError for no such address."""
        host, port = parse_address(address)
        self._system = system
        self._watch = watch
        self._metrics = WorkerMetrics(system)
        paths = {"/healthz": _well, "/readyz": self._readyz, "/metrics": self._exposed}
        try:
            self._server = AdminServer(host, port, paths)
        except BaseException:
            self._metrics.close()
            raise
        logger.info("answers /healthz, /readyz and /metrics at port {} of {}", self.port, host)

    @property
    def port(self) -> int:
        """Where it listens, also if it was told to take any port."""
        return self._server.port

    def close(self) -> None:
        """Stop answering."""
        self._server.close()
        self._metrics.close()

    def _readyz(self) -> Answer:
        reasons = self._metrics.reasons(self._watch.link, self._executor())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        body = json.dumps({"ready": not reasons, "reasons": reasons}) + "\n"
        return Answer(status, body.encode(), "application/json; charset=utf-8")

    def _exposed(self) -> Answer:
        families = self._metrics.families(self._watch.link, self._watch.heartbeat, self._executor())
        try:
            return Answer(HTTPStatus.OK, exposition(families), CONTENT_TYPE)
        except ValueError as error:
            return Answer(HTTPStatus.NOT_IMPLEMENTED, f"{error}\n".encode())

    def _executor(self) -> ExecutorStatus | None:
        ref = self._system.whereis(EXECUTOR)
        if ref is None:
            return None
        try:
            answer: object = ref.ask(AskExecutor(), timeout=_ASK_SECONDS)
        except (ActorDeadError, AskTimeout):
            return None
        return answer if isinstance(answer, ExecutorStatus) else None


def _well() -> Answer:
    return Answer(HTTPStatus.OK, b"ok\n")
