"""External programs as children: ready by line, port or file; their ends; no orphans."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from hosting_bench import WAIT, Bench
from programs import begin, gone, python, reason_of, started

from regrow.actors import (
    Describe,
    Description,
    OutputCaptured,
    StartFailed,
)
from regrow.actors.hosting import (
    Command,
    CommandEnded,
    CommandNotReady,
    FileReady,
    LineReady,
    PortReady,
)
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, ExitStatus, Signaled


def test_a_program_runs_and_its_output_is_captured(zygote_bench: Bench) -> None:
    ref = started(zygote_bench, python("print('hello'); import time; time.sleep(60)"))
    assert zygote_bench.events.wait(OutputCaptured).line == "hello"
    said = ref.ask(Describe(), timeout=WAIT)
    assert isinstance(said, Description)
    assert said.pid is not None
    os.kill(said.pid, 0)


@pytest.mark.parametrize(
    ("source", "normal", "reason"),
    [
        ("pass", frozenset({0}), NORMAL),
        ("raise SystemExit(3)", frozenset({0}), ExitStatus(3)),
        ("raise SystemExit(3)", frozenset({0, 3}), NORMAL),
        ("import os; os.kill(os.getpid(), 9)", frozenset({0}), Signaled(9)),
    ],
)
def test_its_end_is_the_end_of_the_actor(
    zygote_bench: Bench, source: str, normal: frozenset[int], reason: ExitReason
) -> None:
    ref = started(zygote_bench, python(source, normal_exit_codes=normal))
    assert reason_of(zygote_bench, ref) == reason


def test_its_last_words_are_in_the_event_of_its_end(zygote_bench: Bench) -> None:
    started(zygote_bench, python("import sys; sys.stderr.write('no space left\\n'); sys.exit(1)"))
    event = zygote_bench.events.wait(CommandEnded)
    assert event.stderr_tail == ("no space left",)
    assert event.reason == ExitStatus(1)


def test_ready_by_a_line(zygote_bench: Bench) -> None:
    source = "import time; print('booting'); time.sleep(0.2); print('listening on 80'); time.sleep(60)"
    begun = time.monotonic()
    started(zygote_bench, python(source, LineReady(r"listening on \d+")))
    assert time.monotonic() - begun >= 0.2


def test_ready_by_a_port(zygote_bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    source = (
        f"import socket, time; time.sleep(0.2); s = socket.create_server(('127.0.0.1', {port}))\nwhile 1: s.accept()"
    )
    started(zygote_bench, python(source, PortReady(port)))
    socket.create_connection(("127.0.0.1", port), timeout=WAIT).close()


def test_ready_by_a_file_and_one_left_over_does_not_count(zygote_bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "ready"
    file.write_text("of yesterday")
    source = f"import pathlib, time; time.sleep(0.2); pathlib.Path({str(file)!r}).write_text('now'); time.sleep(60)"
    started(zygote_bench, python(source, FileReady(str(file))))
    assert file.exists()


def test_one_that_is_never_ready_is_a_failed_start_and_is_ended(zygote_bench: Bench) -> None:
    outcome = begin(zygote_bench, python("import time; time.sleep(60)", LineReady("never"), ready_timeout=0.3))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CommandNotReady)
    assert zygote_bench.events.wait(CommandEnded).reason == Signaled(9)


def test_one_that_ends_before_it_is_ready_is_a_failed_start(zygote_bench: Bench) -> None:
    outcome = begin(zygote_bench, python("raise SystemExit(4)", LineReady("never")))
    assert isinstance(outcome, StartFailed)
    assert "exit status 4" in str(outcome.error)


def test_a_program_that_does_not_exist_is_a_failed_start(zygote_bench: Bench) -> None:
    outcome = begin(zygote_bench, Command(("/no/such/program",)))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, FileNotFoundError)


def test_a_stop_is_the_stop_signal_first(zygote_bench: Bench) -> None:
    source = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: (print('bye'), sys.exit(0)))\n"
        "print('up'); time.sleep(60)"
    )
    ref = started(zygote_bench, python(source, LineReady("up"), stop_signal=signal.SIGINT))
    ref.shutdown(deadline=zygote_bench.system.clock.now() + WAIT)
    assert reason_of(zygote_bench, ref) == SHUTDOWN
    assert "bye" in [event.line for event in zygote_bench.events.seen if isinstance(event, OutputCaptured)]


def test_one_that_ignores_the_stop_signal_is_killed_with_all_it_has_started(zygote_bench: Bench) -> None:
    source = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "pid = os.fork()\n"
        "if pid: print('child', pid)\n"
        "time.sleep(60)"
    )
    ref = started(zygote_bench, python(source, LineReady("child"), stop_timeout=0.2))
    line = zygote_bench.events.wait(OutputCaptured).line
    ref.shutdown()
    assert reason_of(zygote_bench, ref) == SHUTDOWN
    assert gone(int(line.split()[1]))


def test_killing_the_actor_kills_the_program(zygote_bench: Bench) -> None:
    ref = started(zygote_bench, python("import time; time.sleep(60)"))
    pid = ref.ask(Describe(), timeout=WAIT).pid
    ref.kill()
    assert reason_of(zygote_bench, ref) == KILLED
    assert gone(pid)


def test_a_program_does_not_outlive_a_host_that_is_killed(zygote_bench: Bench) -> None:
    ref = zygote_bench.start(target="hosted_actors:CommandHost")
    pid = ref.ask("start", timeout=WAIT)
    assert ref.pid is not None
    os.kill(ref.pid, signal.SIGKILL)
    assert gone(pid)
