"""The life of a hosted process, played for nobody: what it touches is warm when the real one comes.

A zygote plays it to the end before it forks, so that the interpreter has adapted the code and knows where names are
found; a spare plays its beginning, so that the pages which a start writes to are its own already. Neither leaves a
thread or a descriptor behind.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from ...protocol.codec import encode
from ...protocol.exits import SHUTDOWN
from ...protocol.host.messages import Ask, Init, LinkMessage, Stop
from ...protocol.host.protocol import Carrying, LinkProtocol
from ...protocol.host.states import Side
from ...protocol.ref_token import RefToken
from ..actor import Actor
from ..control import Ignore
from .black_box import BlackBoxWriter, create_page
from .child import HostedMain

__all__ = ("Understudy", "rehearse")

GRACE_MS: Final = 1000


class Understudy(Actor):
    """Answers with what it is asked, if it starts at all."""

    def __init__(self, starts: bool) -> None:
        super().__init__()
        self._starts = starts

    def on_start(self) -> None:
        """Run, or leave it at that."""
        if not self._starts:
            raise Ignore

    def on_receive(self, message: object) -> object:
        """Give it back."""
        return message


def rehearse(*, to_the_end: bool = True) -> None:
    """Be born; then answer one question, be stopped and end. Takes about 2 ms. Runs in: the only thread of a process.

    A start that comes to nothing is the shortest life that leaves nobody behind: half of the pages, half of the time.
    """
    host, own = socket.socketpair()
    page = create_page(1)
    black_box = BlackBoxWriter(page)
    os.close(page)
    script = LinkProtocol(Side.PARENT, incarnation=1)
    target, nobody = f"{__name__}:{Understudy.__qualname__}", RefToken("urn:nobody", "nobody", "mine")
    words = _say(script, Init(target, encode(((to_the_end,), {})), 1, "rehearsal", "urn:rehearsal", nobody))
    if to_the_end:
        words += _say(script, Ask("", 1, encode(None)))
        words += _say(script, Stop(SHUTDOWN, GRACE_MS))  # not with the question: control goes ahead of it
    main = HostedMain()
    with host, own:
        main.attach(own, black_box, "rehearsal")
        host.sendall(words)
        main.run()
        main.close()
    black_box.close()


def _say(script: LinkProtocol, message: LinkMessage) -> bytes:
    script.send(message)
    return b"".join(piece for piece in script.data_to_send() if not isinstance(piece, Carrying))
