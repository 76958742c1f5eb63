"""Values from the wire, fitted to the type annotations of a user's function.

What lives here: from an annotation to a function that gives the value the function is called with, pure. What must not:
signatures (binding.py). An annotation that means nothing here lets everything through.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import (
    Annotated,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from ...protocol.errors import shown

__all__ = ("Fit", "Misfit", "fit_for")

Fit: TypeAlias = Callable[[object], object]
"""Gives what the function gets for a value. Errors: Misfit."""

_ATOMS: Final[Mapping[object, tuple[type, ...]]] = {
    str: (str,),
    int: (int,),
    bool: (bool,),
    float: (float, int),  # other languages write 1.0 as 1
    complex: (complex, float, int),
    bytes: (bytes, bytearray, memoryview),
    None: (types.NoneType,),
    types.NoneType: (types.NoneType,),
}
_MAKERS: Final[Mapping[object, Callable[[Iterable[object]], object] | None]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    AbstractSet: set,
    Sequence: None,  # None: as it came
    MutableSequence: list,
    Collection: None,
    Iterable: None,
}
_MAPS: Final = frozenset[object]((dict, Mapping, MutableMapping))


class Misfit(Exception):
    """A value that does not fit; `where` grows outwards while it is raised."""

    def __init__(self, expected: str, got: object, where: str = "") -> None:
        super().__init__(expected, got, where)
        self.expected = expected
        self.got = got
        self.where = where

    def __str__(self) -> str:
        return f"expected {self.expected}, got {shown(self.got)}"


def fit_for(annotation: object) -> Fit | None:
    """Give what fits a value to this annotation; None if everything fits.

    >>> fit_for(list[float])([1, "two"])
    Traceback (most recent call last):
    regrow.actors.roles.argument_types.Misfit: expected float, got 'two'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Annotated, Required, NotRequired):
        return fit_for(arguments[0])
    if isinstance(annotation, NewType):
        return fit_for(annotation.__supertype__)
    try:
        hash(annotation)
    except TypeError:  # `x: [1, 2]` is no type
        return None
    if annotation in _ATOMS:
        return _atom(annotation)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _literal(arguments)
    return _container(origin or annotation, arguments) or _class(annotation)


def _container(kind: object, arguments: tuple[object, ...]) -> Fit | None:
    if kind is tuple:
        return _tuple(arguments)
    if kind in _MAPS:
        return _map(arguments)
    if kind in _MAKERS:
        return _array(_MAKERS[kind], fit_for(arguments[0]) if arguments else None)
    return None


def _class(cls: object) -> Fit | None:
    if not isinstance(cls, type):
        return None
    if is_typeddict(cls):
        return lambda value: _read_typed_dict(cls, value)
    if dataclasses.is_dataclass(cls):
        return lambda value: value if isinstance(value, cls) else _make_dataclass(cls, value)
    if issubclass(cls, enum.Enum):
        return lambda value: _member(cls, value)
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)  # not imported: no annotation can be one of its
    if isinstance(model, type) and issubclass(cls, model):
        return lambda value: value if isinstance(value, cls) else _make_model(cls, value)
    return None


# ── atoms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _atom(annotation: object) -> Fit:
    allowed = _ATOMS[annotation]
    name = allowed[0].__name__ if allowed[0] is not types.NoneType else "None"

    def fit(value: object) -> object:
        if not isinstance(value, allowed):
            raise Misfit(name, value)
        return value

    return fit


def _literal(allowed: tuple[object, ...]) -> Fit:
    def fit(value: object) -> object:
        if not any(type(value) is type(one) and value == one for one in allowed):
            raise Misfit(f"one of {', '.join(map(repr, allowed))}", value)
        return value

    return fit


def _member(cls: type[enum.Enum], value: object) -> object:
    try:
        return cls(value)
    except ValueError:
        raise Misfit(f"one of {', '.join(repr(one.value) for one in cls)}", value) from None


def _union(parts: tuple[object, ...]) -> Fit | None:
    fits = [fit_for(part) for part in parts]
    if any(fit is None for fit in fits):
        return None

    def fit_any(value: object) -> object:
        misfits = []
        for fit in fits:
            if fit is None:
                return value
            try:
                return fit(value)
            except Misfit as misfit:
                misfits.append(misfit)
        inner = [misfit for misfit in misfits if misfit.where]
        if len(inner) == 1:  # it was meant to be this one: all others refused the value as a whole
            raise inner[0]
        raise Misfit(" or ".join(dict.fromkeys(misfit.expected for misfit in misfits)), value)

    return fit_any


# ── containers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _fit_inside(fit: Fit | None, value: object, where: str) -> object:
    if fit is None:
        return value
    try:
        return fit(value)
    except Misfit as misfit:
        misfit.where = f"{where}{misfit.where}"
        raise


def _array(make: Callable[[Iterable[object]], object] | None, fit: Fit | None) -> Fit:
    def fit_items(value: object) -> object:
        if not isinstance(value, list | tuple | set | frozenset):
            if make is None:  # a str is a Sequence too, and whatever else the user has in mind
                return value
            raise Misfit("an array", value)
        items = value if fit is None else [_fit_inside(fit, item, f"[{n}]") for n, item in enumerate(value)]
        return items if make is None else make(items)

    return fit_items


def _tuple(arguments: tuple[object, ...]) -> Fit:
    if not arguments or arguments[1:] == (...,):
        return _array(tuple, fit_for(arguments[0]) if arguments else None)
    fits = [fit_for(argument) for argument in arguments if argument != ()]

    def fit_each(value: object) -> object:
        if not isinstance(value, list | tuple) or len(value) != len(fits):
            raise Misfit(f"an array of {len(fits)}", value)
        return tuple(_fit_inside(fit, item, f"[{n}]") for n, (fit, item) in enumerate(zip(fits, value, strict=True)))

    return fit_each


def _map(arguments: tuple[object, ...]) -> Fit:
    fit_key, fit_value = (fit_for(arguments[0]), fit_for(arguments[1])) if arguments else (None, None)

    def fit_items(value: object) -> object:
        if not isinstance(value, dict):
            raise Misfit("a map", value)
        return {
            _fit_inside(fit_key, key, f"[{key!r}]"): _fit_inside(fit_value, item, f"[{key!r}]")
            for key, item in value.items()
        }

    return fit_items


# ── classes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=512)
def _fits_of(cls: type) -> Mapping[str, Fit | None]:
    """Give the fits of a class's fields; asked at its first value, so that a class may refer to itself."""
    try:
        hints = get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001 - names that only type checkers import: these fields are left alone
        return {}
    return {name: fit_for(hint) for name, hint in hints.items()}


def _read_fields(cls: type, value: object, known: Collection[str]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Misfit(f"a map of the fields of {cls.__name__}", value)
    unknown = [name for name in value if name not in known]
    if unknown:
        raise Misfit(f"one of the fields of {cls.__name__} ({', '.join(known)})", unknown[0])
    fits = _fits_of(cls)
    return {name: _fit_inside(fits.get(name), item, f".{name}") for name, item in value.items()}


def _require(value: dict[str, object], names: Iterable[str]) -> None:
    for name in names:
        if name not in value:
            raise Misfit("a value", None, f".{name}")


def _make_dataclass(cls: type, value: object) -> object:
    fields = [field for field in dataclasses.fields(cls) if field.init]
    content = _read_fields(cls, value, [field.name for field in fields])
    missing = dataclasses.MISSING
    _require(content, [f.name for f in fields if f.default is missing and f.default_factory is missing])
    try:
        return cls(**content)
    except (TypeError, ValueError) as error:  # its __post_init__ refuses it
        raise Misfit(f"a {cls.__name__} ({error})", value) from error


def _read_typed_dict(cls: type, value: object) -> object:
    if not isinstance(value, dict):
        raise Misfit(f"a map of the fields of {cls.__name__}", value)
    _require(value, sorted(getattr(cls, "__required_keys__", ())))
    fits = _fits_of(cls)
    return {name: _fit_inside(fits.get(name), item, f".{name}") for name, item in value.items()}


def _make_model(cls: type, value: object) -> object:
    validate: Callable[[object], object] = cls.model_validate  # type: ignore[attr-defined]
    try:
        return validate(value)
    except ValueError as error:  # pydantic.ValidationError is one
        errors: Callable[[], Sequence[Mapping[str, object]]] | None = getattr(error, "errors", None)
        if errors is None:
            raise Misfit(f"a {cls.__name__} ({error})", value) from error
        first = errors()[0]
        path = first.get("loc")
        steps = path if isinstance(path, tuple) else ()
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        raise Misfit(f"a {cls.__name__} ({first.get('msg')})", first.get("input"), where) from error
