"""Drill: the network between worker and gateway swallows everything; both believe for a while that they are connected.

Run it: python examples/chaos/cut_the_network.py        (exit code 1 if the hypothesis is refuted)
"""

import tempfile
import time
from pathlib import Path

import regrow
from regrow.chaos import Experiment, FaultProxy, HypothesisRefuted, wait_until
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_process import GatewayActor

JOBS = 20
INTERVAL, MISSES = 0.25, 3  # a peer that was silent for so many heartbeats is gone


def work(ledger: str, number: int) -> int:
    """Take 300 ms, and leave a trace of each run."""
    time.sleep(0.3)
    with Path(ledger).open("a") as file:
        file.write(f"{number}\n")
    return number


def runs(ledger: str) -> list[int]:
    """Give the numbers of the jobs that ran, as often as they did."""
    return sorted(map(int, Path(ledger).read_text().split()))


def drill(experiment: Experiment, worker: regrow.Worker, client: regrow.Client, proxy: FaultProxy, ledger: str) -> None:
    watch = worker.watch
    requests = [client.submit("work", ledger, number) for number in range(JOBS)]
    wait_until(lambda: len(runs(ledger)) >= 4, what="4 jobs ran", deadline=10.0)
    before, readies = len(runs(ledger)), watch.link.readies
    experiment.step(f"nothing passes any more, after {before} runs")
    cut_at = experiment.elapsed
    proxy.swallow()
    noticed = watch.wait(lambda: watch.link.phase != "ready", 5.0)
    took = experiment.elapsed - cut_at
    allowed = INTERVAL * (MISSES + 1) + 1.0
    experiment.check(f"the worker notices within {allowed:g} s", noticed and took < allowed, f"{took:.2f} s")
    wait_until(lambda: experiment.elapsed - cut_at > 2.0, what="2 s of silence", deadline=5.0)
    meanwhile = len(runs(ledger)) - before
    experiment.check("functions finish meanwhile", meanwhile > 0, f"{meanwhile} runs")
    proxy.pass_through()
    experiment.step("all passes again")
    back = watch.wait(lambda: watch.link.readies > readies, 8.0)
    experiment.check("the worker comes back by itself", back, watch.link.phase)
    results = [client.result(request, timeout=10.0) for request in requests]
    ran = runs(ledger)
    experiment.check("no result is lost", results == list(range(JOBS)), f"{len(results)} of {JOBS} arrived")
    experiment.check("each job ran once", ran == list(range(JOBS)), f"{len(ran)} runs of {len(set(ran))} jobs")


def main() -> None:
    claim = "the worker notices, comes back, and delivers what was finished meanwhile; nothing is lost or run twice"
    broker = BrokerSettings(heartbeat_interval=INTERVAL, heartbeat_misses=MISSES)
    with tempfile.TemporaryDirectory() as folder, regrow.ActorSystem("drill") as system:
        gateway = regrow.Gateway(token="secret", options=GatewayOptions(broker=broker, handshake_timeout=1.0))
        system.spawn(GatewayActor, gateway)
        ledger = Path(folder, "ledger")
        ledger.touch()
        with FaultProxy(gateway.host, gateway.port) as proxy:
            worker = regrow.Worker(f"ws://{proxy.host}:{proxy.port}", token="secret", capacity=2)
            worker.function(work)
            with worker, regrow.Client(gateway.url, token="secret") as client:
                worker.wait_ready()
                with Experiment("cut the network", claim) as experiment:
                    drill(experiment, worker, client, proxy, str(ledger))


if __name__ == "__main__":
    try:
        main()
    except HypothesisRefuted as error:
        raise SystemExit(f"refuted: {error}") from error
