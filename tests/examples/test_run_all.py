"""Every example does what its text and the tutorials say, started as a user would."""

from __future__ import annotations

import doctest
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PLAIN = sorted(
    path.name for pattern in ("0[1-4789]_*.py", "1[0-9]_*.py", "2[0-9]_*.py") for path in EXAMPLES.glob(pattern)
)
DRILLS = sorted(path.name for path in (EXAMPLES / "chaos").glob("*.py"))
PROGRAMS = [*PLAIN, "05_worker.py", "05_client.py", "06_policy/parts.py", *(f"chaos/{name}" for name in DRILLS)]
SESSION = re.compile(r"^```console\n\$ (?P<command>.*)\n(?P<output>(?:(?!```).*\n)*)```$", re.MULTILINE)
CRASH_LOG = re.compile(
    r"^.+urn:uuid:.+ ended in life \d+: (Traceback.*\n(  .*\n)+\w+: )?.+\n|^\S+: restarts .+\n"
    r"|^\S+: \d+ children were to stop and ended otherwise: .+\n",  # of a crash in the moment of the stop
    re.MULTILINE,
)
POLICY = "examples/06_policy/tree.toml"

Launch = Callable[..., Any]  # of the fixture in conftest.py


def shown(command: str) -> str:
    """Give what the documentation shows as the output of a command; "..." in it stands for anything."""
    shelves = [ROOT / "docs" / "tutorials", ROOT / "docs" / "howto"]
    pages = [page.read_text(encoding="utf-8") for shelf in shelves for page in sorted(shelf.glob("*.md"))]
    found = [each["output"] for page in pages for each in SESSION.finditer(page) if each["command"] == command]
    assert len(found) == 1, f"expected one session with {command!r} in the documentation, got {len(found)}"
    assert found[0], f"the session with {command!r} shows no output"
    return found[0]


def same(expected: str, got: str) -> bool:
    return doctest.OutputChecker().check_output(expected, got, doctest.ELLIPSIS)


def run(*argv: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *argv], cwd=cwd, capture_output=True, text=True, timeout=50, check=False)


def test_all_of_them_are_known_here() -> None:
    assert {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")} == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_read_on_one_page(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 80


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_list_of_examples_names_it(name: str) -> None:
    assert Path(name).parent.name in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert name == "06_policy/parts.py" or Path(name).name in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_example_prints_what_the_tutorial_shows(name: str) -> None:
    done = run(f"examples/{name}")
    assert done.returncode == 0, done.stderr
    assert same(shown(f".venv/bin/python examples/{name}"), done.stdout), done.stdout
    assert CRASH_LOG.sub("", done.stderr) == ""


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_example_runs_from_anywhere(name: str, tmp_path: Path) -> None:
    done = run(str(EXAMPLES / name), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True], ids=["from the root", "from elsewhere"])
def test_worker_client_and_gateway(launch: Launch, tmp_path: Path, elsewhere: bool) -> None:
    cwd = tmp_path if elsewhere else ROOT
    gateway = launch("-m", "regrow.cli", "gateway", "--token", "secret", "--port", "0", cwd=cwd)
    url = gateway.expect("gateway listens on").split()[-1]
    worker = launch(str(EXAMPLES / "05_worker.py"), cwd=cwd, REGROW_URL=url)
    client = launch(str(EXAMPLES / "05_client.py"), cwd=cwd, REGROW_URL=url)
    assert client.end() == 0, f"client:\n{client.output}\nworker:\n{worker.said()}\ngateway:\n{gateway.said()}"
    assert same(shown(".venv/bin/python examples/05_client.py"), client.output), client.output
    worker.expect("counted the words of a text")
    signo = signal.SIGTERM if elsewhere else signal.SIGINT
    assert worker.end(signo) == 0, worker.output
    assert "WARNING" not in worker.output, worker.output
    assert gateway.end(signo) == 0, gateway.output


@pytest.mark.system
@pytest.mark.slow
def test_a_wrong_token_is_told_and_ends_the_client(launch: Launch) -> None:
    gateway = launch("-m", "regrow.cli", "gateway", "--token", "another", "--port", "0")
    url = gateway.expect("gateway listens on").split()[-1]
    client = launch("examples/05_client.py", REGROW_URL=url)
    assert client.end() == 1
    assert "unauthorized" in client.output
    assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True], ids=["from the root", "from elsewhere"])
def test_the_tree_of_a_file_runs_and_stops_in_order(launch: Launch, tmp_path: Path, elsewhere: bool) -> None:
    policy, folder = (str(ROOT / POLICY), str(EXAMPLES / "06_policy")) if elsewhere else (POLICY, "examples/06_policy")
    cwd = tmp_path if elsewhere else ROOT
    control = str(tmp_path / "control")
    tree = launch("-m", "regrow.cli", "run", policy, "--app-dir", folder, "--control", control, cwd=cwd)
    tree.expect("[catalog stdout] Serving HTTP on 127.0.0.1")
    tree.expect("shop is up")
    tree.expect("shop/counter/till ended: crash: RuntimeError: the drawer is stuck")
    tree.expect("shop/counter/till is running again")
    live = run("-m", "regrow.cli", "tree", "--control", control)
    assert live.returncode == 0, live.stderr
    assert re.search(r"pricing  running  Pricing  pid \d+", live.stdout), live.stdout
    assert tree.end(signal.SIGTERM if elsewhere else signal.SIGINT) == 0, tree.output
    assert "stopped in order" in tree.output
    assert "raised AttributeError" not in tree.output


def test_the_policy_has_no_mistakes_and_shows_its_tree() -> None:
    checked = run("-m", "regrow.cli", "check", POLICY, "--import", "--app-dir", "examples/06_policy")
    assert checked.returncode == 0, checked.stderr
    assert "no mistakes, 2 overrides" in checked.stdout
    tree = run("-m", "regrow.cli", "tree", POLICY)
    assert tree.returncode == 0, tree.stderr
    assert same(shown(f".venv/bin/regrow tree {POLICY}"), tree.stdout), tree.stdout


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_confirms_its_hypothesis(launch: Launch, name: str) -> None:
    drill = launch(f"examples/chaos/{name}")
    assert drill.end() == 0, drill.output
    assert "hypothesis:" in drill.output
    assert drill.output.count("[held]") >= 3
    assert "confirmed in" in drill.output


@pytest.mark.system
@pytest.mark.slow
def test_a_drill_whose_hypothesis_is_refuted_says_so_and_exits_with_1(launch: Launch, tmp_path: Path) -> None:
    source = (EXAMPLES / "chaos" / "kill_the_link.py").read_text(encoding="utf-8")
    impossible = tmp_path / "impossible.py"
    impossible.write_text(source.replace("BACK_WITHIN = 2.0", "BACK_WITHIN = 0.0"), encoding="utf-8")
    drill = launch(str(impossible), cwd=tmp_path)
    assert drill.end() == 1, drill.output
    assert "[REFUTED] a new session within 0 s" in drill.output
    assert "Traceback" not in drill.output
