"""Import paths: what can be named, what is refused and with which words, the rules for `__main__`."""

from __future__ import annotations

import functools
import json.decoder
import os
import subprocess
import sys
from pathlib import Path

import pytest

from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import import_in_progress, importing_target, path_of, resolve, search_path


class Outer:
    class Inner:
        def method(self) -> None: ...

    @classmethod
    def build(cls) -> None: ...


@pytest.mark.parametrize("obj", [Outer, Outer.Inner, Outer.Inner.method, Outer.build, json.decoder.JSONDecoder])
def test_what_has_a_name_is_found_again_by_it(obj: object) -> None:
    named = path_of(obj)
    assert named.entry is None
    assert resolve(named.target) == obj


def test_a_path_may_be_given_as_it_is() -> None:
    assert path_of("a.b:C.d").target == "a.b:C.d"


@pytest.mark.parametrize("bad", ["", "a.b", "a:", ":b", "a b:c", "a.:b", "a:b:c", "a/b:c"])
def test_a_string_of_another_form_is_refused(bad: str) -> None:
    with pytest.raises(NotImportable, match="expected the form"):
        path_of(bad)


def nested() -> object:
    def inner() -> None: ...

    return inner


def decorated() -> None: ...


original_decorated = decorated


def _replacement() -> None: ...


_replacement.__qualname__ = "decorated"


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        (lambda: None, "lambda"),
        (nested(), "inside a function"),
        (functools.partial(nested), "instance of partial"),
        (Outer(), "instance of Outer"),
        (Outer.Inner().method, "another object"),
        (_replacement, "another object"),
    ],
)
def test_what_has_no_name_is_refused_with_what_and_why(obj: object, why: str) -> None:
    with pytest.raises(NotImportable, match=why):
        path_of(obj)


def test_a_missing_module_and_a_missing_name_are_told_apart() -> None:
    with pytest.raises(NotImportable, match=r"'no_such_module' is not on sys\.path"):
        resolve("no_such_module:thing")
    with pytest.raises(NotImportable, match=r"has no 'JSONDecoder\.nothing'"):
        resolve("json.decoder:JSONDecoder.nothing")


def test_a_module_that_raises_while_it_is_imported_is_named_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_at_import.py").write_text("raise OSError('no disk')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NotImportable, match="raised OSError: no disk"):
        resolve("broken_at_import:thing")
    (tmp_path / "script_at_import.py").write_text("raise SystemExit(0)")
    with pytest.raises(NotImportable, match="raised SystemExit: 0"):
        resolve("script_at_import:thing")


def test_the_search_path_is_absolute_and_without_doubles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "lib", str(tmp_path), "lib", "__editable__.hook"])
    # The key of an import hook, as of an editable installation, is no file and stays as it is.
    assert search_path("/first") == ["/first", str(tmp_path), str(tmp_path / "lib"), "__editable__.hook"]


def test_an_import_in_progress_is_known_while_it_lasts() -> None:
    with importing_target("a:b"), importing_target("c:d"):
        assert import_in_progress() == "a:b"
    assert import_in_progress() is None


NAMING = """
from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import path_of

class Thing: ...

if __name__ == "__main__":
    try:
        named = path_of(Thing)
        print(named.target, named.entry)
    except NotImportable as error:
        print("refused", error)
"""


def run_main(args: list[str], cwd: Path, stdin: str | None = None) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(search_path())}
    return subprocess.run(
        [sys.executable, *args], cwd=cwd, env=env, input=stdin, capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()


def test_main_run_as_a_script_is_named_by_its_stem_and_its_directory(tmp_path: Path) -> None:
    (tmp_path / "my_app.py").write_text(NAMING)
    assert run_main(["my_app.py"], tmp_path) == f"my_app:Thing {tmp_path}"


def test_main_run_as_a_module_is_named_by_its_spec(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "app.py").write_text(NAMING)
    assert run_main(["-m", "pkg.app"], tmp_path) == "pkg.app:Thing None"


@pytest.mark.parametrize("name", ["my.app.py", "random.py", "app.txt"])
def test_a_script_that_cannot_be_imported_by_its_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(NAMING)
    assert run_main(["-P", name], tmp_path).startswith("refused")


def test_code_from_the_command_line_or_stdin_is_refused(tmp_path: Path) -> None:
    assert "typed at a prompt" in run_main(["-c", NAMING], tmp_path)
    assert "typed at a prompt" in run_main(["-"], tmp_path, stdin=NAMING)
