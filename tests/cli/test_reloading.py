"""Reloading the policy of a running tree, without signals and sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrow.actors import Actor, ActorSystem
from regrow.cli import exit_codes
from regrow.cli.main import main
from regrow.cli.reloading import KNOWN_MAX, Change, Reload, Reloader, changes_of
from regrow.cli.targets import load_target
from regrow.supervision import Reconfigured, SupervisorHandle

FILE = """\
[tree]
name = "shop"
[[tree.child]]
id = "a"
start = "tests.cli.test_reloading:Leaf"
"""

SECOND = '[[tree.child]]\nid = "b"\nstart = "tests.cli.test_reloading:Leaf"\n'
STUCK = '[[tree.child]]\nid = "stuck"\nstart = "tests.cli.test_reloading:Stuck"\nstart_timeout = "1h"\n'


class Leaf(Actor):
    """A child that does nothing."""


class Stuck(Actor):
    """A child whose start takes as long as the test wants."""

    go_on = threading.Event()

    def on_start(self) -> None:
        Stuck.go_on.wait(5.0)


class Shop:
    """A tree of a policy file, and its reloader."""

    def __init__(self, system: ActorSystem, path: Path) -> None:
        self.path = path
        path.write_text(FILE)
        self.said: list[tuple[str, str]] = []
        target = load_target(str(path))
        self.tree = SupervisorHandle.start(system, target.spec)
        self.reloader = Reloader(
            target, prepare=lambda spec: spec, say=lambda level, text: self.said.append((level, text))
        )
        self.reloader.root = self.tree.ref

    def reload(self, text: str) -> Reload:
        self.path.write_text(text)
        reload = self.reloader.begin("test")
        assert reload.over.wait(5.0)
        return reload

    def children(self) -> list[str]:
        return [info.id for info in reversed(self.tree.which_children())]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ActorSystem("test") as system:
        shop = Shop(system, tmp_path / "shop.toml")
        yield shop
        shop.tree.stop(timeout=5.0)
        shop.reloader.close()


def test_the_file_s_difference_is_applied_and_told(shop: Shop) -> None:
    reload = shop.reload(FILE + SECOND)
    assert reload.plain() == {
        "reload": 1,
        "over": True,
        "mistakes": [],
        "usage": False,
        "changes": [{"path": "shop/b", "what": "added", "trouble": False}],
    }
    assert shop.said == [
        ("INFO", f"test: reading {shop.path} again"),
        ("INFO", "reloaded: 1 change"),
        ("INFO", "  shop/b: added"),
    ]
    assert shop.reload(FILE + SECOND).changes == []
    assert shop.said[-1] == ("INFO", "reloaded: nothing has changed")
    assert shop.reload(FILE).changes == [Change("shop/b", "removed")]
    assert shop.children() == ["a"]


def test_processes_that_start_after_it_take_their_code_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    reloads: list[str] = []
    monkeypatch.setattr(shop.tree.ref.system.hosting, "reload", lambda: reloads.append("taken anew"))
    shop.reload(FILE + "retsart = 1\n")
    assert reloads == []
    shop.reload(FILE + SECOND)
    assert reloads == ["taken anew"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE + "retsart = 1\n", "1 mistake in {file}|  {file}:6: tree.child[0].retsart: expected a known key"),
        (FILE + '[policy."shop/x"]\nrestart = "transient"\n', '1 mistake in {file}|  {file}:6: policy."shop/x"'),
        (
            FILE + SECOND.replace(":Leaf", ":Laef"),
            "1 mistake in {file}|  {file}:8: tree.child[1].start: expected something",
        ),
        (
            FILE.replace('"shop"', '"store"'),
            '1 mistake in {file}|  {file}:2: tree.name: expected "shop", as a running tree',
        ),
        ("", "1 mistake in {file}|  {file}:1: expected a [tree] table"),
        ('[policy."shop/a"]\nrestart = "transient"\n', "1 mistake in {file}|  {file}: tree: expected a [tree] table"),
    ],
)
def test_a_mistake_anywhere_and_nothing_has_changed(shop: Shop, text: str, said: str) -> None:
    reload = shop.reload(text)
    expected = said.format(file=shop.path).split("|")
    assert reload.usage
    assert reload.changes == []
    assert all(found.startswith(start) for found, start in zip(reload.mistakes, expected)), reload.mistakes
    assert shop.said[1] == ("ERROR", f"test: nothing has changed: {reload.mistakes[0]}")
    assert shop.children() == ["a"]


def test_what_is_asked_for_while_one_is_under_way_follows_it_and_reads_the_last_edit(shop: Shop) -> None:
    Stuck.go_on.clear()
    shop.path.write_text(FILE + STUCK)
    first = shop.reloader.begin("one")
    while len(shop.children()) < 2:
        assert not first.over.is_set()
    second = shop.reloader.begin("two")
    assert second is not first
    assert shop.said[-1] == ("INFO", "two: a reload is under way, this one comes after it")
    assert shop.reloader.begin("three") is second
    assert (shop.reloader.find(1), shop.reloader.find(2)) == (first, second)
    assert first.plain()["over"] is second.plain()["over"] is False
    shop.path.write_text(FILE + SECOND)
    Stuck.go_on.set()
    assert second.over.wait(5.0)
    assert first.changes == [Change("shop/stuck", "added")]
    assert second.changes == [Change("shop/b", "added"), Change("shop/stuck", "removed")]
    assert shop.children() == ["a", "b"]
    assert shop.reload(FILE).number == 3


def test_the_end_of_the_tree_ends_all_reloads_that_were_asked_for(shop: Shop) -> None:
    Stuck.go_on.clear()
    shop.path.write_text(FILE + STUCK)
    first, second = shop.reloader.begin("one"), shop.reloader.begin("two")
    shop.tree.ref.shutdown()
    Stuck.go_on.set()
    assert first.over.wait(5.0)
    assert second.over.wait(5.0)
    assert second.mistakes


def test_only_the_latest_reloads_are_known(shop: Shop) -> None:
    for _ in range(KNOWN_MAX + 1):
        shop.reload(FILE)
    assert shop.reloader.find(1) is None
    assert shop.reloader.find(KNOWN_MAX + 1) is not None


def test_the_end_of_the_tree_ends_a_reload(shop: Shop) -> None:
    Stuck.go_on.clear()
    shop.path.write_text(FILE + STUCK)
    reload = shop.reloader.begin("test")
    while len(shop.children()) < 2:
        assert not reload.over.is_set()
    shop.tree.ref.shutdown()
    Stuck.go_on.set()
    assert reload.over.wait(5.0)
    assert reload.mistakes == ["supervisor 'shop' is stopping"]
    assert not reload.usage


def test_a_tree_that_has_ended_or_has_not_started_follows_nothing(shop: Shop) -> None:
    shop.tree.stop(timeout=5.0)
    assert shop.reload(FILE + SECOND).mistakes == ["shop has ended"]
    shop.reloader.root = None
    assert shop.reload(FILE + SECOND).mistakes == ["shop has not started yet"]


def test_changes_are_told_parents_first_with_what_went_wrong() -> None:
    inside = Reconfigured(own=("intensity",), refused={"x": "no such module"}, reordered=True)
    result = Reconfigured(
        changed=("a", "down"),
        stopped=("down",),
        restarted=("b",),
        failed={"b": "crash: boom"},
        inside={"pool": inside},
    )
    assert [(str(change), change.trouble) for change in changes_of(result, "shop")] == [
        ("shop/a: new policy", False),
        ("shop/down: new policy, for its next start: it does not run", False),
        ("shop/b: restarted, but its first start has failed: crash: boom", True),
        ("shop/pool: new intensity", False),
        ("shop/pool: new order of its children", False),
        ("shop/pool/x: goes on as it was: no such module", True),
    ]


def test_nobody_to_reload_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main(["reload"]) == exit_codes.UNREACHABLE


def test_whatever_else_goes_wrong_is_told_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("regrow.cli.targets.load_policy", broken)
    reload = shop.reload(FILE)
    assert (reload.mistakes, reload.usage) == (["KeyError: 'x'"], False)
