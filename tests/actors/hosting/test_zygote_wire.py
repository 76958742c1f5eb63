"""What a system and its zygotes say to each other arrives, also when one of them has just ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from regrow.actors.hosting.zygote_wire import FORKED, GUARD, receive, transmit

if not hasattr(socket, "SOCK_SEQPACKET") or os.uname().sysname != "Linux":
    pytest.skip("zygotes are for Linux", allow_module_level=True)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(5.0)
    with ours, theirs:
        yield ours, theirs


def test_a_packet_and_its_descriptors_arrive_together(pair: Pair) -> None:
    ours, theirs = pair
    transmit(theirs, GUARD, 1, 2, 3, 4.5, fds=[theirs.fileno()])
    packet = receive(ours)
    assert packet is not None
    kind, fields, fds = packet
    assert (kind, fields, len(fds)) == (GUARD, [1, 2, 3, 4.5], 1)
    assert not os.get_inheritable(fds[0])
    os.close(fds[0])


def test_what_a_peer_said_last_arrives_although_it_ended_before_it_had_read_all(pair: Pair) -> None:
    ours, theirs = pair
    transmit(ours, FORKED, 1, 2)  # never read: to us that resets the connection
    transmit(theirs, GUARD, 1, 2, 3, 4.5)
    transmit(theirs, GUARD, 2, 2, 3, 4.5)
    theirs.close()
    assert [receive(ours), receive(ours)] == [(GUARD, [1, 2, 3, 4.5], []), (GUARD, [2, 2, 3, 4.5], [])]
    assert receive(ours) is None
    assert receive(ours) is None


def test_a_peer_that_ended_without_a_word_is_gone(pair: Pair) -> None:
    ours, theirs = pair
    transmit(ours, FORKED, 1, 2)
    theirs.close()
    assert receive(ours) is None
