"""Messages between two processes over whatever carries them: the same deeds for every side.

What lives here, for `benchmarks.processes`: both ends of a channel, each of which checks what has come. What must
not: what carries the messages.
Times are microseconds, rates are per second. Imports the standard library only: sides run elsewhere too.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from benchmarks.actor_serving import Workload, last, middle
from benchmarks.process_goods import KINDS, MEBIBYTE, Bin, Tally, expect, payloads, small, tallied

__all__ = ("Channel", "channel_workloads", "serve_channel")

clock = time.perf_counter


class Channel(Protocol):
    """One end. Whatever waits for the other side blocks."""

    def give(self, message: object) -> None:
        """Send a small message."""

    def take(self) -> object:
        """Receive one; a tuple may come as a list."""

    def give_bytes(self, payload: bytes) -> None:
        """Send a large one, in the quickest way there is."""

    def take_bytes(self, size: int) -> bytes | bytearray | memoryview:
        """Receive one of so many bytes. It may be overwritten by the next one."""


def serve_channel(channel: Channel) -> None:
    """Be the child's end: do what is asked until there is nothing more to do."""
    give, take = channel.give, channel.take
    give("ready")
    while True:
        match take():
            case ["count", int(count)]:
                tally = Tally()
                for _ in range(count):
                    tally.take(take())  # type: ignore[arg-type]
                give(tally.said())
            case ["send", int(count)]:
                for number in range(count):
                    give(small(number))
            case ["echo", int(count)]:
                for _ in range(count):
                    give(take())
            case ["bytes", int(count), int(size)]:
                give("go on")
                received, sums = Bin(size), []
                for number in range(count):
                    payload = channel.take_bytes(size)
                    received.take(payload)
                    if number < KINDS:
                        sums.append(zlib.crc32(payload))
                        give("go on")
                give([received.said(), sums])
            case "stop":
                return
            case other:
                raise AssertionError(f"a channel does not know {other!r}")


def channel_workloads(open_channel: Callable[[], AbstractContextManager[Channel]]) -> Mapping[str, Workload]:
    """Give the workloads; `open_channel` gives the parent's end, and sees to it that the child has ended afterwards."""

    def over(measure: Callable[[Channel, int, int], dict[str, float]]) -> Workload:
        def run(count: int, size: int) -> dict[str, float]:
            with open_channel() as channel:
                expect("first word", "ready", channel.take())
                values = measure(channel, count, size)
                channel.give("stop")
                return values

        return run

    return {"tell": over(_tell), "tell back": over(_tell_back), "ask": over(_ask), "payload": over(_payload)}


def _tell(channel: Channel, count: int, _size: int) -> dict[str, float]:
    """To the child, until it has answered how much came."""
    give = channel.give
    began = clock()
    give(("count", count))
    for number in range(count):
        give(small(number))
    said = channel.take()
    took = clock() - began
    expect("tally", tallied(count), said)
    return {"rate": count / took, "seconds": took}


def _tell_back(channel: Channel, count: int, _size: int) -> dict[str, float]:
    """From the child."""
    tally = Tally()
    take = channel.take
    began = clock()
    channel.give(("send", count))
    for _ in range(count):
        tally.take(take())  # type: ignore[arg-type]
    took = clock() - began
    expect("tally", tallied(count), tally.said())
    return {"rate": count / took, "seconds": took}


def _ask(channel: Channel, count: int, _size: int) -> dict[str, float]:
    channel.give(("echo", count))
    times = []
    for number in range(count):
        began = clock()
        channel.give(number)
        answer = channel.take()
        times.append((clock() - began) * 1e6)
        expect("answer", number, answer)
    return {"p50": middle(times), "p99": last(times), "seconds": sum(times) / 1e6}


def _payload(channel: Channel, count: int, size: int) -> dict[str, float]:
    """Large ones to the child; the first of each kind is compared from end to end, outside of the measurement."""
    goods = payloads(size * MEBIBYTE)
    channel.give(("bytes", KINDS + count, len(goods[0])))
    for payload in goods:
        expect("word", "go on", channel.take())
        channel.give_bytes(payload)
    expect("word", "go on", channel.take())
    began = clock()
    for number in range(count):
        channel.give_bytes(goods[number % KINDS])
    said = channel.take()
    took = clock() - began
    expect("payloads and sums", [[KINDS + count, 0], [zlib.crc32(payload) for payload in goods]], said)
    return {"GB/s": count * len(goods[0]) / took / 1e9, "seconds": took}
