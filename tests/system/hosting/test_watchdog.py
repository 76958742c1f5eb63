"""A main process that does not get on is ended by its zygote, says where it was, and all that it hosts ends with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hosting_bench import Events, stop_process
from test_orphans import open_all, wait_all

from regrow.actors import ActorSystem
from regrow.actors.hosting import HostingWarning
from regrow.actors.hosting.import_path import search_path
from regrow.actors.hosting.zygote_launcher import BIRTHS_LOST_MAX

HERE: Final = Path(__file__).parent
LIMIT: Final = 1.5
WAIT: Final = 30.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes are for Linux")


class Watched:
    """The program, and the pids that it has printed."""

    def __init__(self, kind: str, limit: str = str(LIMIT)) -> None:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(search_path())}
        command = [sys.executable, str(HERE / "watched_main.py"), kind, limit]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.pidfds = open_all(json.loads(self.process.stdout.readline()))

    def end(self) -> tuple[int, str]:
        """Wait for its end, and for that of all it has hosted; give its status and what it said."""
        _, said = self.process.communicate(timeout=WAIT)
        pidfds, self.pidfds = self.pidfds, []
        assert wait_all(pidfds, 5.0) == []
        return self.process.returncode, said


@pytest.fixture
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(request.param)
    yield watched
    watched.process.kill()
    watched.process.communicate()
    wait_all(watched.pidfds, 5.0)


@pytest.mark.parametrize("watched", ["gil", "computing", "subscriber"], indirect=True)
def test_one_that_does_not_get_on_is_ended_and_says_where_it_was(watched: Watched) -> None:
    status, said = watched.end()
    assert status == -signal.SIGABRT
    assert f"regrow watchdog: process {watched.process.pid} has not got on for " in said
    assert "at 1.5 s it is ended" in said
    assert "ending it with SIGABRT" in said
    assert "watched_main.py" in said.partition("ending it")[2]  # the stacks of all threads


@pytest.mark.parametrize("watched", ["healthy", "off", "reloaded"], indirect=True)
def test_one_that_gets_on_or_is_not_watched_any_more_is_left_alone(watched: Watched) -> None:
    assert watched.end() == (0, "")


@pytest.mark.parametrize("watched", ["healthy"], indirect=True)
def test_one_that_is_stopped_is_left_alone(watched: Watched) -> None:
    stop_process(watched.process.pid)
    time.sleep(2 * LIMIT)
    os.kill(watched.process.pid, signal.SIGCONT)
    assert watched.end() == (0, "")


@pytest.mark.parametrize("watched", ["gil"], indirect=True)
def test_one_whose_zygote_died_before_it_is_not_watched_until_there_is_another(watched: Watched) -> None:
    """Nobody is there to replace that zygote: its system hangs. So it lives until somebody else ends it."""
    signal.pidfd_send_signal(watched.pidfds[1], signal.SIGKILL)
    with pytest.raises(subprocess.TimeoutExpired):
        watched.process.wait(2 * LIMIT)


def test_the_next_zygote_watches_too() -> None:
    with ActorSystem() as system:
        system.hosting.watchdog_seconds = 1.0
        first = system.hosting.zygote_pid
        assert first is not None
        system.hosting.reload()
        time.sleep(2.5)  # with beats all the time: nobody ends us
        assert system.hosting.zygote_pid not in (None, first)
        assert system.hosting.watchdog_seconds == 1.0
        system.hosting.watchdog_seconds = None
        assert system.hosting.watchdog_seconds is None


def test_whole_seconds_are_seconds_too() -> None:
    watched = Watched("gil", "2")
    status, said = watched.end()
    assert status == -signal.SIGABRT
    assert "at 2 s it is ended" in said


def test_zygotes_that_end_at_once_are_given_up_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_it.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with ActorSystem() as system:
        events = Events(system)
        system.hosting.spares = 0
        system.hosting.preload("ends_it")
        system.hosting.watchdog_seconds = 30
        events.wait(HostingWarning, lambda event: "nobody watches this process" in event.text)
        assert system.hosting.statistics().zygotes_lost == BIRTHS_LOST_MAX


@pytest.mark.parametrize("wrong", [0, 0.5, -1.0, True, float("inf"), float("nan")])
def test_a_time_that_means_nothing_is_refused(wrong: float) -> None:
    with ActorSystem() as system:
        with pytest.raises(ValueError, match=r"Hosting\.watchdog_seconds: expected 1 seconds or more, or None, got"):
            system.hosting.watchdog_seconds = wrong
        assert system.hosting.watchdog_seconds is None


def test_a_system_that_has_shut_down_cannot_be_watched() -> None:
    system = ActorSystem()
    system.hosting.watchdog_seconds = 5.0
    system.shutdown()
    with pytest.raises(RuntimeError, match="has shut down"):
        system.hosting.watchdog_seconds = 6.0
