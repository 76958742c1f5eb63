"""`regrow gateway` as a program: signals, drains, and a restart on the same file."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from regrow.connect import AsyncClient
from regrow.protocol.session.messages import Drain, Invoke, Success
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop


async def program(path: Path, *more: str, stderr: int | None = None) -> tuple[Process, str]:
    """Start a gateway and give it and its url."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "regrow.cli",
        "gateway",
        "--port=0",
        f"--token={TOKEN}",
        f"--store=sqlite:{path}",
        "--log-level=WARNING",
        *more,
        stdout=PIPE,
        stderr=stderr,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    assert line.startswith(("gateway listens on ws://127.0.0.1:", "gateway listens on wss://127.0.0.1:")), line
    return process, line.split()[-1]


async def ended(process: Process) -> int:
    assert process.stdout is not None
    await process.stdout.read()
    return await process.wait()


@on_a_loop
async def test_sigterm_waits_for_work_in_flight_and_ends_with_0(tmp_path: Path) -> None:
    process, url = await program(tmp_path / "q.db")
    async with FakeWorker(url, keep) as worker, AsyncClient(url, token=TOKEN) as client:
        call = asyncio.create_task(client.invoke("f", timeout=10))
        invoke = await worker.expect(Invoke)
        process.send_signal(signal.SIGTERM)
        await worker.expect(Drain)
        await worker.finish(invoke, Success(b"\x09"))
        assert await call == 9
        assert await ended(process) == 0


@on_a_loop
async def test_a_second_signal_does_not_wait_and_is_told_by_the_exit_code(tmp_path: Path) -> None:
    process, url = await program(tmp_path / "q.db")
    async with FakeWorker(url, keep) as worker, AsyncClient(url, token=TOKEN) as client:
        await client.submit("f")
        await worker.expect(Invoke)
        process.send_signal(signal.SIGTERM)
        await worker.expect(Drain)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 143


@on_a_loop
async def test_kill_9_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    process, url = await program(tmp_path / "q.db")
    async with FakeWorker(url, keep) as worker, AsyncClient(url, token=TOKEN) as client:
        ids = [await client.submit("f", n) for n in range(5)]
        await worker.expect(Invoke, 5)
        process.kill()
        assert await ended(process) == -signal.SIGKILL
    process, url = await program(tmp_path / "q.db")
    async with FakeWorker(url, calling(f=lambda n: n), epoch=2), AsyncClient(url, token=TOKEN) as client:
        assert await asyncio.gather(*(client.result(name, timeout=10) for name in ids)) == list(range(5))
    process.send_signal(signal.SIGINT)
    assert await ended(process) == 0
