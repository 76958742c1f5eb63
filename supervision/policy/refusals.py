"""What a `[policy."path"]` table asks for and cannot have.

What lives here: the checks of rules against the tree that they have come to. What must not: changing it (apply.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from ...actors.child_spec import ChildSpec, Restart
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..significance import AutoShutdown
from .mistakes import nearest
from .overrides import OF_PROGRAMS, OF_SUPERVISORS, needs_a_process
from .paths import matches, may_match_below
from .rules import Rule, Walk, is_glob
from .supervisors import AnySpec

__all__ = ("check_child", "check_one_kind", "check_reach", "check_root", "check_significance", "check_stays")


def check_child(child: ChildSpec, rules: Sequence[Rule], walk: Walk) -> None:
    """Refuse what cannot be said of this child."""
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


def check_significance(
    child: ChildSpec,
    parent: AnySpec,
    rules: Sequence[Rule],
    above: Sequence[Rule],
    walk: Walk,
) -> None:
    """Refuse a significant child below a supervisor that does not look at its end, whoever has said so."""
    never = AutoShutdown.NEVER
    if not child.significant or getattr(parent, "auto_shutdown", never) is not never:
        return
    for rule in rules:
        if rule.values.get("significant") is True:
            expected = 'auto_shutdown = "any_significant" or "all_significant" at the supervisor of a significant child'
            walk.refuse(rule, "significant", expected, given=True)
    for rule in above:
        if rule.values.get("auto_shutdown") == "never":
            expected = f"any_significant or all_significant: child {child.id!r} is significant"
            walk.refuse(rule, "auto_shutdown", expected, given="never")


def check_root(rules: Sequence[Rule], walk: Walk) -> None:
    """A rule that names the root can only say what a supervisor is told, and nothing of how it is restarted."""
    for rule in rules:
        if is_glob(rule.pattern):
            continue  # it reaches others, too
        for key in rule.values:
            if key not in {*OF_SUPERVISORS, "backoff"}:
                walk.refuse(rule, key, "no such key at the root, which is nobody's child")


def check_one_kind(spec: DynamicSpec | PartitionSpec, rules: Sequence[Rule], walk: Walk) -> None:
    """Refuse words that a supervisor of one kind of child does not know. A glob reaches others, too."""
    what = "a DynamicSupervisor" if isinstance(spec, DynamicSpec) else "a PartitionSupervisor"
    only = {"auto_shutdown": str(AutoShutdown.NEVER)}
    if isinstance(spec, DynamicSpec):
        only = {"strategy": str(spec.strategy), **only}
    for rule in rules:
        for key, word in only.items() if not is_glob(rule.pattern) else ():
            if rule.values.get(key, word) != word:
                walk.refuse(rule, key, f'"{word}", the only one of {what}', given=rule.values[key])


def check_stays(rules: Sequence[Rule], walk: Walk) -> None:
    """Refuse to move a partition supervisor to a process of its own, where nobody could find the partitions."""
    for rule in rules:
        if rule.values.get("isolation") == "process" and not is_glob(rule.pattern):
            expected = "thread, at a partition supervisor (the partitions are found in its own process alone)"
            walk.refuse(rule, "isolation", expected, given="process")


def check_reach(rule: Rule, walk: Walk) -> None:
    """Refuse a rule that reaches nobody, or of which a key means nothing to all that it reaches."""
    found = [path for path in walk.paths if matches(rule.pattern, path)]
    inside = any(may_match_below(rule.pattern, path) for path in walk.opaque)  # of which nothing is known here
    if inside:
        return
    if not found:
        guess = nearest(rule.pattern, walk.paths)
        shown = ", ".join(list(walk.paths)[:8]) + (", ..." if len(walk.paths) > 8 else "")
        expected = "a path in the tree" if guess else f"a path in the tree ({shown})"
        walk.refuse(rule, "", expected, given=rule.pattern, suggestion=f'"{guess}"' if guess else "")
        return
    kinds = {walk.paths[path] for path in found}
    for key in rule.values:
        homes, expected = _HOMES.get(key, (kinds, ""))
        if not kinds & homes:
            walk.refuse(rule, key, expected.format(", ".join(found[:3])))


_ALL_SUPERVISORS: Final = frozenset({"supervisor", "dynamic", "partition", "opaque"})
_HOMES: Final[Mapping[str, tuple[AbstractSet[str], str]]] = {
    **dict.fromkeys(OF_SUPERVISORS, (_ALL_SUPERVISORS, "a supervisor at this path, but {} has no children")),
    **{key: ({"program"}, "a program at this path, but {} has no command") for key in OF_PROGRAMS},
    "dispatcher": ({"actor", *_ALL_SUPERVISORS}, "an actor at this path, but {} is a program"),
    "max_children": ({"dynamic", "opaque"}, "a dynamic supervisor at this path, but {} is none"),
    "partitions": ({"partition", "opaque"}, "a partition supervisor at this path, but {} is none"),
}
"""By key: what has to be at one of the paths at least, a word of Walk.paths, and what to say if it is not."""
