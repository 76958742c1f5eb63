"""Log records from one child to its parent, as `benchmarks.processes` measures them, and the peers' ways to do that.

Peers: logging.handlers.QueueHandler over a multiprocessing.Queue, and SocketHandler, whose records are pickled. Each
side counts what has come as records; nobody formats or writes them. Peers wait for the reader, ours drops and counts.
"""

from __future__ import annotations

import logging
import logging.handlers
import pickle
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.actor_serving import Workload
from benchmarks.process_goods import expect

__all__ = ("WORDS", "say_by_logging", "side_workloads", "tempo")

WAIT = 60.0
WORDS = "request %d has been answered"
clock = time.perf_counter


def say_by_logging(count: int) -> None:
    """Log so many records. Runs in: the child."""
    log = logging.getLogger("bench").info
    for number in range(count):
        log(WORDS, number)


def tempo(count: int, came: int, took: float) -> dict[str, float]:
    """Give the figures of one measurement."""
    return {"rate": came / took, "came": came / count * 100, "seconds": took}


def side_workloads(side: str) -> Mapping[str, Workload]:
    """Give the workloads of one of the peers."""
    from benchmarks.process_multiprocessing import start_tracker  # which children need not import

    start_tracker()
    return {"logs": _by_queue if side == "QueueHandler" else _by_socket}


def _serve_queue(queue: Any, count: int) -> None:
    _alone(logging.handlers.QueueHandler(queue))
    queue.put("ready")
    say_by_logging(count)
    queue.put(None)


def _by_queue(count: int, _size: int) -> dict[str, float]:
    from benchmarks.process_multiprocessing import child_serving, fresh_queue

    came = 0
    with fresh_queue() as queue, child_serving(_serve_queue, queue, count):
        expect("first word", "ready", queue.get(timeout=WAIT))
        began = clock()
        while queue.get(timeout=WAIT) is not None:
            came += 1
        took = clock() - began
    return tempo(count, came, took)


def _serve_socket(port: int, count: int) -> None:
    handler = logging.handlers.SocketHandler("127.0.0.1", port)
    _alone(handler)
    handler.createSocket()
    say_by_logging(count)
    handler.close()


def _by_socket(count: int, _size: int) -> dict[str, float]:
    from benchmarks.process_multiprocessing import child_serving

    came = 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        with child_serving(_serve_socket, server.getsockname()[1], count):
            connection, _ = server.accept()
            with connection, connection.makefile("rb", 1 << 16) as stream:
                began = clock()
                while head := stream.read(4):
                    logging.makeLogRecord(pickle.loads(stream.read(struct.unpack(">L", head)[0])))
                    came += 1
                took = clock() - began
    return tempo(count, came, took)


def _alone(handler: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
