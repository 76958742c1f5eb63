"""A `regrow` command as its users run it, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.system.waiting import WAIT, until

ROOT = Path(__file__).parents[2]


def environment(directory: Path, **more: str) -> dict[str, str]:
    """Give what it finds in its environment: nothing of a `regrow` that runs the tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("REGROW_")}
    return kept | {"PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(directory)} | more


class LoggedProgram:
    """One command, in a directory; its stderr in a file, and its stdout too unless that goes elsewhere."""

    def __init__(
        self, directory: Path, log: Path, *args: str, stdout: int | IO[bytes] | None = None, env: dict[str, str]
    ) -> None:
        self.args = args
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "regrow.cli", *args],
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=file if stdout is None else stdout,
                stderr=file,
            )

    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, word: str) -> None:
        """Wait until it has said this."""
        until(lambda: word in self.text() or self.process.poll() is not None, what=lambda: f"{word!r}:\n{self.text()}")
        assert word in self.text(), f"ended with {self.process.returncode}:\n{self.text()}"

    def signal(self, signo: int) -> None:
        self.process.send_signal(signo)

    def end(self, timeout: float = WAIT) -> int:
        """Wait for its end and give its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.args} did not end in {timeout:g} s:\n{self.text()}")
