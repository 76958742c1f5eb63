"""A call of `wait_for`: it runs from here on, until the test lets it go."""

from __future__ import annotations

from pathlib import Path

import regrow
from tests.system.waiting import WAIT, until


class WaitingCall:
    """One call, that has begun to run."""

    def __init__(self, client: regrow.Client, directory: Path) -> None:
        self._go, self._started = directory / "go", directory / "go.started"
        self._client = client
        self.request = client.submit("wait_for", str(self._go))
        self.wait_started()

    def wait_started(self, timeout: float = WAIT) -> None:
        until(self._started.exists, timeout)

    def forget_that_it_started(self) -> None:
        self._started.unlink()

    @property
    def pid(self) -> int:
        """Where it runs."""
        return int(self._started.read_text())

    def let_go(self) -> None:
        self._go.write_text("go")

    def assert_returns(self, timeout: float = 30) -> None:
        assert self._client.result(self.request, timeout=timeout) == "seen"
