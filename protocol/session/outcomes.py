"""How a request ends: with a value, or with a failure that is data: a kind, a type name, a text, a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ("Failure", "FailureKind", "Outcome", "Success")

FailureKind: TypeAlias = Literal[
    "error",  # the function raised
    "unknown_function",  # no such function on this worker, or on any
    "not_importable",  # the function's module could not be imported in the executor
    "bad_arguments",  # the arguments do not fit the signature, or cannot be decoded
    "bad_result",  # the result cannot be encoded
    "executor_died",  # the process that ran it died
    "deadline",  # it did not finish in time
    "cancelled",  # somebody asked for it
    "expired",  # no worker took it before its deadline
    "lease_lost",  # its worker went silent and every redelivery did too
    "quarantined",  # it killed its executor too often
    "rejected",  # the gateway refused it (too large, over quota, shutting down)
]


@dataclass(frozen=True, slots=True)
class Success:
    """A function returned; `value` is the encoded result."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A function did not return; errors travel as data: a type name, a text, a traceback."""

    kind: FailureKind
    type: str
    text: str
    traceback: str = ""
    retryable: bool = False


Outcome: TypeAlias = Success | Failure
