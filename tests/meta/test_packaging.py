"""What is built holds what the tree holds: a wheel that misses a folder installs without a word and fails at import."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("actors", "protocol", "supervision")
DATA_SUFFIXES = (".toml", ".html", ".json", ".js", ".css")


def in_tree() -> set[str]:
    """Give the names that the wheel has to hold, as they are inside it."""
    found = set()
    for folder in ("regrow", *PARTS):
        for path in (ROOT / folder).rglob("*"):
            inside = path.relative_to(ROOT)
            if "__pycache__" in inside.parts or not path.is_file() or _is_behind_a_link(inside):
                continue
            if path.suffix == ".py" or path.name == "py.typed" or path.suffix in DATA_SUFFIXES:
                found.add(str(inside) if folder == "regrow" else f"regrow/{inside}")
    return found


def _is_behind_a_link(inside: Path) -> bool:
    return inside.parts[0] == "regrow" and inside.parts[1] in PARTS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from the sdist, as it is published; in a copy, so that the tree stays clean."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(_copy(tmp_path_factory))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return target


def _copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what git knows or would know; the links stay links."""
    source = tmp_path_factory.mktemp("source") / "regrow"
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git clone: what belongs to the project cannot be told from what lies around")
    for name in filter(None, listing.stdout.split("\0")):
        here, there = ROOT / name, source / name
        if not here.exists():
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_symlink():
            there.symlink_to(here.readlink())
        else:
            there.write_bytes(here.read_bytes())
    return source


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist(built: Path) -> Iterator[tarfile.TarFile]:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        yield archive


@pytest.mark.slow
def test_wheel_holds_every_module_and_data_file_of_the_tree(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == in_tree()


@pytest.mark.slow
def test_wheel_is_typed_and_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(f"{info}/entry_points.txt").decode())
    assert "regrow/py.typed" in wheel.namelist()
    assert entry_points["console_scripts"]["regrow"] == "regrow.cli.main:main"
    assert wheel.read(f"{info}/top_level.txt").decode().split() == ["regrow"]
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.slow
def test_sdist_holds_the_project_and_no_links(sdist: tarfile.TarFile) -> None:
    members = sdist.getmembers()
    names = {member.name.partition("/")[2] for member in members}
    links = [member.name for member in members if member.issym() or member.islnk()]
    assert links == []
    wanted = {name.removeprefix("regrow/") if name.split("/")[1] in PARTS else name for name in in_tree()}
    wanted |= {"pyproject.toml", "setup.py", "Makefile", "LICENSE", "README.md", "tests/conftest.py", ".ci/run"}
    assert wanted - names == set()


def test_the_three_folders_are_links_inside_the_package() -> None:
    for part in PARTS:
        link = ROOT / "regrow" / part
        if link.is_symlink():
            assert link.readlink() == Path("..") / part
        else:
            assert link.read_text() == f"../{part}", "a clone without links keeps the text of the link"
