"""How one side of `benchmarks.actors` is driven: asked for a workload by a line of JSON, it answers with one.

What lives here: both ends of that line. Each side is a process of its own, so that none slows another one down by
what it leaves behind, and one that hangs can be ended. Imports the standard library only: sides run elsewhere too.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, TypedDict

__all__ = ("Answer", "Side", "SideFailed", "Workload", "last", "middle", "resident_bytes", "serve")

ROOT = Path(__file__).parents[1]
Workload: TypeAlias = Callable[[int, int], dict[str, float]]
"""Does something `count` times with `size` actors, checks that it has been done, and gives what it measured.

"seconds" among that: how long the part took that grows with `count`, if it is not nearly all of it.
"""


class Answer(TypedDict, total=False):
    """One line of a side: `values` and `seconds`, or why there are none."""

    ready: bool
    values: dict[str, float]
    seconds: float
    missing: str  # this side has no such thing
    error: str


class SideFailed(Exception):
    """A side gave no answer; the text says why."""


def serve(prepare: Callable[[], Mapping[str, Workload]]) -> int:
    """Be a side: answer on stdout what is asked on stdin, until that ends.

    The state of the garbage collector is the same before each: on, with nothing to collect.
    """
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1)  # the coordinator wants to know where it hangs
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer

    def say(answer: Answer) -> None:
        answers.write(json.dumps(answer) + "\n")

    try:
        workloads = prepare()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this side is what it has to say
        say({"missing": str(error) if isinstance(error, NotImplementedError) else _words(error)})
        return 1
    say({"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        workload = workloads.get(asked["workload"])
        if workload is None:
            say({"missing": "it has no such thing"})
            continue
        gc.collect()
        began = time.perf_counter()
        try:
            values = workload(asked["count"], asked["size"])
        except NotImplementedError as error:
            say({"missing": str(error)})
        except Exception as error:  # noqa: BLE001 - as above
            say({"error": _words(error)})
        else:
            seconds = values.pop("seconds", time.perf_counter() - began)
            say({"values": values, "seconds": seconds})
    return 0


def middle(times: Sequence[float]) -> float:
    """Give the 50th percentile."""
    return _percentile(times, 0.50)


def last(times: Sequence[float]) -> float:
    """Give the 99th percentile."""
    return _percentile(times, 0.99)


def resident_bytes() -> int:
    """Give the memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _percentile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


class Side:
    """The coordinator's end. `cores`: the ones that its process may run on."""

    def __init__(self, command: Sequence[str | Path], cores: frozenset[int], *, cwd: Path = ROOT) -> None:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)  # inherited, and an interpreter counts its cores when it starts
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd)
        except OSError as error:
            raise SideFailed(str(error)) from error
        finally:
            os.sched_setaffinity(0, before)
        self._rest = b""
        try:
            hello = self._answer(60.0)
            if not hello.get("ready"):
                raise SideFailed(hello.get("missing", "it did not say that it was ready"))
        except BaseException:
            self.close()
            raise

    def measure(self, workload: str, count: int, size: int, timeout: float) -> Answer:
        """Let it do one thing. Errors: SideFailed if it has ended or hangs; it is of no use any more then."""
        question = json.dumps({"workload": workload, "count": count, "size": size}) + "\n"
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(question.encode())
            self._process.stdin.flush()
            return self._answer(timeout)
        except OSError as error:
            raise SideFailed(f"{workload}: it has ended ({error})") from error

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self, timeout: float) -> Answer:
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self._process.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
                self._process.kill()
                raise SideFailed(f"no answer within {timeout:g} s")
            some = os.read(descriptor, 65536)
            if not some:
                raise SideFailed(f"it ended with {self._process.wait()}")
            self._rest += some
        line, _, self._rest = self._rest.partition(b"\n")
        answer: Answer = json.loads(line)
        return answer
