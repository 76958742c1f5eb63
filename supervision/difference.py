"""What has changed between two specs of one supervisor, and what that asks for: nothing, a new value, a new life.

What lives here: comparing. What must not: what a supervisor does about it (reconfigure.py), states, time.
Nothing here recurses, so that trees may be as deep as they like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from ..actors.child_spec import ChildSpec, ChildType, Start
from .dynamic_spec import DynamicSpec
from .partition_spec import PartitionSpec
from .spec import SupervisorSpec

__all__ = ("IDENTITY", "OWN", "POLICY", "Difference", "difference", "differences", "same")

POLICY: Final = ("restart", "shutdown", "significant", "start_timeout", "backoff")
"""Fields of a child that its supervisor reads when it needs them: a new value does not touch the life that runs."""

IDENTITY: Final = ("start", "type", "isolation", "limits", "launcher", "dispatcher", "name")
"""Fields that make a child what it is: a new value needs a new life."""

OWN: Final = ("strategy", "intensity", "backoff", "auto_shutdown", "name")
"""Fields of the supervisor itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What of one supervisor has changed, in words of ids; children in start order, `removed` in the old one.

    `own`: fields of the supervisor itself. `inside`: supervisors that stay, while something below them has changed.
    `reordered`: the children that are in both specs stand in another order.
    """

    own: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reordered: bool = False

    @property
    def empty(self) -> bool:
        """Say whether nothing has changed at all."""
        return not (self.reordered or self.own or any(getattr(self, name) for name in _CHANGES))


_CHANGES: Final = ("changed", "inside", "restarted", "added", "removed")


def difference(old: SupervisorSpec, new: SupervisorSpec) -> Difference:
    """Compare two specs of one supervisor, child by child (by id).

    A child that is a supervisor in both counts as `inside` if nothing but its start differs, and that in a way which a
    running supervisor can follow: another SupervisorSpec, or another function that gives one.
    Shape: O(children, and all that is below them).
    >>> from regrow.supervision import Restart
    >>> one, two = ChildSpec(id="a", start=Start(object)), ChildSpec(id="b", start=Start(object))
    >>> difference(SupervisorSpec(children=[one]), SupervisorSpec(children=[two, one])).added
    ('b',)
    """
    before = {child.id: child for child in old.children}
    after = {child.id: child for child in new.children}
    found: dict[str, list[str]] = {name: [] for name in ("kept", *_CHANGES)}
    for child_id, child in after.items():
        earlier = before.get(child_id)
        found["added" if earlier is None else _verdict(earlier, child)].append(child_id)
    stay = [child_id for child_id in before if child_id in after]
    return Difference(
        own=tuple(name for name in OWN if not same(getattr(old, name), getattr(new, name))),
        kept=tuple(found["kept"]),
        changed=tuple(found["changed"]),
        inside=tuple(found["inside"]),
        restarted=tuple(found["restarted"]),
        added=tuple(found["added"]),
        removed=tuple(child_id for child_id in before if child_id not in after),
        reordered=stay != [child_id for child_id in after if child_id in before],
    )


def differences(old: SupervisorSpec, new: SupervisorSpec, path: str) -> dict[str, Difference]:
    """Compare two trees: the differences of all supervisors that have one, by path, as far as specs are known here."""
    found: dict[str, Difference] = {}
    pairs = [(path, old, new)]
    while pairs:
        here, before, after = pairs.pop()
        change = difference(before, after)
        if not change.empty:
            found[here] = change
        children = {child.id: child for child in before.children}
        for child in after.children:
            if child.id in change.inside:
                one, other = _spec_in(children[child.id].start), _spec_in(child.start)
                if isinstance(one, SupervisorSpec) and isinstance(other, SupervisorSpec):
                    pairs.append((f"{here}/{child.id}", one, other))
    return found


def same(one: object, other: object) -> bool:
    """Say whether two values are equal, and of one type all the way down, so that 1 is not True.

    What cannot be compared counts as different.
    >>> same((1, {"a": [2]}), (1, {"a": [2]})), same((1,), (True,))
    (True, False)
    """
    pairs = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            return False
        if isinstance(left, SupervisorSpec | DynamicSpec | PartitionSpec | ChildSpec | Start):
            pairs += [(getattr(left, field.name), getattr(right, field.name)) for field in fields(left)]
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            if len(left) != len(right):
                return False
            pairs += zip(left, right)
        elif isinstance(left, Mapping) and isinstance(right, Mapping):
            if left.keys() != right.keys():
                return False
            pairs += [(left[key], right[key]) for key in left]
        elif not _equal(left, right):
            return False
    return True


def _equal(left: object, right: object) -> bool:
    try:
        return bool(left == right)
    except (TypeError, ValueError):  # as an array does, whose comparison is an array
        return False


def _verdict(old: ChildSpec, new: ChildSpec) -> str:
    others = (name for name in IDENTITY if name != "start")
    if not all(same(getattr(old, name), getattr(new, name)) for name in others):
        return "restarted"
    if not same(old.start, new.start):
        return "inside" if new.type is ChildType.SUPERVISOR and _can_follow(old.start, new.start) else "restarted"
    return "kept" if all(same(getattr(old, name), getattr(new, name)) for name in POLICY) else "changed"


def _can_follow(old: Start, new: Start) -> bool:
    """Say whether a supervisor that was started by `old` may be able to become what `new` would start."""
    before, after = _spec_in(old), _spec_in(new)
    if before is not None and after is not None:
        rest = same((old.args[1:], old.kwargs), (new.args[1:], new.kwargs))
        return rest and same(old.target, new.target) and before.name == after.name and _same_kind(before, after)
    return _is_function(old.target) and _is_function(new.target)


def _same_kind(before: object, after: object) -> bool:
    """Say whether both have children of a template, or neither; what has begun as the one never is the other."""
    return (getattr(before, "template", None) is None) is (getattr(after, "template", None) is None)


def _is_function(target: object) -> bool:
    """Say whether this is called (here or elsewhere) to give a Start, as far as one can tell without an import."""
    return isinstance(target, str) or not isinstance(target, type)


def _spec_in(start: Start) -> SupervisorSpec | DynamicSpec | PartitionSpec | None:
    first = start.args[0] if start.args else None
    return first if isinstance(first, SupervisorSpec | DynamicSpec | PartitionSpec) else None
