"""The kinds of backoff and of intensity that a policy file can name, and how the keys of one change a value.

What lives here: the table of kinds, and the way between a value and its keys. What must not: pydantic (hosted processes
build their part of a tree here), checks with a line number, imports of what a `wait` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Final, cast

from ...actors.child_spec import Delays
from ..backoff import AkkaBackoff, Backoff, ConstantBackoff, DecorrelatedBackoff, LadderBackoff, TenacityBackoff
from ..decay import FailureDecay
from ..intensity import RestartIntensity

__all__ = (
    "BACKOFFS",
    "INTENSITIES",
    "NEEDED",
    "NO_INITIAL",
    "changed_backoff",
    "changed_intensity",
    "keys_of",
    "laid_over",
    "plain_backoff",
    "plain_intensity",
)

Kinds = Mapping[str, type]

BACKOFFS: Final[Kinds] = {
    "exponential": Backoff,
    "constant": ConstantBackoff,
    "ladder": LadderBackoff,
    "decorrelated": DecorrelatedBackoff,
    "akka": AkkaBackoff,
    "tenacity": TenacityBackoff,
}
"""By the word for `kind`; the first is the one that is meant where nothing is said."""

INTENSITIES: Final[Kinds] = {"window": RestartIntensity, "decay": FailureDecay}
"""As BACKOFFS."""

NEEDED: Final[Mapping[str, str]] = {"constant": "seconds", "ladder": "steps", "tenacity": "wait"}
"""The one key of a kind that has no default."""

NO_INITIAL: Final = "none"
"""Says that the first restart waits as the others do, because TOML has no word for None."""


def keys_of(kind: str, kinds: Kinds) -> tuple[str, ...]:
    """Give the keys of a kind, without `kind` itself."""
    return tuple(field.name for field in fields(kinds[kind]))


def laid_over(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Give the keys of two tables, those of the second winning; a `kind` in it that is another one ends the first.

    >>> laid_over({"base": 1, "cap": 9}, {"cap": 5}), laid_over({"kind": "ladder", "steps": [1]}, {"kind": "akka"})
    ({'base': 1, 'cap': 5}, {'kind': 'akka'})
    """
    kind = over.get("kind")
    kinds = INTENSITIES if kind in ("window", "decay") else BACKOFFS
    if not isinstance(kind, str) or kind not in kinds:
        return {**under, **over}
    if under.get("kind", kind) != kind:
        return dict(over)
    known = keys_of(kind, kinds)
    return {**{key: value for key, value in under.items() if key in known}, **over}


def changed_backoff(backoff: Delays, table: Mapping[str, object]) -> Delays:
    """Give a backoff with some fields replaced, or one of another kind. A default `reset_after` stays a default.

    Errors: ValueError naming the key, if it is not one of that kind or does not fit the others.
    """
    given = {key: None if (key, value) == ("initial", NO_INITIAL) else value for key, value in table.items()}
    return cast("Delays", _changed(backoff, given, BACKOFFS)) if given else backoff


def changed_intensity(
    intensity: RestartIntensity | FailureDecay, table: Mapping[str, object]
) -> RestartIntensity | FailureDecay:
    """Give an intensity with some fields replaced, or one of another kind. Errors: as from `changed_backoff`."""
    if not table:
        return intensity
    return cast("RestartIntensity | FailureDecay", _changed(intensity, table, INTENSITIES))


def plain_backoff(backoff: Delays) -> dict[str, object]:
    """Write a backoff as the table it could have come from.

    Errors: ValueError for delays of one's own, and for a wait of tenacity's that has no import path.
    """
    kind = _kind_of(backoff, BACKOFFS)
    if kind is None:
        raise ValueError(f"a backoff of its own kind, {type(backoff).__qualname__}")
    if isinstance(backoff, TenacityBackoff) and not isinstance(backoff.wait, str):
        raise ValueError(f"a backoff whose wait is {backoff.wait!r}; give its import path instead")
    table: dict[str, object] = {"kind": kind}
    for key in keys_of(kind, BACKOFFS):
        value = getattr(backoff, key)
        table[key] = NO_INITIAL if value is None else list(value) if isinstance(value, tuple) else value
    return table


def plain_intensity(intensity: RestartIntensity | FailureDecay) -> dict[str, object]:
    """Write an intensity as the table it could have come from."""
    kind = "decay" if isinstance(intensity, FailureDecay) else "window"
    return {"kind": kind, **{key: getattr(intensity, key) for key in keys_of(kind, INTENSITIES)}}


def _kind_of(value: object, kinds: Kinds) -> str | None:
    return next((kind for kind, cls in kinds.items() if type(value) is cls), None)


def _changed(value: object, table: Mapping[str, object], kinds: Kinds) -> object:
    was = _kind_of(value, kinds)
    kind = str(table.get("kind", was or next(iter(kinds))))
    given = {key: item for key, item in table.items() if key != "kind"}
    known = keys_of(kind, kinds)
    for key in given:
        if key not in known:
            raise ValueError(f'{key}: expected a key of kind "{kind}" ({", ".join(known)})')
    kept = {key: getattr(value, key) for key in known} if kind == was else {}
    make = kinds[kind]
    if kept.get("reset_after") is not None and kept["reset_after"] == make(**kept | {"reset_after": None}).reset_after:
        del kept["reset_after"]
    needed = NEEDED.get(kind)
    if needed is not None and needed not in kept and needed not in given:
        raise ValueError(f'{needed}: expected a value, which kind "{kind}" needs')
    return make(**kept | given)
