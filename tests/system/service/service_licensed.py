"""A module that can be imported in the main process of a worker, and not where its function would run."""

import sys

if sys.argv[0].startswith("executor"):
    raise ImportError("no licence on this machine")


def broken_here() -> None:
    """Never run."""
