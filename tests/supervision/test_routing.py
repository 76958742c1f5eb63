"""Keys lead to the same partition in every process, and all partitions get their share."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors import ActorSystem
from regrow.actors.testing import Puppet
from regrow.supervision.routing import partition_of, stable_hash

ROOT = Path(__file__).parents[2]
SIMPLE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
KEYS = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=5)


class Color(Enum):
    RED = 1
    GREEN = 2


class Word(StrEnum):
    RED = "red"


class Number(IntEnum):
    FIVE = 5


@given(key=st.integers(), partitions=st.integers(1, 1000))
def test_an_integer_goes_modulo_and_a_negative_one_by_its_absolute_value(key: int, partitions: int) -> None:
    assert partition_of(key, partitions) == abs(key) % partitions == partition_of(-key, partitions)


@given(key=KEYS, partitions=st.integers(1, 50))
def test_every_key_has_one_partition(key: object, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, partitions) == partition_of(key, partitions)


@given(one=KEYS, other=KEYS)
def test_different_keys_have_different_hashes(one: object, other: object) -> None:
    if repr(one) != repr(other) and one != other:
        assert stable_hash(one) != stable_hash(other)


def test_parts_cannot_run_into_each_other() -> None:
    pairs = [
        (("ab", "c"), ("a", "bc")),
        ((("a",), "b"), ("a", ("b",))),
        ("1", 1.0),
        (b"a", "a"),
        ((), ((),)),
        ((1,), ("1",)),
    ]
    assert all(stable_hash(one) != stable_hash(other) for one, other in pairs)
    assert stable_hash(Color.RED) != stable_hash(Color.GREEN)


def test_what_is_equal_as_a_key_goes_to_the_same_place() -> None:
    assert stable_hash(Word.RED) == stable_hash("red")
    assert stable_hash((Number.FIVE, True)) == stable_hash((5, 1))
    assert partition_of(Number.FIVE, 3) == partition_of(5, 3) == 2


def test_another_process_with_another_salt_finds_the_same_partitions() -> None:
    code = (
        "from regrow.supervision.routing import partition_of as p; from uuid import UUID; from decimal import Decimal;"
        "print([p(k, 1000) for k in ('user-1', b'x', ('a', 1, None), 2.5, UUID(int=7), Decimal('1.50'), hash)[:6]])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout.strip()
        for salt in ("1", "2")
    }
    here = [partition_of(k, 1000) for k in ("user-1", b"x", ("a", 1, None), 2.5, UUID(int=7), Decimal("1.50"))]
    assert said == {str(here)}


def test_the_hash_is_part_of_the_contract() -> None:
    assert partition_of("user-1", 2**64) == stable_hash("user-1") == 7058575413080639760


@pytest.mark.parametrize("make", [str, lambda number: ("user", number), lambda number: UUID(int=number)])
def test_every_partition_gets_its_share(make: type[str]) -> None:
    shares = Counter(partition_of(make(number), 8) for number in range(8000))
    assert set(shares) == set(range(8))
    assert max(shares.values()) - min(shares.values()) < 250


def test_times_paths_and_refs_are_keys(system: ActorSystem) -> None:
    ref, other = system.spawn(Puppet), system.spawn(Puppet)
    keys = [date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC), PurePosixPath("/a"), ref, other]
    assert len({stable_hash(key) for key in keys}) == 5


@pytest.mark.parametrize("key", [{"a": 1}, {1, 2}, frozenset("ab"), [1], object()])
def test_what_has_no_form_of_its_own_is_refused(key: object) -> None:
    with pytest.raises(TypeError, match=r"key: expected an int, str, bytes, .* or a tuple of them, got "):
        partition_of(key, 3)
    with pytest.raises(TypeError, match=r"got .* in \('a', "):
        partition_of(("a", key), 3)
