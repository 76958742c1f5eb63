"""What a request has to be like to be taken on, so that what is made of it fits every message and every store."""

from __future__ import annotations

from typing import Final

from regrow.protocol.limits import NAME_MAX_CHARS
from regrow.protocol.session.messages import Submit

__all__ = ("problem_of",)

_INVOKE_OVERHEAD_BYTES: Final = 4096  # of an Invoke, beside the arguments: ids, a name, headers
_PRIORITY_MAX: Final = 2**31 - 1  # either way; the wire has integers that no store has
_DEADLINE_MAX_MS: Final = 100 * 366 * 24 * 3600 * 1000  # a hundred years: what it is computed into still fits the wire


def problem_of(submit: Submit, *, max_message_bytes: int) -> tuple[str, str] | None:
    """Say why a request cannot be taken on, whatever room there is: a type name and a text."""
    size, most = len(submit.arguments), max_message_bytes - _INVOKE_OVERHEAD_BYTES
    if size > most:  # it came in a message that was just small enough; Invoke says more about it than Submit
        return "TooLarge", f"arguments: expected at most {most} bytes, got {size}"
    for what, name in (("request_id", submit.request_id), ("function", submit.function)):
        if not 0 < len(name) <= NAME_MAX_CHARS:
            return "BadName", f"{what}: expected 1 to {NAME_MAX_CHARS} characters, got {len(name)}"
    if abs(submit.priority) > _PRIORITY_MAX:
        return "BadNumber", f"priority: expected at most {_PRIORITY_MAX} either way, got {submit.priority}"
    if submit.deadline_ms is not None and abs(submit.deadline_ms) > _DEADLINE_MAX_MS:
        return "BadNumber", f"deadline_ms: expected at most {_DEADLINE_MAX_MS}, got {submit.deadline_ms}"
    return None
