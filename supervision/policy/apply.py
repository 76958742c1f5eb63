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
from dataclasses import replace
from typing import Final, TypeVar, cast

from ...actors.child_spec import ChildSpec, ChildType, Delays, Isolation, Start
from ..decay import FailureDecay
from ..dynamic_spec import DynamicSpec
from ..intensity import RestartIntensity
from ..partition_spec import PartitionSpec
from ..spec import SupervisorSpec
from ..start_times import boot_timeout
from .build import TREE_START
from .deep import Deep, run_deep
from .kinds import changed_backoff, changed_intensity
from .mistakes import PolicyError
from .overrides import (
    OF_ONE_KIND,
    OF_SUPERVISORS,
    changed_child,
    changed_of_one,
    changed_supervisor,
    fields_of,
    program_of,
)
from .refusals import check_child, check_one_kind, check_reach, check_root, check_significance, check_stays
from .rules import Rule, Walk, merged, reaching
from .supervisors import AnySpec, start_of

__all__ = ("ROOT", "START_CHANGED", "Rule", "apply_rules", "inner_spec", "merged", "reaching")

S = TypeVar("S", bound=AnySpec)

ROOT: Final = "root"
"""The first segment of all paths of a tree that has no name."""

START_CHANGED: Final = f"{__package__}.hosted:start_changed"


def apply_rules(spec: S, rules: Iterable[Rule], *, root: str = ROOT, complete: bool = True) -> S:
    """Give `spec` with the rules applied, all the way down; `spec` itself is a value and stays as it is.

    `complete=False`: the tree is only a part, so rules that match nothing in it are meant for another part, and what
    they say of how the root is restarted is somebody else's to do.
    Errors: PolicyError with every rule that matches nothing or asks for what is not possible.
    """
    walk = Walk(tuple(rules))
    changed = run_deep(_inside(spec, root, walk, top=complete))
    for rule in walk.rules:
        if complete or rule.pattern == root:
            check_reach(rule, walk)
    if walk.mistakes:
        raise PolicyError(sorted(walk.mistakes, key=lambda mistake: mistake.line))
    return cast("S", changed)  # the rules change what it is told, never what it is


def inner_spec(child: ChildSpec) -> AnySpec | None:
    """Give the spec of a child that is a supervisor and whose spec is known in this process."""
    arguments = child.start.args
    if _is_described(child.start):
        from .hosted import start_changed, tree_start  # needs the runtime, as few trees do that are only shown

        function: Callable[..., Start] = tree_start if child.start.target == TREE_START else start_changed
        arguments = function(*arguments).args
    elif child.type is not ChildType.SUPERVISOR:
        return None
    given: object = arguments[0] if arguments else None
    return given if isinstance(given, SupervisorSpec | DynamicSpec | PartitionSpec) else None


def _is_described(start: Start) -> bool:
    """Say whether a start leads to a tree that a policy describes, so that no code of users is needed to see it."""
    target: object = start.target
    arguments: Sequence[object] = start.args
    while target == START_CHANGED and len(arguments) > 1:
        target, inner = arguments[0], arguments[1]
        arguments = inner if isinstance(inner, Sequence) else ()
    return target == TREE_START and bool(arguments)


def _inside(spec: AnySpec, path: str, walk: Walk, *, top: bool = False) -> Deep[AnySpec]:
    """Change a supervisor and all below it."""
    rules = walk.rules_at(path)
    values = merged(rules)
    if "intensity" in values:
        spec = replace(spec, intensity=_intensity(spec.intensity, path, walk))
    for key in ("backoff", "child_backoff") if top else ("child_backoff",):
        if key in values:
            spec = replace(spec, backoff=_backoff(spec.backoff, path, walk, key))
    if not isinstance(spec, SupervisorSpec):
        spec = yield _of_one(spec, path, walk)
        return spec
    walk.paths[path] = "supervisor"
    spec = changed_supervisor(spec, values)
    if top:
        check_root(rules, walk)
    children: list[ChildSpec] = []
    for child in spec.children:
        changed = yield _child(child, spec, f"{path}/{child.id}", walk)
        children.append(changed)
    return replace(spec, children=children)


def _of_one(spec: DynamicSpec | PartitionSpec, path: str, walk: Walk) -> Deep[DynamicSpec | PartitionSpec]:
    """Change a supervisor of one kind of child, whose template is the one child below it that has a path."""
    rules = walk.rules_at(path)
    walk.paths[path] = "dynamic" if isinstance(spec, DynamicSpec) else "partition"
    spec = changed_of_one(spec, merged(rules))
    check_one_kind(spec, rules, walk)
    template = spec.template if isinstance(spec, DynamicSpec) else spec.child
    if template is None:
        return spec
    changed: ChildSpec = yield _child(template, spec, f"{path}/{template.id}", walk)
    return replace(spec, template=changed) if isinstance(spec, DynamicSpec) else replace(spec, child=changed)


def _child(child: ChildSpec, parent: AnySpec, path: str, walk: Walk) -> Deep[ChildSpec]:
    rules = walk.rules_at(path)
    walk.paths[path] = "actor" if program_of(child) is None else "program"
    values = merged(rules)
    child = changed_child(child, values)
    if "backoff" in values:
        child = replace(child, backoff=_backoff(child.backoff or parent.backoff, path, walk))
    child = yield _placed(child, path, values, walk)
    check_child(child, rules, walk)
    check_significance(child, parent, rules, walk.rules_at(path.rpartition("/")[0]), walk)
    return child


def _placed(child: ChildSpec, path: str, values: Mapping[str, object], walk: Walk) -> Deep[ChildSpec]:
    """Set the isolation, and hand the rules for what is below to whoever will know it."""
    inner = inner_spec(child)
    isolation = Isolation(str(values.get("isolation", child.isolation)))
    if inner is None:
        child = replace(child, isolation=isolation)
        return _opaque(child, path, walk) if child.type is ChildType.SUPERVISOR else child
    changed: AnySpec = yield _inside(inner, path, walk)
    if isinstance(changed, PartitionSpec):
        check_stays(walk.rules_at(path), walk)
        isolation = child.isolation
    if child.start_timeout == boot_timeout(inner, child.isolation) and "start_timeout" not in values:
        child = replace(child, start_timeout=boot_timeout(changed, isolation))  # it follows from what is below
    if _is_described(child.start):
        if isolation is Isolation.THREAD:
            return replace(child, isolation=isolation, start=start_of(changed))
        rules = [rule.plain() for rule in walk.rules_at(path) + walk.below(path)]
        return _wrapped(child, rules, path) if rules else child
    if isolation is Isolation.PROCESS and child.isolation is Isolation.THREAD and not _is_special(child, changed):
        return _moved(child, changed, path, walk)
    return replace(child, isolation=isolation, start=replace(child.start, args=(changed, *child.start.args[1:])))


def _is_special(child: ChildSpec, spec: AnySpec) -> bool:
    """Say whether a supervisor is of a class of one's own, which no policy could describe: it travels as it is."""
    target, usual = child.start.target, start_of(spec).target
    return isinstance(target, type) and isinstance(usual, type) and target is not usual and issubclass(target, usual)


def _opaque(child: ChildSpec, path: str, walk: Walk) -> ChildSpec:
    """Wrap the start of a supervisor whose spec only its start knows, so that the rules are applied there."""
    walk.paths[path] = "opaque"
    walk.opaque.append(path)
    own = [rule for rule in walk.rules_at(path) if any(key in rule.values for key in (*OF_SUPERVISORS, *OF_ONE_KIND))]
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


def _moved(child: ChildSpec, changed: AnySpec, path: str, walk: Walk) -> ChildSpec:
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


def _backoff(delays: Delays, path: str, walk: Walk, key: str = "backoff") -> Delays:
    """Lay the rules over what the child has; delays of one's own have no fields, so the defaults are used."""
    rules = walk.rules_at(path)
    try:
        return changed_backoff(delays, fields_of(merged(rules), key))
    except ValueError as error:
        last = [rule for rule in rules if key in rule.values][-1]
        walk.refuse(last, key, f"delays that fit together at {path}: {error}")
        return delays


def _intensity(intensity: RestartIntensity | FailureDecay, path: str, walk: Walk) -> RestartIntensity | FailureDecay:
    rules = walk.rules_at(path)
    try:
        return changed_intensity(intensity, fields_of(merged(rules), "intensity"))
    except ValueError as error:
        last = [rule for rule in rules if "intensity" in rule.values][-1]
        walk.refuse(last, "intensity", f"an intensity that fits together at {path}: {error}")
        return intensity
