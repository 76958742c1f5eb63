"""Names."""

from __future__ import annotations

import pytest

from regrow.actors import ActorDeadError, ActorSystem, ChildSpec, NameTaken, SpawnOptions, StartFailed
from regrow.actors.testing import Hold, Probe, Puppet, Script, hang

NAMED = SpawnOptions(name="n")


def test_a_name_leads_to_its_holder_while_it_lives(system: ActorSystem) -> None:
    ref = system.spawn(Puppet, options=NAMED)
    assert system.whereis("n") is ref
    assert system.registry.names() == {"n": ref}
    ref.stop()
    assert system.whereis("n") is None


def test_a_name_is_held_once_and_the_second_start_fails(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet, options=NAMED)
    with pytest.raises(NameTaken, match="held by"):
        system.spawn(Puppet, options=NAMED)
    spec = ChildSpec(id="x", start=Script().start, name="n")
    system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    assert isinstance(probe.expect(StartFailed).error, NameTaken)
    assert system.whereis("n") is ref


def test_more_names_for_one_all_freed_with_it(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    for name in "ab":
        system.registry.register(name, ref)
    system.registry.register("a", ref)
    assert system.registry.unregister("a")
    assert not system.registry.unregister("a")
    ref.stop()
    other = system.spawn(Puppet, options=SpawnOptions(name="b"))
    assert system.whereis("b") is other


def test_the_dead_cannot_be_named(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    ref.stop()
    with pytest.raises(ActorDeadError):
        system.registry.register("n", ref)
    assert system.registry.names() == {}


def test_a_name_is_kept_but_not_handed_out_while_its_holder_cleans_up(system: ActorSystem) -> None:
    hold = Hold()
    ref = system.spawn(Puppet, Script(on_stop=hang(hold)), options=NAMED)
    stopping = ref.stop(block=False)
    hold.wait_reached()
    assert system.whereis("n") is None
    with pytest.raises(NameTaken):
        system.spawn(Puppet, options=NAMED)
    hold.release()
    assert stopping.get(timeout=5)
    system.spawn(Puppet, options=NAMED)
