"""Names that a package offers and imports from their modules when they are first asked for.

What lives here: the `__getattr__` and `__dir__` of such a package. What must not: an import of ours; this comes first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType

__all__ = ("import_name", "lazily")


def lazily(
    namespace: dict[str, object], homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Give the `__getattr__` and the `__dir__` of a package that offers the names in `homes`.

    Shape: namespace: the package's `globals()`; homes: name -> the module it is in, as it stands behind the first dot
    of a relative import. To type checkers the package says the same in imports under `if TYPE_CHECKING`.
    A name may be that of its module too: `regrow.actors.handles` is the function, whoever imported what before.
    """
    if not homes.keys().isdisjoint(homes.values()):
        sys.modules[str(namespace["__name__"])].__class__ = _Namesakes

    def getattr_(name: str) -> object:
        return import_name(name, homes, namespace)

    def dir_() -> list[str]:
        return sorted({*namespace, *homes})

    return getattr_, dir_


def import_name(name: str, homes: Mapping[str, str], namespace: dict[str, object]) -> object:
    """Import one name, and keep it in the namespace: the next look finds it at once.

    Errors: AttributeError, as of any module, for a name without a home.
    """
    package = str(namespace["__name__"])
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{homes[name]}", package), name)
    namespace[name] = value
    return value


class _Namesakes(ModuleType):
    """A package that keeps the import of a submodule from taking the place of the name that is offered."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in self.__all__):
            super().__setattr__(name, value)
