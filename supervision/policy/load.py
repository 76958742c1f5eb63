"""Policy files: read, check everything, and give a `Policy` or all the mistakes at once.

What lives here: `load_policy` and the way from a text to checked plain tables. What must not: specs, overrides.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from .checks import check_empty, check_file
from .faults import Fault
from .mistakes import KeyPath, Mistake, PolicyError, key_text, value_text
from .policy import Policy, Rule
from .positions import Positions
from .presets import Expansion, expand
from .syntax import DEPTH_MAX, read_toml, too_deep

__all__ = ("SIZE_MAX_BYTES", "load_policy", "parse_policy")

SIZE_MAX_BYTES: Final = 8 * 1024 * 1024
"""Of a policy file: more than 50,000 children in words. What is larger is some other file, or has no end."""


def load_policy(path: str | Path) -> Policy:
    """Read and check a policy file.

    Runs in: the caller's thread; reads one file.
    Errors: PolicyError with every mistake of the file, also when it cannot be read at all.
    """
    file = str(path)
    try:
        data = _read(file).removeprefix(codecs.BOM_UTF8)
        text = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        given = error.strerror or type(error).__name__
        raise PolicyError([Mistake(file=file, line=0, key="", given=given, expected="a readable file")]) from error
    except UnicodeDecodeError as error:
        given = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        line = error.object.count(b"\n", 0, error.start) + 1
        raise PolicyError([Mistake(file=file, line=line, key="", given=given, expected="UTF-8 text")]) from error
    return parse_policy(text, file=file)


def parse_policy(text: str, *, file: str = "policy.toml") -> Policy:
    """Check the text of a policy; `file` is only the name to report. Errors: PolicyError with every mistake."""
    # pydantic is imported here, when a file is read, and never by those who only import the package.
    from pydantic import ValidationError

    from .model import PolicyFile
    from .translate import faults_of

    reading = read_toml(text, file)
    if reading.tables is None:
        raise PolicyError(reading.mistakes)
    positions = Positions(reading.text)
    deepest = _beyond(reading.tables, DEPTH_MAX)
    if deepest is not None:
        raise PolicyError([*reading.mistakes, too_deep(file, positions.line(deepest))])
    expansion = expand(reading.tables)
    faults: list[Fault] = [*check_empty(reading.tables), *expansion.faults]
    faults += _at_origins(check_file(expansion.tables), expansion, positions)
    try:
        PolicyFile.model_validate(reading.tables)
    except ValidationError as error:
        typed = faults_of(error)
        wrong = {fault.path for fault in typed}  # the type of a value comes first; what it means is then open
        faults = typed + [fault for fault in faults if fault.path not in wrong or fault.given is None]
    mistakes = [*reading.mistakes, *_located(faults, positions, reading.holes, file)]
    if mistakes:
        raise PolicyError(sorted(mistakes, key=lambda mistake: mistake.line))
    model = PolicyFile.model_validate(expansion.tables)
    plain: dict[str, object] = model.model_dump(mode="python", exclude_none=True)
    tree, overrides = plain.get("tree"), plain.get("policy")
    rules = [
        Rule(
            pattern=pattern,
            values=values,
            file=file,
            line=positions.line(("policy", pattern)),
            lines={key: positions.line(("policy", pattern, key)) for key in values},
        )
        for pattern, values in (overrides.items() if isinstance(overrides, dict) else ())
    ]
    return Policy(
        file=file,
        tables=tree if isinstance(tree, dict) else None,
        rules=tuple(rules),
        positions=positions,
        origins=expansion.origins,
    )


def _read(file: str) -> bytes:
    """Read a regular file up to the limit. What may block or has no end (a pipe, a device) is not even begun with.

    Errors: OSError; PolicyError for what is no such file, or is too large.
    """
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        kind = _kind(os.fstat(handle).st_mode)
        if kind:
            raise PolicyError([Mistake(file=file, line=0, key="", given=kind, expected="a regular file")])
        with os.fdopen(handle, "rb", closefd=False) as opened:
            data = opened.read(SIZE_MAX_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > SIZE_MAX_BYTES:
        expected = f"at most {SIZE_MAX_BYTES // 1024**2} MiB"
        raise PolicyError([Mistake(file=file, line=0, key="", given="more", expected=expected)])
    return data


def _kind(mode: int) -> str:
    """Say what something is that is no regular file; nothing of one that is."""
    if stat.S_ISREG(mode):
        return ""
    return next((word for is_one, word in _KINDS if is_one(mode)), "something else")


_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _beyond(tables: object, depth: int) -> KeyPath | None:
    """Give the path of the first table or array that is deeper than that, without going down there by recursion."""
    todo: list[tuple[KeyPath, object]] = [((), tables)]
    while todo:
        path, value = todo.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        inner = [((*path, key), item) for key, item in items if isinstance(item, dict | list)]
        if inner and len(path) >= depth:
            return inner[0][0]
        todo += reversed(inner)
    return None


def _at_origins(faults: list[Fault], expansion: Expansion, positions: Positions) -> Iterator[Fault]:
    """Tell of a key that came from a preset where the preset is used, unless it is wrong in the preset already."""
    wrong = {fault.path for fault in faults if fault.path[:1] == ("preset",)}
    for fault in faults:
        places = (fault.path[:length] for length in range(len(fault.path), 0, -1))
        place = next((place for place in places if place in expansion.origins), None)
        if place is None:
            yield fault
        elif (origin := expansion.origins[place]) + fault.path[len(place) :] not in wrong:
            table = place[: len(place) - len(origin) + 2]
            said = f"{fault.expected}; {key_text(origin)} at line {positions.line(origin)} says it"
            yield replace(fault, path=(*table, "preset"), expected=said)


def _located(faults: list[Fault], positions: Positions, holes: frozenset[int], file: str) -> list[Mistake]:
    mistakes: list[Mistake] = []
    for fault in faults:
        line = positions.line(fault.path)
        if line in holes:  # reported already, as what it is: not TOML
            continue
        mistakes.append(
            Mistake(
                file=file,
                line=line,
                key=key_text(fault.path),
                given="" if fault.given is None else value_text(fault.given),
                expected=fault.expected,
                suggestion=fault.suggestion,
            )
        )
    return mistakes
