"""A running `regrow run` that follows its changed policy file: on SIGHUP, and by `regrow reload`."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.system.cli.app import App

pytestmark = pytest.mark.system

SHOP = """\
[tree]
name = "shop"
[[tree.child]]
id = "steady"
command = ["sleep", "1000"]
[[tree.child]]
id = "changed"
command = ["sleep", "1001"]
[[tree.child]]
id = "gone"
command = ["sleep", "1002"]
[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
  [[tree.child.child]]
  id = "inner"
  command = ["sleep", "1003"]
"""

CHANGED = (
    SHOP.replace("1001", "2001")
    .replace('id = "gone"', 'id = "new"')
    .replace('  id = "inner"', '  id = "second"\n  command = ["sleep", "1004"]\n  [[tree.child.child]]\n  id = "inner"')
    + '[policy."shop/steady"]\nrestart = "transient"\n'
)


def pids(app: App) -> dict[str, int]:
    """Process ids of everything in the tree that runs, by path."""
    todo = [json.loads(app.call("tree", "--json").stdout)]
    found: dict[str, int] = {}
    for node in todo:
        found[node["path"]] = node["pid"]
        todo += node["children"]
    return found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_sighup_touches_only_what_has_changed_and_a_broken_file_touches_nothing(app: App) -> None:
    run = app.run(app.policy(SHOP))
    run.wait_for("shop is up")
    before = pids(app)
    assert list(before) == ["shop", "shop/steady", "shop/changed", "shop/gone", "shop/pool", "shop/pool/inner"]

    app.policy(CHANGED)
    run.signal(signal.SIGHUP)
    run.wait_for("reloaded: 5 changes")
    run.wait_for("shop/pool/second: added")
    after = pids(app)
    untouched = {"shop", "shop/steady", "shop/pool", "shop/pool/inner"}
    assert {path for path, pid in before.items() if after.get(path) == pid} == untouched
    assert set(after) == {*untouched, "shop/changed", "shop/new", "shop/pool/second"}
    assert [alive(before["shop/changed"]), alive(before["shop/gone"])] == [False, False]
    for line in ("steady: new policy", "changed: restarted", "new: added", "gone: removed"):
        assert f"  shop/{line}" in run.text()

    app.policy(CHANGED.replace('"sleep", "2001"', '"sleep"; "2002"').replace("transient", "sometimes"))
    run.signal(signal.SIGHUP)
    run.wait_for("SIGHUP: nothing has changed: 2 mistakes in shop.toml")
    run.wait_for("shop.toml:8: command: expected valid TOML")
    run.wait_for('policy."shop/steady".restart: expected one of "permanent", "transient", "temporary", got "sometimes"')
    assert pids(app) == after
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
    assert not any(alive(pid) for pid in after.values())


def test_reload_prints_what_has_changed_or_what_is_wrong(app: App) -> None:
    run = app.run(app.policy(f"[tree]\n{app.steady('one', 'two')}"))
    run.wait_for("root is up")
    same = app.call("reload")
    assert (same.returncode, same.stdout) == (0, "nothing has changed\n")

    app.policy(f"[tree]\n{app.steady('two', 'three')}")
    done = app.call("reload", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["over"], found["mistakes"]) == (True, [])
    assert found["changes"] == [
        {"path": "root/three", "what": "added", "trouble": False},
        {"path": "root/one", "what": "removed", "trouble": False},
    ]
    assert app.noted() == ["start:one", "start:two", "stop:one", "start:three"]

    app.policy(f'[tree]\n{app.steady("two")}\n[[tree.child]]\nid = "x"\nstart = "app:Nobody"\n')
    wrong = app.call("reload")
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines() == [
        "regrow: nothing has changed: 1 mistake in shop.toml",
        (
            "  shop.toml:9: tree.child[1].start: expected something that can be imported"
            " (module 'app' has no 'Nobody'), got \"app:Nobody\""
        ),
    ]
    app.policy('[tree]\nname = "other"\n')
    assert 'shop.toml:2: tree.name: expected "root", as a running tree keeps its name, got "other"' in (
        app.call("reload").stderr
    )
    assert app.noted()[4:] == []

    app.policy(f'[tree]\n{app.steady("two", "three")}\n[[tree.child]]\nid = "d"\nstart = "app:Dies2"\n')
    (app.directory / "app.py").write_text("")  # the code in the process stays what it was
    assert "module 'app' has no 'Dies2'" in app.call("reload").stderr
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


def test_a_start_that_fails_is_told_and_tried_again(app: App) -> None:
    flags = '[tree]\nbackoff = { initial = "1h", jitter = "none", cap = "1h" }\n'
    run = app.run(app.policy(f"{flags}{app.steady('one')}"))
    run.wait_for("root is up")
    app.policy(f'{flags}{app.steady("one")}\n[[tree.child]]\nid = "x"\nstart = "app:Dies"\n')  # without its argument
    done = app.call("reload")
    assert done.returncode == 1
    assert done.stdout.startswith("root/x: added, but its first start has failed: crash: TypeError")
    rows = json.loads(app.call("tree", "--json").stdout)["children"]
    assert [(row["name"], row["state"]) for row in rows] == [("one", "running"), ("x", "backoff")]
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()


CALM = """

def calm():
    return SupervisorSpec(children=[ChildSpec(id=name, start=Start(Actor)) for name in ("a", "b")])
"""


def test_a_tree_in_a_module_follows_the_policy_laid_over_it_and_without_one_there_is_nothing_to_read(app: App) -> None:
    with (app.directory / "app.py").open("a") as module:
        module.write(CALM)
    run = app.run("app:calm", "--policy", app.policy('[policy."root/a"]\nshutdown = "brutal_kill"\n'))
    run.wait_for("root is up")
    app.policy('[policy."root/*"]\nshutdown = "brutal_kill"\nrestart = "temporary"\n')
    done = app.call("reload")
    assert (done.returncode, done.stdout) == (0, "root/a: new policy\nroot/b: new policy\n")
    run.signal(signal.SIGTERM)
    run.end()

    bare = app.run("app:calm")
    bare.wait_for("root is up")
    refused = app.call("reload")
    assert (refused.returncode, refused.stderr) == (
        1,
        "regrow: nothing has changed: root has no policy file to read again\n",
    )
    bare.signal(signal.SIGTERM)
    assert bare.end() == 0, bare.text()


def test_a_sighup_that_comes_while_the_tree_starts_or_reloads_is_not_lost(app: App) -> None:
    go = app.directory / "go"
    slow = f"""\
[tree]
[[tree.child]]
id = "slow"
command = ["sleep", "1000"]
[[tree.child]]
id = "waits"
command = ["sh", "-c", "echo waits; while [ ! -e {go} ]; do sleep 0.05; done; echo here; sleep 1001"]
ready = {{ line = "here" }}
"""
    run = app.run(app.policy(slow))
    run.wait_for("waits")
    app.policy(slow.replace("1000", "2000"))
    run.signal(signal.SIGHUP)
    run.wait_for("SIGHUP while the tree starts: reading the files again when it is up")
    go.touch()
    run.wait_for("root/slow: restarted")

    go.unlink()
    edit = slow.replace("1000", "2000").replace("echo waits", "echo waits again")
    app.policy(edit)
    run.signal(signal.SIGHUP)
    run.wait_for("waits again")
    app.policy(edit + '[[tree.child]]\nid = "last"\ncommand = ["sleep", "1002"]\n')
    run.signal(signal.SIGHUP)
    run.wait_for("SIGHUP: a reload is under way, this one comes after it")
    go.touch()
    run.wait_for("root/waits: restarted")
    run.wait_for("root/last: added")
    run.signal(signal.SIGTERM)
    assert run.end() == 0, run.text()
