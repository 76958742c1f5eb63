"""The settings of a child and of a supervisor as plain values, under the keys that a policy file has for them.

What lives here: reading specs. What must not: where a value comes from.
"""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Final

from ...actors.child_spec import BrutalKill, ChildSpec, ChildType, Delays, Grace, Infinity, Limits, Shutdown, Start
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..spec import SupervisorSpec
from .durations import format_duration
from .kinds import plain_backoff, plain_intensity
from .mistakes import KeyPath
from .overrides import program_of
from .plain import plain_readiness
from .supervisors import PROCESSORS, AnySpec, ImportedArguments, word_of

__all__ = ("child_values", "shown", "supervisor_values")

Values = Iterator[tuple[KeyPath, object]]

_SECONDS: Final = frozenset(
    {
        *("shutdown", "start_timeout", "ready_timeout", "max_seconds", "decay"),
        *("stopped_seconds", "hang_limit", "busy_limit", "deadline", "cpu_seconds", "max_age", "max_age_variance"),
        *("initial", "base", "cap", "reset_after", "seconds", "min_backoff", "max_backoff"),
    }
)


_SECRET: Final = re.compile(r"token|secret|passw|credential|(api|private|access)_?key", re.IGNORECASE)
"""What people call that which is not for others' eyes: these values of `kwargs` and `env` are not shown."""


def child_values(child: ChildSpec, parent: AnySpec, inner: AnySpec | None = None) -> Values:
    """Give what a child is told; `inner`: its own spec, if it is a supervisor and that is known."""
    command = program_of(child)
    if command is not None:
        yield ("command",), list(command.argv)
    elif child.type is ChildType.WORKER:
        yield ("start",), _start(child.start)
        if child.start.args:
            yield ("args",), [_plain(item) for item in child.start.args]
        if child.start.kwargs:
            yield (
                ("kwargs",),
                {str(key): _unless_secret(str(key), _plain(value)) for key, value in child.start.kwargs.items()},
            )
    yield ("type",), child.type.value if inner is None else word_of(inner)
    yield ("restart",), child.restart.value
    yield ("shutdown",), _shutdown(child.effective_shutdown)
    yield ("significant",), child.significant
    yield ("start_timeout",), child.start_timeout
    yield from _backoff("backoff", parent.backoff if child.backoff is None else child.backoff)
    if child.name is not None:
        yield ("name",), child.name
    if command is None:
        yield ("isolation",), child.isolation.value
        yield ("launcher",), child.launcher
        yield ("dispatcher",), child.dispatcher
        yield from ((("limits", item.name), getattr(child.limits, item.name)) for item in fields(Limits))
        return
    yield from ((("env", key), _unless_secret(key, value)) for key, value in command.env.items())
    yield ("cwd",), command.cwd
    yield ("ready",), plain_readiness(command.ready)
    yield ("ready_timeout",), command.ready_timeout
    yield ("normal_exit_codes",), sorted(command.normal_exit_codes)
    yield ("stop_signal",), signal.Signals(command.stop_signal).name


def supervisor_values(spec: AnySpec, backoff: str) -> Values:
    """Give what a supervisor is told; `backoff`: the key of the default of its children."""
    if not isinstance(spec, DynamicSpec):
        yield ("strategy",), spec.strategy.value
    yield from ((("intensity", key), value) for key, value in plain_intensity(spec.intensity).items())
    match spec:
        case SupervisorSpec():
            yield ("auto_shutdown",), spec.auto_shutdown.value
        case DynamicSpec():
            yield ("max_children",), math.inf if spec.max_children is None else spec.max_children
            yield ("extra_arguments",), list(spec.extra_arguments)
            yield ("template",), None if spec.template is None else spec.template.id
        case PartitionSpec():
            yield ("partitions",), PROCESSORS if spec.partitions is None else spec.partitions
            if spec.with_arguments is not None:
                yield ("with_arguments",), _arguments(spec.with_arguments)
            yield ("template",), spec.child.id
    yield from _backoff(backoff, spec.backoff)


def shown(key: str, value: object) -> str:
    """Write a value for people.

    >>> shown("backoff.base", 0.25), shown("significant", False), shown("limits.memory_bytes", None)
    ('250ms', 'false', 'none')
    """
    last = key.rpartition(".")[2]
    if value is None and key == "dispatcher":
        return "that of its class"
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if value == math.inf:
        return "no limit"
    if isinstance(value, int | float) and last in _SECONDS:
        return format_duration(value)
    if isinstance(value, dict):
        return " ".join(f"{name}={shown('', item)}" for name, item in value.items())
    if isinstance(value, list):
        return " ".join(format_duration(item) if last == "steps" else str(item) for item in value)
    return str(value)


def _unless_secret(name: str, value: object) -> object:
    """Give the value, or a word instead if its name says that it is a secret; numbers and flags are none."""
    hidden = _SECRET.search(name) and value is not None and not isinstance(value, int | float)
    return "(hidden)" if hidden else value


def _backoff(key: str, delays: Delays) -> Values:
    try:
        table: Mapping[str, object] = plain_backoff(delays)
    except ValueError:  # delays of one's own
        yield (key,), repr(delays)
        return
    yield from (((key, inner), value) for inner, value in table.items())


def _shutdown(shutdown: Shutdown) -> object:
    match shutdown:
        case BrutalKill():
            return "brutal_kill"
        case Infinity():
            return "infinity"
        case Grace(seconds):
            return seconds


def _plain(value: object) -> object:
    """Give an argument as JSON has it; what that has no word for, as code would write it."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return repr(value)
    return value


def _arguments(function: object) -> str:
    return function.target if isinstance(function, ImportedArguments) else _named(function)


def _start(start: Start) -> str:
    return start.target if isinstance(start.target, str) else _named(start.target)


def _named(target: object) -> str:
    return f"{getattr(target, '__module__', '?')}:{getattr(target, '__qualname__', repr(target))}"
