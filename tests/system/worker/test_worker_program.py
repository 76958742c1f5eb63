"""A worker as a program: signals, exit codes, and what is left when it is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import regrow
from tests.system.worker.waiting_call import WaitingCall

HERE = Path(__file__).parent
HEAD = """
import sys
sys.path.insert(0, {here!r})
import regrow, worker_jobs
from regrow.connect.worker import WorkerOptions
worker = regrow.Worker({url!r}, token={token!r}, capacity=1, options=WorkerOptions(drain_grace=10.0))
worker.function(worker_jobs.wait_for)
worker.function(worker_jobs.add)

@worker.function
def here(n: int) -> int:
    return n * 2
"""
GUARDED = HEAD + 'if __name__ == "__main__":\n    worker.run()\n'
UNGUARDED = HEAD + "worker.run()\n"

Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def launch(gateway: object, tmp_path: Path) -> Iterator[Launch]:
    """Run a worker program; killed at the end, with all of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(source: str = GUARDED, token: str = "secret", command: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        script = tmp_path / "app_of_test.py"
        url: str = gateway.url  # type: ignore[attr-defined]
        script.write_text(textwrap.dedent(source).format(here=str(HERE), url=url, token=token))
        arguments = command or (sys.executable, str(script))
        process = subprocess.Popen(
            [part.replace("SCRIPT", str(script)) for part in arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.communicate(timeout=20)


def test_a_script_serves_its_own_functions(launch: Launch, client: regrow.Client) -> None:
    process = launch()
    assert client.invoke("here", 21, timeout=30) == 42
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_sigterm_finishes_what_runs_and_ends_in_order(launch: Launch, client: regrow.Client, tmp_path: Path) -> None:
    process = launch()
    call = WaitingCall(client, tmp_path)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    call.let_go()
    call.assert_returns(20)
    assert process.wait(20) == 0


def test_a_second_signal_ends_it_now_and_the_gateway_has_the_request_again(
    launch: Launch, client: regrow.Client, tmp_path: Path
) -> None:
    process = launch()
    call = WaitingCall(client, tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGINT
    assert time.monotonic() - start < 8
    call.let_go()
    launch()
    call.assert_returns()


def test_when_the_main_process_is_killed_all_of_it_is_gone_in_two_seconds_and_its_work_is_given_back(
    launch: Launch, client: regrow.Client, tmp_path: Path
) -> None:
    process = launch()
    call = WaitingCall(client, tmp_path)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3  # zygote, link, executor
    process.kill()
    _, left = psutil.wait_procs(family, timeout=2.0)
    assert [each for each in left if each.status() != psutil.STATUS_ZOMBIE] == []  # a zombie has ended; init reaps it
    call.forget_that_it_started()
    launch()
    call.wait_started(15)
    call.let_go()
    call.assert_returns()


def test_a_wrong_token_is_exit_code_4_and_one_line(launch: Launch) -> None:
    process = launch(token="wrong")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 4
    lines = [line for line in said.splitlines() if "unauthorized" in line]
    assert len([line for line in lines if "DEBUG" not in line]) == 1, said


def test_a_script_that_runs_its_worker_at_import_is_told_so(launch: Launch, client: regrow.Client) -> None:
    process = launch(UNGUARDED)
    with pytest.raises(regrow.RegrowError, match="__main__"):
        client.invoke("here", 1, timeout=30)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("tail", "code", "words"),
    [
        ('worker.function(name="x")(lambda: 1)\n', 1, "top level of a module"),
        ("regrow.Worker('http://x')\n", 1, "ws://HOST:PORT"),
        ("regrow.Worker('ws://x').run()\n", 1, "at least one function"),
    ],
)
def test_a_mistake_in_the_program_is_named(launch: Launch, tail: str, code: int, words: str) -> None:
    process = launch(HEAD + tail)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert words in said


def test_the_command_runs_a_worker_of_a_file(launch: Launch, client: regrow.Client) -> None:
    process = launch(command=(sys.executable, "-m", "regrow.cli", "worker", "SCRIPT"))
    assert client.invoke("here", 4, timeout=30) == 8
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said


def test_the_command_answers_probes_where_it_is_told_to(launch: Launch, eventually: Callable[..., None]) -> None:
    process = launch(command=(sys.executable, "-m", "regrow.cli", "worker", "SCRIPT", "--http", "127.0.0.1:0"))
    assert process.stderr is not None
    found = (re.search(r"answers /healthz, /readyz and /metrics at port (\d+)", line) for line in process.stderr)
    port = next(match[1] for match in found if match)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
        assert answer.read() == b"ok\n"  # while it starts already

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as not_yet:
            assert not_yet.code == 503  # noqa: PT017 - the loop waits for something else
            return False

    eventually(ready)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("SCRIPT", "--token", "wrong"), 4, "unauthorized"),
        (("SCRIPT", "--url", "ws://127.0.0.1:9", "--max-attempts", "2"), 1, "gave up: no session after 2 attempts"),
        (("SCRIPT", "--url", "ws://127.0.0.1:9", "--give-up-after", "10ms"), 1, "gave up: no session after"),
        (("SCRIPT", "--url", "ws://127.0.0.1:9", "--url", "tcp://x"), 2, "got 'tcp://x'"),
        (("SCRIPT:nothing",), 2, "nothing"),
        (("nowhere.py",), 2, "no such file"),
        (("no.such.module",), 2, "no module"),
        (("os:path",), 2, "expected a regrow.Worker"),
        (("SCRIPT", "--http", "9090"), 2, "expected HOST:PORT"),
        (("SCRIPT", "--http", "192.0.2.1:9090"), 3, "cannot listen on 192.0.2.1:9090"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_code(
    launch: Launch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    process = launch(command=(sys.executable, "-m", "regrow.cli", "worker", *arguments))
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert words in said


def test_a_tree_that_gives_up_is_exit_code_1_and_one_report(launch: Launch, eventually: Callable[..., None]) -> None:
    source = HEAD.replace(
        "WorkerOptions(drain_grace=10.0)", "WorkerOptions(tree=TreeOptions(intensity=regrow.RestartIntensity(1, 60.0)))"
    ).replace("WorkerOptions\n", "WorkerOptions\nfrom regrow.connect.worker_tree import TreeOptions\n")
    process = launch(source + 'if __name__ == "__main__":\n    worker.run()\n')

    def links() -> list[psutil.Process]:
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if child.name() == "link" or "link" in " ".join(child.cmdline())]

    for _ in range(2):
        eventually(links)
        time.sleep(0.3)
        os.kill(links()[0].pid, signal.SIGKILL)
        time.sleep(0.3)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1, said
    assert "gave up: link of worker needed more than 1 restart in 60 s; last: link ended: SIGKILL" in said
