"""Kill -9 in the middle of writing: everything that was acknowledged is there, and the file is sound."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regrow.connect.store.sqlite import SqliteStore

WRITER = """
import sys, time
from regrow.connect.store import SaveRequest, SaveLease, SaveOutcome, Ending
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.session.messages import Success

store = SqliteStore(sys.argv[1])
store.open(now=time.monotonic(), epoch=time.time())
n = 0
while True:
    name = f"{sys.argv[2]}-{n}"
    changes = [SaveRequest(request_id=name, function="f", arguments=b"x" * 200, submitted=0.0, deadline=None,
                           max_attempts=3, priority=0)]
    if n % 2:
        changes.append(SaveLease(request_id=name, instance="w", lease_id=n, attempts=1))
        changes.append(SaveOutcome(request_id=name, ending=Ending.COMPLETED, outcome=Success(name.encode()),
                                   attempts=1, instance="w", lease_id=n, settled=1.0))
    store.write(changes, lambda error, name=name: print(name if error is None else error, flush=True))
    n += 1
    if n % 20 == 0:
        time.sleep(0.001)
"""


@pytest.mark.parametrize("round_", range(2))
def test_everything_acknowledged_survives_kill_9(tmp_path: Path, ms: float, round_: int) -> None:
    path = tmp_path / "q.db"
    acknowledged: set[str] = set()
    for life in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), f"life{life}"], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline().strip()
            time.sleep((30 + 40 * life + 17 * round_) * ms)
            os.kill(writer.pid, signal.SIGKILL)
            lines = writer.stdout.read().split("\n")  # the last one may be cut off
        acknowledged |= {first, *lines[:-1]}
    assert len(acknowledged) > 10
    store = SqliteStore(path)
    recovered = store.open(now=time.monotonic(), epoch=time.time())
    known = {request.request_id: request for request in recovered.requests}
    assert acknowledged <= set(known)
    assert recovered.generation == 4
    for name in acknowledged:
        if int(name.rpartition("-")[2]) % 2:
            assert known[name].outcome is not None
    assert store.close(5.0)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
