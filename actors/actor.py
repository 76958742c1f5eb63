"""The actor: what users subclass.

How a life ends decides which hook runs (the table `HOOKS`; one hook at most, then the exit is announced):

    asked to stop, by `stop()`, `shutdown()` or a supervisor            on_stop
    its own `self.exit(reason)` in a handler                            on_stop
    an exit signal, from a link or by `ref.exit()`, not trapped         on_stop
    a handler raised (ask or tell), on_stop itself excepted             on_failure
    a handler raised SystemExit, KeyboardInterrupt or the like          on_failure
    on_start or __init__ raised                                         on_failure
    on_start raised Ignore() or called `self.exit(reason)`              none
    killed, or not ready within start_timeout                           none

Differs from OTP: terminate/2 runs for a linked exit only if the process traps exits; here on_stop always does,
because Python cleanup (files, sockets, threads) has no other owner.
"""

from __future__ import annotations

import uuid
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NoReturn, Self, TypeAlias

import pykka

from ..protocol.exits import ExitReason
from .control import ActorExit
from .current import current_life
from .describe import Description
from .errors import BadHandler, NotStarted, UnhandledMessage
from .futures import AskFuture
from .handles import HandlerTable, handler_table, refuse_generators
from .handshake import StartHandle
from .in_hand import InHand
from .inquiries import put_state, state_of
from .named_ref import resolved
from .pykka_seam import ActorStop, OnLife

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .life import Life
    from .ref import ActorRef
    from .system import ActorSystem
    from .timers import Timer

__all__ = ("HOOKS", "Actor", "Cause", "Hook", "Moment")


class Cause(Enum):
    """What made a life end."""

    STOPPED = "asked to stop"
    EXITED = "exit() in a handler"
    SIGNALED = "exit signal"
    CRASHED = "handler raised"
    INTERRUPTED = "handler raised a BaseException"
    START_FAILED = "on_start raised"
    DECLINED = "on_start chose not to run"
    KILLED = "killed"


Hook: TypeAlias = Literal["on_stop", "on_failure"]
Moment: TypeAlias = Literal["start", "ask", "tell", "on_stop", "on_failure"]

HOOKS: Final[Mapping[Cause, Hook | None]] = MappingProxyType(
    {
        Cause.STOPPED: "on_stop",
        Cause.EXITED: "on_stop",
        Cause.SIGNALED: "on_stop",
        Cause.CRASHED: "on_failure",
        Cause.INTERRUPTED: "on_failure",
        Cause.START_FAILED: "on_failure",
        Cause.DECLINED: None,
        Cause.KILLED: None,
    }
)


class Actor(OnLife, InHand, pykka.Actor):
    """A pykka actor with a life that others can watch.

    Override `on_start`, `on_receive`, `on_stop`, `on_failure` and, for those with work to finish, `on_stop_request`.
    All of them, and `__init__`, run on the actor's own thread. What a handler raises ends the actor.
    Differs from pykka: `__init__` runs in the new thread, so `start()` never runs the child's code in the caller; an
    exception in an ask ends the actor too (`raise Reply(error)` does not, nor does any with `crash_on_ask = False`).
    """

    dispatcher: ClassVar[str | None] = None
    """Where its lives run: "thread", "pool" or "asyncio"; None: where its system runs those that do not say."""

    crash_on_ask: ClassVar[bool] = True  # False: an Exception in an ask goes to the asker, and the actor lives on

    batch_max: ClassVar[int] = 0
    """More than 0: up to so many told messages come at once, to `on_batch`."""

    long_running: ClassVar[bool] = False
    """True: its handlers are meant to last, and nobody who watches takes them for stuck."""

    trap_exit: bool = False  # True: exit signals become Exit messages, except from the parent
    start_info: object = None  # on_start may leave something here for whoever starts it
    stop_deadline: float | None = None  # set before on_stop_request: monotonic seconds, if there is one

    _handler_table: ClassVar[HandlerTable | None] = None  # set for classes with methods under `@handles`
    _life: Life | None = None
    _end_told = False  # set when the log has been told why it ends, in other words than ours

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        refuse_generators(cls)
        cls._handler_table = handler_table(cls)
        if cls.batch_max > 0 and cls.on_batch is Actor.on_batch:
            raise BadHandler(cls, "on_batch", f"a method for batches, as batch_max = {cls.batch_max} says", "none")

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Set up state. The runtime's members work here already, whether or not this is called."""
        if self._life is None:
            self.actor_urn = uuid.uuid4().urn  # made by hand: it never lives, but it can be shown

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start one, unsupervised: in the system of the calling actor, else in the default system.

        Waits until on_start has returned. Errors: what it raised; StartTimeout; StartIgnored.
        """
        life = current_life()
        if life is not None:
            return life.system.spawn(cls, *args, **kwargs)
        from .default_system import default_system

        return default_system().spawn(cls, *args, **kwargs)

    @property
    def system(self) -> ActorSystem:
        """The system it lives in."""
        return self._alive().system

    @property
    def ref(self) -> ActorRef[Self]:
        """Its own address, the same in all lives."""
        life = self._life
        if life is None:
            raise NotStarted(type(self).__name__)
        own: Any = life.ref
        return own  # type: ignore[no-any-return]  # of its class; a cast would cost as much again

    @property
    def exposed(self) -> pykka.Actor:
        """The object that proxies of its ref lead to."""
        return self

    @property
    def parent(self) -> ActorRef | None:
        """Who began this life and is linked to it, None for a root."""
        return self._alive().parent

    @property
    def name(self) -> str:
        """What it is called."""
        return self._alive().ref.name

    @property
    def incarnation(self) -> int:
        """Which of its lives this is, from 1 on."""
        return self._alive().incarnation

    def on_receive(self, message: Any) -> Any:
        """Handle a message, and give the answer if it is an ask: here, by the method under `@handles` of its type.

        Without any such method a message is logged as a warning and answered with None, as in pykka.
        """
        handlers = self._handler_table
        if handlers is None:
            return super().on_receive(message)
        name = handlers[type(message)]
        return self.on_unhandled(message) if name is None else getattr(self, name)(message)

    def on_unhandled(self, message: object) -> object:
        """Handle what no method under `@handles` takes. By default, crash: Errors: UnhandledMessage."""
        raise UnhandledMessage(self, message, () if self._handler_table is None else self._handler_table.kinds)

    def on_batch(self, messages: list[object]) -> object:
        """Handle told messages that waited one after the other, `batch_max` at most, of classes that set it.

        What is asked, and what comes from timers, links and monitors, comes to `on_receive`, alone, in its order.
        A crash loses the batch as it loses a message in hand.
        """
        raise UnhandledMessage(self, messages, ())

    def on_stop_request(self, reason: ExitReason) -> None:
        """Answer a request to stop, from `shutdown()`, `stop()` or the end of the parent; by default, end at once.

        Whoever has to wait for something overrides this and calls `self.exit(reason)` when all is done.
        """
        self.exit(reason)

    def exit(self, reason: ExitReason) -> NoReturn:
        """End now, with this reason: on_stop runs, links and monitors are told. Does not return."""
        self._alive()
        raise ActorExit(reason)

    def link(self, ref: ActorRef) -> None:
        """Share fate: an abnormal end of either ends the other, unless it traps exits. Links end with a life."""
        self.system.link(self.ref, ref)

    def unlink(self, ref: ActorRef) -> None:
        """Take a link back; an Exit of it that waits to be handled is dropped. Not between supervisor and child."""
        self._alive().unlink(resolved(ref))

    def monitor(self, ref: ActorRef) -> int:
        """Get one Down message when `ref` ends its present life; at once, with NOPROC, if it has none."""
        return self.system.monitor(self.ref, ref)

    def demonitor(self, monitor: int) -> bool:
        """Take a monitor back; no Down of it is handled after this. Gives False if it has fired already."""
        return self.system.demonitor(monitor, owner=self.ref)

    def send_after(self, delay: float, message: object) -> Timer:
        """Get `message` after `delay` seconds, unless it is cancelled or this life ends."""
        return self._alive().timers.start(delay, message)

    def every(self, interval: float, message: object) -> Timer:
        """Get `message` every `interval` seconds. A tick that finds the one before unhandled is left out."""
        return self._alive().timers.start(interval, message, interval=interval)

    def continue_with(self, message: object) -> None:
        """Handle `message` right after this handler, before anything that waits; even before requests to stop.

        Source: gen_server {continue, Term}.
        """
        self._alive().continue_with(message)

    def defer_start(self) -> StartHandle:
        """In on_start: be ready when the handle says so, not when it returns; messages are handled meanwhile."""
        life = self._alive()
        life.start_deferred = True
        return StartHandle(life)

    def describe(self) -> Description:
        """Answer Describe(). Those with children override it."""
        return self._alive().describe()

    def on_get_state(self) -> object:
        """Give what `ref.get_state()` shows; by default a copy of its attributes. The values are those in use."""
        return state_of(self.exposed)

    def on_replace_state(self, function: Callable[[Any], object]) -> object:
        """Put what `function` makes of the state in its place; give the new state.

        By default a mapping of attributes: those that are not in it go. What is raised goes to the asker.
        """
        put_state(self.exposed, function(self.on_get_state()))
        return self.on_get_state()

    def _constructed(self) -> None:
        """Hear that `__init__` has returned. Runs in: its own thread, before on_start."""

    def _heed(self, error: BaseException, moment: Moment) -> bool:
        """Hear what the actor's code has raised, before anything is done about it. True: the asker gets it, no more."""
        return moment == "ask" and not self.crash_on_ask and isinstance(error, Exception)

    def _hook_for(self, cause: Cause) -> Hook | None:
        """Say which hook the end by this cause runs."""
        return HOOKS[cause]

    def ends_plainly(self) -> bool:
        """Say whether no code of its own runs when it is asked to end. For the runtime."""
        kind = type(self)
        return kind.on_stop is pykka.Actor.on_stop and kind.on_stop_request is Actor.on_stop_request

    def _alive(self) -> Life:
        if self._life is None:
            raise NotStarted(type(self).__name__)
        return self._life

    def stop(self) -> None:
        """Ask itself to end after all messages that wait already, as in pykka."""
        self.ref.tell(ActorStop())

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotStarted("mailbox")

    @staticmethod
    def _create_future() -> AskFuture[Any]:
        return AskFuture()

    def _start_actor_loop(self) -> None:
        raise NotStarted(type(self).__name__)
