"""`__all__` says what a module offers: its public classes and functions, and the constants that users need."""

from __future__ import annotations

import ast
import importlib
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("actors", "protocol", "supervision")


def modules() -> list[tuple[str, Path]]:
    found = []
    for folder in ("regrow", *PARTS):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if inside.parts[0] == "regrow" and inside.parts[1] in PARTS:
                continue
            names = inside.parts[:-1] if inside.stem == "__init__" else (*inside.parts[:-1], inside.stem)
            found.append((".".join(names if folder == "regrow" else ("regrow", *names)), path))
    return found


def top_level(body: list[ast.stmt]) -> list[ast.stmt]:
    """Give the statements that run at import, those under `if` and `try` too."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If | ast.Try):
            found += top_level(node.body) + top_level(node.orelse)
    return found


def classes_and_functions(tree: ast.Module) -> set[str]:
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in top_level(tree.body) if isinstance(node, kinds) and not node.name.startswith("_")}


def declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            return list(ast.literal_eval(node.value))
    return None


every_module = pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])


@every_module
def test_all_names_every_public_class_and_function(name: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = declared(tree)
    if names is None:
        assert path.stem in ("__init__", "__main__"), f"{name} has no __all__"
        names = []
    assert len(names) == len(set(names)), f"{name}.__all__ says a name twice"
    assert classes_and_functions(tree) - set(names) - {"__getattr__", "__dir__"} == set()


@every_module
def test_every_name_in_all_resolves(name: str, path: Path) -> None:
    if "__all__" not in path.read_text(encoding="utf-8"):
        return
    module = importlib.import_module(name)
    assert [entry for entry in module.__all__ if not hasattr(module, entry)] == []


def shown_to_type_checkers(tree: ast.Module, package: str) -> dict[str, str]:
    """Give name -> module of what is imported, under the same name, at the top of the file under `if TYPE_CHECKING`."""
    (block,) = (
        node.body for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found = {}
    for node in block:
        assert isinstance(node, ast.ImportFrom)
        home = resolve_name("." * node.level + str(node.module), package)
        for alias in node.names:
            assert alias.asname == alias.name, "only a name that is imported as itself is offered to others"
            found[alias.name] = home
    return found


def lazy_packages() -> list[tuple[str, Path]]:
    return [(name, path) for name, path in modules() if path.stem == "__init__" and "_HOMES" in path.read_text("utf-8")]


@pytest.mark.parametrize(("name", "path"), lazy_packages(), ids=[name for name, _ in lazy_packages()])
def test_lazy_packages_show_type_checkers_what_they_give(name: str, path: Path) -> None:
    package = importlib.import_module(name)
    given = {entry: resolve_name(f".{home}", name) for entry, home in package._HOMES.items()}
    assert given == shown_to_type_checkers(ast.parse(path.read_text(encoding="utf-8")), name)
    assert set(given) == set(package.__all__) - {"__version__"}
