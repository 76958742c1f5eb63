"""Looks at the memory of a process: they go on as long as it lives, whatever a single one says."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from regrow.actors import Limits
from regrow.actors.hosting.conception import ProcessState
from regrow.actors.hosting.errors import LimitExceeded
from regrow.actors.hosting.hosted_process import HostedProcess
from regrow.actors.hosting.upkeep import Upkeep
from regrow.actors.hosting.vitals import Resident


class Life:
    """What an upkeep needs of a process, and what it has asked for."""

    def __init__(self, looks: list[Resident | None], monkeypatch: pytest.MonkeyPatch) -> None:
        seen = iter(looks)
        monkeypatch.setattr("regrow.actors.hosting.vitals.resident_of", lambda _pid: next(seen))
        monkeypatch.setattr("regrow.actors.hosting.vitals.read_oom_count", lambda _pid: None)
        self.limits = Limits(resident_bytes=1000)
        self.pid = 7
        self.state = ProcessState.READY
        self.checked = 0
        self.system = SimpleNamespace(clock=SimpleNamespace(now=lambda: 0.0), rng=None)
        self.alarms = SimpleNamespace(set=self.arm)
        self.succession = SimpleNamespace(check=self.check)
        self.next: Callable[[], None] | None = None
        self.ended: list[Exception] = []
        self.upkeep = Upkeep(cast("HostedProcess", self), self.ended.append)

    def arm(self, _name: str, _when: float, action: Callable[[], None]) -> None:
        self.next = action

    def check(self) -> None:
        self.checked += 1

    def look(self) -> None:
        """Have the look that is due, and no other, taken."""
        due, self.next = self.next, None
        assert due is not None
        due()


def test_after_a_look_that_failed_comes_another_and_the_limit_still_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life([Resident(500, 500), None, Resident(2000, 2000)], monkeypatch)
    life.upkeep.look()
    life.look()
    assert life.ended == []
    assert life.upkeep.vitals.resident == Resident(500, 500)
    assert life.checked == 2
    life.look()
    (why,) = life.ended
    assert isinstance(why, LimitExceeded)
    assert (why.limit, why.got) == ("resident_bytes", 2000)
