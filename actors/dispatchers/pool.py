"""Many lives on few threads: an idle one holds none.

What lives here: who runs next, and how many threads there are. What must not: what a turn does.

One thread does all the work as long as it can: with one interpreter lock more of them would only hand it to each
other. It is *hot*; whoever adds a life to the queue wakes nobody while there is a hot thread. It stops being hot when
it waits for an answer (`cool`), and when a handler is seen to hold it up: a watch, awake only while lives wait, looks
whether the process computes and turns come to their end; if not, the handler sleeps, waits for a lock or for the
network, and a spare thread takes the queue over.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

from ..current import Here, enter_life, here
from ..events import PoolExhausted
from ..pace import QUICK_SECONDS
from ..rest import IDLE, MORE
from .dispatcher import DEPTH_MAX, QUANTUM
from .threads import begin, ended
from .turns import leave, lent_limit, take_turn
from .without_coroutines import WithoutCoroutines
from .worker import Worker

if TYPE_CHECKING:
    from ..life import Life

__all__ = ("PoolDispatcher",)

THREADS_MAX: Final = 256
"""Threads at most: a chain of so many handlers can wait for each other."""

KEEP_SECONDS: Final = 5.0
"""Seconds that a thread that has nothing to do is kept."""

LOOK_SECONDS: Final = 0.001
"""How often the watch looks while lives wait."""

STUCK_SECONDS: Final = 0.010
"""A turn that lasts so long while others wait is no reason to let them wait on, even if it computes."""

COMPUTING: Final = 0.7
"""Share of a core below which the process is taken to wait for something."""

QUIET_LOOKS: Final = 50
"""Looks at an empty queue after which the watch sleeps until it is called."""


class PoolDispatcher(WithoutCoroutines):
    """Runs any number of lives on up to `threads_max` daemon threads named `regrow-pool-N`.

    `lends`: whoever waits for an answer without a deadline of its own may run the one who has to give it, if that one
    sleeps and is known to be quick; an answer then costs no change of threads.
    With all of them held up, lives wait for a thread, and a PoolExhausted event says so. Asks end by their time: if all
    are held up by asks of this pool that have none (`timeout=None`), that is for ever.
    `keep_seconds`: how long a thread that has nothing to do is kept; the last one stays.
    """

    name = "pool"

    def __init__(
        self,
        *,
        threads_max: int = THREADS_MAX,
        quantum: int = QUANTUM,
        lends: bool = True,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        if threads_max < 1 or quantum < 1 or keep_seconds < 0:
            settings = f"threads_max={threads_max}, quantum={quantum}, keep_seconds={keep_seconds}"
            raise ValueError(f"pool: expected a thread, a message and no less than 0 seconds at least, got {settings}")
        self._threads_max: Final = threads_max
        self._quantum: Final = quantum
        self._lends: Final = lends
        self._keep_seconds: Final = keep_seconds
        self._publish: Callable[[object], None] | None = None
        self._exhausted = False  # and told so
        self._queue: deque[Life] = deque()
        self._lock = threading.Lock()
        self._hot = 0  # threads that will look into the queue before they sleep
        self._asleep: list[Worker] = []
        self._workers: dict[Worker, None] = {}
        self._numbers = 0
        self._turns = 0  # that have come to their end; only the watch looks at it
        self._watch: threading.Thread | None = None
        self._watch_gate = threading.Lock()
        self._watch_gate.acquire()
        self._watching = self._closed = False
        self.refused = 0  # spare threads that could not be had

    def launch(self, life: Life) -> None:
        """Queue its first turn. Errors: RuntimeError if the OS gives no thread at all."""
        self._queue.append(life)
        if self._hot <= 0:
            self._wake_one(must=True)
        if not self._watching:
            self._call_watch()

    def wake(self, life: Life) -> None:
        """Queue a turn."""
        self._queue.append(life)
        if self._hot <= 0:
            self._wake_one()
        elif not self._watching:
            self._call_watch()

    def lends_here(self, life: Life, me: Here, *, exact: bool) -> bool:
        """Say whether this thread may run a turn of it: not for who wants to wait no longer than he says."""
        if exact or not self._lends or me.depth >= DEPTH_MAX or not life.pace.trusted:
            return False
        if not life.born and life.may_move():
            return False
        asyncio_events = sys.modules.get("asyncio.events")  # a handler must find no loop that is not its own
        return asyncio_events is None or asyncio_events._get_running_loop() is None

    def run_here(self, life: Life, me: Here) -> None:
        """Run a turn, seized by the caller, on this thread. What is left to do after it waits in the queue."""
        started = perf_counter()
        rest = take_turn(life, me, lent_limit(life))
        self._note(life, started, 1)
        if rest is not IDLE:
            leave(life, rest)

    def cool(self) -> None:
        """Let another thread take over the queue while this one, of the pool, waits."""
        worker = here().worker
        with self._lock:
            if worker is not None and worker.hot:
                worker.hot = False
                self._hot -= 1
        if self._queue and self._hot <= 0:
            self._wake_one()

    def heat(self) -> None:
        """Be counted on again, after that."""
        worker = here().worker
        with self._lock:
            if worker is not None and not worker.hot:
                worker.hot = True
                self._hot += 1

    def publish_to(self, publish: Callable[[object], None]) -> None:
        """Tell events here."""
        self._publish = publish

    @property
    def threads(self) -> int:
        """How many there are now."""
        return len(self._workers)

    def close(self, deadline: float) -> bool:
        """End the threads that have nothing to do, and wait for the others. Gives False if some run on."""
        with self._lock:
            self._closed = True
            asleep, self._asleep = self._asleep, []
            self._hot += len(asleep)
            watch = self._watch
        for worker in asleep:
            worker.gate.release()
        if watch is not None:
            self._release(self._watch_gate)
        own = threading.current_thread()
        threads = [worker.thread for worker in tuple(self._workers)] + [watch]
        return all(ended(thread, deadline) for thread in threads if thread is not None and thread is not own)

    # Threads.

    def _wake_one(self, *, must: bool = False) -> None:
        """Make a thread hot, if none is and there is work. Errors: with `must`, RuntimeError if none is to be had."""
        with self._lock:
            if self._hot > 0 or not self._queue:
                return
            self._hot += 1
            worker = self._asleep.pop() if self._asleep else None
            if worker is not None:
                worker.hot = True
                worker.gate.release()
                return
            if len(self._workers) >= self._threads_max:
                self._hot -= 1
                self.refused += 1
            else:
                worker = Worker()
                self._workers[worker] = None
                self._numbers += 1
        if worker is None:
            self._tell_exhausted()
            return
        worker.thread = threading.Thread(
            target=self._work, args=(worker,), name=f"regrow-pool-{self._numbers}", daemon=True
        )
        try:
            begin(worker.thread)
        except BaseException as error:
            if worker.thread.ident is not None:  # it runs, and an interrupt has come while that was waited for
                raise
            with self._lock:
                self._workers.pop(worker, None)
                self._hot -= 1
                self.refused += 1
                alone = not self._workers
            if (must and alone) or not isinstance(error, RuntimeError):
                raise
            self._tell_exhausted()

    def _tell_exhausted(self) -> None:
        """Say that lives wait for a thread that is not to be had; once, until a thread has nothing to do again."""
        with self._lock:
            told, self._exhausted = self._exhausted, True
        if not told and self._publish is not None:
            before = enter_life(None)  # a subscriber may send, which a fenced life may not
            self._publish(PoolExhausted(len(self._workers), len(self._queue)))
            enter_life(before)

    def _work(self, worker: Worker) -> None:
        me = here()
        me.pool, me.worker = self, worker
        queue = self._queue
        try:
            while True:
                try:
                    life = queue.popleft()
                except IndexError:
                    if not self._sleep(worker):
                        return
                    continue
                begun = life.mailbox.begin()
                if begun:
                    self._run(worker, me, life)
                del life  # who sleeps must keep nobody
                if begun and self._hot > 1 and self._step_back(worker):
                    return
        finally:
            with self._lock:
                self._workers.pop(worker, None)

    def _run(self, worker: Worker, me: Here, life: Life) -> None:
        handled = life.handled
        started = worker.since = perf_counter()
        rest = take_turn(life, me, self._quantum)
        while rest is MORE and not self._queue:  # nobody else wants to
            rest = take_turn(life, me, self._quantum)
        worker.since = None
        self._turns += 1
        if not worker.hot:  # the watch has given it up meanwhile
            self.heat()
        self._note(life, started, life.handled - handled)
        if rest is not IDLE:
            leave(life, rest)

    @staticmethod
    def _note(life: Life, started: float, messages: int) -> None:
        seconds = perf_counter() - started
        if seconds > QUICK_SECONDS or not life.pace.full:
            life.pace.note(seconds, messages)

    def _sleep(self, worker: Worker) -> bool:
        """Wait for work. Gives False if the thread is to end."""
        with self._lock:
            if self._queue:
                return True
            self._hot -= 1
            if self._closed:
                return False
            self._asleep.append(worker)
            worker.hot = self._exhausted = False
        if self._queue and self._hot <= 0:  # put by one who has seen us hot
            self._wake_one()
        return self._wait_at_gate(worker)

    def _wait_at_gate(self, worker: Worker) -> bool:
        """Wait to be woken. Gives False if nobody has for so long that the thread is to end."""
        while not worker.gate.acquire(timeout=self._keep_seconds):
            with self._lock:
                # The last one stays as long as there is life in the system: it costs less than to come again.
                if worker in self._asleep and len(self._workers) > 1:
                    self._asleep.remove(worker)
                    return False
        return True

    def _step_back(self, worker: Worker) -> bool:
        """Sleep although there is work, because there is one hot thread too many. Gives True if the thread ended."""
        with self._lock:
            if self._hot <= 1 or self._closed:
                return False
            self._hot -= 1
            self._asleep.append(worker)
            worker.hot = False
        return not self._wait_at_gate(worker)

    # The watch.

    def _call_watch(self) -> None:
        with self._lock:
            if self._watching or self._closed:
                return
            self._watching = True
            if self._watch is None:
                self._watch = threading.Thread(target=self._look_on, name="regrow-pool-watch", daemon=True)
                try:
                    begin(self._watch)
                except BaseException as error:
                    if self._watch.ident is None:
                        self._watch = None
                        self._watching = False
                    if not isinstance(error, RuntimeError):
                        raise
                return
        self._release(self._watch_gate)

    def _look_on(self) -> None:
        turns, at, computed, quiet = self._turns, perf_counter(), process_time(), 0
        while not self._closed:
            self._watch_gate.acquire(timeout=LOOK_SECONDS)  # as a sleep; it is opened when the pool closes
            if not self._queue:
                quiet += 1
                if quiet >= QUIET_LOOKS:
                    self._watching = False
                    if not self._queue and not self._closed:  # which may have opened the gate for the look above
                        self._watch_gate.acquire()
                    self._watching = True
                    quiet = 0
                turns, at, computed = self._turns, perf_counter(), process_time()
                continue
            quiet = 0
            now, used = perf_counter(), process_time()
            waits = used - computed < COMPUTING * (now - at)
            if self._hot <= 0:
                self._wake_one()  # where no thread was to be had before
            elif waits or (self._turns == turns and now - at >= STUCK_SECONDS):
                self._give_up(now, LOOK_SECONDS if waits else STUCK_SECONDS)
            elif self._turns == turns:
                continue  # keep the mark where it is: this is how long no turn has ended
            turns, at, computed = self._turns, now, used

    def _give_up(self, now: float, least: float) -> None:
        """Count on the hot threads no more whose turn has lasted so long."""
        with self._lock:
            for worker in self._workers:
                since = worker.since
                if worker.hot and since is not None and now - since >= least * 0.9:
                    worker.hot = False
                    self._hot -= 1
        if self._hot <= 0:
            self._wake_one()

    @staticmethod
    def _release(gate: threading.Lock) -> None:
        with suppress(RuntimeError):  # it is awake
            gate.release()
