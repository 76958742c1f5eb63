"""What the kernel says of real processes and threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from regrow.actors.hosting.kernel_facts import is_stopped, look_at, look_closely

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
WAIT = 10.0


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(["sleep", "60"])
    yield made
    made.kill()
    made.wait()


def test_a_process_that_is_not_there_says_nothing() -> None:
    assert look_at(2**30) is None
    assert look_closely(2**30, ()) is None
    assert not is_stopped(2**30)


def test_this_process_runs() -> None:
    seen = look_at(os.getpid())
    assert seen is not None
    assert (seen.state, seen.traced, seen.threads) == ("R", False, None)
    assert not is_stopped(os.getpid())


def test_processor_time_grows_where_it_is_used() -> None:
    before = look_closely(os.getpid(), ())
    until = time.thread_time() + 0.1
    while time.thread_time() < until:
        pass
    after = look_closely(os.getpid(), ())
    assert before is not None
    assert after is not None
    assert after.cpu_ns > before.cpu_ns
    me = threading.get_native_id()
    assert before.threads is not None
    assert after.threads is not None
    assert after.threads[me].run_ns - before.threads[me].run_ns >= 90_000_000


def test_a_thread_that_computes_is_ready_to_run_and_one_that_sleeps_is_not(sleeper: subprocess.Popen[bytes]) -> None:
    spinner = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        deadline = time.monotonic() + WAIT
        while not _runnable(spinner.pid) or _runnable(sleeper.pid):  # they are on their way out of the kernel, and in
            assert time.monotonic() < deadline
    finally:
        spinner.kill()
        spinner.wait()


def _runnable(pid: int) -> bool:
    seen = look_closely(pid, ())
    assert seen is not None
    assert seen.threads is not None
    return seen.threads[pid].runnable


def test_a_process_that_a_signal_has_stopped_is_stopped(sleeper: subprocess.Popen[bytes]) -> None:
    assert not is_stopped(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert is_stopped(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGCONT)
    os.waitid(os.P_PID, sleeper.pid, os.WCONTINUED)
    assert not is_stopped(sleeper.pid)


def test_a_thread_waits_endlessly_for_another_one_only_without_a_limit_of_time() -> None:
    lock, ready = threading.Lock(), threading.Barrier(4)
    lock.acquire()
    numbers: dict[str, int] = {}

    def wait(name: str, timeout: float) -> None:
        numbers[name] = threading.get_native_id()
        ready.wait(WAIT)
        if lock.acquire(timeout=timeout):
            lock.release()

    def sleep(seconds: float) -> None:
        numbers["asleep"] = threading.get_native_id()
        ready.wait(WAIT)
        time.sleep(seconds)  # noqa: TID251 - it is looked at meanwhile

    threads = [
        threading.Thread(target=wait, args=("endless", -1)),
        threading.Thread(target=wait, args=("patient", WAIT)),
        threading.Thread(target=sleep, args=(0.3,)),
    ]
    for thread in threads:
        thread.start()
    ready.wait(WAIT)
    endless = {}
    deadline = time.monotonic() + WAIT
    while not endless.get("endless") and time.monotonic() < deadline:  # it is on its way into the kernel
        seen = look_closely(os.getpid(), ())
        assert seen is not None
        assert seen.threads is not None
        endless = {name: seen.threads[tid].endless for name, tid in numbers.items()}
    lock.release()
    for thread in threads:
        thread.join(WAIT)
    if not any(endless.values()):
        pytest.skip("the kernel does not let us see in which calls threads are")
    assert endless == {"endless": True, "patient": False, "asleep": False}


def test_threads_of_ours_are_marked() -> None:
    me = threading.get_native_id()
    for ours in ((), (me,)):
        seen = look_closely(os.getpid(), ours)
        assert seen is not None
        assert seen.threads is not None
        assert seen.threads[me].ours is (me in ours)
