"""Find all mistakes of a spec at once, before anything is started.

What lives here: checks of values. What must not: anything that imports or starts what a `start` names; of imports only
a backoff's wait is looked up, because it is needed in this process and would be missed only at the first crash.
Source: OTP supervisor check_childspecs/2, check_flags/1.
Differs from OTP: an id is a string, not any term, because paths in policies and logs are made of ids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from ..actors.child_spec import (
    DISPATCHERS,
    BrutalKill,
    ChildSpec,
    ChildType,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Start,
)
from .backoff import TenacityBackoff
from .decay import FailureDecay
from .dynamic_spec import DynamicSpec
from .errors import InvalidSpec, SpecProblem
from .intensity import RestartIntensity
from .limit_checks import limit_problems
from .paths import ID_EXPECTED, is_id
from .significance import AutoShutdown
from .spec import SupervisorSpec
from .strategy import Strategy

__all__ = (
    "check_child_spec",
    "check_dynamic_child",
    "check_dynamic_spec",
    "check_supervisor_spec",
    "dispatcher_problems",
    "raise_problems",
)

_LAUNCHERS: Final = ("auto", "exec", "zygote")
_IMPORT_PATH: Final = re.compile(r"[\w-]+(\.[\w-]+)*:[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


def check_supervisor_spec(spec: SupervisorSpec) -> tuple[SpecProblem, ...]:
    """Give every mistake of a supervisor's spec and of its children, in the order in which they stand."""
    given: object = spec
    if not isinstance(given, SupervisorSpec):
        return (SpecProblem("supervisor", "a SupervisorSpec", repr(given)),)
    return tuple(_supervisor_problems(spec))


def check_child_spec(spec: ChildSpec, *, auto_shutdown: AutoShutdown) -> tuple[SpecProblem, ...]:
    """Give every mistake of one child's spec under a supervisor with this `auto_shutdown`."""
    given: object = spec
    if not isinstance(given, ChildSpec):
        return (SpecProblem("child", "a ChildSpec", repr(given)),)
    return tuple(_child_problems(spec, _where(spec), auto_shutdown))


def check_dynamic_spec(spec: DynamicSpec) -> tuple[SpecProblem, ...]:
    """Give every mistake of a DynamicSupervisor's spec and of its template."""
    given: object = spec
    if not isinstance(given, DynamicSpec):
        return (SpecProblem("supervisor", "a DynamicSpec", repr(given)),)
    return tuple(_dynamic_problems(spec))


def check_dynamic_child(spec: ChildSpec) -> tuple[SpecProblem, ...]:
    """Give every mistake of a child's spec under a DynamicSupervisor."""
    given: object = spec
    if not isinstance(given, ChildSpec):
        return (SpecProblem("child", "a ChildSpec", repr(given)),)
    return tuple(_dynamic_child_problems(spec, _where(spec)))


def raise_problems(problems: tuple[SpecProblem, ...]) -> None:
    """Raise InvalidSpec with all of them, if there are any."""
    if problems:
        raise InvalidSpec(problems)


def dispatcher_problems(where: str, value: object) -> Iterator[SpecProblem]:
    """Give what is wrong with the name of a dispatcher; None is that of the class."""
    if value is None or (isinstance(value, str) and value in DISPATCHERS):
        return
    from .policy.mistakes import nearest  # needed for mistakes alone

    guess = nearest(value, DISPATCHERS)
    hint = f"; did you mean {guess!r}?" if guess else ""
    yield SpecProblem(where, f"one of {', '.join(map(repr, DISPATCHERS))} or None", f"{value!r}{hint}")


def _where(spec: object, index: int | None = None) -> str:
    place = "child" if index is None else f"children[{index}]"
    child_id = getattr(spec, "id", None)
    return place if child_id is None else f"{place} ({child_id!r})"


def _dynamic_problems(spec: DynamicSpec) -> Iterator[SpecProblem]:
    yield from _own_problems(spec)
    limit: object = spec.max_children
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        yield SpecProblem("max_children", "an integer >= 0, or None for no limit", repr(limit))
    extra: object = spec.extra_arguments
    if not isinstance(extra, tuple):
        yield SpecProblem("extra_arguments", "a tuple", repr(extra))
    template: object = spec.template
    if isinstance(template, ChildSpec):
        yield from _dynamic_child_problems(template, f"template ({template.id!r})")
    elif template is not None:
        yield SpecProblem("template", "a ChildSpec, or None", repr(template))
    if spec.strategy is not Strategy.ONE_FOR_ONE:
        expected = "Strategy.ONE_FOR_ONE, the only one of a DynamicSupervisor"
        yield SpecProblem("strategy", expected, repr(spec.strategy))
    if spec.auto_shutdown is not AutoShutdown.NEVER:
        expected = "AutoShutdown.NEVER, as a DynamicSupervisor has no significant children"
        yield SpecProblem("auto_shutdown", expected, repr(spec.auto_shutdown))


def _dynamic_child_problems(spec: ChildSpec, where: str) -> Iterator[SpecProblem]:
    yield from _child_problems(replace(spec, significant=False), where, AutoShutdown.NEVER)
    if spec.significant:
        yield SpecProblem(f"{where}.significant", "False under a DynamicSupervisor, which has no auto_shutdown", "True")


def _own_problems(spec: SupervisorSpec | DynamicSpec) -> Iterator[SpecProblem]:
    intensity: object = spec.intensity
    if not isinstance(intensity, RestartIntensity | FailureDecay):
        yield SpecProblem("intensity", "a RestartIntensity or a FailureDecay", repr(intensity))
    yield from _delays("backoff", spec.backoff)
    if spec.name is not None and not _is_text(spec.name):
        yield SpecProblem("name", "a string that is not empty, or None", repr(spec.name))


def _supervisor_problems(spec: SupervisorSpec) -> Iterator[SpecProblem]:
    yield from _one_of("strategy", spec.strategy, Strategy)
    yield from _one_of("auto_shutdown", spec.auto_shutdown, AutoShutdown)
    yield from _own_problems(spec)
    seen: dict[str, int] = {}
    children: object = spec.children
    if not isinstance(children, tuple):
        yield SpecProblem("children", "a sequence of ChildSpecs", repr(children))
        return
    for index, child in enumerate(children):
        where = _where(child, index)
        if not isinstance(child, ChildSpec):
            yield SpecProblem(where, "a ChildSpec", repr(child))
            continue
        yield from _child_problems(child, where, spec.auto_shutdown)
        if not _is_text(child.id):
            continue
        if child.id in seen:
            yield SpecProblem(
                f"{where}.id", f"an id that is not yet taken by children[{seen[child.id]}]", repr(child.id)
            )
        else:
            seen[child.id] = index


def _child_problems(spec: ChildSpec, where: str, auto_shutdown: AutoShutdown) -> Iterator[SpecProblem]:
    if not is_id(spec.id):
        yield SpecProblem(f"{where}.id", ID_EXPECTED, repr(spec.id))
    yield from _start(f"{where}.start", spec.start)
    yield from _one_of(f"{where}.restart", spec.restart, Restart)
    yield from _one_of(f"{where}.type", spec.type, ChildType)
    yield from _one_of(f"{where}.isolation", spec.isolation, Isolation)
    yield from _shutdown(f"{where}.shutdown", spec.shutdown)
    if spec.start_timeout != math.inf and (not _is_seconds(spec.start_timeout) or spec.start_timeout <= 0):
        yield SpecProblem(f"{where}.start_timeout", "seconds > 0, or math.inf", repr(spec.start_timeout))
    if spec.backoff is not None:
        yield from _delays(f"{where}.backoff", spec.backoff)
    if spec.name is not None and not _is_text(spec.name):
        yield SpecProblem(f"{where}.name", "a string that is not empty, or None", repr(spec.name))
    limits: object = spec.limits
    if not isinstance(limits, Limits):
        yield SpecProblem(f"{where}.limits", "a Limits", repr(limits))
    elif limits != Limits() and spec.isolation is not Isolation.PROCESS:
        yield SpecProblem(f"{where}.limits", 'no limits without isolation="process"', repr(limits))
    else:
        yield from limit_problems(f"{where}.limits", limits)
    if spec.launcher not in _LAUNCHERS:
        yield SpecProblem(f"{where}.launcher", f"one of {', '.join(map(repr, _LAUNCHERS))}", repr(spec.launcher))
    yield from dispatcher_problems(f"{where}.dispatcher", spec.dispatcher)
    significant: object = spec.significant
    if not isinstance(significant, bool):
        yield SpecProblem(f"{where}.significant", "True or False", repr(significant))
        return
    if spec.significant and spec.restart is Restart.PERMANENT:
        yield SpecProblem(f"{where}.significant", "False for a permanent child, which never ends on its own", "True")
    if spec.significant and auto_shutdown is AutoShutdown.NEVER:
        yield SpecProblem(f"{where}.significant", 'False while the supervisor has auto_shutdown="never"', "True")


def _start(where: str, start: object) -> Iterator[SpecProblem]:
    if not isinstance(start, Start):
        yield SpecProblem(where, "a Start", repr(start))
        return
    target: object = start.target
    if isinstance(target, str):
        if not _IMPORT_PATH.match(target):
            yield SpecProblem(f"{where}.target", 'an import path "package.module:name"', repr(target))
    elif not callable(target):
        yield SpecProblem(f"{where}.target", "an actor class, a callable or an import path", repr(target))
    args: object = start.args
    if not isinstance(args, tuple):
        yield SpecProblem(f"{where}.args", "a tuple", repr(args))
    kwargs: object = start.kwargs
    if not isinstance(kwargs, Mapping) or not all(isinstance(key, str) for key in kwargs):
        yield SpecProblem(f"{where}.kwargs", "a mapping with strings as keys", repr(kwargs))


def _shutdown(where: str, shutdown: object) -> Iterator[SpecProblem]:
    if isinstance(shutdown, Grace):
        if not _is_seconds(shutdown.seconds) or shutdown.seconds < 0:
            yield SpecProblem(f"{where}.seconds", "finite seconds >= 0", repr(shutdown.seconds))
    elif shutdown is not None and not isinstance(shutdown, BrutalKill | Infinity):
        yield SpecProblem(where, "BrutalKill(), Grace(seconds), Infinity() or None", repr(shutdown))


def _delays(where: str, delays: object) -> Iterator[SpecProblem]:
    if not callable(getattr(delays, "delay", None)):
        yield SpecProblem(where, "a Backoff, or another Delays", repr(delays))
    elif not _is_seconds(getattr(delays, "reset_after", None)):
        yield SpecProblem(f"{where}.reset_after", "finite seconds", repr(getattr(delays, "reset_after", None)))
    elif isinstance(delays, TenacityBackoff):
        problem = delays.problem()
        if problem:
            yield SpecProblem(f"{where}.wait", problem, repr(delays.wait))


def _one_of(
    where: str, value: object, kind: type[Strategy | AutoShutdown | Restart | ChildType | Isolation]
) -> Iterator[SpecProblem]:
    if not isinstance(value, kind):
        allowed = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
        yield SpecProblem(where, f"one of {allowed}", repr(value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
