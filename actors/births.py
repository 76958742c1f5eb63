"""From a `Start` to the object: what is called, with what."""

from __future__ import annotations

from typing import Final

import pykka

from .actor import Actor
from .adopted import AdoptedActor
from .child_spec import Start
from .errors import BadTarget
from .pykka_seam import has_own_loop

__all__ = ("actor_class_of", "resolve_start")

RESOLVE_MAX: Final = 16  # a start that leads to a start that leads ...; more than a few is a loop


def resolve_start(start: Start) -> tuple[type[Actor], Start]:
    """Follow import paths and start functions to an actor class and its arguments; pykka's classes are adopted.

    Runs in: the thread of the new life, because imports and start functions are users' code and may block.
    Errors: BadTarget; whatever the import or the start function raises.
    """
    found = start
    for _ in range(RESOLVE_MAX):
        target: object = found.target
        if isinstance(target, str):
            from .hosting.import_path import resolve

            target = resolve(target)
        if isinstance(target, type) and issubclass(target, Actor):
            return target, found
        if isinstance(target, type) and issubclass(target, pykka.Actor) and not has_own_loop(target):
            return AdoptedActor, Start(AdoptedActor, (target, *found.args), found.kwargs)
        if isinstance(target, type) or not callable(target):
            raise BadTarget(start.target, target)
        given = target(*found.args, **found.kwargs)
        if not isinstance(given, Start):
            raise BadTarget(start.target, given)
        found = given
    raise BadTarget(start.target, f"a chain of more than {RESOLVE_MAX} starts")


def actor_class_of(start: Start) -> type[Actor]:
    """The class that a ref can be labeled with before the start has been resolved."""
    return start.target if isinstance(start.target, type) and issubclass(start.target, Actor) else Actor
