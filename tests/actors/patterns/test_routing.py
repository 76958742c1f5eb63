"""The order in which strategies would send: fair, even, least loaded, always the same."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from regrow.actors import ActorRef, ActorSystem, SpawnOptions
from regrow.actors.patterns import ConsistentHash, LeastBusy, Pick, RandomPick, RoundRobin, waiting_messages
from regrow.actors.testing import Hold, Probe, Puppet, hang


@pytest.fixture
def refs(system: ActorSystem) -> list[ActorRef]:
    return [ActorRef(system, name=name, actor_class=Puppet) for name in "abcd"]


def text(key: object) -> str:
    return str(key)


def first(pick: Pick, refs: list[ActorRef], message: object = "x") -> ActorRef:
    return next(iter(pick.order(refs, message)))


@pytest.mark.parametrize("pick", [RoundRobin(), RandomPick(), LeastBusy(), ConsistentHash(text)])
def test_every_routee_is_offered_once_and_none_where_there_are_none(pick: Pick, refs: list[ActorRef]) -> None:
    for number in range(10):
        assert sorted(ref.name for ref in pick.order(refs, number)) == ["a", "b", "c", "d"]
    assert list(pick.order([], "x")) == []


def test_round_robin_goes_round(refs: list[ActorRef]) -> None:
    pick = RoundRobin()
    assert "".join(first(pick, refs).name for _ in range(9)) == "abcdabcda"
    assert "".join(ref.name for ref in pick.order(refs, "x")) == "bcda"


def test_random_picks_are_even_and_by_the_given_numbers(refs: list[ActorRef]) -> None:
    names = [first(RandomPick(random.Random(seed)), refs).name for seed in range(400)]
    assert all(70 < count < 130 for count in Counter(names).values())
    one, two = RandomPick(random.Random(5)), RandomPick(random.Random(5))
    assert [first(one, refs) for _ in range(9)] == [first(two, refs) for _ in range(9)]


def test_the_least_busy_is_first_and_equals_take_turns(refs: list[ActorRef]) -> None:
    loads = {"a": 2, "b": 1, "c": 1, "d": 5}
    pick = LeastBusy(lambda ref: loads[ref.name])
    assert {first(pick, refs).name for _ in range(8)} == {"b", "c"}
    loads["a"] = 0
    assert [ref.name for ref in pick.order(refs, "x")][0::3] == ["a", "d"]


def test_load_is_how_many_messages_wait(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    busy, idle = system.spawn(Puppet), system.spawn(Puppet)
    busy.tell(hang(hold))
    hold.wait_reached()
    for number in range(3):
        busy.tell(number)
    assert waiting_messages(busy) == 3
    assert waiting_messages(idle) == 0
    pick = LeastBusy()
    assert {first(pick, [busy, idle]) for _ in range(4)} == {idle}
    hold.release()
    probe.sync(busy)
    assert waiting_messages(busy) == 0
    assert waiting_messages(ActorRef(system, name="never lived", actor_class=Puppet)) == 0


def test_the_same_key_goes_to_the_same_routee_in_whatever_order_they_are_listed(refs: list[ActorRef]) -> None:
    pick = ConsistentHash(text)
    before = {key: first(pick, refs, key) for key in range(100)}
    assert len(set(before.values())) == 4
    assert {key: first(pick, refs[::-1], key) for key in range(100)} == before
    left = [ref for ref in refs if ref.name != "b"]
    for key, ref in before.items():
        assert first(pick, left, key) is ref or ref.name == "b"


def test_names_decide_where_names_are_given(refs: list[ActorRef], system: ActorSystem) -> None:
    others = [ActorRef(system, name=name, actor_class=Puppet) for name in "dcba"]
    pick = ConsistentHash(text, node=lambda ref: ref.name)
    for key in range(50):
        assert first(pick, refs, key).name == first(pick, others, key).name


def test_two_routees_of_one_name_are_refused(refs: list[ActorRef]) -> None:
    with pytest.raises(ValueError, match="expected a name of its own for each routee, got"):
        ConsistentHash(text, node=lambda _ref: "same").order(refs, "x")


def test_spawned_routees_are_routed_to_by_their_load(system: ActorSystem) -> None:
    refs = [system.spawn(Puppet, options=SpawnOptions(name=name)) for name in "ab"]
    pick = LeastBusy()
    assert {first(pick, refs) for _ in range(4)} == set(refs)
