"""What others need from a crash to the replacement: triotp and Erlang/OTP, each where it can be had.

What lives here: running them, for `benchmarks.supervision`; neither is a dependency of ours. What must not: rows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from shutil import which

__all__ = ("Unavailable", "measure_erlang", "measure_triotp")

WAIT = 300.0  # seconds for a whole program
TRIOTP = "triotp==0.2.1"

_TRIOTP_PROGRAM = textwrap.dedent(
    """
    import sys, time
    import logbook, trio
    from triotp import supervisor

    crashes = int(sys.argv[1])
    times, raised = [], 0.0

    async def child():
        global raised
        if raised:
            times.append((time.perf_counter() - raised) * 1e6)
        await trio.sleep(0.0005)
        if len(times) >= crashes + 20:
            done.set()
            await trio.sleep_forever()
        raised = time.perf_counter()
        raise RuntimeError("told to crash")

    async def main():
        global done
        done = trio.Event()
        specs = [supervisor.child_spec(id="child", task=child, args=[])]
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.start, specs, supervisor.options(max_restarts=10**9, max_seconds=1))
            await done.wait()
            nursery.cancel_scope.cancel()

    with logbook.NullHandler().applicationbound():
        trio.run(main)
    print(*times[20:])
    """
)


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def measure_triotp(crashes: int) -> list[float]:
    """Crash a triotp child again and again; give microseconds from the raise to the next run of its task.

    It is put into an environment of its own that goes away again. Errors: Unavailable, as without a network.
    """
    with tempfile.TemporaryDirectory(prefix="regrow-triotp-") as folder:
        python = Path(folder) / "bin" / "python"
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=WAIT)
            install = [str(python), "-m", "pip", "install", "--quiet", TRIOTP]
            subprocess.run(install, check=True, capture_output=True, timeout=WAIT)
            done = subprocess.run(
                [python, "-c", _TRIOTP_PROGRAM, str(crashes)], check=True, capture_output=True, text=True, timeout=WAIT
            )
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or b""
            text = said if isinstance(said, str) else said.decode(errors="replace")
            raise Unavailable(f"{TRIOTP}: {(text.strip().splitlines() or [str(error)])[-1]}") from error
    return [float(word) for word in done.stdout.split()]


def measure_erlang(crashes: int, children: int, restarts: int) -> tuple[list[float], dict[str, float]]:
    """Do the same under OTP's own supervisor; give microseconds from crash to init, and what many children cost.

    The costs are start, restart and stop (microseconds) and memory (bytes), each by child. Errors: Unavailable.
    """
    if which("erl") is None or which("erlc") is None:
        raise Unavailable("Erlang/OTP: no `erl` and `erlc` on the PATH (apt-get install erlang-base)")
    source = Path(__file__).with_name("restarts.erl")
    arguments = [str(crashes), str(children), str(restarts)]
    with tempfile.TemporaryDirectory(prefix="regrow-erlang-") as folder:
        try:
            subprocess.run(["erlc", "-o", folder, source], check=True, capture_output=True, text=True, timeout=WAIT)
            done = subprocess.run(
                ["erl", "-noshell", "-s", "restarts", "main", *arguments, "-s", "init", "stop"],
                check=True,
                capture_output=True,
                text=True,
                timeout=WAIT,
                cwd=folder,
            )
        except (subprocess.SubprocessError, OSError) as error:
            raise Unavailable(f"Erlang/OTP: {error}") from error
    words = [line.split() for line in done.stdout.splitlines()]
    times = [float(value) for name, value in words if name == "crash"]
    return times, {name: float(value) for name, value in words if name != "crash"}
