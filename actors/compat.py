"""All that `import pykka` offers, on this runtime: change the import and the rest of a program stays as it is.

    from regrow.actors import compat as pykka                        # or, one by one:
    from regrow.actors.compat import PykkaActor as ThreadingActor

What lives here: the names of pykka, and what of pykka's `start()` and registry has to be done differently here.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final, Self, cast

import pykka
from pykka import (
    ActorDeadError,
    ActorProxy,
    ActorRef,
    CallableProxy,
    Future,
    Timeout,
    get_all,
    messages,
    traversable,
)

from .child_spec import ChildSpec, Start
from .current import current_life
from .default_system import default_system
from .errors import MailboxFull
from .futures import AskFuture
from .program_hold import ProgramHold
from .pykka_rules import Construction, PykkaRules
from .ref import ActorRef as OurRef

__all__ = (
    "Actor",
    "ActorDeadError",
    "ActorProxy",
    "ActorRef",
    "ActorRegistry",
    "CallableProxy",
    "Future",
    "PykkaActor",
    "ThreadingActor",
    "ThreadingFuture",
    "Timeout",
    "get_all",
    "messages",
    "traversable",
)

_hold: Final = ProgramHold()


class PykkaActor(PykkaRules):
    """An actor of ours that a program written for pykka can use in the place of `pykka.ThreadingActor`.

    The switches, here and in `PykkaRules`, stand as in pykka. Ours, all of them:

        class Modern(PykkaActor):
            crash_on_ask = start_waits = on_failure_at_start = use_daemon_thread = True
            base_exception_stops_all = log_as_pykka = False

    Differs from pykka: `__init__` runs on the actor's own thread, while `start()` waits for it; an ask of the dead, of
    one that ends, or in a circle is answered and never hangs; a future that its asker answers does no harm; proxies
    survive restarts and keep no dead actor; nothing overrides `_create_actor_inbox` or the actor loop.
    """

    start_waits: ClassVar[bool] = False  # True: start() returns when on_start has, and raises what that raised
    use_daemon_thread: ClassVar[bool] = False  # True: the program may end while it lives

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> OurRef[Self]:
        """Start one: in the system of the calling actor, else in the default system.

        Returns when `__init__` has returned (see `start_waits`); on_start then runs for as long as it likes.
        Errors: what `__init__` raised; StartError if it was killed before; SystemClosed.
        """
        if cls.start_waits:
            ref = super().start(*args, **kwargs)
        else:
            life = current_life()
            system = default_system() if life is None else life.system
            construction = Construction()
            spec = ChildSpec(id=cls.__name__, start=Start(cls, args, kwargs), start_timeout=math.inf)
            system.begin(spec, parent=None, ref=None, on_outcome=construction)
            ref = cast("OurRef[Self]", construction.wait())
        if not cls.use_daemon_thread:
            _hold.take(ref)
            if not ref.is_alive():
                _hold.drop(ref)
        return ref

    def _mailbox_closed(self) -> None:
        _hold.drop(self.actor_ref)


class ActorRegistry(pykka.ActorRegistry):
    """pykka's registry, the same one, with a broadcast that the end of an actor does not disturb."""

    @classmethod
    def broadcast(cls, message: Any, target_class: str | type[pykka.Actor] | None = None) -> None:
        """Tell all actors, or those of a class. Errors: MailboxFull, when all the others have been told.

        Differs from pykka: one that has ended is passed over (a DeadLetter event says so), where pykka raises in the
        sender and tells nobody after it.
        """
        if isinstance(target_class, str):
            targets = cls.get_by_class_name(target_class)
        elif target_class is not None:
            targets = cls.get_by_class(target_class)
        else:
            targets = cls.get_all()
        refused: MailboxFull | None = None
        for ref in targets:
            try:
                ref.tell(message)
            except ActorDeadError:
                continue
            except MailboxFull as error:
                refused = error
        if refused is not None:
            raise refused


Actor = pykka.Actor
ThreadingActor = PykkaActor
ThreadingFuture = AskFuture
