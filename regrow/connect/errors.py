"""The errors of the service.

RegrowError
├── StoreError(where, why)                    a store could not be opened, read or written
└── ConnectError
    ├── GatewayStartError(host, port, why)    the gateway could not begin
    ├── KeyFileError(path, why)               the keys of signed tokens could not be read or written
    ├── GatewayUnreachable(url, why)          no connection to the gateway in time; it may be worth another try
    ├── Refused(code, text)                   the gateway does not want this peer, and says why; no try will help
    │   ├── Unauthorized
    │   └── UnsupportedVersion
    ├── ClientClosed                          the client was closed while, or before, something was asked of it
    ├── UnknownRequest(request_id)            never accepted there, or its result was kept long enough
    ├── WaitTimeout(what, seconds)            the answer did not come in time; the request goes on
    └── InvocationFailed(request_id, failure, attempts)     the request is settled, and it failed
        ├── FunctionFailed                    the function raised; `type`, `text` and `traceback` are the remote ones
        ├── UnknownFunction, NotImportable, BadArguments, BadResult
        ├── ExecutorDied, LeaseLost, Quarantined, Rejected, Cancelled
        └── DeadlineExceeded                  it was not finished in time
            └── Expired                       no worker took it in time
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from regrow.protocol.errors import RegrowError
from regrow.protocol.session.messages import Failure, FailureKind

__all__ = (
    "BadArguments",
    "BadResult",
    "Cancelled",
    "ClientClosed",
    "ConnectError",
    "DeadlineExceeded",
    "ExecutorDied",
    "Expired",
    "FunctionFailed",
    "GatewayStartError",
    "GatewayUnreachable",
    "InvocationFailed",
    "KeyFileError",
    "LeaseLost",
    "NotImportable",
    "Quarantined",
    "Refused",
    "Rejected",
    "Unauthorized",
    "UnknownFunction",
    "UnknownRequest",
    "UnsupportedVersion",
    "WaitTimeout",
    "invocation_failed",
)


class ConnectError(RegrowError):
    """Root of what goes wrong between workers, clients and gateways."""


class GatewayStartError(ConnectError):
    """The gateway could not begin to listen on `host`:`port`."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(host, port, why)
        self.host = host
        self.port = port
        self.why = why

    def __str__(self) -> str:
        return f"gateway cannot listen on {self.host}:{self.port}: {self.why}"


class KeyFileError(ConnectError):
    """The keys of signed tokens could not be read from `path`, or written to it. `why` never quotes a secret."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"key file {self.path}: {self.why}"


class GatewayUnreachable(ConnectError):
    """There was no connection to the gateway at `url` in time; `why` is the last thing that went wrong."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url = url
        self.why = why

    def __str__(self) -> str:
        return f"gateway at {self.url} cannot be reached: {self.why}"


class Refused(ConnectError):
    """The gateway refused this peer for good."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"refused by the gateway: {self.code}: {self.text}"


class Unauthorized(Refused):
    """The token is not valid there, or any more (`token_expired`), or is not for this role (`out_of_scope`)."""


class UnsupportedVersion(Refused):
    """The gateway speaks no version of the session protocol that this side speaks."""


class ClientClosed(ConnectError):
    """The client is closed."""

    def __init__(self) -> None:
        super().__init__("the client is closed")


class UnknownRequest(ConnectError):
    """The gateway knows no such request: it never accepted it, or kept its result long enough."""

    def __init__(self, request_id: str) -> None:
        super().__init__(request_id)
        self.request_id = request_id

    def __str__(self) -> str:
        return f"request {self.request_id!r} is not known to the gateway: never accepted, or its result was forgotten"


class WaitTimeout(ConnectError, TimeoutError):
    """Waiting took too long; what was waited for goes on."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(what, seconds)
        self.what = what
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.what}: no answer within {self.seconds:g} s"


class InvocationFailed(ConnectError):
    """A request is settled and it failed: `failure.kind` says how, `attempts` how often it was tried."""

    def __init__(self, request_id: str, failure: Failure, attempts: int) -> None:
        super().__init__(request_id, failure, attempts)
        self.request_id = request_id
        self.failure = failure
        self.attempts = attempts

    @property
    def kind(self) -> FailureKind:
        """What kind of failure it was."""
        return self.failure.kind

    @property
    def type(self) -> str:
        """The name of the remote exception's class, if there was one."""
        return self.failure.type

    @property
    def text(self) -> str:
        """What the remote exception said."""
        return self.failure.text

    @property
    def traceback(self) -> str:
        """The remote traceback, formatted where it happened."""
        return self.failure.traceback

    def __str__(self) -> str:
        what = f"{self.failure.type}: {self.failure.text}" if self.failure.text else self.failure.type
        tries = "" if self.attempts <= 1 else f" (after {self.attempts} attempts)"
        return f"{self.failure.kind}: {what}{tries}"


class FunctionFailed(InvocationFailed):
    """The function raised; the exception travels as data."""

    def __str__(self) -> str:
        head = super().__str__()
        return f"{head}\n\nremote traceback:\n{self.failure.traceback}" if self.failure.traceback else head


class UnknownFunction(InvocationFailed):
    """No worker serves the function."""


class NotImportable(InvocationFailed):
    """The function's module could not be imported where it was to run."""


class BadArguments(InvocationFailed):
    """The arguments do not fit the function, or could not be decoded there."""


class BadResult(InvocationFailed):
    """The function returned something that cannot be encoded."""


class ExecutorDied(InvocationFailed):
    """The process that ran the function died, at every attempt."""


class LeaseLost(InvocationFailed):
    """The workers that had the request went silent, at every attempt."""


class Quarantined(InvocationFailed):
    """The request killed its executor too often."""


class Rejected(InvocationFailed):
    """The gateway did not take the request on."""


class Cancelled(InvocationFailed):
    """Somebody cancelled the request."""


class DeadlineExceeded(InvocationFailed):
    """The request was not finished in time."""


class Expired(DeadlineExceeded):
    """No worker took the request in time."""


_BY_KIND: Final[dict[FailureKind, type[InvocationFailed]]] = {
    "error": FunctionFailed,
    "unknown_function": UnknownFunction,
    "not_importable": NotImportable,
    "bad_arguments": BadArguments,
    "bad_result": BadResult,
    "executor_died": ExecutorDied,
    "deadline": DeadlineExceeded,
    "cancelled": Cancelled,
    "expired": Expired,
    "lease_lost": LeaseLost,
    "quarantined": Quarantined,
    "rejected": Rejected,
}


def invocation_failed(request_id: str, failure: Failure, attempts: int) -> InvocationFailed:
    """Make the error that fits a failure; a kind that this version does not know becomes the plain one."""
    return _BY_KIND.get(failure.kind, InvocationFailed)(request_id, failure, attempts)
