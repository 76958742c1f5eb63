"""A client for programs without an event loop: the asynchronous one, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Final, Self, TypeVar

from regrow.connect.addresses import Tokens, Urls
from regrow.connect.client_async import AsyncClient
from regrow.connect.client_dead import Dead
from regrow.connect.client_options import ClientOptions
from regrow.connect.client_requests import Requests
from regrow.connect.errors import ClientClosed
from regrow.connect.request_options import RequestOptions

__all__ = ("Client",)

T = TypeVar("T")

_STOP_TIMEOUT: Final = 5.0  # seconds that the thread gets to end, after the close timeouts of what runs in it


class Client:
    """`with Client(url, token=...) as client: client.invoke("f", 1)`. Usable from any thread; blocks the caller.

    Connects at the first call and again whenever the connection is lost. `close()` leaves no thread.
    """

    def __init__(self, url: Urls, *, token: Tokens = "", name: str = "", options: ClientOptions | None = None) -> None:
        self._client = AsyncClient(url, token=token, name=name, options=options)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def url(self) -> str:
        """The gateway that is in use, or dialed next."""
        return self._client.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def invoke(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> object:
        """Have a function run and give its result. Errors: as `AsyncClient.invoke`."""
        return self._wait(self._client.invoke(function, *args, timeout=timeout, **kwargs))

    def submit(self, function: str, /, *args: object, timeout: float | None = None, **kwargs: object) -> str:
        """Hand a request over and give its id. Errors: as `AsyncClient.submit`."""
        return self._wait(self._client.submit(function, *args, timeout=timeout, **kwargs))

    @property
    def dead(self) -> Dead:
        """The dead letters of the gateway, for administrators."""
        return Dead(self)

    def having(self, options: RequestOptions) -> Requests:
        """Give what invokes and submits with these options, over the same connection."""
        return Requests(self, options)

    def result(self, request_id: str, timeout: float | None = None) -> object:
        """Wait for the result of a request. Errors: as `AsyncClient.result`."""
        return self._wait(self._client.result(request_id, timeout))

    def cancel(self, request_id: str, timeout: float | None = None) -> bool:
        """Cancel a request; False if it had ended before. Errors: as `AsyncClient.cancel`."""
        return self._wait(self._client.cancel(request_id, timeout))

    def status(self, timeout: float | None = None) -> dict[str, object]:
        """Ask how the gateway is. Errors: as `AsyncClient.status`."""
        return self._wait(self._client.status(timeout))

    def close(self) -> None:
        """Close the connection and end the thread; calls that other threads wait in fail with ClientClosed."""
        with self._lock:
            self._closed = True
            loop, thread, self._thread = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._client.close(), loop).result(_STOP_TIMEOUT)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_TIMEOUT)

    def _wait(self, call: Coroutine[object, object, T]) -> T:
        try:
            with self._lock:  # so that close(), which ends the loop, comes after this call or before it
                future = asyncio.run_coroutine_threadsafe(call, self._running_loop())
        except ClientClosed:
            call.close()
            raise
        try:
            return future.result()  # bounded: every call of the client ends within its own timeout
        except BaseException:
            future.cancel()  # a KeyboardInterrupt here shall not leave the request behind
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise ClientClosed
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="regrow-client", daemon=True)
            self._thread.start()
        return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        loop.close()
