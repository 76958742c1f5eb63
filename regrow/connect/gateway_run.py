"""A gateway as a program: runs until a signal, drains, and says how it ended. SIGHUP has it read its keys
and its certificate again.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from loguru import logger

from regrow.actors.roles.tls import TlsFileError
from regrow.connect.errors import KeyFileError
from regrow.connect.gateway import Gateway
from regrow.connect.service_manager import ServiceManager

__all__ = ("GatewayEnd", "run_gateway")


@dataclass(frozen=True, slots=True)
class GatewayEnd:
    """How a gateway ended: by which signal, and whether all work in flight was finished."""

    signo: int | None
    in_order: bool


def run_gateway(
    gateway: Gateway,
    *,
    signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    on_ready: Callable[[Gateway], None] | None = None,
) -> GatewayEnd:
    """Start a gateway and block until it has stopped. The first signal drains it, the second one stops it now.

    If it has a key file, or files of TLS, SIGHUP has it read them again.

    Runs in: the main thread, if `signals` are given; it owns their handlers meanwhile.
    Errors: GatewayStartError, StoreError.
    """
    return asyncio.run(_run(gateway, signals, on_ready))


async def _run(
    gateway: Gateway, signals: Sequence[signal.Signals], on_ready: Callable[[Gateway], None] | None
) -> GatewayEnd:
    loop = asyncio.get_running_loop()
    manager = ServiceManager.from_environment()
    arrived: asyncio.Queue[int] = asyncio.Queue()
    handlers = {signo: partial(arrived.put_nowait, int(signo)) for signo in signals}
    if signals and (gateway.doorkeeper.file is not None or gateway.options.tls is not None):
        handlers[signal.SIGHUP] = partial(_reload, gateway, manager)
    for signo, handler in handlers.items():
        loop.add_signal_handler(signo, handler)
    try:
        await gateway.start()
        if on_ready is not None:
            on_ready(gateway)
        manager.ready(f"listens on {gateway.url}")
        beats = None if manager.beat_seconds is None else loop.create_task(_beat(manager, manager.beat_seconds))
        try:
            return await _until_the_end(gateway, arrived, manager)
        finally:
            if beats is not None:
                beats.cancel()
    finally:
        for signo in handlers:
            loop.remove_signal_handler(signo)


async def _beat(manager: ServiceManager, seconds: float) -> None:
    """Say that the loop is alive, for as long as it is: a loop that hangs says nothing."""
    while True:
        manager.beat()
        await asyncio.sleep(seconds)


def _reload(gateway: Gateway, manager: ServiceManager) -> None:
    manager.reloading()
    _read_again(gateway)
    manager.ready(f"listens on {gateway.url}")


def _read_again(gateway: Gateway) -> None:
    if gateway.doorkeeper.file is not None:
        try:
            gateway.doorkeeper.reload()
        except KeyFileError as error:
            logger.error("the keys stay as they are: {}", error)
        else:
            logger.info("the keys in {} hold from now on", gateway.doorkeeper.file)
    if gateway.options.tls is not None:
        try:
            gateway.reload_tls()
        except TlsFileError as error:
            logger.error("the certificate stays as it is: {}", error)
        else:
            logger.info("the certificate in {} is shown from now on", gateway.options.tls.cert)


async def _until_the_end(gateway: Gateway, arrived: asyncio.Queue[int], manager: ServiceManager) -> GatewayEnd:
    ended = asyncio.ensure_future(gateway.ended())
    first = asyncio.ensure_future(arrived.get())
    await asyncio.wait({ended, first}, return_when=asyncio.FIRST_COMPLETED)
    if not first.done():
        first.cancel()
        in_order = await gateway.stop(0.0)  # it ends already; wait until all is closed
        await ended
        return GatewayEnd(None, in_order)
    name = signal.Signals(first.result()).name
    manager.stopping(f"{name}: drains for at most {gateway.options.drain_timeout:g} s")
    stopping = asyncio.ensure_future(gateway.stop(reason=f"{name} was received"))
    second = asyncio.ensure_future(arrived.get())
    await asyncio.wait({stopping, second}, return_when=asyncio.FIRST_COMPLETED)
    if second.done():
        await gateway.stop(0.0)
    second.cancel()
    in_order = await stopping
    await ended
    return GatewayEnd(first.result(), in_order)
