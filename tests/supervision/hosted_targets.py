"""What tests/supervision/test_supervise_hosted.py starts in other processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka

from regrow.actors import StopToken


def note(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def write_pid(path: str, ready: Callable[[int], None], stop: StopToken) -> None:
    ready(os.getpid())
    stop.wait(30.0)
    note(path, f"stopped: {stop.reason}")


async def write_cancelled(path: str, ready: Callable[[int], None]) -> None:
    ready(os.getpid())
    try:
        await asyncio.Event().wait()
    finally:
        note(path, "cancelled")


def crash_at_once() -> None:
    raise ValueError("over there")


class Theirs(pykka.ThreadingActor):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def grow(self) -> int:
        self.size += 1
        return self.size

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise ValueError("over there")
        return os.getpid(), self.size
