"""The input of the demo: every source file of the standard library that it finds, as jobs in a seeded order.

What lives here: finding the files and making the jobs. What must not: running them.
"""

from __future__ import annotations

import random
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ("GIL_TERMS", "Job", "jobs", "library_files")

GIL_TERMS = 60_000_000  # terms that one C call adds up: 1.2 to 2 s with the GIL held on the machines measured

_FILE_FUNCTIONS = ("measure_complexity", "count_tokens", "compress")
_NOT_THE_LIBRARY = {"site-packages", "__pycache__"}
_LAST = {"test", "tests", "idlelib", "lib2to3"}


@dataclass(frozen=True, slots=True)
class Job:
    """One invocation to make."""

    function: str
    argument: str | int


def library_files(root: Path | None = None) -> list[str]:
    """Find the source files of the standard library, the library proper before its tests."""
    top = root or Path(sysconfig.get_path("stdlib"))
    found = [path for path in top.rglob("*.py") if not _NOT_THE_LIBRARY & set(path.relative_to(top).parts)]
    return [
        str(path) for path in sorted(found, key=lambda path: (bool(_LAST & set(path.relative_to(top).parts)), path))
    ]


def jobs(files: Sequence[str], *, seed: int, gil_every: int, gil_terms: int = GIL_TERMS) -> Iterator[Job]:
    """Give three jobs a file, and after every `gil_every` jobs one that holds the GIL. Ends with the files.

    Shape: the files are shuffled within slices of 50 by the seed, so that the library proper still comes first.
    """
    rng = random.Random(seed)
    made = 0
    for start in range(0, len(files), 50):
        slice_ = list(files[start : start + 50])
        rng.shuffle(slice_)
        for path in slice_:
            for function in _FILE_FUNCTIONS:
                yield Job(function, path)
                made += 1
                if made % gil_every == 0:
                    yield Job("hold_the_gil", gil_terms)
