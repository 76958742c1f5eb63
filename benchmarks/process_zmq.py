"""pyzmq as a side of `benchmarks.processes`: a PAIR of sockets over ipc. Runs where pyzmq is installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.actor_serving import Workload
from benchmarks.process_channels import Channel, channel_workloads, serve_channel
from benchmarks.process_multiprocessing import child_serving

__all__ = ("zmq_workloads",)


class _ZmqChannel:
    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.give, self.take = socket.send_pyobj, socket.recv_pyobj

    def give_bytes(self, payload: bytes) -> None:
        self._socket.send(payload, copy=False)

    def take_bytes(self, _size: int) -> memoryview:
        payload: memoryview = self._socket.recv(copy=False).buffer
        return payload


def _serve(address: str) -> None:
    import zmq  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.connect(address)
        serve_channel(_ZmqChannel(socket))


@contextmanager
def _open() -> Iterator[Channel]:
    import zmq  # pyright: ignore[reportMissingImports]

    with tempfile.TemporaryDirectory(prefix="regrow-zmq-") as folder:
        address = f"ipc://{folder}/pair"
        with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
            socket.bind(address)
            with child_serving(_serve, address):
                yield _ZmqChannel(socket)


def zmq_workloads() -> Mapping[str, Workload]:
    """Give the workloads."""
    workloads = channel_workloads(_open)
    workloads["payload"](1, 1)  # what is started with the first one stays: zmq's collector, the resource tracker
    return workloads
