"""The functions of `benchmarks.service_soak`, run by `regrow worker`: each writes down that it began and that it ends.

One line of JSON a fact, appended by a single write: so a kill leaves whole lines, or none.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path

import regrow
from regrow.connect.worker_options import WorkerOptions

__all__ = ("JOURNAL", "worker")

JOURNAL = "REGROW_SOAK_JOURNAL"  # names the directory that the facts go to

# Processes die here all the time, whatever they have in hand: that is no reason to take a request for poison.
worker = regrow.Worker(
    "ws://127.0.0.1:1",
    capacity=3,
    options=WorkerOptions(deaths_before_quarantine=1000, reconnect_cap=1.0, drain_grace=20.0),
)


def _write(kind: str, ticket: int, nonce: str) -> None:
    path = Path(os.environ[JOURNAL]) / f"{os.getpid()}.jsonl"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, (json.dumps([kind, ticket, nonce]) + "\n").encode())
    finally:
        os.close(file)


@worker.function
def rest(ticket: int, seconds: float) -> str:
    """Sleep; give the nonce of this run."""
    nonce = uuid.uuid4().hex
    _write("began", ticket, nonce)
    time.sleep(seconds)
    _write("returned", ticket, nonce)
    return nonce


@worker.function
def compute(ticket: int, seconds: float) -> str:
    """Use the processor for so long."""
    nonce = uuid.uuid4().hex
    _write("began", ticket, nonce)
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))
    _write("returned", ticket, nonce)
    return nonce


@worker.function
def carry(ticket: int, load: bytes) -> tuple[str, bytes]:
    """Give back what was sent."""
    nonce = uuid.uuid4().hex
    _write("began", ticket, nonce)
    _write("returned", ticket, nonce)
    return nonce, load
