from __future__ import annotations

import pytest

from regrow.actors.child_spec import Restart
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision.significance import AutoShutdown, is_significant_end, wants_shutdown
from tests.supervision.stage import BOOM, child


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("x"), BOOM, KILLED])
def test_every_end_of_a_significant_temporary_child_counts(reason: ExitReason) -> None:
    assert is_significant_end(child("a", "temporary", significant=True), reason)


@pytest.mark.parametrize(
    ("reason", "counts"), [(NORMAL, True), (SHUTDOWN, True), (Shutdown("x"), True), (BOOM, False), (KILLED, False)]
)
def test_only_a_clean_end_of_a_significant_transient_child_counts(reason: ExitReason, counts: bool) -> None:
    assert is_significant_end(child("a", "transient", significant=True), reason) is counts


@pytest.mark.parametrize("restart", Restart)
def test_no_end_of_another_child_counts(restart: Restart) -> None:
    assert not is_significant_end(child("a", restart), NORMAL)


@pytest.mark.parametrize(
    ("mode", "others", "expected"),
    [
        (AutoShutdown.NEVER, [], False),
        (AutoShutdown.ANY_SIGNIFICANT, [True], True),
        (AutoShutdown.ALL_SIGNIFICANT, [False, True], False),
        (AutoShutdown.ALL_SIGNIFICANT, [False, False], True),
        (AutoShutdown.ALL_SIGNIFICANT, [], True),
    ],
)
def test_when_it_ends_the_supervisor(mode: AutoShutdown, others: list[bool], expected: bool) -> None:
    assert wants_shutdown(mode, others) is expected
