"""What can go wrong with a worker as a whole.

WorkerError
├── WorkerMisused        it was asked for something that makes no sense now; says what
├── WorkerStartFailed    a part of its tree did not start
├── WorkerRefused        the gateway will never take it: bad token, unsupported version
├── WorkerGaveUp         its tree reached its restart intensity, or it got no session within its patience
└── WorkerNotReady       no session within the time that was given
"""

from __future__ import annotations

from regrow.protocol.errors import RegrowError

__all__ = ("WorkerError", "WorkerGaveUp", "WorkerMisused", "WorkerNotReady", "WorkerRefused", "WorkerStartFailed")


class WorkerError(RegrowError):
    """Root of the errors of a worker."""


class WorkerMisused(WorkerError):
    """It was asked for something that makes no sense now."""


class WorkerStartFailed(WorkerError):
    """A part of its tree did not start; `part` names it."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(part, why)
        self.part = part
        self.why = why

    def __str__(self) -> str:
        return f"{self.part} did not start: {self.why}"


class WorkerRefused(WorkerError):
    """The gateway will never take it."""

    def __init__(self, url: str, code: str, why: str) -> None:
        super().__init__(url, code, why)
        self.url = url
        self.code = code
        self.why = why

    def __str__(self) -> str:
        return f"the gateway at {self.url} refused this worker for good: {self.code}: {self.why}"


class WorkerGaveUp(WorkerError):
    """Its tree reached its restart intensity, its root crashed, or it got no session within its patience."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        return f"worker {self.name} gave up: {self.why}"


class WorkerNotReady(WorkerError):
    """No session within the time that was given."""

    def __init__(self, url: str, timeout: float, state: str) -> None:
        super().__init__(url, timeout, state)
        self.url = url
        self.timeout = timeout
        self.state = state

    def __str__(self) -> str:
        return f"worker: expected a session with {self.url} within {self.timeout:g} s, is {self.state}"
