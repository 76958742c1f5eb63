"""Imports run downwards, pure modules stay pure, and nobody imports the three folders by their bare names."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
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


def imported_by(code: str) -> set[str]:
    """Give the modules that a fresh process has after `code`, beyond those that it starts with."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(done.stdout.split())


LIBRARIES = {
    "click",
    "loguru",
    "msgpack",
    "multiprocessing",
    "psutil",
    "pydantic",
    "rich",
    "sqlite3",
    "tenacity",
    "websockets",
}


def test_to_import_regrow_is_to_import_nothing_else() -> None:
    imported = imported_by("import regrow")
    assert {name for name in imported if name.startswith("regrow")} == {"regrow"}
    assert imported & (LIBRARIES | {"asyncio", "logging", "pykka", "socket", "ssl", "subprocess", "threading"}) == set()


@pytest.mark.parametrize(
    "code", ["from regrow.actors import *", "import regrow.protocol", "from regrow.supervision import *"]
)
def test_the_runtime_is_imported_without_heavy_libraries(code: str) -> None:
    assert imported_by(code) & LIBRARIES == set()


LAZY = (
    "regrow",
    "regrow.actors",
    "regrow.actors.hosting",
    "regrow.actors.patterns",
    "regrow.connect",
    "regrow.protocol",
    "regrow.protocol.host",
    "regrow.protocol.session",
    "regrow.supervision",
)


@pytest.mark.parametrize("name", LAZY)
def test_names_that_are_imported_lazily_are_all_there(name: str) -> None:
    package = import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nobody'"):
        _ = package.nobody
    offered = [entry for entry in dir(package) if not entry.startswith("_")]
    assert [entry for entry in package._HOMES if entry not in offered] == []
    for entry, home in package._HOMES.items():
        assert getattr(package, entry) is getattr(import_module(f".{home}", name), entry)
