"""Between the words of the session and those of the executor and the outbox: the same facts, other vocabularies."""

from __future__ import annotations

from ...protocol.session.messages import Failure, Invoke, Result
from .messages import InvocationOffered
from .outbox_store import OwedResult
from .outcomes import outcome_from_bytes

__all__ = ("offered", "result_of", "result_too_large")


def offered(invoke: Invoke) -> InvocationOffered:
    """Tell the executor what the gateway wants."""
    return InvocationOffered(
        request_id=invoke.request_id,
        function=invoke.function,
        arguments=invoke.arguments,
        lease_id=invoke.lease_id,
        attempt=invoke.attempt,
        deadline_ms=invoke.deadline_ms,
        headers=invoke.headers,
    )


def result_of(owed: OwedResult) -> Result:
    """Tell the gateway what the outbox keeps."""
    return Result(request_id=owed.request_id, lease_id=owed.lease_id, outcome=outcome_from_bytes(owed.outcome))


def result_too_large(owed: OwedResult, why: str) -> Result:
    """Tell the gateway that there is a result, and that it cannot be said."""
    failure = Failure("bad_result", "ResultTooLarge", why)
    return Result(request_id=owed.request_id, lease_id=owed.lease_id, outcome=failure)
