"""What a request has to be like to be taken on, so that what is made of it fits every message and every store."""

from __future__ import annotations

from typing import Final

from regrow.connect.broker.labels import label_problem
from regrow.protocol.limits import HEADERS_MAX, HEADERS_MAX_BYTES, NAME_MAX_CHARS
from regrow.protocol.session.messages import Submit, Terms

__all__ = ("problem_of",)

_INVOKE_OVERHEAD_BYTES: Final = 4096  # of an Invoke, beside the arguments: ids, a name, headers
_PRIORITY_MAX: Final = 2**31 - 1  # either way; the wire has integers that no store has
_DEADLINE_MAX_MS: Final = 100 * 366 * 24 * 3600 * 1000  # a hundred years: what it is computed into still fits the wire
_DELAY_MAX_MS: Final = 366 * 24 * 3600 * 1000
_CONCURRENCY_MAX: Final = 1_000_000
_FINGERPRINT_MAX_BYTES: Final = 64


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
    if submit.terms is not None and (problem := _problem_of_terms(submit.terms, submit.deadline_ms)):
        return "BadTerms", problem
    if submit.deadline_ms is not None and abs(submit.deadline_ms) > _DEADLINE_MAX_MS:
        return "BadNumber", f"deadline_ms: expected at most {_DEADLINE_MAX_MS}, got {submit.deadline_ms}"
    return None


def _problem_of_terms(terms: Terms, deadline_ms: int | None) -> str:
    if not 0 <= terms.delay_ms <= _DELAY_MAX_MS:
        return f"delay_ms: expected 0 to {_DELAY_MAX_MS}, got {terms.delay_ms}"
    if deadline_ms is not None and 0 < deadline_ms <= terms.delay_ms:
        return f"deadline_ms: expected more than the delay of {terms.delay_ms}, got {deadline_ms}"
    if not 1 <= terms.key_concurrency <= _CONCURRENCY_MAX:
        return f"key_concurrency: expected 1 to {_CONCURRENCY_MAX}, got {terms.key_concurrency}"
    if terms.result_ttl_ms is not None and terms.result_ttl_ms < 0:
        return f"result_ttl_ms: expected at least 0, got {terms.result_ttl_ms}"
    if len(terms.fingerprint) > _FINGERPRINT_MAX_BYTES:
        return f"fingerprint: expected at most {_FINGERPRINT_MAX_BYTES} bytes, got {len(terms.fingerprint)}"
    for what, text in (("key", terms.key), ("affinity", terms.affinity)):
        if len(text) > NAME_MAX_CHARS:
            return f"{what}: expected at most {NAME_MAX_CHARS} characters, got {len(text)}"
    size = sum(
        len(name.encode("utf-8", "surrogatepass")) + len(value.encode("utf-8", "surrogatepass"))
        for name, value in terms.headers.items()
    )
    if len(terms.headers) > HEADERS_MAX or size > HEADERS_MAX_BYTES:
        return (
            f"headers: expected at most {HEADERS_MAX} with {HEADERS_MAX_BYTES} bytes in all, "
            f"got {len(terms.headers)} with {size}"
        )
    return label_problem(terms.labels)
