"""The actor system: owns clock, bus, names, relations and the places where lives run. No module-level state.

What lives here: beginning lives, and the doors to everything else. Users make one, `with ActorSystem() as system:`.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar, cast

import pykka

from ..protocol.exits import KILLED, ExitReason, crash_of
from .abandoned import AbandonedLives
from .beginning import Birth, arm_start_timeout, fail_to_begin
from .births import actor_class_of
from .bus import EventBus
from .cell import Cell
from .child_spec import ChildSpec, Isolation, Start
from .clock import Clock, SystemClock, monotonic
from .current import calling_life, here
from .dispatchers.choosing import Dispatchers
from .end_log import log_ends
from .errors import ActorDeadError, BlockingLoop, NameTaken, SystemClosed, UnknownDispatcher
from .events import CallbackFailed
from .groups import Groups
from .holdings import Holdings
from .lending import run_lent
from .life import Life
from .lineage import path_below
from .named_ref import NamedRef, resolved
from .options import START_SECONDS, SpawnOptions
from .outcome import StartOutcome, StartWaiter
from .ref import ActorRef
from .registry import NameRegistry
from .relations import Relations
from .signals import ExitReport
from .stopping import refuse_own_actor, refuse_own_loop, stop_everything
from .system_view import SystemView
from .timers import send_after

if TYPE_CHECKING:
    from ..protocol.host.messages import LogRecord
    from .dispatchers.dispatcher import Dispatcher
    from .environment_data import EnvironmentData
    from .hosting.host import Hosting
    from .timers import Timer

__all__ = ("ActorSystem", "HostLink", "Part")

ASK_SECONDS: Final = 5.0
"""How long an ask waits that does not say. Source: gen_server:call/2."""

DEFAULT_OPTIONS: Final = SpawnOptions()

A = TypeVar("A", bound=pykka.Actor)
P = TypeVar("P", bound="Part")


class HostLink(Protocol):
    """In a hosted process: the way to the process that hosts it."""

    @property
    def parent(self) -> ActorRef:
        """The supervisor on the other side."""

    def log(self, record: LogRecord) -> None:
        """Send a log record home. Never blocks."""


class Part(Protocol):
    """What belongs to a whole system and is closed with it."""

    def close(self) -> None:
        """Do what is still to be done. Runs in: the thread that shuts the system down, when all actors have ended."""


class ActorSystem(SystemView):
    """A world of actors. All of it can be used from any thread.

    `clock` and `rng` are the seams for tests; the system closes the clock it was given when it is shut down.
    `dispatcher` runs those lives whose class, spec or options do not say where: "thread", "pool" or "asyncio", or one
    made with settings of its own (`AsyncioDispatcher(loop)`, `PoolDispatcher(threads_max=...)`), which then is the one
    of its name. `ask_timeout`: seconds that an ask waits which does not say how long; None: for ever, as pykka's.
    `stuck_after`: seconds after which a handler that still runs is reported, as by `watch_stuck`; None: none is.
    Errors: UnknownDispatcher; ValueError.
    """

    def __init__(
        self,
        name: str = "regrow",
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        dispatcher: str | Dispatcher = "thread",
        ask_timeout: float | None = ASK_SECONDS,
        stuck_after: float | None = None,
    ) -> None:
        self.name = name
        self.ask_timeout = ask_timeout
        self.bus = EventBus()
        self.clock: Clock = SystemClock(on_error=self._callback_failed) if clock is None else clock
        self._parts: dict[object, Part] = {log_ends: log_ends(self.bus, self.clock)}
        self.rng = random.Random() if rng is None else rng
        self.holdings = Holdings()  # whatever is to be released before an exit is announced
        self.relations = Relations(self.bus, self.holdings.release)
        self.registry = NameRegistry(self.relations.is_staying)
        self.holdings.add(self.registry)
        self.abandoned = AbandonedLives(self.bus)
        self.dispatchers = Dispatchers(dispatcher, self.bus.publish)
        self.log_sink: Callable[[LogRecord, ActorRef], None] | None = None  # set by whoever wants children's logs
        self.host_link: HostLink | None = None  # set in a hosted process, by its main
        self._hosting: Hosting | None = None
        self._lock = threading.Lock()
        self._roots: dict[ActorRef, None] = {}  # in start order
        self._closed = False
        if stuck_after is not None:
            self._parts["stuck"] = self.watch_stuck(stuck_after)

    # Beginning lives.

    def spawn(
        self, cls: type[A], *args: object, options: SpawnOptions = DEFAULT_OPTIONS, **kwargs: object
    ) -> ActorRef[A]:
        """Start an actor and wait until its on_start has returned.

        If the wait is interrupted, as by Ctrl-C, it is asked to end, because nobody has its ref then.
        Errors: what its `__init__` or on_start raised; StartTimeout; StartIgnored; NameTaken; SystemClosed;
        UnknownDispatcher; BlockingLoop where its `async def` on_start would have to run on this very thread.
        """
        waiter = StartWaiter()
        ref = ActorRef(self, name=options.name or cls.__name__, actor_class=cls)
        timeout = options.start_timeout
        birth = Birth(
            start=Start(cls, args, kwargs),
            start_timeout=START_SECONDS if timeout is None else timeout,
            parent=options.link,
            mailbox=options.mailbox,
            on_outcome=waiter,
            dispatcher=options.dispatcher,
            waited=True,
            exact=timeout is not None,
        )

        def begin() -> None:
            self._begin(ref, birth, options.name)
            cell = ref.cell
            if isinstance(cell, Life) and not waiter.told and cell.dispatcher.would_block():
                expected = "`await asyncio.to_thread(system.spawn, ...)`"
                raise BlockingLoop(ref, expected=expected, got="a spawn that waits for its on_start")

        try:
            return cast("ActorRef[A]", waiter.wait_for(ref, begin))
        except BaseException:
            if ref.is_alive():
                ref.shutdown()
            raise

    def begin(
        self,
        spec: ChildSpec,
        *,
        parent: ActorRef | None,
        ref: ActorRef | None,
        on_outcome: Callable[[StartOutcome], None],
    ) -> ActorRef:
        """Begin one life of a child, linked to `parent` before its on_start runs; never waits for it.

        `ref` is the child's ref from its first life, None for the first. The outcome comes exactly once, on any
        thread, perhaps before this returns; if the start fails it is all that the parent gets. Whatever is wrong with
        the start (name taken, no thread, bad target, system closed) is a StartFailed too.
        """
        if spec.isolation is Isolation.PROCESS:
            return self.hosting.begin(spec, parent, ref, on_outcome)
        if ref is None:
            path = path_below(parent, spec.id)
            ref = ActorRef(self, name=spec.name or spec.id, actor_class=actor_class_of(spec.start), path=path)
        birth = Birth(
            start=spec.start,
            start_timeout=spec.start_timeout,
            parent=parent,
            on_outcome=on_outcome,
            supervised=True,
            dispatcher=spec.dispatcher,
        )
        self._begin(ref, birth, spec.name)
        return ref

    def _begin(self, ref: ActorRef, birth: Birth, name: str | None) -> None:
        starter = calling_life()
        if self.relations.is_living(ref):
            raise ValueError(f"begin: expected a ref whose last life has ended, got {ref}, alive")
        kind = ref.actor_class
        place = birth.dispatcher or getattr(kind, "dispatcher", None)
        unknown: UnknownDispatcher | None = None
        try:
            dispatcher = self.dispatchers.get(place)
        except UnknownDispatcher as error:
            if birth.waited:
                raise
            unknown, dispatcher = error, self.dispatchers.get(None)
        life = Life(self, ref, ref.incarnation + 1, birth, dispatcher, self.dispatchers.pace(dispatcher.name, kind))
        try:
            # From here on anybody may kill it; then its end has been announced, and what follows changes nothing.
            self.enroll(ref, cell=life, name=name, root=birth.parent is None)
            if birth.parent is not None and birth.supervised:
                self.relations.tie(ref, birth.parent)
            elif birth.parent is not None:
                self.relations.link(ref, birth.parent)
            if starter is not None and starter.fenced:
                # Killed meanwhile: the link may have been made to a later life of its own, which knows nothing of this.
                raise ActorDeadError(starter.ref, KILLED)
            if unknown is not None:
                raise unknown
            me = here()
            if birth.waited and dispatcher.lends_here(life, me, exact=birth.exact):
                life.mailbox.begin()
                run_lent(life, me)
                if not life.ready:  # its on_start awaits, or has deferred its start
                    arm_start_timeout(life, birth.start_timeout)
                return
            arm_start_timeout(life, birth.start_timeout)
            dispatcher.launch(life)
        except (RuntimeError, SystemClosed, NameTaken, ActorDeadError, UnknownDispatcher) as error:
            fail_to_begin(life, error)

    def enroll(self, ref: ActorRef, *, cell: Cell | None = None, name: str | None = None, root: bool = False) -> None:
        """Count a new life among the living and register its name. For those who begin lives of their own kind.

        Errors: SystemClosed; NameTaken (the ref is enrolled then, and its end must be announced).
        """
        with self._lock:
            if self._closed:
                if cell is not None:
                    ref.bind(cell)  # a life that came to nothing, but one with a number of its own
                raise SystemClosed(self.name)
            if root:
                self._roots[ref] = None
            self.relations.enroll(ref, cell)
        self.holdings.resume(ref)
        if name is not None:
            self.registry.register(name, ref)

    # Names, links, monitors.

    def whereis(self, name: str) -> ActorRef | None:
        """Who is registered under this name; never one that takes no messages."""
        return self.registry.whereis(name)

    def named(self, name: str) -> NamedRef:
        """Give the address of whoever has this name at each send; nobody need have it yet."""
        return NamedRef(self, self.registry, name, label=f"name {name!r}")

    @property
    def groups(self) -> Groups:
        """The groups of this system; made on first use."""
        return self.part(Groups)

    def resolve(self, urn: str) -> ActorRef | None:
        """Who has this urn, None if it does not live."""
        return self.relations.resolve(urn)

    def link(self, one: ActorRef, other: ActorRef) -> None:
        """Link two; if `other` is dead, `one` gets an exit signal with NOPROC."""
        self.relations.link(resolved(one), resolved(other))

    def unlink(self, one: ActorRef, other: ActorRef) -> bool:
        """Take a link back. Gives False if there was none."""
        return self.relations.unlink(resolved(one), resolved(other))

    def monitor(self, owner: ActorRef, subject: ActorRef) -> int:
        """Let `owner` get one Down when `subject` ends; at once, with NOPROC, if it is dead."""
        return self.relations.monitor(resolved(owner), resolved(subject))

    def demonitor(self, monitor: int, *, owner: ActorRef | None = None) -> bool:
        """Take a monitor back; with `owner`, also a Down of it that has fired and waits to be handled."""
        return self.relations.demonitor(monitor, owner)

    def announce_exit(
        self, ref: ActorRef, incarnation: int, reason: ExitReason, report: ExitReport | None = None
    ) -> None:
        """Let the world know that a life has ended: names, event, links, monitors. Exactly once a life."""
        with self._lock:
            self._roots.pop(ref, None)
        self.relations.announce_exit(ref, incarnation, reason, report)

    def send_after(self, ref: ActorRef, delay: float, message: object) -> Timer:
        """Send `message` after `delay` seconds to the life that `ref` has now, or to who has the name then.

        Nobody gets it if that life has ended, or nobody has the name. Runs in: any thread.
        Errors: ActorDeadError if it has no life now; ValueError for an impossible delay.
        """
        return send_after(self.clock, ref, delay, message)

    # The rest.

    @property
    def hosting(self) -> Hosting:
        """The host of child processes; made on first use."""
        with self._lock:
            if self._hosting is None:
                from .hosting.host import Hosting

                self._hosting = Hosting(self)
            return self._hosting

    @property
    def environment_data(self) -> EnvironmentData:
        """What every hosted process finds in the `environment_data` of its own system, from its start on."""
        from .environment_data import EnvironmentData

        return self.part(EnvironmentData)

    @property
    def processes_hosted(self) -> int:
        """How many processes it hosts: children in processes of their own, and programs."""
        return 0 if self._hosting is None else self._hosting.processes

    def part(self, make: Callable[[ActorSystem], P]) -> P:
        """Give what `make` makes of this system, once a system: the same one to everybody who asks for it.

        Runs in: any thread. `make` must be quick, and must not ask for a part itself.
        """
        with self._lock:
            if make not in self._parts:
                self._parts[make] = make(self)
            return cast("P", self._parts[make])

    @property
    def closed(self) -> bool:
        """True once shutdown has begun."""
        return self._closed

    @property
    def roots(self) -> tuple[ActorRef, ...]:
        """Who lives without a parent, in start order."""
        with self._lock:
            return tuple(self._roots)

    def shutdown(self, timeout: float = 10.0) -> tuple[ActorRef, ...]:
        """Stop all roots, last started first, then kill what is left, close hosting and clock.

        Blocks up to `timeout` seconds. Gives those whose threads or processes still run: past the deadline a thread
        can only be abandoned. Safe to call twice. Errors: CallingSelf from inside one of its actors; BlockingLoop on
        the thread of an event loop that some of them run on: there, use `async with`, or call it in another thread.
        """
        deadline = monotonic() + timeout
        refuse_own_actor(self)
        refuse_own_loop(self)
        with self._lock:
            self._closed = True
        self.dispatchers.rescue()
        stop_everything(self, deadline)
        if self._hosting is not None:
            self._hosting.close(max(0.0, deadline - monotonic()))
        for part in tuple(self._parts.values()):
            part.close()
        self.clock.close()
        self.dispatchers.close(deadline)
        return self.abandoned.refs()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Shut down without holding up the event loop, on which some of its actors may run."""
        import asyncio  # whoever gets here has it already

        await asyncio.to_thread(self.shutdown)

    def __repr__(self) -> str:
        return f"<ActorSystem {self.name!r}: {len(self.relations.living())} alive>"

    def _callback_failed(self, error: Exception) -> None:
        self.bus.publish(CallbackFailed(crash_of(error)))
