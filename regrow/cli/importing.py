"""Finding out whether what a policy file names can be imported, and is what it has to be.

What lives here: the check, for `regrow check --import` and for reloads. It runs the top level of those modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import resolve
from regrow.supervision.backoff import TenacityBackoff
from regrow.supervision.policy import Mistake
from regrow.supervision.policy.mistakes import KeyPath, key_text, value_text

__all__ = ("Named", "wrong_starts", "wrong_waits")

Named: TypeAlias = tuple[KeyPath, int, str]
"""Key path, line and import path, as `Policy.starts` and `Policy.waits` give them."""


def wrong_starts(file: str, starts: Iterable[Named]) -> Iterator[Mistake]:
    """Give a mistake for every start that cannot be imported, or that is nothing to start.

    Runs in: the caller's thread, for as long as the imports take.
    """
    for named in starts:
        try:
            expected = "" if callable(resolve(named[2])) else "an actor class or a callable"
        except NotImportable as error:
            expected = f"something that can be imported ({error.why})"
        if expected:
            yield _mistake(file, named, expected)


def wrong_waits(file: str, waits: Iterable[Named]) -> Iterator[Mistake]:
    """Give a mistake for every wait of a backoff that cannot be imported, or is none. Runs in: as `wrong_starts`."""
    for named in waits:
        expected = TenacityBackoff(named[2]).problem()
        if expected:
            yield _mistake(file, named, expected)


def _mistake(file: str, named: Named, expected: str) -> Mistake:
    key, line, path = named
    return Mistake(file=file, line=line, key=key_text(key), given=value_text(path), expected=expected)
