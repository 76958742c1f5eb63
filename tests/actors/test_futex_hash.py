"""Room for the waits of many threads: asked for when it is needed, and never where there is none to be had."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from regrow.actors.dispatchers.futex_hash import CHAINS_MAX, ENOUGH_THREADS, FutexHash, chains_for

GET, SET = 2, 1


@dataclass
class Kernel:
    """Answers as prctl(2) does."""

    chains: int = 16
    knows: bool = True
    grants: bool = True
    asked: list[tuple[int, int]] = field(default_factory=list)

    def prctl(self, option: int, operation: int, value: int) -> int:
        assert option == 78
        self.asked.append((operation, value))
        if not self.knows or (operation == SET and not self.grants):
            return -1
        if operation == GET:
            return self.chains
        self.chains = value
        return 0


def test_few_threads_are_left_to_the_kernel() -> None:
    kernel = Kernel()
    FutexHash(kernel.prctl, platform="linux").make_room(ENOUGH_THREADS)
    assert kernel.asked == []


def test_many_threads_get_room_for_twice_as_many_and_the_kernel_is_asked_again_only_beyond_these() -> None:
    kernel = Kernel()
    room = FutexHash(kernel.prctl, platform="linux")
    for threads in range(10_001):
        room.make_room(threads)
    assert kernel.chains == 32_768
    assert [value for operation, value in kernel.asked if operation == SET] == [2**power for power in range(10, 16)]


def test_a_table_that_is_large_enough_is_left_as_it_is() -> None:
    kernel = Kernel(chains=4_096)
    FutexHash(kernel.prctl, platform="linux").make_room(1_000)
    assert kernel.asked == [(GET, 0)]


@pytest.mark.parametrize("kernel", [Kernel(knows=False), Kernel(grants=False)], ids=["older", "unwilling"])
def test_a_kernel_that_refuses_is_not_asked_again(kernel: Kernel) -> None:
    room = FutexHash(kernel.prctl, platform="linux")
    room.make_room(1_000)
    asked = list(kernel.asked)
    room.make_room(50_000)
    assert kernel.asked == asked


def test_other_systems_are_not_asked() -> None:
    kernel = Kernel()
    FutexHash(kernel.prctl, platform="darwin").make_room(50_000)
    assert kernel.asked == []


def test_no_more_is_asked_for_than_is_reasonable() -> None:
    kernel = Kernel()
    room = FutexHash(kernel.prctl, platform="linux")
    for threads in (40_000, 80_000):
        room.make_room(threads)
    assert [value for operation, value in kernel.asked if operation == SET] == [CHAINS_MAX]


@pytest.mark.parametrize(
    ("threads", "chains"), [(1, 2), (256, 512), (257, 1_024), (8_192, 16_384), (8_193, 32_768), (10**6, CHAINS_MAX)]
)
def test_there_are_at_least_twice_as_many_chains_as_threads(threads: int, chains: int) -> None:
    assert chains_for(threads) == chains
