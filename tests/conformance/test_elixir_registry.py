"""What Elixir's suite says of unique registries, said of the names of a system."""

from __future__ import annotations

import threading

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorSystem, NameTaken, Registry, SpawnOptions
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash
from regrow.supervision import ChildStarted
from tests.conformance.case import case
from tests.conformance.tree import crash_child, puppet, ref_of, start
from tests.supervision.facts import Facts


@case("ER")
def test_er_a_name_has_one_holder_and_the_second_is_told_who(system: ActorSystem) -> None:
    first, second = system.spawn(Puppet), system.spawn(Puppet)
    system.registry.register("name", first)
    system.registry.register("name", first)  # again is nothing
    with pytest.raises(NameTaken) as refused:
        system.registry.register("name", second)
    assert refused.value.holder is first
    assert system.whereis("name") is first


@case("ER")
def test_er_the_name_of_one_who_died_is_free_before_anybody_hears_of_it(system: ActorSystem) -> None:
    taken_over: list[bool] = []

    def take_over(_event: object) -> None:
        system.registry.register("name", heir)
        taken_over.append(system.whereis("name") is heir)

    heir = system.spawn(Puppet)
    holder = system.spawn(Puppet, options=SpawnOptions(name="name"))
    unsubscribe = system.bus.subscribe(take_over, ActorExited)
    holder.kill()
    unsubscribe()
    assert taken_over == [True]


@case("ER")
def test_er_a_holder_that_is_still_cleaning_up_is_not_handed_out(system: ActorSystem) -> None:
    hold = Hold()
    holder = system.spawn(Puppet, Script(on_stop=hold), options=SpawnOptions(name="name"))
    stopping = holder.stop(block=False)
    hold.wait_reached()
    assert system.whereis("name") is None
    assert "name" not in system.registry.names()
    with pytest.raises(NameTaken):
        system.registry.register("name", system.spawn(Puppet))
    hold.release()
    stopping.get(timeout=5.0)
    system.registry.register("name", system.spawn(Puppet))


@case("ER")
def test_er_names_are_listed_counted_and_given_up(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    for name in ("a", "b", "c"):
        system.registry.register(name, ref)
    assert system.registry.names() == {"a": ref, "b": ref, "c": ref}
    assert system.registry.unregister("b") is True
    assert system.registry.unregister("b") is False
    assert list(system.registry.names()) == ["a", "c"]
    ref.kill()
    assert system.registry.names() == {}


@case("ER")
def test_er_a_failed_registration_leaves_nothing(system: ActorSystem) -> None:
    dead = system.spawn(Puppet)
    dead.kill()
    with pytest.raises(ActorDeadError):
        system.registry.register("name", dead)
    assert system.whereis("name") is None
    with pytest.raises(ValueError, match="no start"):
        system.spawn(Puppet, Script(on_start=crash(ValueError("no start"))), options=SpawnOptions(name="name"))
    assert system.spawn(Puppet, options=SpawnOptions(name="name")) is system.whereis("name")


@case("ER")
def test_er_of_many_that_want_a_name_exactly_one_gets_it(system: ActorSystem) -> None:
    barrier, won, lost = threading.Barrier(8), [], []

    def claim() -> None:
        barrier.wait(5.0)
        try:
            won.append(system.spawn(Puppet, options=SpawnOptions(name="name")))
        except NameTaken as refused:
            lost.append(refused.holder)

    threads = [threading.Thread(target=claim, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5.0)
    assert len(won) == 1
    assert lost == won * 7
    assert len(system.relations.living()) == 1


@case("ER")
def test_er_a_supervised_name_leads_to_every_life_in_turn_and_links_nobody(system: ActorSystem, facts: Facts) -> None:
    handle, probe = start(system, puppet("a", name="name")), Probe(system)
    ref = ref_of(handle, "a")
    assert system.relations.links(ref) == (handle.ref,)  # a name is no link
    for life in (1, 2, 3):
        assert system.whereis("name") is ref
        assert ref.incarnation == life
        crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="a", times=4)
    probe.sync(ref)
    handle.stop()
    assert system.whereis("name") is None


@case("ER")
def test_er_a_lock_is_given_back_when_its_holder_raises_or_is_killed(system: ActorSystem) -> None:
    rooms: Registry[str, int] = Registry(system, "rooms")
    hold = Hold()
    raising, killed = system.spawn(Puppet), system.spawn(Puppet)
    with pytest.raises(ZeroDivisionError):
        raising.ask(lambda _: rooms.lock("k", lambda: 1 // 0), timeout=5.0)
    killed.tell(lambda _: rooms.lock("k", hold))
    hold.wait_reached()
    killed.kill()
    assert rooms.lock("k", lambda: "free", timeout=5.0) == "free"
    hold.release()
