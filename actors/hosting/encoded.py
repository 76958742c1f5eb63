"""A message for several processes, said once: the same bytes go into every link.

What lives here: the bytes, and for whom they hold. What must not: who gets them (`../broadcast.py`), the links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...protocol.codec import encode, encode_bytes
from ...protocol.errors import FrameTooLarge
from ...protocol.limits import FRAME_MAX_BYTES, INLINE_MAX_BYTES
from ...protocol.ref_token import RefToken
from ..mailbox import Envelope
from ..ref import ActorRef
from .carried import Sharing

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from .peer import Peer

__all__ = ("MINE", "YOURS", "Encoded", "plain")

MINE: Final = "mine"  # the actor lives on the sender's side, or is reached through it
YOURS: Final = "yours"


class Encoded:
    """Stands for a message in an envelope. Runs in: any thread; made in that of the sender.

    Errors: CodecError with the path of what cannot be said, or belongs to one receiver only; FrameTooLarge.
    """

    __slots__ = ("_has_counters", "_refs", "_said", "message")

    def __init__(self, message: object) -> None:
        self.message = message
        self._refs: dict[ActorRef, None] = {}
        if type(message) is bytes and len(message) >= INLINE_MAX_BYTES:
            self._said: tuple[bytes, Buffer] = encode_bytes(message)
            self._has_counters = False
        else:
            sharing = Sharing(self._say)
            self._said = (b"", encode(message, refs=sharing.say))
            self._has_counters = bool(sharing.found)  # then each process has to be sent descriptors of its own
        size = len(self._said[1])
        if size > FRAME_MAX_BYTES:
            raise FrameTooLarge("message for several", expected=f"at most {FRAME_MAX_BYTES} bytes", got=size)

    def post(self, peer: Peer, ref: ActorRef) -> None:
        """Send it to one of this process. Errors: as Peer.post."""
        if self._has_counters:
            peer.post(ref, Envelope(self.message))
            return
        head, body = self._said_to(peer)
        if head:
            peer.outlet.tell_raw(ref.urn, (head, body), ref)
        else:
            peer.outlet.tell(ref.urn, body, ref)

    def _said_to(self, peer: Peer) -> tuple[bytes, Buffer]:
        """Give the message as this process has to hear it, in two pieces: anew if a ref in it is one of its own."""
        tokens = [peer.say(ref) for ref in self._refs]  # of all: the peer has to know whom it may be asked for
        if any(token is not None and token.origin != MINE for token in tokens):
            return b"", peer.encode(self.message)
        return self._said

    def _say(self, value: object) -> RefToken | None:
        if isinstance(value, ActorRef):
            self._refs[value] = None
            return RefToken(value.urn, value.name, MINE)
        return None


def plain(said: object) -> object:
    """Give the message itself, of what stands for one as of what is one."""
    return said.message if type(said) is Encoded else said
