"""Which line of a TOML text each key stands on; tomllib does not say.

What lives here: a scanner of text that tomllib has already accepted, so it follows structure and checks nothing.
Source: TOML 1.0.0, sections keys, strings, inline table, array of tables.
"""

from __future__ import annotations

import bisect
import tomllib
from typing import Final

from .mistakes import KeyPath

__all__ = ("Positions",)

_SPACE: Final = " \t"
_BLANK: Final = " \t\r\n"
_STOP: Final = ",]}#\r\n"


class Positions:
    """The lines of all keys of a valid TOML text.

    >>> Positions('[[job]]\\nid = 1\\n[[job]]\\nid = 2\\n').line(("job", 1, "id"))
    4
    """

    def __init__(self, text: str) -> None:
        # tomllib folds CRLF the same way; positions are lines only, so nothing is lost.
        self._text = text.replace("\r\n", "\n") + "\n"
        self._starts = [0, *(index + 1 for index, char in enumerate(self._text) if char == "\n")]
        self._at = 0
        self._lines: dict[KeyPath, int] = {(): 1}
        self._counts: dict[KeyPath, int] = {}  # tables so far in each array of tables
        self._scan()

    def line(self, path: KeyPath) -> int:
        """Give the line of a key, or of the nearest table around it when the key is not in the text."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def paths(self) -> frozenset[KeyPath]:
        """All the keys that were found, tables and array items included."""
        return frozenset(self._lines)

    def _scan(self) -> None:
        table: KeyPath = ()
        while self._skip(_BLANK):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> KeyPath:
        start = self._at
        self._at += brackets
        keys = self._key()
        self._skip(_SPACE)
        self._at += brackets
        path: KeyPath = ()
        for index, key in enumerate(keys):
            path += (key,)
            self._mark(path, start)
            last = index == len(keys) - 1
            if last and brackets == 2:
                count = self._counts.get(path, 0)
                self._counts[path] = count + 1
                path += (count,)
                self._mark(path, start)
            elif path in self._counts:
                path += (self._counts[path] - 1,)
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        path = table
        for key in self._key():
            path += (key,)
            self._mark(path, start)
        self._skip(_SPACE)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            start = self._at
            if self._text[self._at] in "\"'":
                self._string()
                keys.append(str(tomllib.loads(f"x = {self._text[start : self._at]}")["x"]))
            else:
                while self._text[self._at] not in " \t.=]":
                    self._at += 1
                keys.append(self._text[start : self._at])
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return tuple(keys)
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        char = self._text[self._at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._array(path)
        elif char == "{":
            self._at += 1
            while self._skip(_BLANK + ",") and self._text[self._at] != "}":
                self._pair(path)
            self._at += 1
        else:
            while self._text[self._at] not in _STOP:
                self._at += 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while self._skip(_BLANK + ",") and self._text[self._at] != "]":
            self._mark((*path, index), self._at)
            self._value((*path, index))
            index += 1
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        fence = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(fence)
        while not self._text.startswith(fence, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(fence)
        while len(fence) == 3 and self._text[self._at] == quote:  # a closing fence may be preceded by two more quotes
            self._at += 1

    def _skip(self, chars: str) -> bool:
        """Pass blanks and comments; False at the end of the text."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                self._at = self._text.index("\n", self._at)
            elif char in chars:
                self._at += 1
            else:
                return True
        return False

    def _mark(self, path: KeyPath, offset: int) -> None:
        self._lines.setdefault(path, bisect.bisect_right(self._starts, offset))
