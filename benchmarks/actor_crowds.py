"""Many actors that do nothing, and 100,000 in a ring: rows of `benchmarks.actors`, each from a fresh process.

What lives here: which crowds there are, and their rows. What must not: what a crowd does (`actor_workloads.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.actor_plan import (
    CROWDS,
    HUNDRED_THOUSAND,
    IDLE_TARGET_PERCENT,
    MEMORY_TARGET_BYTES,
    OURS,
    PEER,
)
from benchmarks.actor_rounds import NOT_AVAILABLE, Mode, Scale, fresh
from benchmarks.actor_serving import SideFailed
from benchmarks.other_supervisors import Unavailable
from benchmarks.rows import Row

__all__ = ("crowd_rows", "idle_rows", "ring_rows")

ROUGHLY = 5_000  # bytes that an actor without a thread may weigh, to know whether there is room for a crowd
ROUGHLY_THREADED = 40_000
TIMEOUT = 900.0  # seconds for a million
TIMERS = 1_000


def crowd_rows(mode: Mode, sides: Sequence[str], scale: Scale) -> list[Row]:
    """Give memory, start and stop of the crowds; for ours against the same number of pykka's, or its most."""
    weighed: dict[tuple[str, int], dict[str, float] | str] = {}
    for side, sizes in CROWDS.items():
        for size in sizes[:1] if scale.quick else sizes:
            if side in sides:
                weighed[side, size] = _crowd(mode, side, size, scale)
                print(f"crowd of {size}: {side}", file=sys.stderr)
    return [row for (side, size) in weighed for row in _rows_of_crowd(side, size, weighed)]


def _crowd(mode: Mode, side: str, size: int, scale: Scale) -> dict[str, float] | str:
    each = ROUGHLY_THREADED if CROWDS[side][0] < 10_000 else ROUGHLY
    free = _free_bytes()
    if free < size * each:
        return f"not measured: {size * each >> 20} MiB needed, {free >> 20} MiB free"
    return _once(mode, side, "crowd", size, 0, scale)


def _once(mode: Mode, side: str, workload: str, count: int, size: int, scale: Scale) -> dict[str, float] | str:
    try:
        with fresh(side, mode, install=not scale.quick) as process:
            answer = process.measure(workload, count, size, TIMEOUT if not scale.quick else scale.timeout)
    except (SideFailed, Unavailable) as error:
        return str(error)
    return answer["values"] if "values" in answer else answer.get("missing") or f"failed: {answer.get('error')}"


def _rows_of_crowd(side: str, size: int, weighed: dict[tuple[str, int], dict[str, float] | str]) -> list[Row]:
    mine = weighed[side, size]
    peers = [(n, values) for (name, n), values in weighed.items() if name == PEER and isinstance(values, dict)]
    most = max(peers, key=lambda found: found[0], default=None)
    rows = []
    for value, title, unit in (("bytes", "memory", "B"), ("start", "start", "us"), ("stop", "stop", "us")):
        name = f"{size:,} idle actors, {side}: {title}, each"
        if isinstance(mine, str):
            rows.append(Row(name, None, unit, "", None, None, *_weight_target(side, value, mine), mine))
            continue
        other = most[1][value] if most is not None and side in OURS else None
        peer = f"{PEER}, {most[0]:,} of them" if most is not None and side in OURS else ""
        ratio = None if other is None else other / mine[value]
        rows.append(Row(name, mine[value], unit, peer, other, ratio, *_weight_target(side, value, mine)))
    return rows


def _weight_target(side: str, value: str, got: dict[str, float] | str) -> tuple[str, bool | None]:
    if side != "pool" or value != "bytes":
        return "", None
    met = None if got == NOT_AVAILABLE else isinstance(got, dict) and got[value] <= MEMORY_TARGET_BYTES
    return f"<= {MEMORY_TARGET_BYTES:g} B", met


def idle_rows(mode: Mode, sides: Sequence[str], scale: Scale) -> list[Row]:
    """Give the share of a core that an idle system takes."""
    rows = []
    for side in ("pool", "asyncio") if scale.quick else ("pool", "asyncio", "thread"):
        if side not in sides:
            continue
        actors = 2_000 if side == "thread" else 10_000 if scale.quick else 100_000
        timers = min(TIMERS, actors)
        found = _once(mode, side, "idle", actors, timers, scale)
        name = f"CPU of {actors:,} idle actors and {timers:,} timers, {side}"
        still = found["still"] if isinstance(found, dict) else None
        target, met = "", None
        if side == "pool":
            target = f"<= {IDLE_TARGET_PERCENT:g} %"
            met = None if found == NOT_AVAILABLE else still is not None and still <= IDLE_TARGET_PERCENT
        words = "" if isinstance(found, dict) else found
        rows.append(Row(name, still, "%", "", None, None, target, met, words))
        if isinstance(found, dict) and not scale.quick:
            ticking = f"  while each of them ticks in 5 to 15 s, {found['ticks']:.3g} ticks a second"
            rows.append(Row(ticking, found["ticking"], "%", "", None, None, "", None))
        print(f"idle: {side}", file=sys.stderr)
    return rows


def ring_rows(mode: Mode, sides: Sequence[str], scale: Scale) -> list[Row]:
    """Give what a hop takes in a ring of very many; without threads, so pykka has none."""
    rows = []
    actors = 1_000 if scale.quick else HUNDRED_THOUSAND.size
    messages = 20_000 if scale.quick else HUNDRED_THOUSAND.limit
    for side in ("pool", "plain asyncio", "Erlang"):
        if side in sides:
            found = _once(mode, side, "ring", messages, actors, scale)
            hop = found["hop"] if isinstance(found, dict) else None
            words = "" if isinstance(found, dict) else found
            name = f"{actors:,} in a ring pass {messages:,} messages, {side}: a hop"
            rows.append(Row(name, hop, "us", "", None, None, "", None, words))
    return rows


def _free_bytes() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise RuntimeError("expected MemAvailable in /proc/meminfo")
