"""Imports run downwards, pure modules stay pure, and nobody imports the three folders by their bare names."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("actors", "protocol", "supervision")
CODE = (*PARTS, "regrow", "tests", "examples", "benchmarks")


def sources(*folders: str) -> Iterator[Path]:
    """Give the Python files below the folders, each once: the links inside regrow/ are not followed."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if not (inside.parts[0] == "regrow" and inside.parts[1] in PARTS):
                yield path


def imports_of(path: Path) -> Iterator[tuple[int, int, str]]:
    """Give (line, level, name) of every import; level 0 is absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, 0, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.level, node.module or ""


def pure_modules() -> Iterator[Path]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if contract["id"] in ("protocol", "cores"):
            for module in contract["source_modules"]:
                path = ROOT / module.replace(".", "/")
                yield from path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]


def test_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
            "--no-logo",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pure_modules_take_random_only_as_the_type_of_what_is_injected() -> None:
    found = []
    for path in pure_modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random":
                if node.attr != "Random":
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: random.{node.attr}")
            elif isinstance(node, ast.ImportFrom) and node.module == "random" and node.level == 0:
                found += [f"{path.relative_to(ROOT)}:{node.lineno}: {a.name}" for a in node.names if a.name != "Random"]
    assert found == []


def test_the_three_folders_import_each_other_relatively() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources(*PARTS)
        for line, level, name in imports_of(path)
        if level == 0 and name.split(".")[0] in {*PARTS, "regrow"}
    ]
    assert found == [], "absolute imports make type checkers see two different classes"


def test_everybody_else_imports_them_through_regrow() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources("regrow", "tests", "examples", "benchmarks")
        for line, level, name in imports_of(path)
        if level == 0 and name.split(".")[0] in PARTS
    ]
    assert found == [], "the bare names belong to other distributions"


@pytest.mark.parametrize("heavy", ["websockets", "pydantic", "rich", "click", "sqlite3", "multiprocessing"])
def test_the_runtime_is_imported_without_heavy_libraries(heavy: str) -> None:
    code = f"import sys, regrow, regrow.actors, regrow.protocol; sys.exit({heavy!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=30)
    assert done.returncode == 0, f"{heavy} was imported"
