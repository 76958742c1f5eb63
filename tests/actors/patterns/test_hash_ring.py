"""Consistent hashing: stable, even, and few keys move."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.actors.patterns import HashRing

KEYS = [f"key-{number}" for number in range(200)]
NODES = st.lists(st.sampled_from([f"node-{number}" for number in range(12)]), unique=True, min_size=1, max_size=8)


def owners(ring: HashRing) -> dict[str, str | None]:
    return {key: ring.owner(key) for key in KEYS}


def test_it_is_the_same_in_every_process() -> None:
    ring = HashRing(["a", "b", "c"])
    assert [ring.owner(key) for key in ("x", "y", "z", b"x", 1, -1)] == ["a", "b", "b", "a", "a", "a"]


def test_an_empty_ring_has_no_owner() -> None:
    ring = HashRing()
    assert ring.owner("x") is None
    assert list(ring.walk("x")) == []
    assert len(ring) == 0


def test_nodes_come_once_and_go_once() -> None:
    ring = HashRing(["a"])
    assert not ring.add("a")
    assert ring.add("b")
    assert "b" in ring
    assert ring.remove("a")
    assert not ring.remove("a")
    assert ring.nodes == ("b",)


@pytest.mark.parametrize("key", [1.5, None, ("a",)])
def test_a_key_that_has_no_stable_hash_is_refused(key: object) -> None:
    with pytest.raises(TypeError, match="expected a str, bytes or int as key"):
        HashRing(["a"]).owner(key)  # type: ignore[arg-type]


def test_it_has_at_least_one_point_for_each_node() -> None:
    with pytest.raises(ValueError, match="replicas: expected 1 or more, got 0"):
        HashRing(replicas=0)


def test_keys_are_spread_evenly() -> None:
    ring = HashRing([f"node-{number}" for number in range(10)])
    loads = Counter(ring.owner(number) for number in range(10_000))
    assert len(loads) == 10
    assert max(loads.values()) < 1.5 * 1_000
    assert min(loads.values()) > 0.6 * 1_000


@given(NODES, st.sampled_from([f"node-{number}" for number in range(12, 15)]))
@settings(max_examples=30)
def test_who_comes_takes_keys_and_no_key_moves_between_others(nodes: list[str], new: str) -> None:
    ring = HashRing(nodes, replicas=32)
    before = owners(ring)
    ring.add(new)
    after = owners(ring)
    assert all(after[key] in (before[key], new) for key in KEYS)
    ring.remove(new)
    assert owners(ring) == before


@given(NODES, st.integers(0, 7))
@settings(max_examples=30)
def test_when_one_goes_its_keys_go_to_the_next_on_the_walk(nodes: list[str], which: int) -> None:
    ring = HashRing(nodes, replicas=32)
    gone = nodes[which % len(nodes)]
    walks = {key: list(ring.walk(key)) for key in KEYS}
    ring.remove(gone)
    for key, walk in walks.items():
        assert sorted(walk) == sorted(nodes)
        assert list(ring.walk(key)) == [node for node in walk if node != gone]


@given(NODES, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_in_which_nodes_came_does_not_matter(nodes: list[str], random: object) -> None:
    import random as std

    assert isinstance(random, std.Random)
    shuffled = list(nodes)
    random.shuffle(shuffled)
    assert owners(HashRing(nodes, replicas=16)) == owners(HashRing(shuffled, replicas=16))
