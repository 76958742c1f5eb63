"""`__all__` says what a module offers: its public classes and functions, and the constants that users need."""

from __future__ import annotations

import ast
import importlib
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
    names = declared(ast.parse(path.read_text(encoding="utf-8")))
    if names is None:
        return
    module = importlib.import_module(name)
    assert [entry for entry in names if not hasattr(module, entry)] == []
