"""The single values of a policy file as pydantic types: how each is read, and how an editor knows it.

What lives here: values. What must not: tables (model.py), rules between values (checks.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from ...actors.child_spec import DispatcherName
from ..partition_spec import PARTITIONS_MAX
from ..paths import ID_EXPECTED, is_id
from .durations import (
    DURATION_EXPECTED,
    DURATION_PATTERN,
    SIZE_EXPECTED,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
)
from .kinds import NO_INITIAL
from .mistakes import nearest
from .stop_signal import signal_names, signal_number
from .supervisors import (
    MAX_CHILDREN_EXPECTED,
    NO_LIMIT,
    PARTITIONS_EXPECTED,
    PROCESSORS,
    max_children_of,
    partitions_of,
)

__all__ = (
    "Argv",
    "AutoShutdownWord",
    "DispatcherWord",
    "Duration",
    "FirstWait",
    "Identity",
    "ImportPath",
    "IsolationWord",
    "LongerThanZero",
    "MaxChildren",
    "NotifyWord",
    "Partitions",
    "PresetNames",
    "RestartWord",
    "ShutdownWord",
    "SignalWord",
    "Size",
    "Steps",
    "StrategyWord",
    "Text",
    "TimeLimit",
)

T = TypeVar("T")

IMPORT_PATH_EXPECTED: Final = 'an import path "package.module:Name"'
SHUTDOWN_EXPECTED: Final = '"brutal_kill", "infinity" or ' + DURATION_EXPECTED
TIME_LIMIT_EXPECTED: Final = f'"{NO_LIMIT}" or more than zero, as {DURATION_EXPECTED}'
_SHUTDOWNS: Final = ("brutal_kill", "infinity")
_NAME: Final = r"[^\W\d]\w*"
_IMPORT_PATH: Final = re.compile(rf"{_NAME}(\.{_NAME})*:{_NAME}(\.{_NAME})*")


def _mistake(expected: str, suggestion: str = "") -> PydanticCustomError:
    return PydanticCustomError("policy", "expected {expected}", {"expected": expected, "suggestion": suggestion})


def _reading(parse: Callable[[object], T], expected: str) -> Callable[[object], T]:
    def read(value: object) -> T:
        try:
            return parse(value)
        except ValueError:
            raise _mistake(expected) from None

    return read


def _positive(value: object) -> float:
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError(value)
    return seconds


def _time_limit(value: object) -> float | str:
    if value == NO_LIMIT:
        return NO_LIMIT
    try:
        return _positive(value)
    except ValueError:
        guess = nearest(value, [NO_LIMIT])
        raise _mistake(TIME_LIMIT_EXPECTED, f'"{guess}"' if guess else "") from None


def _first_wait(value: object) -> float | str:
    return NO_INITIAL if value == NO_INITIAL else parse_duration(value)


def _steps(value: object) -> object:
    if isinstance(value, list) and value:
        return value
    raise _mistake('a non-empty array of durations, as in [0, "100ms", "1s", "5s"]')


def _counting(parse: Callable[[object], int | None], word: str, expected: str) -> Callable[[object], object]:
    """A number, or the one word that stands for none."""

    def read(value: object) -> object:
        try:
            parse(value)
        except ValueError:
            guess = nearest(value, [word])
            raise _mistake(expected, f'"{guess}"' if guess else "") from None
        return value

    return read


def _shutdown(value: object) -> float | str:
    if isinstance(value, str) and value in _SHUTDOWNS:
        return value
    try:
        return parse_duration(value)
    except ValueError:
        guess = nearest(value, _SHUTDOWNS)
        raise _mistake(SHUTDOWN_EXPECTED, f'"{guess}"' if guess else "") from None


def _import_path(value: object) -> str:
    if isinstance(value, str) and _IMPORT_PATH.fullmatch(value):
        return value
    module, dot, name = value.rpartition(".") if isinstance(value, str) else ("", "", "")
    guess = f"{module}:{name}" if dot and ":" not in module else ""
    raise _mistake(IMPORT_PATH_EXPECTED, f'"{guess}"' if _IMPORT_PATH.fullmatch(guess) else "")


def _identity(value: object) -> str:
    if isinstance(value, str) and is_id(value):
        return value
    raise _mistake(ID_EXPECTED)


def _preset_names(value: object) -> object:
    names = value if isinstance(value, list) else [value]
    if names and all(isinstance(name, str) and name for name in names):
        return value
    raise _mistake("the name of a preset, or an array of them")


def _argv(value: object) -> object:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value) and value[0]:
        if any("\0" in item for item in value):
            raise _mistake("words without NUL, which no program can be given")
        return value
    raise _mistake('a non-empty array of strings, as in ["redis-server", "--port", "0"]')


def _text(value: object) -> object:
    if isinstance(value, str) and value and "\0" not in value:
        return value
    raise _mistake("a non-empty string without NUL")


def _notify(value: object) -> object:
    if value is True or value == "abstract":
        return value
    raise _mistake('true or "abstract"')


def _signal(value: object) -> str:
    found = signal_number(value)
    if found is not None:
        return found.name
    guess = nearest(str(value).removeprefix("SIG"), signal_names())
    raise _mistake('a signal, as in "TERM" or "SIGTERM"', f'"{guess}"' if guess else "")


def _schema(number: Mapping[str, object], *words: str, pattern: str) -> dict[str, object]:
    """Say to an editor: a number, text of a form, or one of some words."""
    enum = [{"enum": list(words)}] if words else []
    return {"anyOf": [dict(number), *enum, {"type": "string", "pattern": pattern}]}


_SECONDS: Final = {"type": "number", "minimum": 0}
Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_reading(parse_duration, DURATION_EXPECTED)),
    WithJsonSchema(_schema(_SECONDS, pattern=DURATION_PATTERN)),
]
FirstWait: TypeAlias = Annotated[
    float | str,
    BeforeValidator(_reading(_first_wait, f'{DURATION_EXPECTED}, or "{NO_INITIAL}"')),
    WithJsonSchema(_schema(_SECONDS, NO_INITIAL, pattern=DURATION_PATTERN)),
]
Steps: TypeAlias = Annotated[list[Duration], BeforeValidator(_steps)]
LongerThanZero: TypeAlias = Annotated[
    float,
    BeforeValidator(_reading(_positive, f"more than zero, as {DURATION_EXPECTED}")),
    WithJsonSchema(_schema({"type": "number", "exclusiveMinimum": 0}, pattern=DURATION_PATTERN)),
]
TimeLimit: TypeAlias = Annotated[
    float | str,
    BeforeValidator(_time_limit),
    WithJsonSchema(_schema({"type": "number", "exclusiveMinimum": 0}, NO_LIMIT, pattern=DURATION_PATTERN)),
]
Size: TypeAlias = Annotated[
    int,
    BeforeValidator(_reading(parse_size, SIZE_EXPECTED)),
    WithJsonSchema(_schema({"type": "integer", "minimum": 0}, pattern=SIZE_PATTERN)),
]
MaxChildren: TypeAlias = Annotated[
    int | str,
    BeforeValidator(_counting(max_children_of, NO_LIMIT, MAX_CHILDREN_EXPECTED)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"enum": [NO_LIMIT]}]}),
]
Partitions: TypeAlias = Annotated[
    int | str,
    BeforeValidator(_counting(partitions_of, PROCESSORS, PARTITIONS_EXPECTED)),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": PARTITIONS_MAX}, {"enum": [PROCESSORS]}]}),
]
ShutdownWord: TypeAlias = Annotated[
    float | str,
    BeforeValidator(_shutdown),
    WithJsonSchema(_schema(_SECONDS, *_SHUTDOWNS, pattern=DURATION_PATTERN)),
]
ImportPath: TypeAlias = Annotated[
    str, BeforeValidator(_import_path), WithJsonSchema({"type": "string", "pattern": f"^{_IMPORT_PATH.pattern}$"})
]
Identity: TypeAlias = Annotated[
    str, BeforeValidator(_identity), WithJsonSchema({"type": "string", "pattern": r"^[^/*?\[\]\u0000-\u001f\u007f]+$"})
]
SignalWord: TypeAlias = Annotated[
    str,
    BeforeValidator(_signal),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^(SIG)?[A-Z][A-Z0-9+]*$"}]}),
]
PresetNames: TypeAlias = Annotated[
    str | list[str],
    BeforeValidator(_preset_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Argv: TypeAlias = Annotated[
    list[str],
    BeforeValidator(_argv),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1}),
]

Text: TypeAlias = Annotated[
    str, BeforeValidator(_text), WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"^[^\u0000]+$"})
]

NotifyWord: TypeAlias = Annotated[bool | str, BeforeValidator(_notify), WithJsonSchema({"enum": [True, "abstract"]})]

RestartWord: TypeAlias = Literal["permanent", "transient", "temporary"]
StrategyWord: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdownWord: TypeAlias = Literal["never", "any_significant", "all_significant"]
IsolationWord: TypeAlias = Literal["thread", "process"]
DispatcherWord: TypeAlias = DispatcherName
