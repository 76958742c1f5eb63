"""Change a tree by paths: the `[policy."path"]` tables of a file, laid over any spec.

What lives here: which rules reach which child, what wins, and what cannot be done. What must not: TOML, pydantic
(hosted processes apply the rules for their part of the tree here).

What wins: every rule that matches a child is applied, key by key (inside backoff, intensity and limits field by field),
from the most general pattern to the most special one (`paths.specificity`), equally special ones in the order of the
file. So an exact path beats a glob, "root/pool/*" beats "root/**", and of two equal ones the later wins.

What a key means: `backoff` is how the matched child itself is restarted, also when it is a supervisor; only at the
root, which nobody restarts, it is the default of the children. `intensity` is that of a matched supervisor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ...actors.child_spec import ChildSpec, ChildType, Delays, Isolation, Limits, Restart, Start
from ..decay import FailureDecay
from ..intensity import RestartIntensity
from ..spec import SupervisorSpec
from .build import TREE_START, changed_limits, shutdown_of, supervisor_spec
from .kinds import changed_backoff, changed_intensity, laid_over
from .mistakes import Mistake, PolicyError, key_text, nearest, value_text
from .paths import matches, may_match_below, specificity

__all__ = ("ROOT", "Rule", "apply_rules", "inner_spec")

ROOT: Final = "root"
"""The first segment of all paths of a tree that has no name."""

START_CHANGED: Final = f"{__package__}.hosted:start_changed"
_NESTED: Final = ("backoff", "intensity", "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[policy."pattern"]` table. `values` are plain (they also travel to hosted processes)."""

    pattern: str
    values: Mapping[str, object]
    file: str = ""
    line: int = 0

    def plain(self) -> dict[str, object]:
        """Give the rule as plain values, for `Rule(**plain)` in another process."""
        return {"pattern": self.pattern, "values": dict(self.values), "file": self.file, "line": self.line}


@dataclass(slots=True)
class _Walk:
    """What is known after a walk through a tree: all paths, which rules found a child, what cannot be done."""

    rules: Sequence[Rule]
    paths: dict[str, bool] = field(default_factory=dict)  # path -> whether it is a supervisor
    opaque: list[str] = field(default_factory=list)  # what is below these is only known in another process
    mistakes: list[Mistake] = field(default_factory=list)

    def rules_at(self, path: str) -> list[Rule]:
        found = [rule for rule in self.rules if matches(rule.pattern, path)]
        return sorted(found, key=lambda rule: specificity(rule.pattern))

    def below(self, path: str) -> list[Rule]:
        return [rule for rule in self.rules if may_match_below(rule.pattern, path)]

    def refuse(self, rule: Rule, key: str, expected: str, *, given: object = None, suggestion: str = "") -> None:
        mistake = Mistake(
            file=rule.file or "policy",
            line=rule.line,
            key=key_text(("policy", rule.pattern, key) if key else ("policy", rule.pattern)),
            given="" if given is None else value_text(given),
            expected=expected,
            suggestion=suggestion,
        )
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def apply_rules(
    spec: SupervisorSpec, rules: Iterable[Rule], *, root: str = ROOT, complete: bool = True
) -> SupervisorSpec:
    """Give `spec` with the rules applied, all the way down; `spec` itself is a value and stays as it is.

    `complete=False`: the tree is only a part, so rules that match nothing in it are meant for another part.
    Errors: PolicyError with every rule that matches nothing or asks for what is not possible.
    """
    walk = _Walk(tuple(rules))
    changed = _supervisor(spec, root, walk, top=True)
    if complete:
        for rule in walk.rules:
            _check_reach(rule, walk)
    if walk.mistakes:
        raise PolicyError(sorted(walk.mistakes, key=lambda mistake: mistake.line))
    return changed


def inner_spec(child: ChildSpec) -> SupervisorSpec | None:
    """Give the spec of a child that is a supervisor and whose spec is known in this process."""
    arguments = child.start.args
    if child.start.target == TREE_START and arguments and isinstance(arguments[0], Mapping):
        return supervisor_spec(arguments[0], path=str(arguments[0].get("name", child.id)))
    if child.type is ChildType.SUPERVISOR and arguments and isinstance(arguments[0], SupervisorSpec):
        return arguments[0]
    return None


def _supervisor(spec: SupervisorSpec, path: str, walk: _Walk, *, top: bool) -> SupervisorSpec:
    walk.paths[path] = True
    values = _merged(walk.rules_at(path))
    if "intensity" in values:
        spec = replace(spec, intensity=_intensity(spec.intensity, path, walk))
    if top and "backoff" in values:
        spec = replace(spec, backoff=_backoff(spec.backoff, path, walk))
    return replace(spec, children=[_child(child, spec, f"{path}/{child.id}", walk) for child in spec.children])


def _child(child: ChildSpec, parent: SupervisorSpec, path: str, walk: _Walk) -> ChildSpec:
    rules = walk.rules_at(path)
    walk.paths[path] = False
    values = _merged(rules)
    if "restart" in values:
        child = replace(child, restart=Restart(str(values["restart"])))
    if "shutdown" in values:
        child = replace(child, shutdown=shutdown_of(values["shutdown"]))
    if isinstance(timeout := values.get("start_timeout"), int | float):
        child = replace(child, start_timeout=float(timeout))
    if "backoff" in values:
        child = replace(child, backoff=_backoff(child.backoff or parent.backoff, path, walk))
    if "limits" in values:
        child = replace(child, limits=changed_limits(child.limits, _fields(values, "limits")))
    child = _placed(child, path, values, walk)
    _check_child(child, rules, walk)
    return child


def _placed(child: ChildSpec, path: str, values: Mapping[str, object], walk: _Walk) -> ChildSpec:
    """Set the isolation, and hand the rules for what is below to whoever will know it."""
    inner = inner_spec(child)
    isolation = Isolation(str(values.get("isolation", child.isolation)))
    if inner is None:
        child = replace(child, isolation=isolation)
        return _opaque(child, path, walk) if child.type is ChildType.SUPERVISOR else child
    changed = _supervisor(inner, path, walk, top=False)
    if child.start.target == TREE_START:
        rules = [rule.plain() for rule in walk.rules_at(path) + walk.below(path)]
        start = replace(child.start, args=(child.start.args[0], rules, path)) if rules else child.start
        if isolation is Isolation.THREAD:
            from ..supervisor import Supervisor

            start = Start(Supervisor, (changed,))
        return replace(child, isolation=isolation, start=start)
    if isolation is Isolation.PROCESS and child.isolation is Isolation.THREAD:
        return _moved(child, changed, path, walk)
    return replace(child, isolation=isolation, start=replace(child.start, args=(changed, *child.start.args[1:])))


def _opaque(child: ChildSpec, path: str, walk: _Walk) -> ChildSpec:
    """Wrap the start of a supervisor whose spec only its start knows, so that the rules are applied there."""
    below = walk.below(path)
    if not below:
        return child
    walk.opaque.append(path)
    target: object = child.start.target
    if child.isolation is Isolation.PROCESS and not isinstance(target, str):
        from ...actors.hosting.import_path import path_of  # needed for few policies

        target = path_of(target).target
    arguments = (target, list(child.start.args), dict(child.start.kwargs), [rule.plain() for rule in below], path)
    return replace(child, start=Start(START_CHANGED, arguments))


def _moved(child: ChildSpec, changed: SupervisorSpec, path: str, walk: _Walk) -> ChildSpec:
    """Move a supervisor of this process, and all below it, to a process of its own."""
    from .plain import plain_spec  # needs the naming of import paths, which few policies ask for

    try:
        start = Start(TREE_START, (plain_spec(changed) | {"name": path},))
    except ValueError as error:
        for rule in walk.rules_at(path):
            if rule.values.get("isolation") == "process":
                walk.refuse(rule, "isolation", f"a tree that another process can build ({error})", given="process")
        return child
    return replace(child, isolation=Isolation.PROCESS, start=start)


def _check_child(child: ChildSpec, rules: Sequence[Rule], walk: _Walk) -> None:
    for rule in rules:
        if child.significant and child.restart is Restart.PERMANENT and rule.values.get("restart") == "permanent":
            walk.refuse(
                rule, "restart", f"transient or temporary: child {child.id!r} is significant", given="permanent"
            )
        thread = child.isolation is Isolation.THREAD and child.limits != Limits()
        if thread and ("limits" in rule.values or "isolation" in rule.values):
            key = "limits" if "limits" in rule.values else "isolation"
            walk.refuse(rule, key, f'isolation = "process" for the limits of child {child.id!r}')


def _check_reach(rule: Rule, walk: _Walk) -> None:
    found = [path for path in walk.paths if matches(rule.pattern, path)]
    if not found and not any(may_match_below(rule.pattern, path) for path in walk.opaque):
        guess = nearest(rule.pattern, walk.paths)
        shown = ", ".join(list(walk.paths)[:8]) + (", ..." if len(walk.paths) > 8 else "")
        expected = "a path in the tree" if guess else f"a path in the tree ({shown})"
        walk.refuse(rule, "", expected, given=rule.pattern, suggestion=f'"{guess}"' if guess else "")
    elif found and "intensity" in rule.values and not any(walk.paths[path] for path in found):
        walk.refuse(rule, "intensity", f"a supervisor at this path, but {', '.join(found[:3])} has no children")


def _merged(rules: Sequence[Rule]) -> dict[str, object]:
    values: dict[str, object] = {}
    for rule in rules:
        for key, value in rule.values.items():
            values[key] = laid_over(_fields(values, key), _fields(rule.values, key)) if key in _NESTED else value
    return values


def _fields(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    inner = values.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _backoff(delays: Delays, path: str, walk: _Walk) -> Delays:
    """Lay the rules over what the child has; delays of one's own have no fields, so the defaults are used."""
    rules = walk.rules_at(path)
    try:
        return changed_backoff(delays, _fields(_merged(rules), "backoff"))
    except ValueError as error:
        last = [rule for rule in rules if "backoff" in rule.values][-1]
        walk.refuse(last, "backoff", f"delays that fit together at {path}: {error}")
        return delays


def _intensity(intensity: RestartIntensity | FailureDecay, path: str, walk: _Walk) -> RestartIntensity | FailureDecay:
    rules = walk.rules_at(path)
    try:
        return changed_intensity(intensity, _fields(_merged(rules), "intensity"))
    except ValueError as error:
        last = [rule for rule in rules if "intensity" in rule.values][-1]
        walk.refuse(last, "intensity", f"an intensity that fits together at {path}: {error}")
        return intensity
