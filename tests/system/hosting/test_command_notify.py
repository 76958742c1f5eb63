"""Programs that say themselves when they are ready, as to systemd."""

from __future__ import annotations

import glob
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from hosting_bench import WAIT, Bench
from programs import begin, described, python, reason_of, started

from regrow.actors import OutputCaptured, StartFailed
from regrow.actors.hosting import CommandNotReady, NotifyReady
from regrow.protocol.exits import NORMAL, ExitStatus

SAY = """
import os, socket, sys, time
address = os.environ["NOTIFY_SOCKET"]
def say(text, address=address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text, "\\0" + address[1:] if address[0] == "@" else address)
"""
BOTH = pytest.mark.parametrize("abstract", [False, True])


def folders() -> set[str]:
    return set(glob.glob(f"{tempfile.gettempdir()}/regrow-notify-*"))  # noqa: PTH207 - a set of names


@BOTH
def test_ready_when_it_says_so(zygote_bench: Bench, abstract: bool) -> None:
    source = SAY + "time.sleep(0.2); print('saying'); say(b'READY=1'); time.sleep(60)"
    ref = started(zygote_bench, python(source, NotifyReady(abstract=abstract)))
    assert zygote_bench.events.wait(OutputCaptured).line == "saying"
    ref.shutdown()
    reason_of(zygote_bench, ref)


def test_its_status_is_in_its_description_and_the_latest_counts(zygote_bench: Bench) -> None:
    source = SAY + "say(b'STATUS=loading\\n'); say(b'READY=1\\nSTATUS=serving 3 of 5'); time.sleep(60)"
    ref = started(zygote_bench, python(source, NotifyReady()))
    assert described(ref).details["status"] == "serving 3 of 5"


def test_the_socket_is_in_a_folder_of_its_own_that_goes_with_it(zygote_bench: Bench) -> None:
    before = folders()
    source = SAY + "say(b'READY=1'); print(address, flush=True); time.sleep(60)"
    ref = started(zygote_bench, python(source, NotifyReady()))
    (folder,) = folders() - before
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in Path(folder).iterdir()] == ["socket"]
    ref.shutdown()
    reason_of(zygote_bench, ref)
    assert folders() == before


@pytest.mark.parametrize("source", ["raise SystemExit(4)", "import os; os.abort()"])
@BOTH
def test_nothing_is_left_of_the_socket_of_one_that_dies_before_it_is_ready(
    zygote_bench: Bench, source: str, abstract: bool
) -> None:
    before = folders()
    outcome = begin(zygote_bench, python(source, NotifyReady(abstract=abstract)))
    assert isinstance(outcome, StartFailed)
    assert "it ended first: " in str(outcome.error)
    assert folders() == before


def test_nothing_is_left_of_the_socket_of_one_that_cannot_be_launched(zygote_bench: Bench) -> None:
    before = folders()
    outcome = begin(zygote_bench, python("", NotifyReady(), argv=("/no/such/program",)))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, FileNotFoundError)
    assert zygote_bench.system.hosting.loop.run(lambda: None, WAIT)  # after what was handed over before
    assert folders() == before


def test_one_that_is_never_ready_is_said_to_be_late_with_its_last_status(zygote_bench: Bench) -> None:
    source = SAY + "say(b'READY=0\\nSTATUS=waiting for the database'); time.sleep(60)"
    outcome = begin(zygote_bench, python(source, NotifyReady(), ready_timeout=0.5))
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CommandNotReady)
    assert 'no NotifyReady(abstract=False) within 0.5 seconds; it last said "waiting for the database"' in str(
        outcome.error
    )


@pytest.mark.parametrize(("code", "reason"), [(0, NORMAL), (3, ExitStatus(3))])
def test_one_that_says_so_with_its_last_breath_was_ready(zygote_bench: Bench, code: int, reason: object) -> None:
    ref = started(zygote_bench, python(SAY + f"say(b'READY=1'); os._exit({code})", NotifyReady()))
    assert reason_of(zygote_bench, ref) == reason


def test_what_it_starts_may_say_so_for_it(zygote_bench: Bench) -> None:
    source = SAY + "pid = os.fork()\nif not pid: say(b'READY=1'); os._exit(0)\nos.waitpid(pid, 0); time.sleep(60)"
    started(zygote_bench, python(source, NotifyReady()))


def test_a_flood_nonsense_and_descriptors_do_no_harm(zygote_bench: Bench) -> None:
    source = SAY + (
        "for _ in range(2000): say(b'STATUS=' + os.urandom(64).replace(b'\\n', b''))\n"
        "say(b'\\xff=\\xff\\n=\\nREADY')\n"
        "with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:\n"
        "    s.connect(address)\n"
        "    r, w = os.pipe(); socket.send_fds(s, [b'FDSTORE=1'], [r, w] * 50)\n"
        "say(b'READY=1\\nSTATUS=fine'); time.sleep(60)"
    )
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    ref = started(zygote_bench, python(source, NotifyReady()))
    assert described(ref).details["status"] == "fine"
    assert len(os.listdir("/proc/self/fd")) < before + 20  # noqa: PTH208


def test_the_socket_of_this_process_is_not_handed_down(zygote_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    source = "import os, sys; sys.exit('NOTIFY_SOCKET' in os.environ)"
    assert reason_of(zygote_bench, started(zygote_bench, python(source))) == NORMAL


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_an_abstract_socket_is_gone_with_its_program(zygote_bench: Bench) -> None:
    source = SAY + "say(b'READY=1'); print(address); time.sleep(60)"
    ref = started(zygote_bench, python(source, NotifyReady(abstract=True)))
    address = zygote_bench.events.wait(OutputCaptured).line
    ref.shutdown()
    reason_of(zygote_bench, ref)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, pytest.raises(ConnectionRefusedError):
        probe.connect("\0" + address[1:])
