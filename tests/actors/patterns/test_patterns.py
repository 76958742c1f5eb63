"""What the package offers, and what it costs those who do not use it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from regrow.actors import patterns


def loaded_by(code: str) -> set[str]:
    program = f"import sys; {code}; print(*(name for name in sys.modules if name.startswith('regrow.actors.patterns')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    return {name.removeprefix("regrow.actors.patterns").lstrip(".") for name in done.stdout.split()}


def test_the_runtime_does_not_load_them() -> None:
    assert loaded_by("import regrow; from regrow.actors import *") == set()


def test_a_part_is_loaded_when_it_is_used() -> None:
    assert loaded_by("import regrow.actors.patterns") == {""}
    assert loaded_by("from regrow.actors.patterns import pipe_to") == {"", "pipe"}


def test_every_name_is_that_of_its_part() -> None:
    for name, part in patterns._HOMES.items():
        module = importlib.import_module(f"regrow.actors.patterns.{part}")
        assert getattr(patterns, name) is getattr(module, name)
    assert set(patterns._HOMES) == set(patterns.__all__)
    assert set(patterns.__all__) <= set(dir(patterns))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        getattr(patterns, "Nothing")  # noqa: B009 - mypy knows that it is not there
