"""How the supervisors of a tree follow a new spec together, level by level, also across processes.

What lives here: asking a supervisor below, and finding out what a start function gives. What must not: what follows
from the answers (reconfigure.py).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ..actors.actor import Actor
from ..actors.births import resolve_start
from ..actors.child_spec import Start
from ..actors.errors import ActorDeadError
from ..actors.futures import AskFuture
from ..actors.mailbox import Envelope
from ..protocol.errors import CodecError
from ..protocol.remote_error import RemoteError
from .core_events import LifeReconfigured
from .dynamic_spec import DynamicSpec
from .errors import SupervisorStopping
from .requests import Reconfigure, ReconfigureFrom
from .results import Reconfigured
from .spec import SupervisorSpec

if TYPE_CHECKING:
    from ..actors.cell import Cell
    from ..actors.ref import ActorRef

__all__ = ("SpecFound", "ask_to_follow", "find_spec")

_ENDING: Final = frozenset({ActorDeadError.__name__, SupervisorStopping.__name__})


@dataclass(frozen=True, slots=True)
class SpecFound:
    """What the start function of ReconfigureFrom has led to: a spec, an error, or neither, as it is something else."""

    number: int  # of the reply that is owed
    spec: SupervisorSpec | DynamicSpec | None
    error: Exception | None


def ask_to_follow(
    ref: ActorRef[Any], message: Reconfigure | ReconfigureFrom, home: Cell, *, child_id: str, life: int
) -> None:
    """Ask a child; its answer comes to `home` as LifeReconfigured. Never blocks.

    There is none if the child ends first, or is ending: then its end is the news.
    """

    def tell(result: Reconfigured | None, error: str | None = None) -> None:
        try:
            home.put(Envelope(LifeReconfigured(child_id, life, result, error), exempt=True))
        except ActorDeadError:
            return  # who asked has ended, and nobody cares any more

    if ref.actor_class is not Actor and not getattr(ref.actor_class, "describes_tree", False):
        tell(None)  # a supervisor of somebody else's making
        return
    try:
        future = cast("AskFuture[Any]", ref.ask(message, block=False))
    except CodecError:
        tell(None)  # such a spec cannot be said to another process; its start perhaps can
        return

    def answered() -> None:
        error = future.error
        if error is None:
            result: object = future.get()
            tell(result if isinstance(result, Reconfigured) else None)
        elif _type_of(error) not in _ENDING:
            tell(None, str(error))

    future.add_done_callback(answered)


def find_spec(start: Start, kind: type[Actor], number: int, home: Cell) -> None:
    """Find out which spec a start would give a supervisor of this `kind`; the answer comes to `home` as SpecFound.

    Runs in: a thread of its own, regrow-reconfigure, because imports and start functions are users' code and may block.
    """

    def find() -> None:
        spec, error = None, None
        try:
            found, last = resolve_start(start)
            given: object = last.args[0] if found is kind and len(last.args) == 1 and not last.kwargs else None
            spec = given if isinstance(given, SupervisorSpec | DynamicSpec) else None
        except Exception as raised:  # noqa: BLE001 - the one of this thread: whatever the users' code raises
            error = raised
        try:
            home.put(Envelope(SpecFound(number, spec, error), exempt=True))
        except ActorDeadError:
            return  # the supervisor has ended, and with it the question

    threading.Thread(target=find, name="regrow-reconfigure", daemon=True).start()


def _type_of(error: BaseException) -> str:
    name = error.crash.type if isinstance(error, RemoteError) else type(error).__name__
    return name.rpartition(".")[2]
