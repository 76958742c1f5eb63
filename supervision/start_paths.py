"""Starts for another process: what they name by itself here is named by its import path there.

What lives here: which parts of a `Start` may be said so. What must not: sending.
Nothing else changes on the way: a function among other arguments is no start, and is refused as any code in a message.
"""

from __future__ import annotations

from dataclasses import replace

from ..actors.child_spec import Start
from ..actors.functions import FunctionActor
from ..protocol.records import Unsayable

__all__ = ("named_start",)


def named_start(start: Start) -> Start:
    """Give the start with the import paths of its target, and of the function that a FunctionActor is to run.

    What has none there (a lambda, a class within a function, one of a script) is marked as not to be said.
    >>> named_start(Start(FunctionActor, (named_start, 3))).args
    ('regrow.supervision.start_paths:named_start', 3)
    """
    if start.target is FunctionActor and start.args and callable(start.args[0]):
        start = replace(start, args=(_named(start.args[0]), *start.args[1:]))
    if isinstance(start.target, str):
        return start
    return replace(start, target=_named(start.target))  # type: ignore[arg-type]  # on its way to the codec only


def _named(target: object) -> object:
    from ..actors.hosting.errors import NotImportable  # needed when there is another process
    from ..actors.hosting.import_path import path_of

    try:
        found = path_of(target)
    except NotImportable as error:
        return Unsayable(target, f'an import path "package.module:name", or what has one ({error.why})')
    if found.entry is not None:
        return Unsayable(target, f"what is defined in a module, not in a script ({found.target})")
    return found.target
