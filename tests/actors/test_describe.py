"""Looking at live actors, and the tools that tests of actors use."""

from __future__ import annotations

import pytest

from regrow.actors import ActorSystem, Describe, Description, Exit, SpawnOptions
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, hang
from regrow.protocol.codec import decode, encode
from regrow.protocol.exits import NORMAL


def test_every_actor_describes_itself(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(name="p"))
    clock.advance(3)
    description = ref.ask(Describe(), timeout=5)
    assert isinstance(description, Description)
    assert (description.name, description.urn, description.incarnation, description.uptime) == ("p", ref.urn, 1, 3.0)
    assert description.kind == "regrow.actors.testing.puppet.Puppet"


def test_the_question_goes_ahead_of_what_waits(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell("waits")
    description = ref.ask(Describe(), block=False)
    hold.release()
    assert description.get(timeout=5).waiting_messages == 1


def test_to_be_looked_at_ends_nobody(system: ActorSystem) -> None:
    class Shy(Puppet):
        def describe(self) -> Description:
            raise ValueError("do not look")

    ref = system.spawn(Shy)
    with pytest.raises(ValueError, match="do not look"):
        ref.ask(Describe(), timeout=5)
    assert ref.ask("lives on", timeout=5) == "lives on"


def test_question_and_answer_can_be_encoded() -> None:
    child = Description(name="c", urn="urn:c", kind="k", state="running", incarnation=1)
    tree = Description(name="s", urn="urn:s", kind="k", state="running", incarnation=2, children=[child])
    assert decode(encode(Describe())) == Describe()
    assert decode(encode(tree)) == tree


def test_probe_takes_messages_in_order_and_says_what_came_instead(system: ActorSystem, probe: Probe) -> None:
    probe.ref.tell(1)
    probe.ref.tell("two")
    assert probe.expect(int) == 1
    with pytest.raises(AssertionError, match="expected a int, got 'two'"):
        probe.expect(int)
    probe.expect_nothing()
    probe.ref.tell(3)
    with pytest.raises(AssertionError, match="expected nothing"):
        probe.expect_nothing()
    with pytest.raises(AssertionError, match="expected a str"):
        probe.expect(str, match=lambda text: text == "x")
    with pytest.raises(AssertionError, match="got nothing"):
        probe.expect(str, timeout=0)


def test_probe_fishes(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    probe.link(ref)
    probe.ref.tell("noise")
    probe.sync(probe.ref)
    ref.stop()
    assert probe.fish(Exit).reason == NORMAL
    probe.ref.tell(1)
    probe.ref.tell(2)
    assert probe.fish(int, match=lambda number: number > 1) == 2


def test_scripts_keep_a_diary_over_all_lives(system: ActorSystem) -> None:
    script = Script()
    system.spawn(Puppet, script).stop()
    system.spawn(Puppet, script)
    script.wait_for("on_start", times=2)
    assert script.diary() == (
        ("on_start", 1),
        ("on_stop_request", 1),
        ("on_stop", 1),
        ("on_start", 1),
    )
    with pytest.raises(AssertionError, match="expected on_failure 1 times"):
        script.wait_for("on_failure", timeout=0)


def test_hold_says_that_nobody_came() -> None:
    with pytest.raises(AssertionError, match="nobody came"):
        Hold().wait_reached(timeout=0)
