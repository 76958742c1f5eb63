"""The client's connection: made, kept alive, and made again, for as long as the client lives.

What lives here: dialing, the handshake, heartbeats, backoff, and what is fatal. What must not: requests; whoever owns
the link is told what arrives, and says everything that is still open again when the link is `ready`.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

from loguru import logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.protocol import State
from websockets.typing import Subprotocol

from regrow.actors.clock import SystemClock
from regrow.actors.roles.dial_errors import loss_of_error
from regrow.actors.roles.losses import CREDENTIAL_CODES, Loss, loss_of_refusal
from regrow.actors.roles.reconnect import GatewayChoice, GiveUp, Retry
from regrow.actors.roles.tls import TlsFileError
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import Refused, Unauthorized, UnsupportedVersion
from regrow.connect.library_log import library_logger
from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.limits import SESSION_MAX_BYTES
from regrow.protocol.session import Message, Role, SessionProtocol, close_codes
from regrow.protocol.session.features import version_problem
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    Closing,
    Connect,
    Drain,
    ErrorMessage,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Ready,
)
from regrow.supervision import Backoff

__all__ = ("ClientLink",)

_MISTAKES: Final = (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, RemoteProtocolError, TlsFileError)
"""What a connection may end with and be made again."""

_STABLE_SECONDS: Final = 1.0
"""A connection that has held for so long makes the next failure the first."""


class ClientLink:
    """Runs in: one loop, as the task of `run`. `say` may be called whether or not there is a connection."""

    def __init__(
        self,
        urls: tuple[str, ...],
        tokens: tuple[str, ...],
        name: str,
        options: ClientOptions,
        *,
        on_ready: Callable[[], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self.connected = asyncio.Event()
        self.trouble = "no answer yet"  # the last thing that went wrong
        self.last_loss = ""  # why the connection was lost last; empty as long as it never was
        self.refused: Refused | None = None
        self._name = name
        self._instance = f"client-{uuid.uuid4().hex}"
        self._options = options
        self._on_ready = on_ready
        self._on_message = on_message
        self._several = len(urls) > 1
        delays = Backoff(
            # The gateway that was lost knows our requests, and another one does not: it gets a second chance at once.
            initial=0.0 if self._several else None,
            base=options.backoff_base,
            cap=options.backoff_cap,
            reset_after=_STABLE_SECONDS,
        )
        self._choice = GatewayChoice(urls, tokens, delays, random.Random())  # jitter is no secret
        self._clock = SystemClock()
        self._refusal: Loss | None = None  # what an ErrorMessage said, before the close that follows it
        self._loop = asyncio.get_running_loop()
        self._ws: ClientConnection | None = None
        self._session = SessionProtocol(Role.CLIENT)
        self._unsent: deque[bytes] = deque()
        self._flush_scheduled = False
        self._beats = 0
        self._drains = False  # the gateway of this connection
        self._leaving: asyncio.Task[None] | None = None  # set while it is left for another one

    async def run(self) -> None:
        """Keep connected until cancelled, or refused for good: then `refused` says why."""
        while self.refused is None:
            loss = await self._until_lost()
            if self._leaving is None:
                await self._come_back(loss)
            else:
                self._leaving = None
                self._choice.drained(self._loop.time())

    @property
    def url(self) -> str:
        """The gateway that is in use, or dialed next."""
        return self._choice.url

    def say(self, message: Message) -> bool:
        """Say something on this connection, at the end of the loop's turn. False if now is not the time for it.

        Errors: FrameTooLarge, CodecError.
        """
        if not self.connected.is_set() or not self._session.may_send(type(message)):
            return False
        self._unsent.append(self._session.send(message, self._loop.time()))
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)
        return True

    def leave_if_it_drains(self) -> None:
        """Go to another gateway, if that in use drains and there is another one."""
        if self._drains and self._several and self._leaving is None:
            self._leaving = self._loop.create_task(self.goodbye(), name="regrow-client-leaves")

    async def goodbye(self) -> None:
        """Close the connection that there is, in order, within the close timeout."""
        ws = self._ws
        if ws is not None:
            self.say(Closing(reason="the client closes"))
            self._flush()
            await ws.close(close_codes.NORMAL)

    async def _until_lost(self) -> Loss:
        self._refusal, self._drains = None, False
        try:
            await self._connection()
        except _MISTAKES as error:
            return self._loss_of(error)
        except UnsupportedVersion as error:
            return Loss(kind="fatal", code=error.code, text=error.text)
        finally:
            self._session.close()
            self.connected.clear()
            self._unsent.clear()
            self._ws = None

    def _loss_of(self, error: Exception) -> Loss:
        return self._refusal or loss_of_error(error, self._clock.epoch(), opened=self.connected.is_set())

    async def _connection(self) -> NoReturn:
        """One connection from its dialing to its end, which is always an exception."""
        options = self._options
        self._session = session = SessionProtocol(Role.CLIENT)
        tls = options.ssl
        if tls is None and self.url.startswith("wss:"):
            tls = await asyncio.to_thread(options.tls.context)  # read every time, because certificates are renewed
        async with asyncio.timeout(options.connect_timeout) as handshake:
            async with connect(
                self._choice.url,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                max_size=SESSION_MAX_BYTES,
                open_timeout=options.connect_timeout,
                close_timeout=options.close_timeout,
                ping_interval=None,
                proxy=options.proxy,
                ssl=tls,
                logger=library_logger(),
            ) as ws:
                await self._shake_hands(ws, session)
                handshake.reschedule(None)
                self._ws = ws
                self._choice.ready(self._loop.time())
                self.connected.set()
                logger.debug("= client {} is connected to {}", self._instance, self.url)
                beats = self._loop.create_task(self._beat(ws, session), name="regrow-client-beats")
                try:
                    self._on_ready()
                    while True:
                        self._received(session.receive(await ws.recv(), self._loop.time()))
                finally:
                    beats.cancel()

    async def _shake_hands(self, ws: ClientConnection, session: SessionProtocol) -> None:
        said_connect = False
        while True:
            message = session.receive(await ws.recv(), self._loop.time())
            if isinstance(message, Hello) and (problem := version_problem(message)):
                raise UnsupportedVersion("unsupported_version", problem)
            if isinstance(message, Hello) and not said_connect:
                said_connect = True
                introduction = Connect(
                    role="client", token=self._choice.token, instance=self._instance, name=self._name
                )
                await ws.send(session.send(introduction, self._loop.time()))
            elif isinstance(message, Ready):
                return
            else:
                self._received(message)

    def _received(self, message: Message | None) -> None:
        match message:
            case None | HeartbeatAck():
                pass
            case ErrorMessage(scope="connection", code=code, text=text, fatal=fatal):
                self._refusal = loss_of_refusal(code, f"{code}: {text}", fatal=fatal)
            case Drain():
                self._drains = True
                self._on_message(message)
            case _:
                self._on_message(message)

    async def _beat(self, ws: ClientConnection, session: SessionProtocol) -> None:
        """Say that we are alive, and notice when the gateway is not."""
        intervals = session.intervals
        if intervals is None:
            raise AssertionError("heartbeats began before Ready")
        due = self._loop.time() + intervals.heartbeat
        while True:
            now = self._loop.time()
            await asyncio.sleep(max(0.0, min(due - now, intervals.silence_limit - session.silent_for(now))))
            now = self._loop.time()
            if session.silent_for(now) >= intervals.silence_limit:
                text = f"the gateway was silent for {session.silent_for(now):.1f} s"
                self._refusal = Loss(kind="silent", code="heartbeat_missed", text=text)
                ws.transport.abort()
                return
            if now >= due:
                self._beats += 1
                self.say(Heartbeat(sequence=self._beats, due_ns=int(due * 1e9)))
                due = max(due + intervals.heartbeat, now)

    def _flush(self) -> None:
        self._flush_scheduled = False
        ws = self._ws
        if ws is None or not self._unsent or ws.protocol.state is not State.OPEN:
            return
        while self._unsent:
            ws.protocol.send_binary(self._unsent.popleft())
        ws.transport.writelines(ws.protocol.data_to_send())  # one system call for all

    async def _come_back(self, loss: Loss) -> None:
        """Wait for as long as this loss asks for, or note that no gateway wants us."""
        self.trouble = self.last_loss = loss.text
        logger.debug("= client {} lost {}: {}", self._instance, self.url, loss.text)
        match self._choice.lost(loss, self._loop.time()):
            case Retry(delay=delay):
                await asyncio.sleep(delay)
            case GiveUp(code=code, reason=reason):
                self.refused = _refusal(code, reason)


def _refusal(code: str, text: str) -> Refused:
    if code in CREDENTIAL_CODES:
        return Unauthorized(code, text)
    return UnsupportedVersion(code, text) if code.startswith("unsupported") else Refused(code, text)
