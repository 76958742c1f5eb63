"""Keys and tokens between programs: SIGHUP, and where secrets can be seen from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from asyncio.subprocess import Process
from pathlib import Path

import psutil
import pytest

import regrow
from regrow.connect.key_file import new_key, rotate_key_file
from regrow.connect.signed_tokens import Scope
from regrow.connect.worker_errors import WorkerRefused
from tests.connect.fake_peer import TOKEN, FakeWorker, on_a_loop, served_on_another_loop
from tests.connect.test_gateway_tokens import ADMIN, CLIENT, RING, WORKER, token
from tests.system.connect.test_gateway_signals import ended, program

SEEN = "this-would-be-seen"


async def reloaded(process: Process) -> None:
    """Have the gateway read its keys again, and wait until it says so."""
    assert process.stderr is not None
    process.send_signal(signal.SIGHUP)
    while b"keys" not in await process.stderr.readline():
        pass


@on_a_loop
async def test_sighup_reads_the_keys_again_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = rotate_key_file(path, new_key())
    process, url = await program(tmp_path / "q.db", f"--key-file={path}", "--log-level=INFO", stderr=subprocess.PIPE)
    second = rotate_key_file(path, new_key())
    await reloaded(process)
    async with (
        FakeWorker(url, token=token(WORKER, ring=first)),
        FakeWorker(url, token=token(WORKER, ring=second), instance="w2"),
    ):
        path.write_text("broken")
        await reloaded(process)
        async with FakeWorker(url, token=token(ADMIN, ring=second), instance="w3"):
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0


def test_no_process_of_a_worker_has_its_token_among_its_arguments_or_in_its_environment() -> None:
    code = (
        "import sys, textwrap, regrow\n"
        "worker = regrow.Worker(sys.stdin.readline().strip(), token=sys.stdin.readline().strip(), capacity=1)\n"
        "worker.function(textwrap.dedent)\n"
        "with worker:\n"
        "    worker.wait_ready(30)\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with served_on_another_loop(lambda: regrow.Gateway(token=[TOKEN, SEEN])) as url:
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{url}\n{SEEN}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            assert len(family) >= 3  # itself, its zygote, its link
            seen = [(" ".join(each.cmdline()), each.environ()) for each in family]
            process.stdin.close()
    assert not any(SEEN in line or SEEN in environment.values() for line, environment in seen)


@pytest.mark.parametrize(
    ("scope", "expires", "code"),
    [(CLIENT, 3600, "out_of_scope"), (WORKER, 6, "token_expired"), (WORKER, -1, "unauthorized")],
)
def test_a_worker_whose_token_is_not_good_any_more_is_refused_for_good(scope: Scope, expires: float, code: str) -> None:
    with served_on_another_loop(lambda: regrow.Gateway(token=TOKEN, keys=RING)) as url:
        worker = regrow.Worker(url, token=token(scope, expires=expires), capacity=1)
        worker.function(textwrap.dedent)
        with worker:
            assert worker.watch.wait(lambda: worker.watch.refused, 20)
            with pytest.raises(WorkerRefused) as refused:
                worker.raise_for_end()
    assert refused.value.code == code
