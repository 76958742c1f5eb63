"""Drill: a process that runs a function is frozen. It is alive, holds its sockets, and does nothing.

Run it: python examples/chaos/freeze_an_executor.py        (exit code 1 if the hypothesis is refuted)
"""

import regrow
from regrow.chaos import Experiment, Freeze, HypothesisRefuted, inject, wait_until
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.errors import InvocationFailed
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_process import GatewayActor

JOBS = 80
DEADLINE, GRACE = 2.0, 0.3  # seconds: of a run; from the flag to the exception inside, from there to the kill


def work(number: int) -> int:
    """Compute for some 30 ms."""
    return number + sum(range(1_500_000)) * 0


def finished(worker: regrow.Worker) -> int:
    """Give how many jobs have ended."""
    executor = worker.status().executor
    return executor.statistics.finished if executor is not None else 0


def outcome(client: regrow.Client, request: str) -> object:
    """Give the result of a job, or the kind of its failure."""
    try:
        return client.result(request, timeout=10.0)
    except InvocationFailed as error:
        return error.kind


def drill(experiment: Experiment, worker: regrow.Worker, client: regrow.Client) -> None:
    requests = [client.submit("work", number) for number in range(JOBS)]
    assert outcome(client, requests[0]) == 0
    victim = worker.executor_pids[0]
    before = finished(worker)
    experiment.step(f"SIGSTOP to a process that runs functions, {JOBS} jobs are submitted")
    inject(Freeze(), victim)

    took = wait_until(
        lambda: victim not in (pids := worker.executor_pids) and len(pids) == 2, what="it is replaced", deadline=8.0
    )
    meanwhile = finished(worker) - before
    experiment.check("the frozen process is replaced", took < DEADLINE + 2 * GRACE + 2.0, f"after {took:.1f} s")
    experiment.check("the others go on meanwhile", meanwhile > 10, f"{meanwhile} jobs")
    outcomes = [outcome(client, request) for request in requests]
    odd = [each for number, each in enumerate(outcomes) if each != number]
    answered = f"{JOBS - len(odd)} results, and {odd or 'no failures'}"
    experiment.check("every job is answered, the frozen one too", odd in ([], ["deadline"]), answered)
    beats = worker.watch.heartbeat
    assert beats is not None
    lateness = f"{beats.count} beats, the worst {beats.worst_lateness * 1000:.1f} ms late"
    experiment.check("no heartbeat is left out", beats.missed == 0, lateness)


def main() -> None:
    claim = "only the job in its hands notices: it is retried, or ends with its deadline; the process is replaced"
    options = GatewayOptions(broker=BrokerSettings(heartbeat_interval=0.25))
    with regrow.ActorSystem("drill") as system:
        gateway = regrow.Gateway(token="secret", options=options)
        system.spawn(GatewayActor, gateway)
        graces = regrow.WorkerOptions(cancel_grace=GRACE, interrupt_grace=GRACE)
        worker = regrow.Worker(gateway.url, token="secret", capacity=2, options=graces)
        worker.function(deadline=DEADLINE)(work)
        with worker, regrow.Client(gateway.url, token="secret") as client:
            worker.wait_ready()
            with Experiment("freeze an executor", claim) as experiment:
                drill(experiment, worker, client)


if __name__ == "__main__":
    try:
        main()
    except HypothesisRefuted as error:
        raise SystemExit(f"refuted: {error}") from error
