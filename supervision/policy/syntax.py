"""TOML text to tables, going on after a line that is not TOML so that one typing error does not hide the others.

What lives here: reading and the recovery. What must not: what the tables mean.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from typing import Final

from .mistakes import Mistake

__all__ = ("DEPTH_MAX", "Reading", "read_toml", "too_deep")

DEPTH_MAX: Final = 200
"""Levels of tables and arrays in each other, two for a supervisor: what Python's stack lets all of reading follow."""

_ROUNDS: Final = 40  # lines that are not TOML, after which the rest is left unread
_PLACE: Final = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL)
_PAIR: Final = re.compile(r"^(?P<key>\s*[^=#\[]+?)\s*=\s*(?P<value>.*?)\s*$")
_WORD: Final = re.compile(r"[A-Za-z_][\w.:/-]*")
_HOLE: Final = '"?"'  # stands for a value that could not be read, so that its key still exists


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read. `text` is the text that `tables` came from (same lines); `holes` are lines made unreadable.

    `tables` is None when the reading had to stop at a mistake.
    """

    tables: dict[str, object] | None
    text: str
    holes: frozenset[int]
    mistakes: tuple[Mistake, ...]


def read_toml(text: str, file: str) -> Reading:
    """Read TOML. Never raises: what is wrong with the text is in `mistakes`."""
    lines = text.split("\n")
    mistakes: list[Mistake] = []
    holes: set[int] = set()
    for _ in range(_ROUNDS):
        try:
            return Reading(tomllib.loads("\n".join(lines)), "\n".join(lines), frozenset(holes), tuple(mistakes))
        except RecursionError:
            return Reading(None, text, frozenset(holes), (*mistakes, too_deep(file)))
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.match(str(error))
            number = int(place["line"]) if place else len(lines)
            line = lines[number - 1]
            pair = _PAIR.match(line)
            if (
                number in holes
            ):  # a line of its own is not enough: the key itself is wrong, as a second one of the same name
                lines[number - 1] = ""
                continue
            mistakes.append(_mistake(file, number, pair, line, str(error) if place is None else place["what"]))
            if pair is None:
                return Reading(None, text, frozenset(holes), tuple(mistakes))
            holes.add(number)
            lines[number - 1] = line if "overwrite" in str(error) else f"{pair['key']} = {_HOLE}"
        except ValueError:  # the one that tomllib lets through: Python reads no integer of so many digits
            return Reading(None, text, frozenset(holes), (*mistakes, _too_long(file, lines)))
    return Reading(None, text, frozenset(holes), tuple(mistakes))


def too_deep(file: str, line: int = 0) -> Mistake:
    """Refuse what is nested too deep. `line`: where the first of those levels is, 0 if that is not known."""
    expected = f"tables and arrays at most {DEPTH_MAX} levels deep"
    return Mistake(file=file, line=line, key="", given="deeper ones", expected=expected)


def _mistake(file: str, number: int, pair: re.Match[str] | None, line: str, what: str) -> Mistake:
    value = pair["value"] if pair else line.strip()
    bare = _WORD.fullmatch(value) is not None and pair is not None
    return Mistake(
        file=file,
        line=number,
        key=pair["key"].strip() if pair else "",
        given=value or "nothing",
        expected=f"valid TOML ({what[:1].lower()}{what[1:]})",
        suggestion=f'"{value}"' if bare else "",
    )


def _too_long(file: str, lines: list[str]) -> Mistake:
    digits = max(1, sys.get_int_max_str_digits())
    number = next((n for n, line in enumerate(lines, 1) if re.search(rf"[\d_]{{{digits}}}", line)), 0)
    expected = f"integers of at most {digits} digits"
    return Mistake(file=file, line=number, key="", given="a longer one", expected=expected)
