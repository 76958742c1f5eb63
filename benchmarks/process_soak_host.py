"""One host of `benchmarks.processes_soak`: a system whose hosted processes are killed while they are asked for things.

`python -m benchmarks.process_soak_host --kills N --seed N`. Prints a line of JSON now and then: how many it has killed,
and once all is over, what it objects to. It may itself be killed at any moment; then who started it judges.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, cast

import pykka

from benchmarks.process_remains import descriptors, living, settled
from benchmarks.process_soak_asks import ANSWER_SECONDS, Askers
from benchmarks.process_soak_cast import Listener, Victim
from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    ChildSpec,
    Isolation,
    Limits,
    MailboxFull,
    Start,
)
from regrow.actors.hosting import BlackBoxState, HostedRef, OutboxFull
from regrow.supervision import NO_BACKOFF, RestartIntensity, SupervisionError, SupervisorHandle, SupervisorSpec

__all__ = ("Host", "main")

ASKERS: Final = 3
SETTLE_SECONDS: Final = 60.0  # until every child answers again once nobody is killed any more
PATIENT: Final = Limits(stopped_seconds=0.3, hang_limit=5.0, busy_limit=5.0, deaths_before_quarantine=0)
WORN: Final = Limits(stopped_seconds=0.3, hang_limit=5.0, busy_limit=5.0, deaths_before_quarantine=0, max_messages=40)
CHILDREN: Final[tuple[tuple[str, Literal["zygote", "exec"], Limits], ...]] = (
    ("forked0", "zygote", PATIENT),
    ("forked1", "zygote", PATIENT),
    ("forked2", "zygote", PATIENT),
    ("forked3", "zygote", PATIENT),
    ("worn0", "zygote", WORN),
    ("worn1", "zygote", WORN),
    ("executed", "exec", PATIENT),
)


class Host:
    """A system, its children, who asks them, and what was found wrong. `calm`: nobody is killed, nobody may die."""

    def __init__(self, seed: int, *, calm: bool = False) -> None:
        self.kills: Counter[str] = Counter()
        self._calm = calm
        self._rng = random.Random(seed)
        self._before = (living(), descriptors(), set(threading.enumerate()))
        self.system = ActorSystem("soak")
        self.system.hosting.preload("benchmarks.process_soak_cast")
        self.system.hosting.spares = self._rng.randrange(4)
        self._home: ActorRef[Any] = self.system.spawn(Listener)
        if calm:
            self.system.bus.subscribe(self._died, ActorExited)
        self._supervisor = self._supervise()
        self._askers = Askers(lambda rng: self._ref(rng.choice(CHILDREN)[0]), self._home)
        self.outcomes, self.objections = self._askers.outcomes, self._askers.objections
        self._threads = [
            threading.Thread(target=self._watched, args=(seed + n,), name=f"asker {n}") for n in range(ASKERS)
        ]
        for thread in self._threads:
            thread.start()

    # Who is asked.

    def _supervise(self) -> SupervisorHandle:
        children = tuple(
            ChildSpec(
                id=name,
                name=name,
                start=Start(Victim),
                isolation=Isolation.PROCESS,
                launcher=launcher,
                limits=limits,
                start_timeout=SETTLE_SECONDS,
            )
            for name, launcher, limits in CHILDREN
        )
        spec = SupervisorSpec(children=children, intensity=RestartIntensity(10**6, 0.001), backoff=NO_BACKOFF)
        return SupervisorHandle.start(self.system, spec)

    def _ref(self, name: str) -> HostedRef | None:
        return cast("HostedRef | None", self.system.whereis(name))

    # Who is killed.

    def kill_somebody(self) -> None:
        """Do one deed."""
        ref = self._ref(self._rng.choice(CHILDREN)[0])
        deed = self._rng.choices(*zip(*_DEEDS, strict=True))[0]
        try:
            if ref is not None and deed(self, ref):
                self.kills[deed.__name__.strip("_")] += 1
        except (ActorDeadError, MailboxFull, OutboxFull, SupervisionError, ProcessLookupError):
            pass  # it has ended already, or is being started

    def _signal(self, ref: HostedRef, signo: int) -> bool:
        return _send_signal(ref.pid, signo, still=lambda pid: ref.pid == pid)

    def _sigkill(self, ref: HostedRef) -> bool:
        return self._signal(ref, signal.SIGKILL)

    def _sigsegv(self, ref: HostedRef) -> bool:
        page = ref.black_box  # before it is ready, its stacks would go to our own stderr
        return page is not None and page.state is BlackBoxState.READY and self._signal(ref, signal.SIGSEGV)

    def _sigterm(self, ref: HostedRef) -> bool:
        return self._signal(ref, signal.SIGTERM)

    def _sigstop(self, ref: HostedRef) -> bool:
        return self._signal(ref, signal.SIGSTOP)

    def _crash(self, ref: HostedRef) -> bool:
        ref.tell(("crash",))
        return True

    def _leave(self, ref: HostedRef) -> bool:
        ref.tell(("leave", self._rng.randrange(3)))
        return True

    def _abort(self, ref: HostedRef) -> bool:
        ref.tell(("signal", int(signal.SIGABRT)))
        return True

    def _garbage(self, ref: HostedRef) -> bool:
        ref.tell(("garbage",))
        return True

    def _kill(self, ref: HostedRef) -> bool:
        ref.kill()
        return True

    def _stop(self, ref: HostedRef) -> bool:
        ref.stop(block=False)
        return True

    def _drain_and_kill(self, ref: HostedRef) -> bool:
        for _ in range(5):
            ref.tell(("sleep", 0.005))
        ref.stop(block=False)
        return self._signal(ref, signal.SIGKILL)

    def _restart(self, _ref: HostedRef) -> bool:
        name = self._rng.choice(CHILDREN)[0]
        self._supervisor.terminate_child(name, timeout=SETTLE_SECONDS)
        self._supervisor.restart_child(name, timeout=SETTLE_SECONDS)
        return True

    def _zygote(self, _ref: HostedRef) -> bool:
        pid = self.system.hosting.zygote_pid
        return _send_signal(pid, signal.SIGKILL, still=lambda _pid: True)

    def _spare(self, _ref: HostedRef) -> bool:
        for pid in self.system.hosting.statistics().spares:
            return _send_signal(pid, signal.SIGKILL, still=lambda _pid: True)
        return False

    # What is left of it.

    def settle(self) -> None:
        """Kill nobody any more; every child must answer, every ask must have come to something."""
        self._askers.over.set()
        for thread in self._threads:
            thread.join(ANSWER_SECONDS + 5.0)
            if thread.is_alive():
                self.objections.append(f"{thread.name} still waits")
        expected = {os.getpid()}
        for name, _, _ in CHILDREN:
            expected.add(self._answer_of(name))
        self._askers.settle()
        if not self._calm:
            self._look_for_orphans(expected)

    def _answer_of(self, name: str) -> int:
        """Give the number of the process that answers now; anybody who was told to die before has died by then."""
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end:
            ref = self._ref(name)
            if ref is not None:
                try:
                    return int(ref.ask(("tidy",), timeout=ANSWER_SECONDS))
                except (ActorDeadError, MailboxFull, OutboxFull):
                    pass
                except pykka.Timeout:
                    break
            time.sleep(0.01)
        self.objections.append(f"{name} does not answer any more")
        return 0

    def _look_for_orphans(self, expected: set[int]) -> None:
        def strays() -> set[int]:
            known = expected | set(self.system.hosting.statistics().spares)
            refs = [self._ref(name) for name, _, _ in CHILDREN]
            known |= {ref.pid for ref in refs if ref is not None} | _zygotes()
            return living() - known - self._before[0]

        left = settled(strays)
        if left:
            self.objections.append(f"processes that nobody knows: {_described(left)}")

    def close(self) -> None:
        """End all of it; nothing may be left."""
        left = self.system.shutdown(SETTLE_SECONDS)
        self.objections += [f"still running: {ref}" for ref in left]
        processes, fds, threads = self._before
        gc.collect()
        orphans = settled(lambda: living() - processes)
        if orphans:
            self.objections.append(f"processes left behind: {_described(orphans)}")
        more = settled(lambda: {fd: to for fd, to in descriptors().items() if fds.get(fd) != to})
        if more:
            self.objections.append(f"descriptors left behind: {more}")
        if lost := settled(lambda: {thread.ident or 0 for thread in set(threading.enumerate()) - threads}):
            self.objections.append(f"threads left behind: {len(lost)}")
        pages = [line for line in Path("/proc/self/maps").read_text("ascii").splitlines() if "memfd:" in line]
        if pages:
            self.objections.append(f"pages left behind: {pages}")

    def _died(self, event: object) -> None:
        assert isinstance(event, ActorExited)
        if not self._askers.over.is_set() and isinstance(event.ref, HostedRef):
            self.objections.append(f"{event.ref} was healthy and ended: {event.reason}")

    def _watched(self, seed: int) -> None:
        try:
            self._askers.run(seed)
        except BaseException as error:
            self.objections.append(f"a thread of the soak failed: {error!r}")
            raise


_DEEDS: Final = (
    (Host._sigkill, 30),
    (Host._sigsegv, 5),
    (Host._sigterm, 5),
    (Host._sigstop, 2),
    (Host._crash, 8),
    (Host._leave, 8),
    (Host._abort, 4),
    (Host._garbage, 4),
    (Host._kill, 8),
    (Host._stop, 5),
    (Host._drain_and_kill, 8),
    (Host._restart, 3),
    (Host._zygote, 1),
    (Host._spare, 3),
)


def _send_signal(pid: int | None, signo: int, *, still: Callable[[int], bool]) -> bool:
    """Signal a process by a descriptor, so that nobody who got its number later is hit."""
    if not pid:
        return False
    fd = os.pidfd_open(pid)
    try:
        if not still(pid) or b"process_soak_host" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return False
        signal.pidfd_send_signal(fd, signo)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _zygotes() -> set[int]:
    return {pid for pid in living() if b"hosting.zygote" in _command(pid)}


def _described(pids: set[int]) -> list[str]:
    return [f"{pid} {_command(pid).replace(bytes(1), b' ').decode(errors='replace')[:100]}" for pid in sorted(pids)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Kill so many, look at what is left, say so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calm", type=float, default=0.0, metavar="SECONDS", help="kill nobody for so long instead")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # thousands of ends that were asked for
    host = Host(given.seed, calm=given.calm > 0.0)
    rng = random.Random(given.seed)
    end = time.monotonic() + given.calm
    while not host.objections and (time.monotonic() < end if given.calm else host.kills.total() < given.kills):
        if given.calm:
            time.sleep(1.0)
        else:
            host.kill_somebody()
            time.sleep(rng.expovariate(100))
        if given.calm or host.kills.total() % 10 == 0:
            _say(kills=host.kills.total(), answered=host.outcomes["answered"])
    host.settle()
    host.close()
    _say(kills=host.kills.total(), deeds=host.kills, outcomes=host.outcomes, objections=host.objections, over=True)


if __name__ == "__main__":
    main()
