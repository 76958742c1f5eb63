"""The rules between the values of a policy file, checked on the raw tables so that they are all reported at once.

What lives here: what must hold of a file beyond the type of each value. What must not: pydantic, specs.
Every check takes what it finds: a value of a wrong type is somebody else's mistake and is passed over here.
Source: OTP supervisor check_childspecs/1 (duplicate_child_name, bad_combination, missing_start).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from .faults import Fault
from .kind_checks import backoff_faults, intensity_faults
from .kinds import laid_over
from .limit_faults import limit_faults
from .mistakes import KeyPath
from .supervisors import KEYS, OF_SUPERVISORS, kinds_with

__all__ = ("check_empty", "check_file")

Table: TypeAlias = dict[str, object]

_OF_ACTORS: Final = ("start", "args", "kwargs")
_OF_COMMANDS: Final = ("command", "env", "cwd", "ready", "ready_timeout", "normal_exit_codes", "stop_signal")
_OF_PROCESSES: Final = ("limits", "launcher")
_OF_CHILDREN: Final = (
    *("restart", "shutdown", "significant", "isolation", "limits", "launcher", "start_timeout", "child_backoff"),
    "dispatcher",
    *("env", "cwd", "ready_timeout", "normal_exit_codes", "stop_signal", "max_children", "partitions"),
)
"""What a preset may say, but not of a root."""


def check_file(raw: Table) -> list[Fault]:
    """Give every broken rule of a file whose presets are written out, in no special order."""
    faults: list[Fault] = []
    tree = raw.get("tree")
    if isinstance(tree, dict):
        faults += _strangers(("tree",), tree, _OF_CHILDREN, "no such key at the root, which is nobody's child")
        faults += _supervisor(("tree",), tree, _inherited({}, tree.get("backoff")))
        faults += backoff_faults(("tree", "backoff"), tree.get("backoff"), {})
    overrides = raw.get("policy")
    if isinstance(overrides, dict):
        for pattern, table in overrides.items():
            faults += _pattern(("policy", pattern), pattern)
            faults += _settings(("policy", pattern), table)
    presets = raw.get("preset")
    if isinstance(presets, dict):
        for name, table in presets.items():
            faults += _settings(("preset", name), table)
    return faults


def check_empty(raw: Table) -> Iterator[Fault]:
    """Give what is empty in a file and may not be."""
    if not raw:
        yield Fault((), 'a [tree] table, [policy."path"] tables, or both, but the file is empty')
    for kind, by in (("policy", "preset"), ("preset", "extends")):
        tables = raw.get(kind)
        for name, table in tables.items() if isinstance(tables, dict) else ():
            if table == {}:
                yield Fault((kind, name), f"at least one key, as restart, shutdown, backoff or {by}")


def _supervisor(path: KeyPath, table: Table, delays: Table) -> Iterator[Fault]:
    yield from intensity_faults((*path, "intensity"), table.get("intensity"), {})
    children = table.get("child")
    if not isinstance(children, list):
        return
    first: dict[str, int] = {}
    for index, child in enumerate(children):
        if not isinstance(child, dict):
            continue
        here = (*path, "child", index)
        name = child.get("id")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Fault((*here, "id"), f"an id of its own (child[{first[name]}] has it already)", name)
        yield from _child(here, child, delays)
        if child.get("significant") is True and table.get("auto_shutdown", "never") == "never":
            expected = 'auto_shutdown = "any_significant" or "all_significant" at the supervisor of a significant child'
            yield Fault((*here, "significant"), expected, True)


def _child(path: KeyPath, child: Table, delays: Table) -> Iterator[Fault]:
    kind = child.get("type", "worker")
    if isinstance(kind, str) and kind in KEYS:
        expected = f'no such key at a child with type = "{kind}"'
        strangers = (key for key in OF_SUPERVISORS if key not in KEYS[kind])
        yield from _strangers(path, child, (*_OF_ACTORS, *_OF_COMMANDS, *strangers), expected)
        below = _inherited(delays, child.get("child_backoff"))
        yield from _supervisor(path, child, below) if kind == "supervisor" else _of_one(path, child, below)
    elif kind == "worker":
        yield from _worker(path, child)
    if child.get("significant") is True and child.get("restart", "permanent") == "permanent":
        default = "" if "restart" in child else " (permanent is the default)"
        expected = f'restart = "transient" or "temporary" for a significant child{default}'
        yield Fault((*path, "significant"), expected, True)
    if child.get("isolation", "thread") == "thread" and "command" not in child:
        yield from _strangers(path, child, _OF_PROCESSES, 'isolation = "process" beside it')
    yield from limit_faults((*path, "limits"), child.get("limits"), whole=True)
    yield from backoff_faults((*path, "backoff"), child.get("backoff"), delays)
    yield from backoff_faults((*path, "child_backoff"), child.get("child_backoff"), delays)


def _of_one(path: KeyPath, table: Table, delays: Table) -> Iterator[Fault]:
    """Check a supervisor whose children are all of its template, or of no description at all."""
    kind, template = table["type"], table.get("template")
    yield from intensity_faults((*path, "intensity"), table.get("intensity"), {})
    if isinstance(template, dict):
        unmarked = {key: value for key, value in template.items() if key != "significant"}
        yield from _child((*path, "template"), unmarked, delays)
        if template.get("significant") is True:
            expected = f'no significant template at a child with type = "{kind}", which has no auto_shutdown'
            yield Fault((*path, "template", "significant"), expected, True)
    if kind != "partition_supervisor":
        return
    if "template" not in table:
        yield Fault(path, "a `template`, the child that there is a copy of in every partition")
    elif isinstance(template, dict) and "name" in template:
        expected = "no name at a template of partitions, which are named after their supervisor"
        yield Fault((*path, "template", "name"), expected, template["name"])
    if "name" not in table:
        yield Fault(path, "a `name`, by which the partitions are found")
    if table.get("isolation") == "process":
        expected = "no isolation at a partition supervisor (the partitions are found in its own process alone)"
        yield Fault((*path, "isolation"), expected, "process", 'template.isolation = "process"')


def _worker(path: KeyPath, child: Table) -> Iterator[Fault]:
    for key in OF_SUPERVISORS:
        kinds = " or ".join(f'"{kind}"' for kind in kinds_with(key)[:2])
        usual = '"supervisor"' if "supervisor" in kinds_with(key) else kinds
        yield from _strangers(path, child, (key,), f"type = {usual} beside it")
    if "command" in child:
        yield from _strangers(path, child, _OF_ACTORS, "no such key at a child with a command")
        if child.get("isolation") == "process":
            yield Fault((*path, "isolation"), "no isolation at a command (it is a process of its own)", "process")
        own = (*_OF_PROCESSES, "dispatcher")
        yield from _strangers(path, child, own, "no such key at a command (it is a program of its own)")
        yield from _command(path, child)
        return
    yield from _strangers(path, child, _OF_COMMANDS, "`command` beside it")
    if "start" not in child and not any(key in child for key in OF_SUPERVISORS):
        yield Fault(path, 'start = "package.module:Name", command = ["program"], or type = "supervisor" with children')


def _command(path: KeyPath, child: Table) -> Iterator[Fault]:
    ready = child.get("ready")
    if isinstance(ready, dict) and sum(key in ready for key in ("line", "port", "file", "sd_notify")) != 1:
        yield Fault((*path, "ready"), "exactly one of line, port, file and sd_notify", ready)
    line = ready.get("line") if isinstance(ready, dict) else None
    if isinstance(line, str):
        try:
            re.compile(line)
        except re.error as error:
            yield Fault((*path, "ready", "line"), f"a regular expression ({error})", line)
    if "ready_timeout" in child and "ready" not in child:
        yield Fault((*path, "ready_timeout"), "`ready` beside it", child["ready_timeout"])
    yield from _exit_codes(path, child)
    yield from _env(path, child)


def _env(path: KeyPath, child: Table) -> Iterator[Fault]:
    env, ready = child.get("env"), child.get("ready")
    if not isinstance(env, dict):
        return
    for name, value in env.items():
        if not name or "=" in name or "\0" in f"{name}{value}":
            yield Fault((*path, "env", name), "a name without = and a value, both without NUL", value)
        elif name == "NOTIFY_SOCKET" and path[0] == "policy":
            yield Fault((*path, "env", name), "no such name, which ready.sd_notify of a program sets", value)
        elif name == "NOTIFY_SOCKET" and isinstance(ready, dict) and "sd_notify" in ready:
            yield Fault((*path, "env", name), "no such name beside ready.sd_notify, which sets it", value)


def _exit_codes(path: KeyPath, table: Table) -> Iterator[Fault]:
    codes = table.get("normal_exit_codes")
    if isinstance(codes, list):
        for index, code in enumerate(codes):
            if isinstance(code, int) and not 0 <= code <= 255:
                yield Fault((*path, "normal_exit_codes", index), "an exit code from 0 to 255", code)


def _pattern(path: KeyPath, pattern: str) -> Iterator[Fault]:
    if any(not segment for segment in pattern.split("/")):
        guess = "/".join(segment for segment in pattern.split("/") if segment)
        yield Fault(path, 'a path in the tree, as in "root/pool/*"', pattern, f'"{guess}"' if guess else "")


def _settings(path: KeyPath, table: object) -> Iterator[Fault]:
    """Check what is said of children that are not known here."""
    if not isinstance(table, dict):
        return
    yield from backoff_faults((*path, "child_backoff"), table.get("child_backoff"), None)
    yield from _exit_codes(path, table)
    yield from _env(path, table)
    yield from backoff_faults((*path, "backoff"), table.get("backoff"), None)
    yield from intensity_faults((*path, "intensity"), table.get("intensity"), None)
    yield from limit_faults((*path, "limits"), table.get("limits"), whole=False)
    if table.get("isolation") == "thread" and "limits" in table:
        yield Fault((*path, "limits"), 'isolation = "process" for limits', table["limits"])


def _inherited(delays: Table, table: object) -> Table:
    """Give the keys that children inherit; what is no table is somebody else's mistake."""
    return laid_over(delays, table) if isinstance(table, dict) else delays


def _strangers(path: KeyPath, child: Table, keys: tuple[str, ...], expected: str) -> Iterator[Fault]:
    for key in keys:
        if key in child:
            yield Fault((*path, key), expected, child[key])
