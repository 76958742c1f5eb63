"""What is wrong in a policy file, as data: every mistake says where it is, what was given and what was expected.

What lives here: `Mistake`, `PolicyError`, and how nearest names are found. What must not: pydantic, TOML.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ...protocol.errors import RegrowError

__all__ = ("KeyPath", "Mistake", "PolicyError", "key_text", "nearest", "value_text")

KeyPath: TypeAlias = tuple[str | int, ...]

_SHOWN_MAX: Final = 60  # characters of a given value: enough to recognize it, short enough for one line
PREFIX_MIN: Final = 3  # characters of a beginning that are enough to tell what it begins
_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake. `line` counts from 1 (0: the file as a whole); `given` and `suggestion` may be empty."""

    file: str
    line: int
    key: str
    given: str
    expected: str
    suggestion: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        given = f", got {self.given}" if self.given else ""
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{place}: {key}expected {self.expected}{given}{hint}"


class PolicyError(RegrowError):
    """A policy cannot be used; `mistakes` has all of them, in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        files = sorted({mistake.file for mistake in self.mistakes})
        count = f"{len(self.mistakes)} mistake{'' if len(self.mistakes) == 1 else 's'}"
        return "\n".join([f"{count} in {', '.join(files)}", *(f"  {mistake}" for mistake in self.mistakes)])


def key_text(path: KeyPath) -> str:
    """Write a key path as a reader of the file would look for it.

    >>> key_text(("tree", "child", 1, "limits", "nice")), key_text(("policy", "worker/*", "restart"))
    ('tree.child[1].limits.nice', 'policy."worker/*".restart')
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part and _BARE.issuperset(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def value_text(value: object) -> str:
    """Write a given value about as TOML would, cut to one short line."""
    if isinstance(value, dict):
        text = "a table"
    elif isinstance(value, bool | int | float | str | list):
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):  # a date inside an array
            text = str(value)
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


def nearest(given: object, names: Iterable[str]) -> str:
    """Give the name that was probably meant, or "": one that is written much like it, or the only one that begins so.

    >>> nearest("one_for_oen", ["one_for_one", "one_for_all"]), nearest("Permanent", ["permanent"]), nearest(3, ["a"])
    ('one_for_one', 'permanent', '')
    >>> nearest("dynamic", ["supervisor", "dynamic_supervisor"])
    'dynamic_supervisor'
    """
    if not isinstance(given, str):
        return ""
    folded = {name.lower().replace("-", "_"): name for name in names}
    wanted = given.lower().replace("-", "_")
    close = difflib.get_close_matches(wanted, list(folded), n=1, cutoff=0.6)
    if close:
        return folded[close[0]]
    longer = [name for word, name in folded.items() if word.startswith(wanted)] if len(wanted) >= PREFIX_MIN else []
    return longer[0] if len(longer) == 1 else ""
