"""How late heartbeats are while user code holds the GIL: regrow's process of its own, the user's loop, a thread.

`python -m benchmarks.heartbeat [--quick] [--json] [--rounds N] [--plot PATH]`. All three arrangements run the same
functions over the same files against the same gateway, one after the other, in each round. Lateness is taken by the
sender: of the isolated heartbeat after the send has returned, of the two others before it begins.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.plot import write_lateness_plot
from benchmarks.rows import Row, median_and_spread, print_rows
from regrow.cli.demo.run import DemoOptions, Series, run_demo

TARGET_MS = 10.0
ARRANGEMENTS = ("isolated", "same_loop", "thread")


def main() -> int:
    """Measure, print, and draw if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, under a minute")
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="write the beats of the last round as SVG")
    arguments = parser.parse_args()
    rounds, seconds = (1, 6.0) if arguments.quick else (arguments.rounds, 10.0)

    from loguru import logger

    logger.remove()
    worst: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
    p99: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
    series: Series = {}
    for number in range(rounds):
        options = DemoOptions(seconds=seconds, baseline_seconds=seconds / 2, seed=number + 1, chaos=False, gil_every=20)
        series = {}
        report = run_demo(options, series=series)
        for name in ARRANGEMENTS:
            beats = getattr(report, name)
            worst[name].append(beats.worst_lateness_ms)
            p99[name].append(beats.p99_lateness_ms)
        if not arguments.json:
            print(
                f"round {number + 1} of {rounds}: worst {[worst[name][-1] for name in ARRANGEMENTS]} ms",
                file=sys.stderr,
            )

    rows = []
    for what, values in (("worst lateness", worst), ("p99 lateness", p99)):
        ours, spread = median_and_spread(values["isolated"])
        for peer, label in (("same_loop", "on the user's asyncio loop"), ("thread", "in a thread of the process")):
            theirs, _ = median_and_spread(values[peer])
            target = f"<= {TARGET_MS:g} ms" if what == "worst lateness" else ""
            met = ours <= TARGET_MS if target else None
            rows.append(Row(what, ours, "ms", label, theirs, theirs / max(ours, 0.001), target, met, spread))
    print_rows(f"Heartbeats every 100 ms under load, medians of {rounds} rounds", rows, as_json=arguments.json)
    if arguments.plot is not None:
        names = {"isolated": "a process of its own", "same_loop": "on the user's loop", "thread": "in a thread"}
        write_lateness_plot(arguments.plot, {names[name]: series[name] for name in ARRANGEMENTS}, bound_ms=50.0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
