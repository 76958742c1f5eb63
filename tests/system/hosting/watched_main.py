"""A program whose zygote watches it, for tests in which it does not get on: prints pids, then does what it is told."""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hosted_actors import Puppet

from regrow.actors import ActorSystem, ChildSpec, Isolation, Start
from regrow.actors.hosting import HostedRef
from regrow.actors.outcome import StartWaiter


def main(kind: str, limit: str) -> None:
    system = ActorSystem()
    waiter = StartWaiter()
    system.begin(
        ChildSpec(id="ward", start=Start(Puppet), isolation=Isolation.PROCESS),
        parent=None,
        ref=None,
        on_outcome=waiter,
    )
    ref = waiter.wait()
    assert isinstance(ref, HostedRef)
    system.hosting.watchdog_seconds = int(limit) if limit.isdigit() else float(limit)
    sys.stdout.write(json.dumps([ref.pid, system.hosting.zygote_pid]) + "\n")
    sys.stdout.flush()
    if kind == "gil":
        ctypes.PyDLL(None).usleep(60_000_000)
    elif kind == "computing":
        sum(range(10**11))  # one call of C code, which lets nobody else run
    elif kind == "subscriber":
        system.hosting.loop.call(lambda: time.sleep(60))
        threading.Event().wait()
    elif kind == "off":
        system.hosting.watchdog_seconds = None
        ctypes.PyDLL(None).usleep(4_000_000)
        system.shutdown()
    elif kind == "reloaded":  # the zygote of the ward lives on, and watches no more
        system.hosting.reload()
        system.hosting.watchdog_seconds = None
        time.sleep(3.0)
        system.shutdown()
    else:  # it lives, for a while, with beats all the time
        time.sleep(4.0)
        system.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
