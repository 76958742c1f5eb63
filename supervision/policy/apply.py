"""Change a tree by paths: the `[policy."path"]` tables of a file, laid over any spec.

What lives here: which rules reach which child, what wins, and what cannot be done. What must not: TOML, pydantic
(hosted processes apply the rules for their part of the tree here).

What wins: every rule that matches a child is applied, key by key (inside the tables of `presets.NESTED` field by
field), from the most general pattern to the most special one (`paths.specificity`), equally special ones in the order
of the file. So an exact path beats a glob, "root/pool/*" beats "root/**", and of two equal ones the later wins.
Presets are written out in each rule before that, so a rule is as special as its pattern, whatever its keys come from.

What a key means: `backoff` is how the matched child itself is restarted, also when it is a supervisor; only at the
root, which nobody restarts, it is the default of the children. `child_backoff` is that default at any supervisor.
A glob passes over the children that its key means nothing to, as long as it means something to one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ...actors.child_spec import ChildSpec, ChildType, Delays, Isolation, Restart, Start
from ..decay import FailureDecay
from ..dynamic_spec import DynamicSpec
from ..intensity import RestartIntensity
from ..significance import AutoShutdown
from ..spec import SupervisorSpec
from ..start_times import boot_timeout
from .build import TREE_START
from .deep import Deep, run_deep
from .kinds import changed_backoff, changed_intensity
from .mistakes import Mistake, PolicyError, key_text, nearest, value_text
from .overrides import (
    OF_PROGRAMS,
    OF_SUPERVISORS,
    changed_child,
    changed_supervisor,
    fields_of,
    needs_a_process,
    program_of,
)
from .paths import matches, may_match_below, specificity
from .presets import overlay

__all__ = ("ROOT", "START_CHANGED", "Rule", "apply_rules", "inner_spec", "merged", "reaching")

ROOT: Final = "root"
"""The first segment of all paths of a tree that has no name."""

START_CHANGED: Final = f"{__package__}.hosted:start_changed"


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
    paths: dict[str, str] = field(default_factory=dict)  # path -> "supervisor", "program" or "actor"
    opaque: list[str] = field(default_factory=list)  # what is below these is only known in another process
    mistakes: list[Mistake] = field(default_factory=list)

    def rules_at(self, path: str) -> list[Rule]:
        return reaching(self.rules, path)

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


def reaching(rules: Iterable[Rule], path: str) -> list[Rule]:
    """Give the rules that match a path, in the order in which they are laid over each other."""
    return sorted((rule for rule in rules if matches(rule.pattern, path)), key=lambda rule: specificity(rule.pattern))


def merged(rules: Iterable[Rule]) -> dict[str, object]:
    """Lay rules over each other, the last on top."""
    values: dict[str, object] = {}
    for rule in rules:
        values = overlay(values, rule.values)
    return values


def apply_rules(
    spec: SupervisorSpec, rules: Iterable[Rule], *, root: str = ROOT, complete: bool = True
) -> SupervisorSpec:
    """Give `spec` with the rules applied, all the way down; `spec` itself is a value and stays as it is.

    `complete=False`: the tree is only a part, so rules that match nothing in it are meant for another part, and what
    they say of how the root is restarted is somebody else's to do.
    Errors: PolicyError with every rule that matches nothing or asks for what is not possible.
    """
    walk = _Walk(tuple(rules))
    changed = run_deep(_supervisor(spec, root, walk, top=complete))
    if complete:
        for rule in walk.rules:
            _check_reach(rule, walk)
    if walk.mistakes:
        raise PolicyError(sorted(walk.mistakes, key=lambda mistake: mistake.line))
    return changed


def inner_spec(child: ChildSpec) -> SupervisorSpec | None:
    """Give the spec of a child that is a supervisor and whose spec is known in this process."""
    arguments = child.start.args
    if _is_described(child.start):
        from .hosted import start_changed, tree_start  # needs the runtime, as few trees do that are only shown

        function: Callable[..., Start] = tree_start if child.start.target == TREE_START else start_changed
        given = function(*arguments).args[0]
        return given if isinstance(given, SupervisorSpec) else None
    if child.type is ChildType.SUPERVISOR and arguments and isinstance(arguments[0], SupervisorSpec):
        return arguments[0]
    return None


def _is_described(start: Start) -> bool:
    """Say whether a start leads to a tree that a policy describes, so that no code of users is needed to see it."""
    target: object = start.target
    arguments: Sequence[object] = start.args
    while target == START_CHANGED and len(arguments) > 1:
        target, inner = arguments[0], arguments[1]
        arguments = inner if isinstance(inner, Sequence) else ()
    return target == TREE_START and bool(arguments)


def _supervisor(spec: SupervisorSpec, path: str, walk: _Walk, *, top: bool) -> Deep[SupervisorSpec]:
    walk.paths[path] = "supervisor"
    rules = walk.rules_at(path)
    values = merged(rules)
    spec = changed_supervisor(spec, values)
    if "intensity" in values:
        spec = replace(spec, intensity=_intensity(spec.intensity, path, walk))
    for key in ("backoff", "child_backoff") if top else ("child_backoff",):
        if key in values:
            spec = replace(spec, backoff=_backoff(spec.backoff, path, walk, key))
    if top:
        _check_root(rules, walk)
    children: list[ChildSpec] = []
    for child in spec.children:
        changed = yield _child(child, spec, f"{path}/{child.id}", walk)
        children.append(changed)
    return replace(spec, children=children)


def _dynamic(spec: DynamicSpec, path: str, walk: _Walk) -> Deep[DynamicSpec]:
    """Change a supervisor of children that come and go; its template is the one child below it that has a path."""
    walk.paths[path] = "supervisor"
    rules = walk.rules_at(path)
    values = merged(rules)
    if "intensity" in values:
        spec = replace(spec, intensity=_intensity(spec.intensity, path, walk))
    if "child_backoff" in values:
        spec = replace(spec, backoff=_backoff(spec.backoff, path, walk, "child_backoff"))
    for rule in rules:
        if any(letter in rule.pattern for letter in "*?["):
            continue  # it reaches others, too
        for key, only in (("strategy", str(spec.strategy)), ("auto_shutdown", str(spec.auto_shutdown))):
            if rule.values.get(key, only) != only:
                walk.refuse(rule, key, f'"{only}", the only one of a DynamicSupervisor', given=rule.values[key])
    if spec.template is not None:
        static = SupervisorSpec(backoff=spec.backoff)
        spec = replace(spec, template=(yield _child(spec.template, static, f"{path}/{spec.template.id}", walk)))
    return spec


def _child(child: ChildSpec, parent: SupervisorSpec, path: str, walk: _Walk) -> Deep[ChildSpec]:
    rules = walk.rules_at(path)
    walk.paths[path] = "actor" if program_of(child) is None else "program"
    values = merged(rules)
    child = changed_child(child, values)
    if "backoff" in values:
        child = replace(child, backoff=_backoff(child.backoff or parent.backoff, path, walk))
    child = yield _placed(child, path, values, walk)
    _check_child(child, rules, walk)
    _check_significance(child, parent, rules, walk.rules_at(path.rpartition("/")[0]), walk)
    return child


def _placed(child: ChildSpec, path: str, values: Mapping[str, object], walk: _Walk) -> Deep[ChildSpec]:
    """Set the isolation, and hand the rules for what is below to whoever will know it."""
    inner = inner_spec(child)
    isolation = Isolation(str(values.get("isolation", child.isolation)))
    dynamic: object = child.start.args[0] if child.start.args else None
    if isinstance(dynamic, DynamicSpec):
        start = replace(child.start, args=((yield _dynamic(dynamic, path, walk)), *child.start.args[1:]))
        return replace(child, isolation=isolation, start=start)
    if inner is None:
        child = replace(child, isolation=isolation)
        return _opaque(child, path, walk) if child.type is ChildType.SUPERVISOR else child
    changed = yield _supervisor(inner, path, walk, top=False)
    if child.start_timeout == boot_timeout(inner, child.isolation) and "start_timeout" not in values:
        child = replace(child, start_timeout=boot_timeout(changed, isolation))  # it follows from what is below
    if _is_described(child.start):
        if isolation is Isolation.THREAD:
            from ..supervisor import Supervisor

            return replace(child, isolation=isolation, start=Start(Supervisor, (changed,)))
        rules = [rule.plain() for rule in walk.rules_at(path) + walk.below(path)]
        return _wrapped(child, rules, path) if rules else child
    if isolation is Isolation.PROCESS and child.isolation is Isolation.THREAD:
        return _moved(child, changed, path, walk)
    return replace(child, isolation=isolation, start=replace(child.start, args=(changed, *child.start.args[1:])))


def _opaque(child: ChildSpec, path: str, walk: _Walk) -> ChildSpec:
    """Wrap the start of a supervisor whose spec only its start knows, so that the rules are applied there."""
    walk.paths[path] = "supervisor"
    walk.opaque.append(path)
    own = [rule for rule in walk.rules_at(path) if any(key in rule.values for key in OF_SUPERVISORS)]
    rules = [rule.plain() for rule in own + walk.below(path)]
    return _wrapped(child, rules, path) if rules else child


def _wrapped(child: ChildSpec, rules: list[dict[str, object]], path: str) -> ChildSpec:
    """Have the rules applied where the tree is built; those of an earlier policy, which are inside, come first."""
    target: object = child.start.target
    if child.isolation is Isolation.PROCESS and not isinstance(target, str):
        from ...actors.hosting.import_path import path_of  # needed for few policies

        target = path_of(target).target
    arguments = (target, list(child.start.args), dict(child.start.kwargs), rules, path)
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
        if child.significant and child.restart is Restart.PERMANENT and rule.values.get("significant") is True:
            walk.refuse(rule, "significant", f"false: child {child.id!r} is permanent, and never ends on its own")
        wanted = needs_a_process(child)
        if wanted and (wanted in rule.values or "isolation" in rule.values):
            key = wanted if wanted in rule.values else "isolation"
            walk.refuse(rule, key, f'isolation = "process" for the {wanted} of child {child.id!r}')


def _check_significance(
    child: ChildSpec, parent: SupervisorSpec, rules: Sequence[Rule], above: Sequence[Rule], walk: _Walk
) -> None:
    if not child.significant or parent.auto_shutdown is not AutoShutdown.NEVER:
        return
    for rule in rules:
        if rule.values.get("significant") is True:
            expected = 'auto_shutdown = "any_significant" or "all_significant" at the supervisor of a significant child'
            walk.refuse(rule, "significant", expected, given=True)
    for rule in above:
        if rule.values.get("auto_shutdown") == "never":
            expected = f"any_significant or all_significant: child {child.id!r} is significant"
            walk.refuse(rule, "auto_shutdown", expected, given="never")


def _check_root(rules: Sequence[Rule], walk: _Walk) -> None:
    """A rule that names the root can only say what a supervisor is told, and nothing of how it is restarted."""
    for rule in rules:
        if any(letter in rule.pattern for letter in "*?["):
            continue  # it reaches others, too
        for key in rule.values:
            if key not in {*OF_SUPERVISORS, "backoff"}:
                walk.refuse(rule, key, "no such key at the root, which is nobody's child")


def _check_reach(rule: Rule, walk: _Walk) -> None:
    found = [path for path in walk.paths if matches(rule.pattern, path)]
    if not found and not any(may_match_below(rule.pattern, path) for path in walk.opaque):
        guess = nearest(rule.pattern, walk.paths)
        shown = ", ".join(list(walk.paths)[:8]) + (", ..." if len(walk.paths) > 8 else "")
        expected = "a path in the tree" if guess else f"a path in the tree ({shown})"
        walk.refuse(rule, "", expected, given=rule.pattern, suggestion=f'"{guess}"' if guess else "")
        return
    kinds = {walk.paths[path] for path in found}
    inside = any(may_match_below(rule.pattern, path) for path in walk.opaque)  # of which nothing is known here
    for key in rule.values:
        if key in OF_SUPERVISORS and found and not inside and "supervisor" not in kinds:
            walk.refuse(rule, key, f"a supervisor at this path, but {', '.join(found[:3])} has no children")
        elif key in OF_PROGRAMS and found and not inside and "program" not in kinds:
            walk.refuse(rule, key, f"a program at this path, but {', '.join(found[:3])} has no command")


def _backoff(delays: Delays, path: str, walk: _Walk, key: str = "backoff") -> Delays:
    """Lay the rules over what the child has; delays of one's own have no fields, so the defaults are used."""
    rules = walk.rules_at(path)
    try:
        return changed_backoff(delays, fields_of(merged(rules), key))
    except ValueError as error:
        last = [rule for rule in rules if key in rule.values][-1]
        walk.refuse(last, key, f"delays that fit together at {path}: {error}")
        return delays


def _intensity(intensity: RestartIntensity | FailureDecay, path: str, walk: _Walk) -> RestartIntensity | FailureDecay:
    rules = walk.rules_at(path)
    try:
        return changed_intensity(intensity, fields_of(merged(rules), "intensity"))
    except ValueError as error:
        last = [rule for rule in rules if "intensity" in rule.values][-1]
        walk.refuse(last, "intensity", f"an intensity that fits together at {path}: {error}")
        return intensity
