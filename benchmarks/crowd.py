"""Many children of one DynamicSupervisor: what it costs to start them, to restart one among them, and to stop them.

What lives here: the measuring, for `benchmarks.supervision`, in a process of its own so that memory is theirs alone.
`python -m benchmarks.crowd CHILDREN SECONDS` prints what was measured as JSON. What must not: rows.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from regrow.actors import Actor, ActorRef, ActorSystem, ChildSpec, Start
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    DynamicSpec,
    DynamicSupervisorHandle,
    FailedToStartChild,
    RestartIntensity,
)

__all__ = ("CrowdRun", "measure_crowd")

WAIT = 60.0  # seconds until something that must happen is taken for not happening
STACK_BYTES = 256 * 1024
SINGLE = 200  # restarts one after the other, nothing else going on
SAME = 100  # different children among these: as many in each crowd, so that only the crowd differs
SHARE = 0.01  # of the children that crash each second


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdRun:
    """One crowd; times in microseconds, memory in KiB of resident set."""

    children: int
    start: float  # each, one after the other
    memory: float  # each
    restart: list[float]  # from the raise to ready, one at a time
    restart_user: float  # CPU of the whole process outside of the kernel, for each of these
    restart_kernel: float  # and in it
    thread_user: float  # the same for a bare thread that ends and one that starts instead, beside the crowd
    thread_kernel: float
    storm: list[float]  # the same while 1 % of them crash each second
    storm_cpu: float  # share of a core while they do
    stop: float  # each, all at once


_crashed_at: dict[str, float] = {}  # by urn


class Member(Actor):
    """Crashes when it is told to, and says when."""

    def on_receive(self, message: object) -> object:
        _crashed_at[self.ref.urn] = time.perf_counter()
        raise RuntimeError("told to crash")


def measure_crowd(children: int, seconds: float) -> CrowdRun:
    """Measure one crowd in a fresh process. With fewer threads to be had it is a smaller one; see `children`."""
    command = [sys.executable, "-m", "benchmarks.crowd", str(children), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return CrowdRun(**json.loads(done.stdout))


def be_crowd(children: int, seconds: float) -> CrowdRun:
    """Start, crash, stop. Runs in: the process that is measured."""
    threading.stack_size(STACK_BYTES)
    with ActorSystem("crowd") as system:
        spec = DynamicSpec(intensity=RestartIntensity(10**9, 1.0), backoff=NO_BACKOFF)
        handle = DynamicSupervisorHandle.start(system, spec)
        before, began = _resident_kib(), time.perf_counter()
        refs = _start(handle, children)
        start = (time.perf_counter() - began) / len(refs) * 1e6
        memory = (_resident_kib() - before) / len(refs)
        readies: SimpleQueue[float] = SimpleQueue()
        unsubscribe = system.bus.subscribe(lambda _event: readies.put(time.perf_counter()), ChildStarted)
        used = _Used()
        single = [_restart(refs[-1 - number % SAME], readies) for number in range(SINGLE)]
        restart_user, restart_kernel = used.since()
        unsubscribe()
        used = _Used()
        _bare_threads()
        thread_user, thread_kernel = used.since()
        storm, storm_cpu = _storm(system, refs, seconds)
        began = time.perf_counter()
        handle.stop(timeout=WAIT)
        stop = (time.perf_counter() - began) / len(refs) * 1e6
    return CrowdRun(
        children=len(refs),
        start=start,
        memory=memory,
        restart=single,
        restart_user=restart_user,
        restart_kernel=restart_kernel,
        thread_user=thread_user,
        thread_kernel=thread_kernel,
        storm=storm,
        storm_cpu=storm_cpu,
        stop=stop,
    )


def _start(handle: DynamicSupervisorHandle, children: int) -> list[ActorRef[Member]]:
    refs: list[ActorRef[Member]] = []
    spec = ChildSpec(id="member", start=Start(Member))
    for _ in range(children):
        try:
            started = handle.start_child(spec)
        except FailedToStartChild as error:
            print(f"{len(refs)} threads are all that there are: {error}", file=sys.stderr)
            break
        assert started.ref is not None
        refs.append(started.ref)
    return refs


def _restart(ref: ActorRef[Member], readies: SimpleQueue[float]) -> float:
    ref.tell("crash")
    ready = readies.get(timeout=WAIT)
    time.sleep(0.0005)
    return (ready - _crashed_at[ref.urn]) * 1e6


class _Used:
    """The CPU that the process has used up to now."""

    def __init__(self) -> None:
        self._before = resource.getrusage(resource.RUSAGE_SELF)

    def since(self) -> tuple[float, float]:
        """Give the microseconds since then outside of the kernel and in it, for each of SINGLE deeds."""
        now = resource.getrusage(resource.RUSAGE_SELF)
        user, kernel = now.ru_utime - self._before.ru_utime, now.ru_stime - self._before.ru_stime
        return user / SINGLE * 1e6, kernel / SINGLE * 1e6


def _bare_threads() -> None:
    """End a thread and start another one, again and again: what the machine takes for that."""
    for _ in range(SINGLE):
        gate = threading.Lock()
        gate.acquire()
        thread = threading.Thread(target=gate.acquire, daemon=True)
        thread.start()
        gate.release()
        thread.join()
        time.sleep(0.0005)


def _storm(system: ActorSystem, refs: list[ActorRef[Member]], seconds: float) -> tuple[list[float], float]:
    """Crash 1 % of them a second, evenly; give the times to ready, and the share of a core that it took."""
    from regrow.actors import ActorStarted

    times: list[float] = []

    def ready(event: object) -> None:
        if isinstance(event, ActorStarted):
            times.append((time.perf_counter() - _crashed_at[event.ref.urn]) * 1e6)

    unsubscribe = system.bus.subscribe(ready, ActorStarted)
    crashes = max(1, int(len(refs) * SHARE * seconds))
    pause = seconds / crashes
    cpu, began = time.process_time(), time.perf_counter()
    for number in range(crashes):
        refs[number % len(refs)].tell("crash")
        time.sleep(max(0.0, began + (number + 1) * pause - time.perf_counter()))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    end = time.monotonic() + WAIT
    while len(times) < crashes and time.monotonic() < end:
        time.sleep(0.01)
    unsubscribe()
    if len(times) < crashes:
        raise RuntimeError(f"expected {crashes} restarts, got {len(times)}")
    return times, used / took


def _resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def main() -> int:
    """Be the crowd that was asked for."""
    logging.getLogger("regrow").setLevel(logging.CRITICAL + 1)  # every end is one that was asked for here
    print(json.dumps(asdict(be_crowd(int(sys.argv[1]), float(sys.argv[2])))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
