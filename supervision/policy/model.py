"""The tables of a policy file as pydantic models: strict, and nothing extra; and the JSON Schema that follows.

What lives here: which keys each table has. What must not: single values (`scalars.py`), rules between values
(`checks.py`), specs (`build.py`).
Only policy code imports this module, and only when a file is read: pydantic costs tens of milliseconds and megabytes
that a worker process must not pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from .kinds import BACKOFFS, INTENSITIES, keys_of
from .scalars import (
    Argv,
    AutoShutdownWord,
    DispatcherWord,
    Duration,
    FirstWait,
    Identity,
    ImportPath,
    IsolationWord,
    LongerThanZero,
    MaxChildren,
    NotifyWord,
    Partitions,
    PresetNames,
    RestartWord,
    ShutdownWord,
    SignalWord,
    Size,
    Steps,
    StrategyWord,
    Text,
    TimeLimit,
)
from .supervisors import OF_SUPERVISORS, kinds_with

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
    threshold: float | None = Field(None, ge=0, allow_inf_nan=False)
    decay: LongerThanZero | None = None


class BackoffModel(_Table):
    """How long to wait before each restart; what is not given keeps its value, unless `kind` is another one."""

    model_config = ConfigDict(json_schema_extra={"allOf": _keys_by_kind(BACKOFFS)})

    kind: Literal["exponential", "constant", "ladder", "decorrelated", "akka", "tenacity"] | None = None
    initial: FirstWait | None = None
    reset_after: Duration | None = None
    # exponential; of decorrelated base and cap, of tenacity cap
    base: Duration | None = None
    factor: float | None = Field(None, ge=1, allow_inf_nan=False)
    cap: Duration | None = None
    jitter: Literal["full", "equal", "none"] | None = None
    # constant
    seconds: Duration | None = None
    # ladder
    steps: Steps | None = None
    # akka
    min_backoff: Duration | None = None
    max_backoff: Duration | None = None
    random_factor: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    # tenacity
    wait: ImportPath | None = None


class LimitsModel(_Table):
    """What an OS process may use, and how long it may not get on."""

    nice: int | None = Field(None, ge=-20, le=19)
    memory_bytes: Size | None = None
    data_bytes: Size | None = None
    resident_bytes: Size | None = None
    resident_soft_bytes: Size | None = None
    open_files: int | None = Field(None, ge=1)
    cpu_seconds: TimeLimit | None = None
    max_messages: int | None = Field(None, ge=1)
    max_age: TimeLimit | None = None
    max_age_variance: Duration | None = None
    max_growth_bytes: Size | None = None
    window_messages: int | None = Field(None, ge=1)
    window_bytes: Size | None = None
    deaths_before_quarantine: int | None = Field(None, ge=0)
    stopped_seconds: TimeLimit | None = None
    hang_limit: TimeLimit | None = None
    busy_limit: TimeLimit | None = None
    deadline: TimeLimit | None = None


class ReadyModel(_Table):
    """When an external program counts as ready: exactly one of the four."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [key]} for key in ("line", "port", "file", "sd_notify")]}
    )

    line: str | None = Field(None, min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    file: Text | None = None
    sd_notify: NotifyWord | None = None  # it says so itself, as to systemd


_OF_PROGRAMS: Final = ("env", "cwd", "ready", "ready_timeout", "normal_exit_codes", "stop_signal")


def _of_type(*kinds: str, needs: tuple[str, ...] = ()) -> JsonValue:
    """Say to an editor that a child is a supervisor of one of some kinds."""
    return {"properties": {"type": {"enum": list(kinds)}}, "required": ["type", *needs]}


class ChildModel(_Table):
    """One child: an actor by import path, an external program, or a supervisor with children of its own.

    `template` stands for all the children of a dynamic supervisor, or for the partitions of a partition supervisor.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["start"]},
                {"required": ["command"]},
                _of_type("supervisor", "dynamic_supervisor", "task_supervisor"),
                _of_type("partition_supervisor", needs=("name", "template")),
            ],
            "dependentRequired": {
                **{key: ["start"] for key in ("args", "kwargs")},
                **{key: ["command"] for key in _OF_PROGRAMS},
            },
            "dependentSchemas": {key: _of_type(*kinds_with(key)) for key in OF_SUPERVISORS},
        }
    )

    id: Identity
    preset: PresetNames | None = None
    type: Literal["worker", "supervisor", "dynamic_supervisor", "partition_supervisor", "task_supervisor"] = "worker"
    restart: RestartWord | None = None
    shutdown: ShutdownWord | None = None
    significant: bool | None = None
    isolation: IsolationWord | None = None
    limits: LimitsModel | None = None
    launcher: Literal["auto", "exec", "zygote"] | None = None
    dispatcher: DispatcherWord | None = None
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
    cwd: Text | None = None
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
    max_children: MaxChildren | None = None
    extra_arguments: list[object] | None = None
    partitions: Partitions | None = None
    with_arguments: ImportPath | None = None
    template: ChildModel | None = None


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

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    restart: RestartWord | None = None
    shutdown: ShutdownWord | None = None
    significant: bool | None = None
    isolation: IsolationWord | None = None
    limits: LimitsModel | None = None
    launcher: Literal["auto", "exec", "zygote"] | None = None
    dispatcher: DispatcherWord | None = None
    start_timeout: LongerThanZero | None = None
    backoff: BackoffModel | None = None
    # of external programs
    env: dict[str, str] | None = None
    cwd: Text | None = None
    ready_timeout: LongerThanZero | None = None
    normal_exit_codes: list[int] | None = None
    stop_signal: SignalWord | None = None
    # of supervisors
    strategy: StrategyWord | None = None
    intensity: IntensityModel | None = None
    child_backoff: BackoffModel | None = None
    auto_shutdown: AutoShutdownWord | None = None
    max_children: MaxChildren | None = None
    partitions: Partitions | None = None


class PresetModel(_Settings):
    """One `[preset.NAME]` table: keys that others take over by `preset = "NAME"`."""

    extends: PresetNames | None = None


class OverrideModel(_Settings):
    """What one `[policy."path"]` table changes in the children that its path matches."""

    preset: PresetNames | None = None


class PolicyFile(_Table):
    """A whole file: a tree, overrides by path, or both, and presets for the two."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    preset: dict[str, PresetModel] | None = None
    tree: TreeModel | None = None
    policy: dict[str, OverrideModel] | None = None


def json_schema() -> dict[str, object]:
    """The JSON Schema of a policy file, for editors (first line of the file: `#:schema ./policy.schema.json`)."""
    schema: dict[str, object] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return schema | {key: _without_null(value) for key, value in PolicyFile.model_json_schema().items()}


def _without_null(schema: object) -> object:
    """Leave out the alternative of null, which TOML does not have, so that an editor shows what is wrong inside."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _without_null(value) for key, value in schema.items() if (key, value) != ("default", None)}
    ways = found.get("anyOf")
    match ways if isinstance(ways, list) else []:
        case [dict(way), {"type": "null"}]:
            return {key: value for key, value in found.items() if key != "anyOf"} | way
        case _:
            return found
