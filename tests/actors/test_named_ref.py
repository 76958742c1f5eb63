"""Addresses that are names."""

from __future__ import annotations

import copy

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    ChildSpec,
    DeadLetter,
    Down,
    Exit,
    NamedRef,
    Registry,
    SpawnOptions,
    Started,
)
from regrow.actors.testing import Probe, Puppet, Script, crash
from regrow.protocol.exits import KILLED, NOPROC, NORMAL, SHUTDOWN

NAMED = SpawnOptions(name="db")


def test_a_name_leads_to_whoever_has_it_at_each_send(system: ActorSystem) -> None:
    named = system.named("db")
    first = system.spawn(Puppet, options=NAMED)
    named.tell("one")
    assert named.ask(lambda puppet: list(puppet.seen)) == ["one"]
    assert named.is_alive()
    assert named.holder() is first
    assert named.stop() is True
    second = system.spawn(Puppet, options=NAMED)
    assert named.ask(lambda puppet: puppet.ref) is second
    assert named.ask("x", block=False).get(timeout=5) == "x"


def test_it_survives_restarts(system: ActorSystem, probe: Probe) -> None:
    spec = ChildSpec(id="a", start=Script().start, name="db")
    named = ActorRef.named(system, "db")
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    named.tell(crash())
    probe.expect(Exit)
    assert not named.is_alive()
    system.begin(spec, parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
    assert named.ask(lambda puppet: puppet.incarnation) == named.incarnation == 2


def test_a_name_of_nobody_is_a_dead_actor_whose_errors_tell_the_name(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    named = system.named("db")
    with pytest.raises(ActorDeadError, match="name 'db' not found") as dead:
        named.tell("lost")
    assert dead.value.reason == NOPROC
    assert letters.drain() == (DeadLetter(named, "lost", "nobody has the name 'db'"),)
    with pytest.raises(ActorDeadError, match="name 'db' not found"):
        named.ask("x")
    with pytest.raises(ActorDeadError, match="name 'db' not found"):
        named.ask("x", block=False).get(timeout=0)
    with pytest.raises(ActorDeadError, match="name 'db' not found"):
        named.proxy()
    assert named.stop() is False
    assert named.stop(block=False).get(timeout=0) is False
    named.exit(SHUTDOWN)
    named.shutdown()
    named.kill()
    assert (named.is_alive(), named.holder(), named.cell, named.incarnation, named.pid) == (False, None, None, 0, None)
    assert (named.lives_elsewhere, named.hosted, named.urn) == (False, False, named.actor_urn)


def test_a_monitor_of_a_name_is_one_of_its_holder(system: ActorSystem, probe: Probe) -> None:
    named = system.named("db")
    number = named.monitor(probe.ref)
    assert probe.expect(Down) == Down(number, named, NOPROC)
    ref = system.spawn(Puppet, options=NAMED)
    number = system.monitor(probe.ref, named)
    watcher = system.spawn(Puppet)
    watcher.ask(lambda puppet: puppet.monitor(named))
    watcher.ask(lambda _puppet: named.monitor())
    named.kill()
    assert probe.expect(Down) == Down(number, ref, KILLED, 1)
    assert [down.ref for down in watcher.ask(lambda puppet: list(puppet.seen))] == [ref, ref]


def test_a_link_to_a_name_is_one_to_its_holder(system: ActorSystem, probe: Probe) -> None:
    named = system.named("db")
    system.link(probe.ref, named)
    assert probe.expect(Exit).reason == NOPROC
    ref = system.spawn(Puppet, options=NAMED)
    system.link(probe.ref, named)
    assert system.relations.links(ref) == (probe.ref,)
    assert system.unlink(probe.ref, named)
    system.link(named, probe.ref)
    assert system.unlink(named, probe.ref)
    system.link(probe.ref, named)
    named.shutdown()
    assert probe.expect(Exit).sender is ref


def test_an_actor_links_and_unlinks_itself_by_name(system: ActorSystem) -> None:
    named, one = system.named("db"), system.spawn(Puppet)
    ref = system.spawn(Puppet, options=NAMED)
    one.ask(lambda puppet: puppet.link(named))
    assert system.relations.links(ref) == (one,)
    one.ask(lambda puppet: puppet.unlink(named))
    assert system.relations.links(ref) == ()


def test_signals_and_proxies_go_to_the_holder(system: ActorSystem, probe: Probe) -> None:
    named = system.named("db")
    ref = system.spawn(Puppet, options=NAMED)
    assert named.proxy().incarnation.get(timeout=5) == 1
    assert (named.urn, named.cell) == (ref.urn, ref.cell)
    probe.monitor(ref)
    named.exit(SHUTDOWN)
    assert probe.expect(Down).reason == SHUTDOWN


def test_a_name_is_a_value(system: ActorSystem) -> None:
    named = system.named("db")
    assert named == system.named("db")
    assert named != system.named("other")
    assert named != system.spawn(Puppet, options=NAMED)
    assert len({named, system.named("db")}) == 1
    assert (str(named), repr(named)) == ("name 'db'", "<NamedRef name 'db'>")
    with pytest.raises(TypeError, match="sent within its process"):
        copy.deepcopy(named)
    with pytest.raises(TypeError, match="expected the ref of an actor"):
        named.bind(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_key_of_a_registry_is_an_address_too(system: ActorSystem) -> None:
    rooms: Registry[tuple[str, int], None] = Registry(system, "rooms")
    via = rooms.via(("hall", 1))
    assert isinstance(via, NamedRef)
    with pytest.raises(ActorDeadError, match=r"key \('hall', 1\) of registry 'rooms' not found"):
        via.tell("x")
    for _ in range(2):
        ref = system.spawn(Puppet)
        rooms.register(("hall", 1), None, ref=ref)
        via.tell("x")
        assert via.ask(lambda puppet: (puppet.ref, list(puppet.seen))) == (ref, ["x"])
        assert via.stop()
    assert via != system.named("x")


def test_a_name_can_be_a_member_and_a_holder_as_who_has_it_then(system: ActorSystem) -> None:
    rooms: Registry[str, None] = Registry(system, "rooms")
    named = system.named("db")
    with pytest.raises(ActorDeadError, match="name 'db' not found"):
        system.groups.join("g", named)
    ref = system.spawn(Puppet, options=NAMED)
    system.groups.join("g", named)
    rooms.register("k", None, ref=named)
    assert system.groups.members("g") == (ref,)
    assert rooms.whereis("k") is ref


def test_the_end_that_a_name_was_asked_for_is_normal(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet, options=NAMED)
    probe.monitor(ref)
    system.named("db").stop()
    assert probe.expect(Down).reason == NORMAL
