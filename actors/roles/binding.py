"""The arguments of a request, bound to the signature of the function that they are for.

What lives here: one `Binder` a function, pure: what is missing, too much or of the wrong type is a failure that names
function, parameter, what was expected and what came. A parameter that is annotated `regrow.Invocation` gets the run.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias, get_type_hints

from ...protocol.session.messages import Failure
from .argument_types import Fit, Misfit, fit_for
from .invocation import Invocation

__all__ = ("Arguments", "Binder")

Arguments: TypeAlias = tuple[tuple[object, ...], dict[str, object]]

_VAR_POSITIONAL: Final = inspect.Parameter.VAR_POSITIONAL
_VAR_KEYWORD: Final = inspect.Parameter.VAR_KEYWORD


class Binder:
    """Fits arguments to one function. With `validate=False` it only hands the run in."""

    def __init__(self, function: Callable[..., object], *, validate: bool = True) -> None:
        self._name = getattr(function, "__qualname__", repr(function))
        self._signature: inspect.Signature | None = None
        self._own: str | None = None  # the parameter that gets the run
        self._fits: dict[str, Fit] = {}
        try:
            self._signature = inspect.signature(function)
        except ValueError:  # written in C, without a signature: whatever comes is handed on
            return
        annotations = _annotations_of(function, self._signature)
        self._own = next((name for name, hint in annotations.items() if hint is Invocation), None)
        if validate:
            self._fits = {name: fit for name, hint in annotations.items() if (fit := fit_for(hint)) is not None}
        self._open = self._signature  # what the client may fill in
        if self._own is not None:
            others = [one for one in self._signature.parameters.values() if one.name != self._own]
            self._open = self._signature.replace(parameters=others)

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object], run: Invocation) -> Arguments | Failure:
        """Give what the function is to be called with, or the failure that says what does not fit."""
        if self._signature is None or (self._own is None and not self._fits):
            return args, kwargs
        try:
            bound = self._open.bind(*args, **kwargs)
        except TypeError as error:
            return Failure("bad_arguments", "TypeError", f"{self._name}{self._open}: {error}")
        given = dict(bound.arguments)
        for name, value in given.items():
            if name in self._fits:
                try:
                    given[name] = self._fitted(name, value)
                except Misfit as misfit:
                    text = f"{self._name}(): {name}{misfit.where}: {misfit}"
                    return Failure("bad_arguments", "BadArguments", text)
        if self._own is not None:
            given[self._own] = run
        whole = inspect.BoundArguments(self._signature, given)
        return whole.args, whole.kwargs

    def _fitted(self, name: str, value: object) -> object:
        fit, kind = self._fits[name], self._open.parameters[name].kind
        if kind is _VAR_POSITIONAL and isinstance(value, tuple):
            return tuple(_at(fit, item, f"[{index}]") for index, item in enumerate(value))
        if kind is _VAR_KEYWORD and isinstance(value, dict):
            return {key: _at(fit, item, f"[{key!r}]") for key, item in value.items()}
        return fit(value)


def _at(fit: Fit, value: object, where: str) -> object:
    try:
        return fit(value)
    except Misfit as misfit:
        misfit.where = f"{where}{misfit.where}"
        raise


def _annotations_of(function: Callable[..., object], signature: inspect.Signature) -> Mapping[str, object]:
    """Give what the annotations mean, one by one: a name that cannot be resolved spoils only its own."""
    names: dict[str, object] = getattr(inspect.unwrap(function), "__globals__", {})
    found: dict[str, object] = {}
    for name, parameter in signature.parameters.items():
        if parameter.annotation is inspect.Parameter.empty:
            continue
        one = types.SimpleNamespace(__annotations__={name: parameter.annotation})
        with suppress(Exception):  # names that only type checkers import, or no type at all: left alone
            found[name] = get_type_hints(one, globalns=names, include_extras=True)[name]
    return found
