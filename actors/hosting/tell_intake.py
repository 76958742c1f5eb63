"""What the other side has told actors of this one: read, and put into their mailboxes.

What nobody takes becomes a dead letter, whether its receiver is gone or its bytes are no message; the others of the
same frame come to no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ...protocol.codec import decode, decode_first
from ...protocol.errors import ProtocolError
from ..actor import Actor
from ..errors import ActorDeadError, MailboxFull
from ..events import DeadLetter
from ..pykka_seam import ActorStop
from ..ref import ActorRef
from .digests import who_notes
from .errors import OutboxFull, Quarantined

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from .carried import Arrival
    from .peer import Peer

__all__ = ("take_tells",)

SEVERAL: Final = 4  # messages that are sooner read in one go than one after the other


def take_tells(
    peer: Peer, to: str, ref: ActorRef | None, bodies: Sequence[Buffer], arrival: Arrival | None = None
) -> None:
    """Give messages to `ref`, who has the urn `to`, in their order; None if nobody who lives has.

    `arrival`: what came beside the one message, if anything did. Runs in: the I/O thread; never blocks.
    """
    noting = who_notes(peer.digests, to) if arrival is None else None
    box = ref.direct if ref is not None and noting is None and len(bodies) >= SEVERAL else None
    if box is not None:
        messages = decode_first(bodies, refs=peer.read)
        box.post_all(messages)
        bodies = bodies[len(messages) :]
    read = peer.read if arrival is None else arrival.read
    for body in bodies:
        message: object = None
        try:
            message = decode(body, refs=read) if len(body) else ActorStop()
            if ref is not None:
                if noting is not None:
                    noting.note(message, body)
                ref.tell(message)
                continue
            why = "not alive"
        except (ActorDeadError, Quarantined):
            if arrival is not None:
                arrival.refuse()
            continue  # published by tell
        except (ProtocolError, MailboxFull, OutboxFull) as error:
            if noting is not None and isinstance(error, MailboxFull):
                noting.taken(message)
            message, why = bytes(body[:64]), str(error)
        dead = ref or ActorRef(peer.system, name=to, actor_class=Actor, urn=to)
        peer.system.bus.publish(DeadLetter(dead, message, why))
        if arrival is not None:
            arrival.refuse()
