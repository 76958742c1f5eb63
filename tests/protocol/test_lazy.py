"""A package that offers what its modules hold, without importing them before somebody asks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = """
from regrow.protocol.lazy import lazily
__all__ = ("Far", "Near", "namesake")
__getattr__, __dir__ = lazily(globals(), {"Far": "below.far", "Near": "near", "namesake": "namesake"})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "lazy_one/below").mkdir(parents=True)
    (tmp_path / "lazy_one/__init__.py").write_text(PACKAGE)
    (tmp_path / "lazy_one/near.py").write_text("class Near: ...\n")
    (tmp_path / "lazy_one/below/far.py").write_text("class Far: ...\n")
    (tmp_path / "lazy_one/namesake.py").write_text("def namesake(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("lazy_one")
    for name in [name for name in sys.modules if name.startswith("lazy_one")]:
        del sys.modules[name]


def test_nothing_is_imported_before_it_is_asked_for(package: ModuleType) -> None:
    assert "lazy_one.near" not in sys.modules
    assert package.Near.__module__ == "lazy_one.near"
    assert "lazy_one.below.far" not in sys.modules


def test_a_name_comes_from_its_module_and_is_kept(package: ModuleType) -> None:
    from lazy_one import Far

    assert Far is import_module("lazy_one.below.far").Far
    assert vars(package)["Far"] is Far


def test_a_name_that_is_none_is_refused_as_any_module_does(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_one' has no attribute 'Nowhere'"):
        _ = package.Nowhere
    with pytest.raises(ImportError, match="cannot import name 'Nowhere' from 'lazy_one'"):
        exec("from lazy_one import Nowhere")


def test_what_is_not_yet_imported_is_listed_too(package: ModuleType) -> None:
    assert {"Far", "Near", "__name__"} <= set(dir(package))


def test_a_name_that_is_its_modules_too_stays_the_name(package: ModuleType) -> None:
    module = import_module("lazy_one.namesake")
    assert package.namesake is module.namesake
    from lazy_one import namesake

    assert namesake is module.namesake
