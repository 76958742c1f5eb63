"""What is read out of the last lines on stderr: real ones, of processes that died in front of us."""

from __future__ import annotations

import subprocess
import sys

from regrow.actors.hosting.last_words import stacks_in, traceback_at_the_end


def last_lines(source: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", source], stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )
    return ended.stderr.splitlines()


def test_the_stacks_of_a_fatal_signal_are_found() -> None:
    lines = last_lines("import os, sys\nprint('before', file=sys.stderr, flush=True)\ndef deep(): os.abort()\ndeep()")
    stacks = stacks_in(["something", *lines])
    assert stacks is not None
    assert stacks.startswith("Fatal Python error: Aborted")
    assert "in deep" in stacks
    assert "before" not in stacks


def test_the_latest_stacks_are_those_that_count() -> None:
    first, second = (
        ["Current thread 0x07 (most recent call first):", f'  File "{name}", line 1 in f'] for name in ("a", "b")
    )
    stacks = stacks_in([*first, "went on", *second, "said later"])
    assert stacks == "\n".join(second)


def test_all_threads_belong_to_the_stacks() -> None:
    lines = [
        "Thread 0x02 [io] (most recent call first):",
        '  File "a", line 1 in f',
        "",
        "Current thread 0x01 (most recent call first):",
        '  File "b", line 2 in g',
    ]
    assert stacks_in(["noise", *lines]) == "\n".join(lines)


def test_without_stacks_there_are_none() -> None:
    assert stacks_in(["nothing", "of", "that", "kind"]) is None
    assert stacks_in([]) is None


def test_a_traceback_that_was_the_last_thing_said_is_the_cause() -> None:
    lines = last_lines("import sys\nprint('hello', file=sys.stderr)\ndef deep(): raise ValueError('five')\ndeep()")
    traceback = traceback_at_the_end(lines)
    assert traceback is not None
    assert traceback.startswith("Traceback")
    assert traceback.endswith("ValueError: five")
    assert "in deep" in traceback


def test_a_traceback_that_others_came_after_is_not_the_cause() -> None:
    lines = last_lines("import traceback\ntry: 1/0\nexcept Exception: traceback.print_exc()")
    assert traceback_at_the_end(lines) is not None
    assert traceback_at_the_end([*lines, "going on"]) is None
    assert traceback_at_the_end(["no traceback"]) is None
    assert traceback_at_the_end(["Traceback (most recent call last):"]) is None
