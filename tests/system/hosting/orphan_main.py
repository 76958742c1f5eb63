"""A program with hosted processes, for tests that kill it: prints the pids of everything it has started, then waits."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hosted_actors import Order, Puppet

from regrow.actors import ActorSystem, ChildSpec, Isolation, Start
from regrow.actors.outcome import StartWaiter


def main(launcher: str, kind: str) -> None:
    system = ActorSystem()
    waiter = StartWaiter()
    spec = ChildSpec(
        id="orphan",
        start=Start(Puppet),
        isolation=Isolation.PROCESS,
        launcher=launcher,  # type: ignore[arg-type]
    )
    system.begin(spec, parent=None, ref=None, on_outcome=waiter)
    ref = waiter.wait()
    pids = [ref.pid, system.hosting.zygote_pid]  # type: ignore[attr-defined]
    if kind == "tree":
        pids.append(ref.ask(Order("nest", launcher), timeout=20))
        pids.append(ref.ask(Order("fork"), timeout=20))
    elif kind == "gil":
        ref.tell(Order("hold_gil", 30.0))
    elif kind == "deaf":
        ref.ask(Order("ignore_sigterm"), timeout=20)
        ref.tell(Order("sleep", 30.0))
    elif kind == "forked":
        pids.append(ref.ask(Order("fork"), timeout=20))
    sys.stdout.write(json.dumps([pid for pid in pids if pid]) + "\n")
    sys.stdout.flush()
    if kind == "gil":
        threading.Event().wait(0.2)
    if kind == "exits":
        return
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
