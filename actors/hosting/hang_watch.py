"""Looks at hosted processes, one after the other, and does what their judges say.

Runs in: the I/O thread. A look at one that gets on reads some words of its black box, which takes a few microseconds;
the kernel is asked only about one that has not beaten since the last look.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...protocol.exits import Hang
from .black_box import DUMP_BYTES, BlackBox
from .events import HangEnded, HangRecovered, HangSuspected, StacksDumped
from .hang import LOOKS_PER_BEAT, DumpStacks, EndHung, HangCommand, Judge, Need, Recovered, Suspect, beat_seconds
from .kernel_facts import look_at, look_closely
from .verdicts import Verdict

if TYPE_CHECKING:
    from ..child_spec import Limits
    from ..clock import Clock, TimerHandle
    from .hosted_process import HostedProcess
    from .hosted_ref import HostedRef

__all__ = ("DUMP_GRACE_SECONDS", "HangWatch", "LifeWatch", "WatchedProcess", "watch_over")

DUMP_GRACE_SECONDS: Final = 0.1  # between the request for stacks and SIGKILL, where a deadline is near
HUNG_DUMP_SECONDS: Final = 1.0  # the same for one that hangs: nobody waits for it, and the machine may be slow
DUMP_LOOK_SECONDS: Final = 0.02  # stacks are complete once they have not grown for so long
LATE: Final = 2.0  # times the time between looks: what a watcher is later than that is its own delay


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedProcess:
    """What a watch needs of a process. `arm`: call back at that time, in the I/O thread, unless it has ended by then.

    `pid`: None before it is launched.
    """

    ref: HostedRef
    incarnation: int
    limits: Limits
    black_box: BlackBox
    publish: Callable[[object], None]
    clock: Clock
    pid: Callable[[], int | None]
    signal: Callable[[int], None]
    kill: Callable[[], None]
    arm: Callable[[str, float, Callable[[], None]], None]


class LifeWatch:
    """Watches one life. `hang` is set once it is ended for hanging."""

    def __init__(self, process: WatchedProcess) -> None:
        self.hang: Hang | None = None
        self.interval: Final = beat_seconds(process.limits) / LOOKS_PER_BEAT
        self.due = 0.0  # when it is looked at next, in the time of the watcher
        self._process = process
        self._judge: Judge | None = None
        self._dump_from: int | None = None  # where the stacks begin that say why it does not get on

    @property
    def verdict(self) -> Verdict:
        """The latest. Runs in: any thread."""
        return Verdict.HEALTHY if self._judge is None else self._judge.verdict

    @property
    def ref(self) -> HostedRef:
        """Whose life it is."""
        return self._process.ref

    def look(self, now: float) -> None:
        """Look once, and do what follows. `now`: the watcher's own time."""
        process, judge, pid = self._process, self._judge, self._process.pid()
        if pid is None:
            return
        if judge is None:
            judge = self._judge = Judge(process.limits, beat_seconds(process.limits), now)
        sample = process.black_box.sample()
        match judge.needs(sample, now):
            case Need.STATE:
                sample = replace(sample, process=look_at(pid))
            case Need.THREADS:
                sample = replace(sample, process=look_closely(pid, (pid, *process.black_box.own_threads)))
            case Need.NOTHING:
                pass
        for command in judge.receive(sample, now):
            self._do(command)

    def dump_then_kill(self, patience: float = DUMP_GRACE_SECONDS) -> None:
        """Have it write down its stacks, which works while C code holds its GIL; then kill it."""
        self._dump(self._process.kill, patience)

    def stacks(self) -> str | None:
        """Give what it wrote down lately, if it has not got on since. Before the black box is closed."""
        return None if self._dump_from is None else self._process.black_box.stacks(self._dump_from) or None

    def _do(self, command: HangCommand) -> None:
        process = self._process
        ref, life = process.ref, process.incarnation
        match command:
            case Suspect(verdict, seconds, limit):
                in_hand = process.black_box.read().in_hand
                process.publish(HangSuspected(ref, life, verdict, seconds, limit, in_hand))
            case DumpStacks():
                if process.black_box.dumped() < DUMP_BYTES // 2:  # the rest is for the one at the end
                    self._dump(lambda: process.publish(StacksDumped(ref, life, self.stacks() or "")), HUNG_DUMP_SECONDS)
            case EndHung(why, verdict, seconds, limit):
                in_hand = process.black_box.read().in_hand
                process.publish(HangEnded(ref, life, why, verdict, seconds, limit, in_hand))
                self.hang = Hang(why)
                self.dump_then_kill(HUNG_DUMP_SECONDS)
            case Recovered(verdict, seconds):
                self._dump_from = None
                process.publish(HangRecovered(ref, life, verdict, seconds))

    def _dump(self, then: Callable[[], None], patience: float) -> None:
        process = self._process
        if not process.black_box.read().state or self.verdict is Verdict.STOPPED:  # nobody there who could write
            then()
            return
        self._dump_from = start = process.black_box.dumped()
        process.signal(signal.SIGUSR1)
        until = process.clock.now() + patience

        def look(before: int) -> None:
            size, now = process.black_box.dumped(), process.clock.now()
            if now >= until or start < size == before:
                then()
            else:
                process.arm("dump", min(until, now + DUMP_LOOK_SECONDS), lambda: look(size))

        look(start)


class HangWatch:
    """Watches all processes of a system: one timer, and a time of its own that leaves out its delays.

    `call` has something run in the I/O thread.
    """

    def __init__(self, clock: Clock, call: Callable[[Callable[[], None]], object]) -> None:
        self._clock = clock
        self._call = call
        self._lives: dict[LifeWatch, None] = {}
        self._time = 0.0
        self._interval = 0.0  # between rounds
        self._round_at: float | None = None  # when the next one is due; None: nobody is watched
        self._timer: TimerHandle | None = None

    def add(self, life: LifeWatch) -> None:
        """Watch it from now on."""
        self._lives[life] = None
        life.due = self._time
        if self._round_at is None or life.interval < self._interval:
            self._arm()

    def remove(self, life: LifeWatch) -> None:
        """Watch it no longer. Runs in: any thread."""
        self._lives.pop(life, None)

    def verdicts(self) -> Mapping[HostedRef, Verdict]:
        """Give what each process is judged to be. Runs in: any thread."""
        return {life.ref: life.verdict for life in list(self._lives)}

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lives:
            self._round_at = None
            return
        self._interval = min(life.interval for life in self._lives)
        self._round_at = self._clock.now() + self._interval
        self._timer = self._clock.call_at(self._round_at, lambda: self._call(self._round))

    def _round(self) -> None:
        if self._round_at is not None:
            late = max(0.0, self._clock.now() - self._round_at)
            self._time += self._interval + min(late, (LATE - 1) * self._interval)
        now = self._time
        for life in list(self._lives):
            if life.due <= now:
                life.due = now + life.interval - self._interval / 2
                life.look(now)
        self._arm()


def watch_over(life: HostedProcess, black_box: BlackBox, send_signal: Callable[[int], None]) -> LifeWatch:
    """Give the watch of one life."""
    system = life.system
    watched = WatchedProcess(
        ref=life.ref,
        incarnation=life.incarnation,
        limits=life.limits,
        black_box=black_box,
        publish=system.bus.publish,
        clock=system.clock,
        pid=lambda: life.pid,
        signal=send_signal,
        kill=life.slay,
        arm=life.alarms.set,
    )
    return LifeWatch(watched)
