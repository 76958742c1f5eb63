"""Refusals of a supervisor in another process, as the same exceptions that one in this process raises.

What lives here: the closed list of what is rebuilt, and from what. An error of any other class stays a RemoteError,
because to rebuild it would mean to run code that the other process names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast, get_args

from ..actors.ref import ActorRef
from ..protocol.exits import ExitReason
from ..protocol.remote_error import RemoteError
from . import errors as refused

__all__ = ("local_error",)

_OF_A_CHILD: Final = (
    refused.AlreadyPresent,
    refused.ChildNotFound,
    refused.ChildRestarting,
    refused.ChildRunning,
    refused.ChildWithdrawn,
)


def _named(cls: type[Exception]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _already_started(child_id: str, holder: object = None, name: str | None = None) -> refused.AlreadyStarted:
    return refused.AlreadyStarted(child_id, holder if isinstance(holder, ActorRef) else None, name)


def _failed_to_start(child_id: str, reason: object) -> refused.FailedToStartChild:
    if not isinstance(reason, get_args(ExitReason)):
        raise TypeError(f"reason: expected an ExitReason, got {reason!r}")
    return refused.FailedToStartChild(child_id, cast(ExitReason, reason))


def _invalid_spec(problems: tuple[object, ...]) -> refused.InvalidSpec:
    found = [problem for problem in problems if isinstance(problem, refused.SpecProblem)]
    if not found:
        raise TypeError(f"problems: expected SpecProblems, got {problems!r}")
    return refused.InvalidSpec(found)


_REBUILT: Final[dict[str, Callable[..., refused.SupervisionError]]] = {
    **{_named(cls): cls for cls in _OF_A_CHILD},
    _named(refused.AlreadyStarted): _already_started,
    _named(refused.CannotReconfigure): refused.CannotReconfigure,
    _named(refused.FailedToStartChild): _failed_to_start,
    _named(refused.InvalidSpec): _invalid_spec,
    _named(refused.MaxChildren): refused.MaxChildren,
    _named(refused.NotOffered): refused.NotOffered,
    _named(refused.SupervisorStopping): refused.SupervisorStopping,
}


def local_error(error: RemoteError) -> refused.SupervisionError | RemoteError:
    """Give the exception that this was in the other process; itself, if that is none of ours or has lost its arguments.

    >>> from regrow.protocol.exits import Crash
    >>> local_error(RemoteError(Crash("regrow.supervision.errors.ChildRunning", "", ""), ("db",)))
    ChildRunning('db')
    """
    rebuild = _REBUILT.get(error.crash.type)
    if rebuild is None:
        return error
    try:
        return rebuild(*error.arguments)
    except TypeError:  # another version of us has other arguments
        return error
