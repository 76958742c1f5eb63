"""One call of one user function, from encoded arguments to encoded outcome. Nothing that goes wrong gets out of here.

What lives here: finding, decoding, calling, encoding, and the failure that each step ends in. What must not: threads.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable
from typing import Final

from ...protocol.codec import decode, encode
from ...protocol.errors import CodecError, ProtocolError
from ...protocol.limits import SESSION_MAX_BYTES
from ...protocol.session.messages import Failure, Outcome, Success
from ..hosting.errors import NotImportable
from ..hosting.import_path import importing_target, resolve
from .binding import Arguments, Binder
from .invocation import Cancelled, Interrupted, Invocation
from .messages import FunctionTarget
from .outcomes import failure_of
from .plain_values import plain

__all__ = ("FunctionTable", "UserFunction", "decode_arguments", "outcome_of_error", "outcome_of_value")

_OUTCOME_MAX_BYTES: Final = SESSION_MAX_BYTES - 64 * 1024
"""What a result may take; the rest is for the message around it."""

UserFunction = Callable[..., object]


class FunctionTable:
    """The functions of one process: given ones, and those found by import path, kept once found.

    Runs in: the threads that run functions; a module is imported at most once, by Python's own import lock.
    """

    def __init__(self, given: dict[str, UserFunction] | None = None) -> None:
        self._known: dict[str, UserFunction] = dict(given or {})
        self._binders: dict[str, Binder] = {}

    def find(self, function: FunctionTarget) -> UserFunction | Failure:
        """Give the function, or the failure that says why there is none. Blocks while its module is imported."""
        known = self._known.get(function.name)
        if known is not None:
            return known
        if not function.target:
            text = f"function {function.name!r}: expected one that this process serves"
            return Failure("unknown_function", "UnknownFunction", text)
        if function.entry and function.entry not in sys.path:
            sys.path.insert(0, function.entry)
        try:
            with importing_target(function.target):
                found = resolve(function.target)
        except NotImportable as error:
            return failure_of("not_importable", error)
        except BaseException as error:  # a module may call sys.exit() at its top level
            if isinstance(error, Interrupted):
                raise
            return failure_of("not_importable", error)
        if not callable(found):
            text = f"{function.target}: expected a function, got {type(found).__qualname__}"
            return Failure("not_importable", "NotCallable", text)
        self._known[function.name] = found
        return found

    def bind(self, function: FunctionTarget, found: UserFunction, data: bytes, run: Invocation) -> Arguments | Failure:
        """Decode the arguments and fit them to the function that was found for this target."""
        decoded = decode_arguments(data)
        if isinstance(decoded, Failure):
            return decoded
        binder = self._binders.get(function.name)
        if binder is None:
            binder = self._binders[function.name] = Binder(found, validate=function.validate)
        return binder.bind(*decoded, run)


def decode_arguments(data: bytes) -> Arguments | Failure:
    """Read `(args, kwargs)`, or give the failure that says what came instead."""
    try:
        value = decode(data)
    except ProtocolError as error:
        return failure_of("bad_arguments", error)
    match value:
        case [list() | tuple() as args, dict() as kwargs] if all(isinstance(key, str) for key in kwargs):
            return tuple(args), kwargs
        case _:
            text = f"arguments: expected (args, kwargs), got {type(value).__qualname__}"
            return Failure("bad_arguments", "BadArguments", text)


def outcome_of_value(value: object) -> Outcome:
    """Encode what a function returned; what cannot be said is a failure that names the path inside the value."""
    if inspect.iscoroutine(value):
        value.close()
        return Failure("bad_result", "BadResult", "result: expected a value, got a coroutine that nobody awaited")
    try:
        try:
            data = encode(value)
        except CodecError:  # few results have dataclasses in them: only those are gone through twice
            data = encode(plain(value))
    except CodecError as error:
        return failure_of("bad_result", error)
    if len(data) > _OUTCOME_MAX_BYTES:
        text = f"result: expected at most {_OUTCOME_MAX_BYTES} encoded bytes, got {len(data)}"
        return Failure("bad_result", "ResultTooLarge", text)
    return Success(data)


def outcome_of_error(
    error: BaseException, function: UserFunction, args: tuple[object, ...], kwargs: dict[str, object]
) -> Failure:
    """Turn what a call raised into a failure; a TypeError that the signature explains is the caller's fault."""
    if isinstance(error, Cancelled | Interrupted | asyncio.CancelledError):
        return failure_of("cancelled", error)
    if isinstance(error, TypeError):
        try:
            inspect.signature(function).bind(*args, **kwargs)
        except TypeError as mismatch:
            name = getattr(function, "__qualname__", repr(function))
            return Failure("bad_arguments", "TypeError", f"{name}{_signature(function)}: {mismatch}")
        except ValueError:  # written in C, without a signature: nothing can be said against the arguments
            return failure_of("error", error)
    return failure_of("error", error)


def _signature(function: UserFunction) -> str:
    try:
        return str(inspect.signature(function))
    except ValueError:
        return "(...)"
