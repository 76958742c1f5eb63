"""What the documentation points at exists: links, pages of the navigation, snippets, names of files."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrow.actors import HOOKS
from regrow.actors.compat import PykkaActor
from regrow.actors.pykka_rules import PykkaRules

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
SNIPPET = re.compile(r"^\s*--8<--\s+\"([^\"]+)\"", re.MULTILINE)
NAV_PAGE = re.compile(r":\s*([\w/.-]+\.md)\s*$", re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """Give the anchors of the headings, made as Python-Markdown's toc extension makes them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def links(page: Path) -> Iterator[tuple[str, str]]:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}" if anchor else path)
    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_included_snippets_exist(page: Path) -> None:
    paths = SNIPPET.findall(page.read_text(encoding="utf-8"))
    missing = [path for path in paths if not (ROOT / path.split(":")[0]).is_file()]
    assert missing == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_names_that_snippets_import_from_regrow_exist(page: Path) -> None:
    missing = []
    for block in PYTHON.findall(page.read_text(encoding="utf-8")):
        if SNIPPET.search(block):
            continue  # a file of its own, which runs in the tests
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "regrow":
                module = importlib.import_module(node.module or "")
                missing += [f"{node.module}.{alias.name}" for alias in node.names if not hasattr(module, alias.name)]
    assert missing == []


def test_every_page_is_in_the_navigation_and_every_entry_has_a_page() -> None:
    entries = set(NAV_PAGE.findall((ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    found = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert entries == found


def test_verbs_of_make_named_in_the_docs_exist() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {verb for page in pages() for verb in re.findall(r"\bmake ([a-z]+)`", page.read_text(encoding="utf-8"))}
    assert named <= verbs


REFERENCES = (
    ("events.md", "actors/events.py"),
    ("events.md", "supervision/events.py"),
    ("errors.md", "protocol/errors.py"),
    ("errors.md", "actors/errors.py"),
    ("errors.md", "supervision/errors.py"),
    ("errors.md", "actors/hosting/errors.py"),
    ("errors.md", "regrow/connect/errors.py"),
    ("errors.md", "regrow/connect/worker_errors.py"),
    ("session-protocol.md", "protocol/session/messages.py"),
    ("host-protocol.md", "protocol/host/messages.py"),
    ("policy.md", "supervision/policy/model.py"),
    ("semantics.md", "protocol/exits.py"),
)
NOT_USERS_BUSINESS = {"LogRecord", "InFlight", "Success", "Failure", "SpecProblem", "RegrowError"}


@pytest.mark.parametrize(("page", "source"), REFERENCES, ids=[source for _, source in REFERENCES])
def test_the_reference_names_everything_that_there_is(page: str, source: str) -> None:
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    classes = [n for n in ast.parse((ROOT / source).read_text(encoding="utf-8")).body if isinstance(n, ast.ClassDef)]
    if page == "policy.md":  # its users write keys, not classes
        names = {field.target.id for c in classes for field in c.body if isinstance(field, ast.AnnAssign)}
    else:
        names = {c.name for c in classes if not c.name.startswith("_")} - NOT_USERS_BUSINESS
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


def test_every_deviation_from_otp_is_listed() -> None:
    text = (DOCS / "reference" / "semantics.md").read_text(encoding="utf-8")
    marked = {
        str(path.relative_to(ROOT))
        for folder in ("actors", "protocol", "supervision")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"(?<!`)Differs from OTP[:,]", path.read_text(encoding="utf-8"))
    }
    assert {path for path in marked if f"`{path}`" not in text} == set()


def test_every_deviation_from_pykka_is_listed_and_every_switch() -> None:
    text = (DOCS / "reference" / "differences-from-pykka.md").read_text(encoding="utf-8")
    marked = {
        str(path.relative_to(ROOT))
        for folder in ("actors", "protocol", "supervision")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"(?<!`)Differs from pykka[:,]", path.read_text(encoding="utf-8"))
    }
    assert {path for path in marked if f"`{path}`" not in text} == set()
    switches = {
        name
        for kind in (PykkaActor, PykkaRules)
        for name, value in vars(kind).items()
        if isinstance(value, bool) and not name.startswith("_")
    }
    assert {name for name in switches if f"`{name} = {not getattr(PykkaActor, name)}`" not in text} == set()


def test_the_reference_of_hooks_is_the_table() -> None:
    text = (DOCS / "reference" / "hooks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (\S+) \|", text, re.MULTILINE)
    said = {cause: None if hook == "none" else hook.strip("`") for cause, hook in rows}
    assert said == {cause.name: hook for cause, hook in HOOKS.items()}
