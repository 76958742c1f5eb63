"""Circles of waits through a supervisor: it waits for nobody, but answers when a child has started, or ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import ActorRef, ActorSystem, CallingSelf, ChildSpec, Deadlocked, Restart
from regrow.actors.clock import monotonic
from regrow.actors.testing import Puppet, Script
from regrow.supervision import (
    NO_BACKOFF,
    DynamicSpec,
    DynamicSupervisorHandle,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision.requests import Reconfigure

SOON = 5.0  # real seconds: only a failing test waits so long
LONG = 20.0  # so long would wait who is not told that it is a circle

Request = Callable[[SupervisorHandle, ChildSpec], Any]
"""Sends a supervisor what it answers when a child has started, or ended; gives the future of that."""

STARTS: dict[str, tuple[Request, tuple[str, ...]]] = {
    "start_child": (lambda top, leaf: top.send.start_child(leaf), ("top", "top/leaf")),
    "start_child of a supervisor": (
        lambda top, leaf: top.send.start_child(supervisor_child("sub", below(leaf), restart=Restart.TEMPORARY)),
        ("top", "top/sub", "top/sub/leaf"),
    ),
    "reconfigure": (lambda top, leaf: top.ref.ask(Reconfigure(below(leaf, "top")), block=False), ("top", "top/leaf")),
}


def below(leaf: ChildSpec, name: str | None = None) -> SupervisorSpec:
    return SupervisorSpec(children=[leaf], name=name, backoff=NO_BACKOFF)


def leaf(script: Script) -> ChildSpec:
    return ChildSpec(id="leaf", start=script.start, restart=Restart.TEMPORARY)


class Asker:
    """Asks `whom` in a hook, without a limit that would matter, and keeps what that raised."""

    def __init__(self, whom: ActorRef[Any], dispatcher: str) -> None:
        self._whom = whom
        self._awaits = dispatcher == "asyncio"
        self.errors: list[Exception] = []

    def __call__(self, _puppet: Puppet) -> object:
        return self._await() if self._awaits else self._ask()

    def _ask(self) -> None:
        try:
            self._whom.ask("are you there?", timeout=LONG)
        except Exception as error:
            self.errors.append(error)
            raise

    async def _await(self) -> None:
        try:
            await self._whom.ask("are you there?", block=False)
        except Exception as error:
            self.errors.append(error)
            raise


def waits_for(send: Callable[[], Any], dispatcher: str) -> Callable[[Puppet], object]:
    """Send, wait for the answer, and give it, or what it raised."""

    def wait(_puppet: Puppet) -> object:
        try:
            return send().get(timeout=LONG)
        except Exception as error:
            return error

    async def wait_on_loop(_puppet: Puppet) -> object:
        try:
            return await send()
        except Exception as error:
            return error

    return wait_on_loop if dispatcher == "asyncio" else wait


@pytest.mark.parametrize("what", STARTS)
def test_a_start_that_asks_who_waits_for_it_is_a_circle(system: ActorSystem, dispatcher: str, what: str) -> None:
    send, way = STARTS[what]
    events = system.bus.collect(Deadlocked)
    asking = system.spawn(Puppet)
    top = SupervisorHandle.start(system, SupervisorSpec(children=[], name="top", backoff=NO_BACKOFF))
    asker = Asker(asking, dispatcher)
    spec = leaf(Script(on_start=asker))
    begun = monotonic()
    answer = asking.ask(waits_for(lambda: send(top, spec), dispatcher), timeout=LONG)
    assert monotonic() - begun < 1.0
    assert "CallingSelf" in repr(answer)
    event = events.get(timeout=SOON)
    assert isinstance(event, Deadlocked)
    names = [name.partition(" ")[0] for name in event.cycle]
    assert sorted(names) == sorted(("Puppet", *way))


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
@pytest.mark.parametrize("kind", ["static", "dynamic", "again"])
def test_the_methods_that_wait_find_it_at_once(system: ActorSystem, kind: str) -> None:
    asking = system.spawn(Puppet)
    asker = Asker(asking, "thread")
    spec = leaf(Script(on_start=asker))
    if kind == "dynamic":
        dynamic = DynamicSupervisorHandle.start(system, DynamicSpec(backoff=NO_BACKOFF))
        call: Callable[[], object] = lambda: dynamic.start_child(spec)  # noqa: E731
    elif kind == "static":
        top = SupervisorHandle.start(system, SupervisorSpec(children=[], backoff=NO_BACKOFF))
        call = lambda: top.start_child(spec)  # noqa: E731
    else:
        quiet = Script()
        again = SupervisorHandle.start(system, below(ChildSpec(id="leaf", start=quiet.start)))
        again.terminate_child("leaf")
        quiet.on_start = asker
        call = lambda: again.restart_child("leaf")  # noqa: E731

    def wait(_puppet: Puppet) -> object:
        try:
            return call()
        except Exception as error:
            return error

    begun = monotonic()
    assert "CallingSelf" in repr(asking.ask(wait, timeout=LONG))
    assert monotonic() - begun < 1.0


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_tree_whose_boot_asks_who_waits_for_it_is_a_circle(system: ActorSystem) -> None:
    asking = system.spawn(Puppet)
    inner = supervisor_child("sub", below(leaf(Script(on_start=Asker(asking, "thread")))))

    def boot(puppet: Puppet) -> object:
        try:
            return SupervisorHandle.start(puppet.system, below(inner, "top"))
        except Exception as error:
            return error

    begun = monotonic()
    assert "CallingSelf" in repr(asking.ask(boot, timeout=LONG))
    assert monotonic() - begun < 1.0


@pytest.mark.parametrize("what", ["terminate_child", "stop"])
def test_an_end_that_asks_who_waits_for_it_is_a_circle(system: ActorSystem, dispatcher: str, what: str) -> None:
    events = system.bus.collect(Deadlocked)
    asking = system.spawn(Puppet)
    asker = Asker(asking, dispatcher)
    top = SupervisorHandle.start(system, below(leaf(Script(on_stop=asker)), "top"))
    send = (lambda: top.send.terminate_child("leaf")) if what == "terminate_child" else top.send.stop
    begun = monotonic()
    asking.ask(waits_for(send, dispatcher), timeout=LONG)
    assert monotonic() - begun < 1.0
    (error,) = asker.errors
    assert isinstance(error, CallingSelf)
    assert [name.partition(" ")[0] for name in error.circle] == ["Puppet", "top", "top/leaf"]
    assert isinstance(events.get(timeout=SOON), Deadlocked)
    assert top.ref.is_alive() is (what == "terminate_child")


def test_a_refused_order_from_below_is_reported_too(system: ActorSystem, dispatcher: str) -> None:
    events = system.bus.collect(Deadlocked)
    top = SupervisorHandle.start(system, below(ChildSpec(id="leaf", start=Script().start), "top"))
    info = top.which_child("leaf")
    assert info is not None
    assert info.ref is not None
    answer = info.ref.ask(waits_for(lambda: top.send.terminate_child("leaf"), dispatcher), timeout=SOON)
    assert isinstance(answer, CallingSelf)
    event = events.get(timeout=SOON)
    assert isinstance(event, Deadlocked)
    assert event.cycle == ("top", "top/leaf")
