"""The user's functions of these tests: imported by name in the processes that run them."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import regrow


def add(a: int, b: int = 0) -> int:
    return a + b


def headers() -> dict[str, str]:
    return dict(regrow.invocation().headers)


def fork_and_return() -> str:
    """Forget os._exit() in the child, as beginners do."""
    pid = os.fork()
    if not pid:
        return "child"
    os.waitpid(pid, 0)
    return "parent"


def terminate_forked() -> list[int | None]:
    """Log in a multiprocessing child, and end another one by SIGTERM."""
    fork = multiprocessing.get_context("fork")
    talker = fork.Process(target=regrow.logger.info, args=("from a fork",))
    sleeper = fork.Process(target=time.sleep, args=(60,))
    talker.start()
    sleeper.start()
    talker.join(10)
    sleeper.terminate()
    sleeper.join(10)
    return [talker.exitcode, sleeper.exitcode]


def end_forks_at_once() -> list[int]:
    """Send SIGTERM to forks before they have run at all."""
    ends = []
    for _ in range(10):
        pid = os.fork()
        if not pid:
            time.sleep(5)
            os._exit(1)
        os.kill(pid, signal.SIGTERM)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return ends


def interrupt_program() -> int:
    program = subprocess.Popen(["sleep", "30"])
    program.send_signal(signal.SIGINT)
    return program.wait(10)


def close_selector() -> str:
    """Close what is not ours, as daemonizing code does."""
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them is closed by now
            if "eventpoll" in str(path.readlink()):
                os.close(int(path.name))
    return "closed"


def where() -> int:
    return os.getpid()


def burn(seconds: float) -> int:
    """Compute for so long, without ever letting go for more than Python does."""
    end, turns = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        turns += 1
    return os.getpid()


def hold_gil(seconds: int) -> int:
    """Hold the GIL in C: PyDLL does not release it."""
    ctypes.PyDLL(None).sleep(seconds)
    return seconds


def die(signo: int) -> None:
    os.kill(os.getpid(), signo)
    time.sleep(10)


def die_once(marker: str) -> str:
    """Kill the own process in the first run; in the second, say so."""
    path = Path(marker)
    if path.exists():
        return "second"
    path.write_text("first")
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


def wait_for(marker: str) -> str:
    """Say that it runs, then wait for a file, at most 30 s."""
    Path(f"{marker}.started").write_text(str(os.getpid()))
    end = time.monotonic() + 30
    while not Path(marker).exists() and time.monotonic() < end:
        time.sleep(0.005)
    return "seen"


def speak(text: str) -> int:
    regrow.logger.info("{} by regrow", text, number=1)
    regrow.invocation().logger.warning("by the invocation", kind="context")
    logging.getLogger("users.module").error("%s by logging", text)
    print(f"{text} by print")  # noqa: T201 - what users do
    try:
        raise LookupError("told")
    except LookupError:
        regrow.logger.exception("with an exception")
    return os.getpid()


def speak_and_die() -> None:
    for number in range(50):
        regrow.logger.info("record {}", number)
    os.kill(os.getpid(), signal.SIGKILL)


def unsayable() -> object:
    return {"rows": [1, object()]}


def fail() -> NoReturn:
    raise LookupError("not here")


def heed() -> str:
    invocation = regrow.invocation()
    while not invocation.cancelled:
        time.sleep(0.005)
    return "heeded"


def pair(first: int) -> list[int]:
    time.sleep(0.002)
    return [first, os.getpid()]


def knows_its_run(run: regrow.Invocation, n: float) -> list[object]:
    return [run.request_id == regrow.invocation().request_id, run.attempt, run.cancelled, run.time_left is not None, n]


async def waits_for_ever() -> None:
    await asyncio.sleep(3600)


def flag_heeded(run: regrow.Invocation) -> None:
    run.wait_cancelled(30)
    run.check()


def computes_for_ever() -> None:
    while True:
        pass


def swallows_interrupts() -> None:
    """Heed nothing, for longer than anybody is patient; a thread has to end before the test does."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with suppress(BaseException):
            time.sleep(0.05)
