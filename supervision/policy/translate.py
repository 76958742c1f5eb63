"""pydantic's errors as mistakes in the words of a policy file.

What lives here: what was expected, said for people, and the nearest name. What must not: reading files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .faults import Fault
from .mistakes import KeyPath, nearest
from .model import PolicyFile

__all__ = ("faults_of",)

_WORDS: Final[dict[str, str]] = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "an array",
    "string_too_short": "a non-empty string",
}


def faults_of(error: ValidationError) -> list[Fault]:
    """Give one fault for each error of pydantic."""
    return [_fault(detail) for detail in error.errors(include_url=False)]


def _fault(detail: ErrorDetails) -> Fault:
    path: KeyPath = tuple(detail["loc"])
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "policy":
            return Fault(path, str(context["expected"]), given, str(context["suggestion"]))
        case "extra_forbidden":
            keys = sorted(_model_at(path[:-1]).model_fields)
            guess = nearest(path[-1], keys)
            return Fault(path, "a known key" if guess else f"one of the keys {', '.join(keys)}", path[-1], guess)
        case "missing":
            return Fault(path, f"a value for `{path[-1]}`, which every such table needs")
        case "literal_error":
            words = list(_literals(_model_at(path[:-1]).model_fields[str(path[-1])].annotation))
            guess = nearest(given, words)
            return Fault(path, _one_of(words), given, f'"{guess}"' if guess else "")
        case "greater_than_equal":
            return Fault(path, f"a number of at least {context['ge']}", given)
        case "less_than_equal":
            return Fault(path, f"a number of at most {context['le']}", given)
        case "list_type" if path[-1] == "child":
            return Fault(path, "an array of tables, [[...child]]", given)
        case "model_type" if path[-1] == "template":
            return Fault(path, "a table, [...template], as there is only one", given)
        case _:
            return Fault(path, _WORDS.get(kind, detail["msg"]), given)


def _one_of(words: list[str]) -> str:
    return "one of " + ", ".join(f'"{word}"' for word in words)


def _literals(annotation: object) -> Iterator[str]:
    for argument in get_args(annotation):
        if isinstance(argument, str):
            yield argument
        else:
            yield from _literals(argument)


def _model_at(path: KeyPath) -> type[BaseModel]:
    """Find the model of the table at a key path."""
    model: type[BaseModel] = PolicyFile
    for index, part in enumerate(path):
        if index == 1 and path[0] in {"policy", "preset"}:
            continue  # a pattern or a name, whatever it looks like
        field = model.model_fields.get(str(part)) if isinstance(part, str) else None
        inner = None if field is None else next(_models(field.annotation), None)
        model = model if inner is None else inner
    return model


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
