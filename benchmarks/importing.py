"""What it takes to import regrow, each time in a fresh process.

`python -m benchmarks.importing [--quick] [--json]`. The peer is a process that imports nothing. Files are in the
cache, compiled, before the first that counts; processes of all kinds take turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field

from benchmarks.rows import Row, median_and_spread, print_rows

TARGET_MS = 120.0
PROGRAMS = {
    "nothing": "pass",
    "import regrow": "import regrow",
    "from regrow import ChildSpec": "from regrow import ChildSpec",
    "from regrow import ActorSystem": "from regrow import ActorSystem",
    "all of regrow.actors": "from regrow.actors import *",
    "all of regrow.supervision": "from regrow.supervision import *",
    "import pykka": "import pykka",
    "import asyncio": "import asyncio",
}


@dataclass(slots=True)
class Taken:
    """Milliseconds, one of each for each process."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer processes")
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    arguments = parser.parse_args()
    rounds = 7 if arguments.quick else 20
    taken = {name: Taken() for name in PROGRAMS}
    for warm in range(-1, rounds):
        for name, code in PROGRAMS.items():
            wall, cpu = _run(code)
            if warm >= 0:
                taken[name].wall.append(wall)
                taken[name].cpu.append(cpu)
    print_rows(f"A fresh process, {rounds} of each", _rows(taken), as_json=arguments.json)
    return 0


def _run(code: str) -> tuple[float, float]:
    cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=cached)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1e3, cpu * 1e3


def _rows(taken: dict[str, Taken]) -> list[Row]:
    rows = []
    bare, bare_cpu = (median_and_spread(values)[0] for values in (taken["nothing"].wall, taken["nothing"].cpu))
    for name, of in taken.items():
        if name == "nothing":
            continue
        wall, spread = median_and_spread(of.wall)
        cpu, cpu_spread = median_and_spread(of.cpu)
        target, met = (f"<= {TARGET_MS:g} ms", wall <= TARGET_MS) if name == "import regrow" else ("", None)
        rows.append(Row(name, wall, "ms", "nothing", bare, bare / wall, target, met, spread))
        rows.append(Row("  CPU of it", cpu, "ms", "nothing", bare_cpu, bare_cpu / max(cpu, 0.1), "", None, cpu_spread))
    return rows


if __name__ == "__main__":
    sys.exit(main())
