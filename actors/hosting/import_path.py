"""Code is not sent, it is named: an object <-> its import path "package.module:qualified.name".

What lives here: the naming, its refusals, and the rules for things defined in `__main__`. What must not: processes.

Rules for `__main__`, because its code has no importable name of its own:
1. run as `python -m pkg.mod`: the name of its `__spec__`;
2. run as a script file: the file's directory goes in front of the other process's `sys.path`, its stem is the module;
3. typed at a prompt, `-c`, stdin, a stem that is no name or names another module: refused.
A script is imported a second time under its stem, so what it starts must stand under `if __name__ == "__main__"`;
while a target is being imported, nothing can be launched (`importing_target`).
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from .errors import NotImportable

__all__ = ("ImportPath", "import_in_progress", "importing_target", "path_of", "resolve", "search_path")

_MODULE_PART: Final = re.compile(r"[\w-]+")

_importing: list[str] = []  # targets that this process is importing just now, outermost first


@dataclass(frozen=True, slots=True)
class ImportPath:
    """`target` is "module:qualname"; `entry`, if any, must come first in `sys.path` of whoever imports it."""

    target: str
    entry: str | None = None


def path_of(obj: object) -> ImportPath:
    """Name an object so that another process can import it. Strings are checked for their form only.

    Errors: NotImportable with what and why.
    >>> import json
    >>> path_of(json.JSONDecoder).target
    'json.decoder:JSONDecoder'
    """
    if isinstance(obj, str):
        module_part, _, name_part = obj.partition(":")
        if not _is_module(module_part) or not _is_dotted(name_part):
            raise NotImportable(repr(obj), 'expected the form "package.module:qualified.name"')
        return ImportPath(obj)
    module_name = getattr(obj, "__module__", None)
    qualname = getattr(obj, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(qualname, str):
        raise NotImportable(
            repr(obj), f"an instance of {type(obj).__qualname__} has no import path; give the class or function itself"
        )
    subject = f"{module_name}.{qualname}"
    if "<lambda>" in qualname:
        raise NotImportable(subject, "a lambda has no name; define a function at the top level of a module")
    if "<locals>" in qualname:
        raise NotImportable(
            subject, "it is defined inside a function (a closure); define it at the top level of a module"
        )
    module = sys.modules.get(module_name)
    if module is None:
        raise NotImportable(subject, f"module {module_name!r} is not in sys.modules")
    _check_same(obj, module, qualname, subject)
    if module_name != "__main__":
        return ImportPath(f"{module_name}:{qualname}")
    name, entry = _name_of_main(module, subject)
    return ImportPath(f"{name}:{qualname}", entry)


def resolve(target: str) -> object:
    """Import what a path names. Blocks for as long as the import takes.

    Errors: NotImportable, with the import's own error as its cause.
    >>> resolve("json.decoder:JSONDecoder").__name__
    'JSONDecoder'
    """
    module_name, _, qualname = path_of(target).target.partition(":")
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        where = f"{error.name!r} is not on sys.path" if error.name else str(error)
        raise NotImportable(target, f"no module: {where}") from error
    except (Exception, SystemExit) as error:  # whatever its own top level raises, as a script does
        raise NotImportable(target, f"importing {module_name!r} raised {type(error).__name__}: {error}") from error
    for depth, part in enumerate(qualname.split("."), start=1):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            walked = ".".join(qualname.split(".")[:depth])
            raise NotImportable(target, f"module {module_name!r} has no {walked!r}") from error
    return found


def search_path(entry: str | None = None) -> list[str]:
    """Give the `sys.path` that lets another process import what this one can: absolute, no doubles, `entry` first."""
    entries = ([entry] if entry else []) + [_absolute(part) for part in sys.path]
    return list(dict.fromkeys(entries))


@contextmanager
def importing_target(target: str) -> Iterator[None]:
    """Mark that this process imports a target, so that a script without a `__main__` guard is refused, not repeated."""
    _importing.append(target)
    try:
        yield
    finally:
        _importing.pop()


def import_in_progress() -> str | None:
    """Name the target that is being imported just now, if any."""
    return _importing[0] if _importing else None


def _absolute(part: str) -> str:
    if part.startswith("/"):  # as nearly all are: they need no look at the disk at every start
        return part
    path = Path(part)
    # What is no file is the key of an import hook, as of editable installations.
    return str(path.absolute()) if path.exists() else part


def _is_dotted(name: str) -> bool:
    return bool(name) and all(part.isidentifier() for part in name.split("."))


def _is_module(name: str) -> bool:
    """Say whether importlib can take it: `01_first` and `my-script` are no identifiers, but they are files."""
    return bool(name) and all(_MODULE_PART.fullmatch(part) for part in name.split("."))


def _check_same(obj: object, module: ModuleType, qualname: str, subject: str) -> None:
    found: object = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise NotImportable(subject, f"module {module.__name__!r} has no {qualname!r} (was it deleted or renamed?)")
    if found is not obj and found != obj:
        raise NotImportable(
            subject, f"{qualname!r} of module {module.__name__!r} is another object (was it replaced by a decorator?)"
        )


def _name_of_main(main: ModuleType, subject: str) -> tuple[str, str | None]:
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return spec.name, None
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or not Path(file).is_file():
        raise NotImportable(
            subject, "it was typed at a prompt or given by -c or stdin, so no file has it; move it into a module"
        )
    script = Path(file).absolute()
    if script.suffix != ".py" or not _MODULE_PART.fullmatch(script.stem):
        raise NotImportable(
            subject, f"the script {script.name!r} cannot be imported by its name; move it into a module"
        )
    taken = sys.modules.get(script.stem)
    if script.stem in sys.stdlib_module_names or (taken is not None and not _is_file_of(taken, script)):
        raise NotImportable(subject, f"the script {script.name!r} has the name of another module; rename it")
    return script.stem, str(script.parent)


def _is_file_of(module: ModuleType, script: Path) -> bool:
    other = getattr(module, "__file__", None)
    return isinstance(other, str) and Path(other).resolve() == script.resolve()
