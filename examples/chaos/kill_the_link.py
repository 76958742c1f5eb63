"""Drill: the connection process of a worker is killed, again and again, while its functions run.

Run it: python examples/chaos/kill_the_link.py        (exit code 1 if the hypothesis is refuted)
"""

import tempfile
from pathlib import Path

import regrow
from regrow.chaos import Experiment, HypothesisRefuted, Kill, inject, wait_until
from regrow.connect.gateway_process import GatewayActor

JOBS = 90
KILLS = 3
BACK_WITHIN = 2.0  # seconds


def work(ledger: str, number: int) -> int:
    """Compute for some 30 ms, and leave a trace of each run."""
    result = number + sum(range(1_500_000)) * 0
    with Path(ledger).open("a") as file:
        file.write(f"{number}\n")
    return result


def runs(ledger: str) -> list[int]:
    """Give the numbers of the jobs that ran, as often as they did."""
    return sorted(map(int, Path(ledger).read_text().split()))


def drill(experiment: Experiment, worker: regrow.Worker, client: regrow.Client, ledger: str) -> None:
    requests = [client.submit("work", ledger, number) for number in range(JOBS)]
    experiment.step(f"{JOBS} jobs are submitted, {worker.capacity} run at a time")
    took = []
    for kill in range(1, KILLS + 1):
        wait_until(lambda: len(runs(ledger)) >= kill * 15, what=f"{kill * 15} jobs ran", deadline=10.0)  # noqa: B023
        link = worker.watch.link
        assert link.pid is not None
        experiment.step(f"SIGKILL to the connection process, after {len(runs(ledger))} runs")
        killed_at = experiment.elapsed
        inject(Kill(), link.pid)
        back = worker.watch.wait(lambda: worker.watch.link.readies > link.readies, 5.0)  # noqa: B023
        took.append(experiment.elapsed - killed_at if back else float("inf"))
    results = [client.result(request, timeout=10.0) for request in requests]
    ran = runs(ledger)
    experiment.check("no result is lost", results == list(range(JOBS)), f"{len(results)} of {JOBS} arrived")
    experiment.check("each job ran once", ran == list(range(JOBS)), f"{len(ran)} runs of {len(set(ran))} jobs")
    times = ", ".join(f"{seconds * 1000:.0f} ms" for seconds in took)
    experiment.check(f"a new session within {BACK_WITHIN:g} s", max(took) < BACK_WITHIN, times)


def main() -> None:
    claim = "functions go on, results wait in the outbox, and the next connection process delivers them"
    with tempfile.TemporaryDirectory() as folder, regrow.ActorSystem("drill") as system:
        gateway = regrow.Gateway(token="secret")
        system.spawn(GatewayActor, gateway)
        worker = regrow.Worker(gateway.url, token="secret", capacity=2)
        worker.function(work)
        ledger = Path(folder, "ledger")
        ledger.touch()
        with worker, regrow.Client(gateway.url, token="secret") as client:
            worker.wait_ready()
            with Experiment("kill the link", claim) as experiment:
                drill(experiment, worker, client, str(ledger))


if __name__ == "__main__":
    try:
        main()
    except HypothesisRefuted as error:
        raise SystemExit(f"refuted: {error}") from error
