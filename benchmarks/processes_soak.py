"""No orphan, zombie, descriptor, page or memfd is left, and no ask hangs, while both ends are killed in every state.

`python -m benchmarks.processes_soak [--kills 10000] [--seed N]`. One host after the other, each a program with hosted
processes that are asked for all kinds of things and killed at random (`process_soak_host.py`). Some hosts end by
themselves and say what they object to, others are killed, too; then nothing of them may live on.

`--calm SECONDS` kills nobody: no healthy process may be taken for one that hangs, whatever else the machine does. Run
`stress-ng` beside it, or have it started with `--stress`. Exits with 1 at the first objection.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.process_remains import MARK, living, settled, shared_memory

__all__ = ("main",)

KILLS_OF_A_HOST: Final = 400  # until it looks whether anything is left
HUNG_SECONDS: Final = 300.0  # of one host, beyond the calm: then it is killed, and that is an objection
GONE_SECONDS: Final = 10.0  # after the death of a host; 1.5 s are theirs, the rest is for a machine that is overloaded
STRESS: Final = (
    "stress-ng",
    "--cpu",
    "4",
    "--vm",
    "1",
    "--vm-bytes",
    "512M",
    "--io",
    "2",
    "--switch",
    "2",
    "--fork",
    "2",
)


class Soak:
    """Hosts, one after the other, and what was counted."""

    def __init__(self, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.objections: list[str] = []
        self.hosts = 0
        self.hosts_killed = 0
        self._rng = random.Random(seed)

    def run(self, kills: int) -> None:
        """Kill so many, or until there is an objection."""
        while not self.objections and self.kills.total() + self.hosts_killed < kills:
            left = kills - self.kills.total() - self.hosts_killed
            killed = self._rng.random() < 0.75
            signo = self._rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)) if killed else None
            after = self._rng.expovariate(1 / 2.0) if killed else 0.0
            self.host(["--kills", str(min(left, KILLS_OF_A_HOST))], signo, after)

    def host(
        self, arguments: Sequence[str], signo: int | None = None, after: float = 0.0, seconds: float = 0.0
    ) -> None:
        """Have one host, and look at what is left of it; with a signal it is ended after so many seconds."""
        os.environ[MARK] = uuid.uuid4().hex
        shared, before = shared_memory(), living()  # what uses up the machine is a child of ours, too
        command = [sys.executable, "-m", "benchmarks.process_soak_host", "--seed", str(self._rng.getrandbits(32))]
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as host:
            self.hosts += 1
            timer = threading.Timer(after, host.send_signal, (signo,)) if signo else None
            watch = threading.Timer(HUNG_SECONDS + seconds, self._hung, (host,))
            for waiting in (watch, timer):
                if waiting is not None:
                    waiting.start()
            last = self._read(host)
            status = host.wait()
            watch.cancel()
            if timer is not None:
                timer.cancel()
        if status < 0 and signo:
            self.hosts_killed += 1
        elif status or not last.get("over"):
            self.objections.append(f"a host ended with {status}")
        self.kills.update(last.get("deeds") or {"by a host that was killed": last.get("kills", 0)})
        self.outcomes.update(last.get("outcomes") or {})
        self.objections += last.get("objections") or []
        began = time.monotonic()
        if left := settled(lambda: living() - before, GONE_SECONDS):
            self.objections.append(f"left by a host that ended with {status}: {[_command(pid) for pid in left]}")
        self.outcomes["slowest goodbye, ms"] = max(
            self.outcomes["slowest goodbye, ms"], round(1e3 * (time.monotonic() - began))
        )
        if more := shared_memory() - shared:
            self.objections.append(f"left in /dev/shm: {sorted(more)}")

    def _read(self, host: subprocess.Popen[str]) -> dict[str, object]:  # type: ignore[type-arg]
        last: dict[str, object] = {}
        for line in host.stdout or ():
            try:
                last = json.loads(line)
            except ValueError:
                break  # it was killed in the middle of it
        return last

    def _hung(self, host: subprocess.Popen[str]) -> None:
        self.objections.append("a host does not end")
        host.send_signal(signal.SIGABRT)


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(bytes(1), b" ").decode(errors="replace")
    except OSError:
        words = ""
    return f"{pid} {words[:100]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak; 1 if there are objections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the deeds; the kernel does as it likes all the same")
    parser.add_argument("--calm", type=float, default=0.0, metavar="SECONDS", help="kill nobody for so long instead")
    parser.add_argument(
        "--stress", action="store_true", help="with --calm: have stress-ng use up the machine meanwhile"
    )
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    soak, began = Soak(seed), time.monotonic()
    if given.calm:
        stress = _stress(given.calm) if given.stress else None
        try:
            soak.host(["--calm", str(given.calm)], seconds=given.calm)
        finally:
            if stress is not None:
                stress.terminate()
                stress.wait(10.0)
    else:
        soak.run(given.kills)
    deeds = ", ".join(f"{what} {count:,}" for what, count in soak.kills.most_common())
    outcomes = ", ".join(f"{what} {count:,}" for what, count in soak.outcomes.most_common())
    print(f"seed {seed}, {time.monotonic() - began:.0f} s: {soak.hosts} hosts, {soak.hosts_killed} of them killed")
    print(f"  {soak.kills.total():,} kills: {deeds}\n  asks: {outcomes}")
    for words in soak.objections:
        print(f"  OBJECTION {words}")
    return 1 if soak.objections else 0


def _stress(seconds: float) -> subprocess.Popen[bytes]:
    if shutil.which(STRESS[0]) is None:
        raise SystemExit("--stress: expected stress-ng on PATH, found none; install it, or run something else beside")
    return subprocess.Popen(
        [*STRESS, "--timeout", f"{seconds:g}s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


if __name__ == "__main__":
    raise SystemExit(main())
