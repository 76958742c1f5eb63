"""What each kind of key hashes to, number by number: two processes have to agree, whatever their version."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, cast
from uuid import UUID

import pykka
import pytest

from regrow.supervision.routing import partition_of, stable_hash


class Color(Enum):
    RED = 1


class Ref(pykka.ActorRef[Any]):
    """A ref of nobody."""

    def __init__(self, urn: str) -> None:
        self.actor_urn = urn


VALUES: list[tuple[object, int]] = [
    ("", 2680128328551670578),
    ("user-1", 7058575413080639760),
    ("\ud800", 17283224338096093232),
    (b"", 10855496578883183692),
    (b"user-1", 10454234731488028539),
    (0, 2267094807895589856),
    (-7, 17037627955312601081),
    (True, 2109184981417529014),
    (2**70, 11778193171742382087),
    (0.0, 11819809734798939643),
    (2.5, 10411573414528259675),
    (None, 10290191121755411798),
    (Color.RED, 8989154164083699474),
    ((), 259263176384427585),
    (("a", 1), 2178796396086371196),
    ((("a",), None), 13878473469844326185),
    (UUID(int=7), 3234919029892856526),
    (Decimal("1.50"), 12194344567226105098),
    (date(2026, 1, 2), 4833544313708493561),
    (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), 11725418170188955208),
    (time(3, 4), 9345140997125265613),
    (PurePosixPath("/a/b"), 2253235096964502176),
    (Ref("urn:uuid:1"), 4850901833851135160),
]


@pytest.mark.parametrize(("key", "value"), VALUES)
def test_a_key_has_this_hash_for_ever(key: object, value: int) -> None:
    assert stable_hash(key) == value


@pytest.mark.parametrize("key", [[1], {"a": 1}])
def test_a_refusal_shows_the_part_and_the_whole_key(key: object) -> None:
    expected = (
        "key: expected an int, str, bytes, float, bool, None, UUID, Decimal, date, time, path, enum member, actor ref, "
        "or a tuple of them, got "
    )
    with pytest.raises(TypeError) as alone:
        partition_of(key, 3)
    assert str(alone.value) == f"{expected}{key!r}"
    whole = cast("object", ("a", ("b", key)))
    with pytest.raises(TypeError) as inside:
        partition_of(whole, 3)
    assert str(inside.value) == f"{expected}{key!r} in {whole!r}"
