"""The shape of a policy file as pydantic models: strict, and nothing extra.

What lives here: types and single-value rules. What must not: rules between values (`checks.py`), specs (`build.py`).
Only policy code imports this module, and only when a file is read: pydantic costs tens of milliseconds and megabytes
that a worker process must not pay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from .durations import DURATION_EXPECTED, SIZE_EXPECTED, parse_duration, parse_size
from .kinds import BACKOFFS, INTENSITIES, NO_INITIAL, keys_of
from .mistakes import nearest
from .stop_signal import signal_names, signal_number

__all__ = (
    "BackoffModel",
    "ChildModel",
    "IntensityModel",
    "LimitsModel",
    "OverrideModel",
    "PolicyFile",
    "PresetModel",
    "ReadyModel",
    "TreeModel",
    "json_schema",
)

T = TypeVar("T")

IMPORT_PATH_EXPECTED: Final = 'an import path "package.module:Name"'
SHUTDOWN_EXPECTED: Final = '"brutal_kill", "infinity" or ' + DURATION_EXPECTED
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


def _first_wait(value: object) -> float | str:
    return NO_INITIAL if value == NO_INITIAL else parse_duration(value)


def _steps(value: object) -> object:
    if isinstance(value, list) and value:
        return value
    raise _mistake('a non-empty array of durations, as in [0, "100ms", "1s", "5s"]')


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
    if isinstance(value, str) and value and "/" not in value and value.isprintable():
        return value
    raise _mistake("a non-empty name without a slash (paths in the tree are made of it)")


def _preset_names(value: object) -> object:
    names = value if isinstance(value, list) else [value]
    if names and all(isinstance(name, str) and name for name in names):
        return value
    raise _mistake("the name of a preset, or an array of them")


def _argv(value: object) -> object:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value) and value[0]:
        return value
    raise _mistake('a non-empty array of strings, as in ["redis-server", "--port", "0"]')


def _signal(value: object) -> str:
    found = signal_number(value)
    if found is not None:
        return found.name
    guess = nearest(str(value).removeprefix("SIG"), signal_names())
    raise _mistake('a signal, as in "TERM" or "SIGTERM"', f'"{guess}"' if guess else "")


_TEXT_OR_NUMBER: Final[dict[str, object]] = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}]}
Duration: TypeAlias = Annotated[
    float, BeforeValidator(_reading(parse_duration, DURATION_EXPECTED)), WithJsonSchema(_TEXT_OR_NUMBER)
]
FirstWait: TypeAlias = Annotated[
    float | str,
    BeforeValidator(_reading(_first_wait, f'{DURATION_EXPECTED}, or "{NO_INITIAL}"')),
    WithJsonSchema(_TEXT_OR_NUMBER),
]
Steps: TypeAlias = Annotated[list[Duration], BeforeValidator(_steps)]
LongerThanZero: TypeAlias = Annotated[
    float,
    BeforeValidator(_reading(_positive, f"more than zero, as {DURATION_EXPECTED}")),
    WithJsonSchema(_TEXT_OR_NUMBER),
]
Size: TypeAlias = Annotated[int, BeforeValidator(_reading(parse_size, SIZE_EXPECTED)), WithJsonSchema(_TEXT_OR_NUMBER)]
ShutdownWord: TypeAlias = Annotated[float | str, BeforeValidator(_shutdown), WithJsonSchema(_TEXT_OR_NUMBER)]
ImportPath: TypeAlias = Annotated[
    str, BeforeValidator(_import_path), WithJsonSchema({"type": "string", "pattern": f"^{_IMPORT_PATH.pattern}$"})
]
Identity: TypeAlias = Annotated[
    str, BeforeValidator(_identity), WithJsonSchema({"type": "string", "pattern": "^[^/]+$"})
]
SignalWord: TypeAlias = Annotated[
    str, BeforeValidator(_signal), WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]})
]
PresetNames: TypeAlias = Annotated[
    str | list[str],
    BeforeValidator(_preset_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Argv: TypeAlias = Annotated[list[str], BeforeValidator(_argv)]

RestartWord: TypeAlias = Literal["permanent", "transient", "temporary"]
StrategyWord: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdownWord: TypeAlias = Literal["never", "any_significant", "all_significant"]
IsolationWord: TypeAlias = Literal["thread", "process"]


def _keys_by_kind(kinds: Mapping[str, type]) -> list[JsonValue]:
    """Say to an editor which keys go with a `kind`; without one any may, because the kind may be inherited."""
    return [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"propertyNames": {"enum": ["kind", *keys_of(kind, kinds)]}},
        }
        for kind in kinds
    ]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class IntensityModel(_Table):
    """How many restarts a supervisor accepts before it gives up: so many in a window, or as a count that decays."""

    model_config = ConfigDict(json_schema_extra={"allOf": _keys_by_kind(INTENSITIES)})

    kind: Literal["window", "decay"] | None = None
    # a window
    max_restarts: int | None = Field(None, ge=0)
    max_seconds: LongerThanZero | None = None
    # a decay
    threshold: float | None = Field(None, ge=0)
    decay: LongerThanZero | None = None


class BackoffModel(_Table):
    """How long to wait before each restart; what is not given keeps its value, unless `kind` is another one."""

    model_config = ConfigDict(json_schema_extra={"allOf": _keys_by_kind(BACKOFFS)})

    kind: Literal["exponential", "constant", "ladder", "decorrelated", "akka", "tenacity"] | None = None
    initial: FirstWait | None = None
    reset_after: Duration | None = None
    # exponential; of decorrelated base and cap, of tenacity cap
    base: Duration | None = None
    factor: float | None = Field(None, ge=1)
    cap: Duration | None = None
    jitter: Literal["full", "equal", "none"] | None = None
    # constant
    seconds: Duration | None = None
    # ladder
    steps: Steps | None = None
    # akka
    min_backoff: Duration | None = None
    max_backoff: Duration | None = None
    random_factor: float | None = Field(None, ge=0, le=1)
    # tenacity
    wait: ImportPath | None = None


class LimitsModel(_Table):
    """What an OS process may use."""

    nice: int | None = Field(None, ge=-20, le=19)
    memory_bytes: Size | None = None
    open_files: int | None = Field(None, ge=1)
    stopped_seconds: Duration | None = None


class ReadyModel(_Table):
    """When an external program counts as ready: exactly one of the three."""

    line: str | None = Field(None, min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    file: str | None = Field(None, min_length=1)


class ChildModel(_Table):
    """One child: an actor by import path, an external program, or a supervisor with children of its own."""

    id: Identity
    preset: PresetNames | None = None
    type: Literal["worker", "supervisor"] = "worker"
    restart: RestartWord | None = None
    shutdown: ShutdownWord | None = None
    significant: bool | None = None
    isolation: IsolationWord | None = None
    limits: LimitsModel | None = None
    launcher: Literal["auto", "exec", "zygote"] | None = None
    start_timeout: LongerThanZero | None = None
    name: str | None = Field(None, min_length=1)
    backoff: BackoffModel | None = None
    # an actor
    start: ImportPath | None = None
    args: list[object] | None = None
    kwargs: dict[str, object] | None = None
    # an external program
    command: Argv | None = None
    env: dict[str, str] | None = None
    cwd: str | None = Field(None, min_length=1)
    ready: ReadyModel | None = None
    ready_timeout: LongerThanZero | None = None
    normal_exit_codes: list[int] | None = None
    stop_signal: SignalWord | None = None
    # a supervisor
    strategy: StrategyWord | None = None
    intensity: IntensityModel | None = None
    child_backoff: BackoffModel | None = None
    auto_shutdown: AutoShutdownWord | None = None
    child: list[ChildModel] | None = None


class TreeModel(_Table):
    """The root supervisor; its `backoff` is the default of the whole tree."""

    name: Identity | None = None
    preset: PresetNames | None = None
    strategy: StrategyWord | None = None
    intensity: IntensityModel | None = None
    backoff: BackoffModel | None = None
    auto_shutdown: AutoShutdownWord | None = None
    child: list[ChildModel] | None = None


class _Settings(_Table):
    """What can be said without saying what a child is, so that it can be said of many."""

    restart: RestartWord | None = None
    shutdown: ShutdownWord | None = None
    significant: bool | None = None
    isolation: IsolationWord | None = None
    limits: LimitsModel | None = None
    launcher: Literal["auto", "exec", "zygote"] | None = None
    start_timeout: LongerThanZero | None = None
    backoff: BackoffModel | None = None
    # of external programs
    env: dict[str, str] | None = None
    cwd: str | None = Field(None, min_length=1)
    ready_timeout: LongerThanZero | None = None
    normal_exit_codes: list[int] | None = None
    stop_signal: SignalWord | None = None
    # of supervisors
    strategy: StrategyWord | None = None
    intensity: IntensityModel | None = None
    child_backoff: BackoffModel | None = None
    auto_shutdown: AutoShutdownWord | None = None


class PresetModel(_Settings):
    """One `[preset.NAME]` table: keys that others take over by `preset = "NAME"`."""

    extends: PresetNames | None = None


class OverrideModel(_Settings):
    """What one `[policy."path"]` table changes in the children that its path matches."""

    preset: PresetNames | None = None


class PolicyFile(_Table):
    """A whole file: a tree, overrides by path, or both, and presets for the two."""

    preset: dict[str, PresetModel] | None = None
    tree: TreeModel | None = None
    policy: dict[str, OverrideModel] | None = None


def json_schema() -> dict[str, object]:
    """The JSON Schema of a policy file, for editors (first line of the file: `#:schema ./policy.schema.json`)."""
    schema: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return schema | PolicyFile.model_json_schema()
