"""What the standard library's logging hears of ends, without anybody subscribing."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import suppress

import pytest

from regrow.actors import Actor, ActorSystem, ChildSpec, Start, StartError
from regrow.actors.testing import Hold, Probe, Puppet, PuppetError, Script, crash, exit_with, hang
from regrow.protocol.exits import KILLED, SHUTDOWN, ExitStatus


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The messages so far; the list grows."""
    lines: list[str] = []

    class _Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = _Lines()
    target = logging.getLogger("regrow.actors")
    target.addHandler(handler)
    with caplog.at_level(logging.WARNING, logger="regrow.actors"):
        yield lines
    target.removeHandler(handler)


def test_a_crash_on_tell_is_logged_with_its_traceback(system: ActorSystem, probe: Probe, logged: list[str]) -> None:
    ref = system.spawn(Puppet)
    probe.monitor(ref)
    ref.tell(crash(PuppetError("nobody asked")))
    probe.expect(object)
    (line,) = logged
    assert line.startswith(f"{ref} ended in life 1: Traceback")
    assert line.endswith("PuppetError: nobody asked")


@pytest.mark.parametrize("reason", [SHUTDOWN, KILLED])
def test_a_wanted_end_is_not_logged(system: ActorSystem, probe: Probe, logged: list[str], reason: object) -> None:
    ref = system.spawn(Puppet)
    probe.monitor(ref)
    ref.kill() if reason == KILLED else ref.shutdown()
    probe.expect(object)
    assert logged == []


def test_an_abnormal_end_of_its_own_choice_is_logged(system: ActorSystem, probe: Probe, logged: list[str]) -> None:
    ref = system.spawn(Puppet)
    probe.monitor(ref)
    ref.tell(exit_with(ExitStatus(3)))
    probe.expect(object)
    assert logged == [f"{ref} ended in life 1: exit status 3"]


def test_the_traceback_is_shown_once_for_all_who_are_linked(
    system: ActorSystem, probe: Probe, logged: list[str]
) -> None:
    one, other = system.spawn(Puppet), system.spawn(Puppet)
    system.link(one, other)
    probe.monitor(other)
    one.tell(crash(PuppetError("shared")))
    probe.expect(object)
    first, second = logged
    assert "Traceback" in first
    assert second == f"{other} ended in life 1: crash: regrow.actors.testing.puppet.PuppetError: shared"


class Refuser(Actor):
    """Fails its start once it is told with what; the error may have come from elsewhere."""

    def __init__(self) -> None:
        self._start = self.defer_start()

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            self._start.fail(message)
        return super().on_receive(message)


@pytest.mark.parametrize("raised", [False, True])
def test_a_start_that_is_failed_in_words_has_no_traceback_that_anybody_needs(
    system: ActorSystem, probe: Probe, logged: list[str], raised: bool
) -> None:
    error = ValueError("it has no one to talk to")
    if raised:
        with suppress(ValueError):
            raise error
    outcomes: queue.Queue[object] = queue.Queue()
    spec = ChildSpec(id="refuser", start=Start(Refuser))
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=outcomes.put)
    ref.tell(error)
    outcomes.get(timeout=5.0)
    (line,) = logged
    assert ("Traceback" in line) is raised
    assert line.endswith("ValueError: it has no one to talk to")


def test_what_the_starter_is_told_is_not_logged(system: ActorSystem, logged: list[str]) -> None:
    with pytest.raises(PuppetError):
        system.spawn(Puppet, Script(on_start=crash(PuppetError("raised in spawn"))))
    with pytest.raises(StartError):
        system.spawn(Puppet, Script(on_start=exit_with(ExitStatus(1))))
    assert logged == []


def test_what_would_be_swallowed_is_logged(system: ActorSystem, probe: Probe, logged: list[str]) -> None:
    def broken(_event: object) -> None:
        raise ValueError("in a subscriber")

    unsubscribe = system.bus.subscribe(broken, str)
    system.bus.publish("anything")
    unsubscribe()
    ref = system.spawn(Puppet, Script(on_failure=crash(PuppetError("in the hook"))))
    probe.monitor(ref)
    ref.tell(crash())
    probe.expect(object)
    assert [line.splitlines()[-1] for line in logged] == [
        "ValueError: in a subscriber",
        "regrow.actors.testing.puppet.PuppetError: in the hook",
        "regrow.actors.testing.puppet.PuppetError: told to crash",
    ]


def test_an_abandoned_thread_is_logged(system: ActorSystem, logged: list[str]) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.kill()
    hold.release()
    assert logged == [f"{ref} was ended in life 1 while its code ran; its thread runs on"]
