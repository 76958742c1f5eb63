"""Look for bytes that break a parser or a table, led by what they reach: `python -m benchmarks.fuzz [--seconds 60]`.

Each target of `fuzz_targets.py` runs in a process of its own under atheris (libFuzzer), which has to be installed, for
so many seconds. It objects to an exception, to an input that takes longer than `SLOW_SECONDS`, and to more memory than
`MEMORY_MB`; then it leaves the input in a file and exits with 1. Inputs that reached something new are kept in
`.cache/fuzz`, so that the next run goes on from there.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ("main",)

SLOW_SECONDS: Final = 5
MEMORY_MB: Final = 1024
INPUT_BYTES: Final = 8192
CORPUS: Final = Path(".cache/fuzz")


def fuzz(target: str, options: Sequence[str]) -> None:
    """Let libFuzzer have its way with one target. Runs in: a process of its own; never returns."""
    import atheris  # type: ignore[import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["regrow", "benchmarks"]):
        from benchmarks.fuzz_targets import TARGETS
    atheris.Setup([sys.argv[0], *options], TARGETS[target])
    atheris.Fuzz()


def run(target: str, seconds: int) -> int:
    """Fuzz one target in a process of its own; give its exit code."""
    from benchmarks.fuzz_targets import seeds

    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-max_len={INPUT_BYTES}", f"-artifact_prefix={CORPUS}/{target}-", "-print_final_stats=1", str(corpus)]
    program = f"from benchmarks.fuzz import fuzz; fuzz({target!r}, {options!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=seconds + 120
    )
    lines = done.stderr.splitlines()
    runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "0")
    print(f"{target}: {int(runs):,} inputs, {len(list(corpus.iterdir())):,} kept", flush=True)
    if done.returncode:
        print("\n".join(f"  {line}" for line in lines[-40:]))
    return done.returncode


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz each target; 1 if one of them broke, 2 without atheris."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", action="append", default=[], help="this one and no other")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print("expected atheris to be installed (pip install atheris), found none", file=sys.stderr)
        return 2
    from benchmarks.fuzz_targets import TARGETS

    if unknown := set(given.target) - set(TARGETS):
        parser.error(f"--target: expected some of {', '.join(TARGETS)}, got {', '.join(sorted(unknown))}")
    codes = [run(target, given.seconds) for target in given.target or TARGETS]  # all of them, whatever one finds
    return int(any(codes))


if __name__ == "__main__":
    raise SystemExit(main())
