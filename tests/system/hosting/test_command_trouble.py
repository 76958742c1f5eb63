"""Programs that do not behave, and programs that cannot be run at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hosting_bench import Bench
from programs import begin, described, gone, python, reason_of, started

from regrow.actors import OutputCaptured, StartFailed
from regrow.actors.hosting import Command, CommandEnded, CommandNotReady, FileReady, LineReady, NotifyReady, PortReady
from regrow.protocol.exits import NORMAL, SHUTDOWN, ExitReason, ExitStatus, Signaled

FORK = "import os, signal, sys, time\npid = os.fork()\nif not pid: time.sleep(60)\nprint('child', pid)\n"


def child_of(bench: Bench) -> int:
    return int(bench.events.wait(OutputCaptured, lambda event: event.line.startswith("child")).line.split()[1])


@pytest.mark.parametrize(
    ("source", "said"),
    [("import os; os.kill(os.getpid(), 6)", "SIGABRT"), ("raise SystemExit(0)", "normal"), ("1 / 0", "exit status 1")],
)
def test_one_that_dies_before_it_is_ready_says_how(zygote_bench: Bench, source: str, said: str) -> None:
    outcome = begin(zygote_bench, python(source, LineReady("never")))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CommandNotReady)
    assert f"it ended first: {said}" in str(outcome.error)


@pytest.mark.parametrize(
    ("end", "reason"),
    [("sys.exit(0)", NORMAL), ("sys.exit(75)", NORMAL), ("sys.exit(2)", ExitStatus(2)), ("os.abort()", Signaled(6))],
)
def test_one_that_ends_right_after_it_was_ready_was_ready(zygote_bench: Bench, end: str, reason: ExitReason) -> None:
    source = f"import os, sys; print('up'); {end}"
    ref = started(zygote_bench, python(source, LineReady("up"), normal_exit_codes=frozenset({0, 75})))
    got = reason_of(zygote_bench, ref)
    assert got == reason or (isinstance(got, Signaled) and isinstance(reason, Signaled) and got.signo == reason.signo)


def test_a_last_line_without_a_newline_counts(zygote_bench: Bench) -> None:
    ref = started(zygote_bench, python("print('up', end='')", LineReady("up")))
    assert reason_of(zygote_bench, ref) == NORMAL


def test_a_line_that_comes_in_pieces_counts(zygote_bench: Bench) -> None:
    source = "import time\nfor part in 'list', 'ening', '\\n': print(part, end=''); time.sleep(0.05)\ntime.sleep(60)"
    started(zygote_bench, python(source, LineReady("^listening$")))


def test_a_line_counts_only_on_its_stream(zygote_bench: Bench) -> None:
    source = "import sys, time; print('up'); sys.stderr.write('other\\n'); time.sleep(60)"
    outcome = begin(zygote_bench, python(source, LineReady("up", "stderr"), ready_timeout=0.5))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CommandNotReady)


def test_the_ready_line_is_found_in_a_flood_and_the_flood_is_bounded(zygote_bench: Bench) -> None:
    lines = 50_000
    source = f"print('x\\n' * {lines} + 'up\\n' + 'x\\n' * {lines}, end=''); import time; time.sleep(60)"
    ref = started(zygote_bench, python(source, LineReady("^up$")))
    ref.shutdown()
    assert reason_of(zygote_bench, ref) == SHUTDOWN
    captured = [event.line for event in zygote_bench.events.seen if isinstance(event, OutputCaptured)]
    assert len(captured) < lines
    assert any("lines suppressed" in line for line in captured)


def test_a_line_without_an_end_is_bounded(zygote_bench: Bench) -> None:
    source = "import sys, time; sys.stdout.write('x' * 1_000_000); print('up'); time.sleep(60)"
    ref = started(zygote_bench, python(source, LineReady("up")))
    ref.shutdown()
    reason_of(zygote_bench, ref)
    captured = [event.line for event in zygote_bench.events.seen if isinstance(event, OutputCaptured)]
    assert max(map(len, captured)) <= 16 * 1024


def test_one_that_closes_its_output_lives_on(zygote_bench: Bench) -> None:
    source = "import os, time; print('up', flush=True); os.close(1); os.close(2); time.sleep(60)"
    ref = started(zygote_bench, python(source, LineReady("up")))
    assert described(ref).pid is not None
    ref.shutdown()
    assert reason_of(zygote_bench, ref) == SHUTDOWN


def test_what_it_has_started_ends_with_it_when_it_ends_on_its_own(zygote_bench: Bench) -> None:
    ref = started(zygote_bench, python(FORK, LineReady("child")))
    child = child_of(zygote_bench)
    assert reason_of(zygote_bench, ref) == NORMAL
    assert gone(child)


def test_what_it_has_started_ends_with_it_when_it_is_never_ready(zygote_bench: Bench) -> None:
    begin(zygote_bench, python(FORK + "time.sleep(60)", LineReady("never"), ready_timeout=0.7))
    assert gone(child_of(zygote_bench))


def test_what_it_has_started_gets_the_stop_signal_too(zygote_bench: Bench) -> None:
    source = (
        "import os, signal, sys, time\n"
        "pid = os.fork()\n"
        "def bye(*_):\n"
        "    if not pid: os.write(1, b'bye from the child\\n')\n"
        "    else: os.waitpid(pid, 0)\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\n"
        "if not pid: time.sleep(0.2); os.write(1, b'ready\\n')\n"
        "while True: time.sleep(60)"
    )
    ref = started(zygote_bench, python(source, LineReady("ready")))
    ref.shutdown()
    reason_of(zygote_bench, ref)
    words = {event.line for event in zygote_bench.events.seen if isinstance(event, OutputCaptured)}
    assert "bye from the child" in words


def test_it_runs_in_a_session_of_its_own_with_nothing_to_read(zygote_bench: Bench) -> None:
    source = "import os, sys; print(os.getsid(0) == os.getpgid(0) == os.getpid(), repr(sys.stdin.read()))"
    started(zygote_bench, python(source))
    assert zygote_bench.events.wait(OutputCaptured).line == "True ''"


def test_it_runs_where_and_with_what_it_was_told(zygote_bench: Bench, tmp_path: Path) -> None:
    source = "import os; print(os.getcwd(), os.environ['A'], os.environ['PATH'] != '')"
    started(zygote_bench, python(source, cwd=str(tmp_path), env={"A": "1=2 \n".strip()}))
    assert zygote_bench.events.wait(OutputCaptured).line == f"{tmp_path} 1=2 True"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cwd": "/no/such/folder"}, FileNotFoundError),
        ({"cwd": "/etc/passwd"}, NotADirectoryError),
        ({"argv": ("/no/such/program",)}, FileNotFoundError),
        ({"argv": ("no-such-program-on-the-path",)}, FileNotFoundError),
        ({"argv": ("/etc/passwd",)}, PermissionError),
        ({"argv": ("/",)}, PermissionError),
        ({"argv": ("/bin/true", "x" * 3_000_000)}, OSError),
        ({"env": {"LARGE": "x" * 3_000_000}}, OSError),
    ],
)
def test_what_cannot_be_run_is_a_failed_start_with_the_error_of_the_system(
    zygote_bench: Bench, options: dict[str, Any], error: type[OSError]
) -> None:
    outcome = begin(zygote_bench, python("", **options))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, error)
    assert not any(isinstance(event, CommandEnded) for event in zygote_bench.events.seen)


def test_a_program_that_is_stopped_is_killed_at_the_end_of_its_patience(zygote_bench: Bench) -> None:
    ref = started(zygote_bench, python("import time; time.sleep(60)", stop_timeout=0.2))
    pid = described(ref).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    ref.shutdown()
    assert reason_of(zygote_bench, ref) == SHUTDOWN
    assert gone(pid)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Command("ls -l"), "Command.argv: expected a sequence of words, got 'ls -l'"),  # type: ignore[arg-type]
        (lambda: Command(()), "Command.argv: expected a sequence of words, got ()"),
        (lambda: Command(("ls", 1)), "Command.argv: expected a sequence of words, got ('ls', 1)"),  # type: ignore[arg-type]
        (lambda: Command(("a\0b",)), "Command.argv: expected a sequence of words, got ('a\\x00b',)"),
        (lambda: python("", env={"A": 1}), "Command.env: expected names and values that are text, got 'A': 1"),
        (lambda: python("", env={"A=B": ""}), "Command.env: expected names and values that are text, got 'A=B': ''"),
        (lambda: python("", env={"": ""}), "Command.env: expected names and values that are text, got '': ''"),
        (lambda: python("", env={"A": "\0"}), "Command.env: expected names and values that are text, got 'A': '\\x00'"),
        (
            lambda: python("", NotifyReady(), env={"NOTIFY_SOCKET": "/x"}),
            "Command.env: expected no NOTIFY_SOCKET beside ready=NotifyReady(), which sets it",
        ),
        (
            lambda: python("", (LineReady("up"), PortReady(80))),  # type: ignore[arg-type]
            "Command.ready: expected one of LineReady, PortReady, FileReady, NotifyReady, or None, got (",
        ),
        (lambda: python("", ready_timeout=0), "Command.ready_timeout: expected finite seconds > 0, got 0"),
        (lambda: python("", stop_timeout=-1.0), "Command.stop_timeout: expected finite seconds >= 0, got -1.0"),
        (lambda: python("", stop_timeout=float("inf")), "Command.stop_timeout: expected finite seconds >= 0, got inf"),
        (lambda: LineReady("("), "LineReady.pattern: expected a regular expression, got '(' ("),
        (lambda: LineReady("a", "both"), 'LineReady.stream: expected "stdout", "stderr" or "any", got \'both\''),  # type: ignore[arg-type]
        (lambda: PortReady(0), "PortReady.port: expected an integer from 1 to 65535, got 0"),
        (lambda: PortReady(True), "PortReady.port: expected an integer from 1 to 65535, got True"),
        (lambda: FileReady(""), "FileReady.path: expected a path, got ''"),
    ],
)
def test_a_mistake_is_named_when_it_is_made(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value).startswith(message)
