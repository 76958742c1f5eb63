"""An address that is a name: whoever has the name when a message is sent gets it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, overload

import pykka

from ..protocol.exits import NOPROC, SHUTDOWN, ExitReason
from .errors import ActorDeadError
from .events import DeadLetter
from .futures import AskFuture
from .ref import UNSET, ActorRef, Unset
from .told import Told

if TYPE_CHECKING:
    from .cell import Cell
    from .system import ActorSystem

__all__ = ("Directory", "NamedRef", "resolved")


class Directory(Protocol):
    """Where a name is looked up."""

    def whereis(self, key: Any, /) -> ActorRef | None:
        """Who holds this key, None for nobody; never one that takes no messages."""


class NamedRef(ActorRef[Any]):
    """Leads to whoever holds a name (or a key of a unique registry) at each send: through restarts and replacements.

    It is a value: two of the same name in the same directory are equal. Links and monitors are made with whoever holds
    the name at that time; if nobody does, they are told of NOPROC with the NamedRef itself.
    While nobody has the name it behaves as the ref of a dead actor, and the errors tell the name.
    Source: erlang's registered names and {via, Module, Name}.
    """

    def __init__(self, system: ActorSystem, directory: Directory, key: Hashable, *, label: str) -> None:
        super().__init__(system, name=label, actor_class=pykka.Actor, urn=f"name:{label}")
        self._directory = directory
        self._key = key

    def holder(self) -> ActorRef | None:
        """Who has the name now, None for nobody."""
        return self._directory.whereis(self._key)

    @property
    def urn(self) -> str:
        """That of the holder, by which other processes find it; one that nobody has if there is no holder."""
        holder = self.holder()
        return self.actor_urn if holder is None else holder.urn

    @property
    def incarnation(self) -> int:
        """The number of the holder's latest life, 0 if there is no holder."""
        holder = self.holder()
        return 0 if holder is None else holder.incarnation

    @property
    def cell(self) -> Cell | None:
        """The holder's latest life."""
        holder = self.holder()
        return None if holder is None else holder.cell

    @property
    def lives_elsewhere(self) -> bool:
        """True if the holder is an actor of another process."""
        holder = self.holder()
        return holder is not None and holder.lives_elsewhere

    @property
    def hosted(self) -> bool:
        """True if the holder is a child that lives in an OS process of its own."""
        holder = self.holder()
        return holder is not None and holder.hosted

    @property
    def pid(self) -> int | None:
        """The process that the holder lives in, if that is another one than ours."""
        holder = self.holder()
        return None if holder is None else holder.pid

    def bind(self, cell: Cell) -> None:  # noqa: ARG002
        """Refuse: a name has no lives of its own. Errors: TypeError."""
        raise TypeError(f"{self}: expected the ref of an actor to begin a life of, got a name")

    def is_alive(self) -> bool:
        """Say whether somebody has the name and takes messages."""
        return self.holder() is not None

    def tell(self, message: object) -> Told:  # type: ignore[override]  # pykka gives nothing
        """Send and forget. Errors: ActorDeadError, and a DeadLetter event, if nobody has the name; MailboxFull."""
        holder = self.holder()
        if holder is None:
            self.system.bus.publish(DeadLetter(self, message, f"nobody has the {self.name}"))
            raise self._nobody()
        return holder.tell(message)

    def try_tell(self, message: object) -> bool:
        """Send only if there is room, as ActorRef.try_tell. Errors: as `tell`."""
        holder = self.holder()
        if holder is None:
            self.tell(message)
            return False
        return holder.try_tell(message)

    @overload
    def ask(self, message: object, *, block: Literal[False], timeout: float | None = None) -> pykka.Future[Any]: ...

    @overload
    def ask(self, message: object, *, block: Literal[True] = True, timeout: float | Unset | None = UNSET) -> Any: ...

    @overload
    def ask(self, message: object, *, block: bool = True, timeout: float | Unset | None = UNSET) -> Any: ...

    def ask(self, message: object, *, block: bool = True, timeout: float | Unset | None = UNSET) -> Any:
        """Send and get the answer, as ActorRef.ask. Errors: also ActorDeadError if nobody has the name."""
        holder = self.holder()
        if holder is not None:
            return holder.ask(message, block=block, timeout=timeout)
        future = self.ask_for(None, message)
        return future.get() if block else future  # it has its answer

    def ask_for(self, asker: ActorRef[Any] | None, message: object, *, waits: bool = False) -> AskFuture[Any]:
        """Ask in somebody's name, as ActorRef.ask_for."""
        holder = self.holder()
        if holder is not None:
            return holder.ask_for(asker, message, waits=waits)
        future: AskFuture[Any] = AskFuture()
        future.try_fail(self._nobody())
        return future

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the holder to end, as ActorRef.stop. Gives False if nobody has the name."""
        holder = self.holder()
        if holder is not None:
            return holder.stop(block=block, timeout=timeout)
        if block:
            return False
        future: AskFuture[Any] = AskFuture()
        future.try_set(False)
        return future

    def proxy(self) -> pykka.ActorProxy[Any]:
        """Wrap who has the name now: the proxy survives its restarts, not its replacement. Errors: ActorDeadError."""
        holder = self.holder()
        if holder is None:
            raise self._nobody()
        return holder.proxy()

    def exit(self, reason: ExitReason) -> None:
        """Send the holder an exit signal; nothing if nobody has the name."""
        holder = self.holder()
        if holder is not None:
            holder.exit(reason)

    def shutdown(self, reason: ExitReason = SHUTDOWN, *, deadline: float | None = None) -> None:
        """Ask the holder to end, ahead of all messages that wait; nothing if nobody has the name."""
        holder = self.holder()
        if holder is not None:
            holder.shutdown(reason, deadline=deadline)

    def kill(self) -> None:
        """End the holder at once; nothing if nobody has the name."""
        holder = self.holder()
        if holder is not None:
            holder.kill()

    def monitor(self, owner: ActorRef[Any] | None = None) -> int:
        """Let `owner` (the calling actor by default) get a Down when the present holder ends."""
        from .holdings import holder_or_caller

        return self.system.monitor(holder_or_caller(owner, "monitor"), self)

    def _nobody(self) -> ActorDeadError:
        return ActorDeadError(self.name, NOPROC)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self}: expected to be sent within its process, where the name is looked up")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NamedRef):
            return NotImplemented
        return self._directory is other._directory and self._key == other._key

    def __hash__(self) -> int:
        return hash((id(self._directory), self._key))

    def __repr__(self) -> str:
        return f"<NamedRef {self.name}>"

    def __str__(self) -> str:
        return self.name


def resolved(ref: ActorRef[Any]) -> ActorRef[Any]:
    """Give the holder if this is a name that somebody has, else the ref itself."""
    holder = ref.holder() if isinstance(ref, NamedRef) else ref
    return ref if holder is None else holder
