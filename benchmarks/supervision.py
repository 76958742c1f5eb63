"""What supervision costs: from a crash to the replacement, among ten thousand children, and to decide.

`python -m benchmarks.supervision [--quick] [--json] [--children N]`. Peers in the same run: a pykka actor that starts
its own successor, triotp (put into an environment that the program makes and removes), Erlang/OTP if `erl` is there,
and for the cost among many children a bare thread that ends and one that starts beside them, as each child is one.
Nothing else should run on the machine: what is measured is how fast threads are woken.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import TypeVar

from benchmarks.crowd import CrowdRun, measure_crowd
from benchmarks.deciding import decide_dynamic, decide_group, decide_static
from benchmarks.other_supervisors import Unavailable, measure_erlang, measure_triotp
from benchmarks.restarts import measure_actor, measure_pykka
from benchmarks.rows import Row, print_rows

RESTART_TARGET_US = 200.0
T = TypeVar("T")

FLAT = 1.5  # times as much among all as among the fewest


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer of everything, under a minute")
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--children", type=int, default=10_000, help="of the largest crowd")
    arguments = parser.parse_args()
    logging.getLogger("regrow").setLevel(logging.CRITICAL + 1)  # every end is one that was asked for here

    crashes, decisions = (300, 5_000) if arguments.quick else (2_000, 50_000)
    largest = 2_000 if arguments.quick and arguments.children == 10_000 else arguments.children
    sizes = [size for size in (100, 1_000, 5_000) if size < largest] + [largest]

    rows = _restart_rows(crashes, largest)
    crowds = [measure_crowd(size, 2.0 if arguments.quick else 5.0) for size in sizes]
    rows += [row for crowd in crowds for row in _crowd_rows(crowd)]
    rows += _flat_rows(crowds)
    rows += _deciding_rows(decisions)
    used = ", ".join(str(crowd.children) for crowd in crowds)
    print_rows(
        f"Supervision: {crashes} crashes; crowds of {used} children, a thread each", rows, as_json=arguments.json
    )
    return 0


def _restart_rows(crashes: int, children: int) -> list[Row]:
    ours, pykka = measure_actor(crashes), measure_pykka(crashes)
    rows = [_against("pykka, restarts itself", ours, pykka)]
    triotp = _if_possible(lambda: measure_triotp(crashes))
    if triotp is not None:
        rows.append(_against("triotp, a coroutine", ours, triotp))
    erlang = _if_possible(lambda: measure_erlang(crashes, children, min(children, crashes)))
    if erlang is not None:
        rows.append(_against("Erlang/OTP", ours, erlang[0]))
    rows.append(_p99("regrow", ours))
    peers = {"pykka": pykka, "triotp": triotp, "Erlang/OTP": erlang and erlang[0]}
    rows += [_p99(name, times) for name, times in peers.items() if times]
    if erlang is not None:
        rows += [
            _plain(f"Erlang/OTP, {children} children: {name} each", value, "B" if name == "memory" else "us")
            for name, value in erlang[1].items()
        ]
    return rows


def _against(peer: str, ours: Sequence[float], theirs: Sequence[float]) -> Row:
    took, other = median(ours), median(theirs)
    spread = f"{min(ours):.3g}..{max(ours):.3g}"
    target, met = f"<= {RESTART_TARGET_US:g} us p50", took <= RESTART_TARGET_US
    return Row("actor crashed -> replacement ready, p50", took, "us", peer, other, other / took, target, met, spread)


def _crowd_rows(crowd: CrowdRun) -> list[Row]:
    of = f"of {crowd.children}"
    return [
        _plain(f"start {of} dynamic children, each", crowd.start, "us"),
        _plain(f"memory {of}, each with its thread", crowd.memory, "KiB"),
        _plain(f"one {of} crashed -> ready, p50", median(crowd.restart), "us", f"p99 {_last(crowd.restart):.3g}"),
        _plain(f"1 % {of} crash a second, p50", median(crowd.storm), "us", f"p99 {_last(crowd.storm):.3g}"),
        _plain("  share of a core meanwhile", 100 * crowd.storm_cpu, "%"),
        _used(f"CPU of a restart {of}, regrow and Python", crowd.restart_user, crowd.thread_user),
        _used(f"CPU of a restart {of}, kernel", crowd.restart_kernel, crowd.thread_kernel),
        _plain(f"stop {of}, each", crowd.stop, "us"),
    ]


def _used(what: str, ours: float, bare: float) -> Row:
    return Row(what, ours, "us", "a bare thread", bare, bare / max(1.0, ours), "", None)


def _flat_rows(crowds: Sequence[CrowdRun]) -> list[Row]:
    """Compare what a restart costs the machine: regrow, Python and the kernel together."""
    first, last = crowds[0], crowds[-1]
    times = (last.restart_user + last.restart_kernel) / max(1.0, first.restart_user + first.restart_kernel)
    name = f"  all of it, of {last.children} against {first.children}"
    return [Row(name, times, "times", "", None, None, f"<= {FLAT:g} times", times <= FLAT)]


def _deciding_rows(decisions: int) -> list[Row]:
    rows = []
    kinds: dict[str, Callable[[int, int], float]] = {"one_for_one": decide_static, "dynamic": decide_dynamic}
    for kind, decide in kinds.items():
        few, many = decide(10, decisions), decide(10_000, decisions)
        what = f"decisions a CPU second, {kind}, 10,000 children"
        rows.append(Row(what, many, "/s", "among 10 children", few, many / few, f">= 1/{FLAT:g}", many * FLAT >= few))
    rows.append(_plain("decisions a CPU second, one_for_all, 100 children", decide_group(100, decisions // 200), "/s"))
    return rows


def _p99(name: str, times: Sequence[float]) -> Row:
    return _plain(f"  p99, {name}", _last(times), "us")


def _last(times: Sequence[float]) -> float:
    return quantiles(times, n=100)[-1] if len(times) > 1 else times[0]


def _plain(what: str, value: float, unit: str, spread: str = "") -> Row:
    return Row(what, value, unit, "", None, None, "", None, spread)


def _if_possible(measure: Callable[[], T]) -> T | None:
    try:
        return measure()
    except Unavailable as error:
        print(f"left out: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    raise SystemExit(main())
