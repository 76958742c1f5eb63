"""A program with hosted processes, for tests that kill it: prints the pids of everything it has started, then waits."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hosted_actors import Order, Puppet

from regrow.actors import ActorRef, ActorSystem, ChildSpec, Isolation, Start
from regrow.actors.hosting import HostedRef
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
    elif kind == "draining":  # asked to stop, and busy with what came before
        ref.tell(Order("sleep", 30.0))
        wait_in_hand(ref)
        ref.shutdown(deadline=system.clock.now() + 30.0)
    elif kind == "full":
        ref.tell(Order("hold_gil", 30.0))
        wait_in_hand(ref)
        for _ in range(100):
            ref.tell(b"x" * 100_000)
    elif kind == "stopped":
        os.kill(ref.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
    elif kind == "forked":
        pids.append(ref.ask(Order("fork"), timeout=20))
    sys.stdout.write(json.dumps([pid for pid in pids if pid]) + "\n")
    sys.stdout.flush()
    if kind == "gil":
        threading.Event().wait(0.2)
    if kind == "exits":
        return
    threading.Event().wait()


def wait_in_hand(ref: ActorRef) -> None:
    assert isinstance(ref, HostedRef)
    while ref.black_box is None or ref.black_box.in_hand is None:
        threading.Event().wait(0.01)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
