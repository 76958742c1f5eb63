"""One side of `benchmarks.processes`: `python -m benchmarks.process_sides SIDE`, for `actor_serving`.

Imports nothing until it is asked to: `multiprocessing` imports this module into every child that it spawns.
"""

from __future__ import annotations

__all__ = ("main",)

TYPE_CHECKING = False  # typing's own would have to be imported
if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.actor_serving import Workload


def main(side: str) -> int:
    """Be that side."""
    import resource

    from benchmarks.actor_serving import serve
    from benchmarks.process_remains import leaving_nothing

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand children have several each
    return serve(lambda: leaving_nothing(_workloads_of(side)))


def _workloads_of(side: str) -> Mapping[str, Workload]:
    if side in {"zygote", "exec"}:
        from benchmarks import process_ours

        return process_ours.hosted_workloads("zygote" if side == "zygote" else "exec")
    if side == "pyzmq":
        from benchmarks import process_zmq

        return process_zmq.zmq_workloads()
    if side in {"ProcessPoolExecutor", "loky"}:
        from benchmarks import process_pools

        return process_pools.loky_workloads() if side == "loky" else process_pools.futures_workloads()
    if side in {"QueueHandler", "SocketHandler"}:
        from benchmarks import process_logs

        return process_logs.side_workloads(side)
    if side == "bare":
        from benchmarks import process_bare

        return process_bare.bare_workloads()
    from benchmarks import process_multiprocessing as mp

    others = {"mp Pipe": mp.pipe_workloads, "mp Queue": mp.queue_workloads}
    return others[side]() if side in others else mp.start_workloads(side.removeprefix("mp "))


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1]))
