"""The functions of these tests, and the worker that serves them: run by `regrow worker service_jobs.py`."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import regrow

worker = regrow.Worker("ws://127.0.0.1:1", capacity=3, name="tested")


def _begun(marker: str) -> None:
    with Path(f"{marker}.started").open("a") as file:
        file.write(f"{os.getpid()}\n")


@worker.function
def add(a: int, b: int = 0) -> int:
    return a + b


@worker.function
def spin(turns: int) -> int:
    total = 0
    for number in range(turns):
        total += number * number
    return total


@worker.function
def wait_for(marker: str) -> str:
    """Say that it runs, then wait for a file, at most 30 s."""
    _begun(marker)
    end = time.monotonic() + 30
    while not Path(marker).exists() and time.monotonic() < end:
        time.sleep(0.005)
    return "seen"


@worker.function
def hold_gil(marker: str) -> str:
    """Hold the GIL in C for a minute: PyDLL does not release it. Once the marker is there, do not."""
    _begun(marker)
    if not Path(marker).exists():
        ctypes.PyDLL(None).sleep(60)
    return "held"


@worker.function
def keep_a_program(marker: str) -> str:
    """Start a program and wait for a file, as `wait_for`."""
    with subprocess.Popen(["sleep", "60"]) as program:
        try:
            return wait_for(marker)
        finally:
            program.kill()


class Unpicklable(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(what, threading.Lock(), object())
        self.lock = threading.Lock()

    def __reduce__(self) -> NoReturn:
        raise TypeError("this shall not be pickled")


@worker.function
def raise_unpicklable() -> NoReturn:
    raise Unpicklable("full of locks")


@worker.function
def raise_unsayable() -> NoReturn:
    """Raise something whose own words fail."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    raise Mute


@worker.function
def give_unsayable() -> object:
    return {"rows": [1, threading.Lock()]}


@worker.function
def give_too_much() -> bytes:
    return bytes(9 * 1024 * 1024)


try:
    from service_licensed import broken_here  # type: ignore[import-not-found]
except ImportError:
    assert sys.argv[0].startswith("executor")
else:
    worker.function(broken_here)


@worker.function
def leave() -> NoReturn:
    sys.exit(7)
