"""What waits before a process can hear: bounded by what it takes, whatever it is."""

from __future__ import annotations

import os
from typing import cast

import pytest

from regrow.actors.hosting import OutboxFull
from regrow.actors.hosting.doorstep import Doorstep
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.protocol.host.messages import LinkMessage, LinkRequest, Parcel, Tell

ROOT = "urn:root"


class Taken:
    """A link that takes everything."""

    def __init__(self) -> None:
        self.taken: list[LinkMessage] = []

    def send(self, message: LinkMessage, _to: object) -> None:
        self.taken.append(message)


@pytest.fixture
def link() -> Taken:
    return Taken()


@pytest.fixture
def doorstep(link: Taken, monkeypatch: pytest.MonkeyPatch) -> Doorstep:
    monkeypatch.setattr("regrow.actors.hosting.doorstep.OUTBOX_MAX_BYTES", 10_000)
    return Doorstep(cast("LinkSocket", link), lambda _message, error: pytest.fail(str(error)))


def test_messages_without_a_body_count_as_well(doorstep: Doorstep, link: Taken) -> None:
    with pytest.raises(OutboxFull, match="limit is 10000"):
        for _ in range(10_000):
            doorstep.tell(ROOT, b"", ROOT)
    kept = doorstep.kept
    assert 10 < kept < 100
    doorstep.open()
    assert len(link.taken) == kept


def test_what_travels_with_descriptors_counts_as_what_travels_without(doorstep: Doorstep, link: Taken) -> None:
    read, write = os.pipe()
    doorstep.send(Parcel(Tell(ROOT, b"x" * 9_000), (write,)), ROOT)
    with pytest.raises(OutboxFull):
        doorstep.tell(ROOT, b"x" * 1_000, ROOT)
    doorstep.forget()
    assert os.read(read, 1) == b""  # nobody holds the other end
    os.close(read)
    assert link.taken == []


def test_there_is_always_room_for_control(doorstep: Doorstep, link: Taken) -> None:
    doorstep.tell(ROOT, b"x" * 9_700, ROOT)
    requests = [LinkRequest(ROOT, f"urn:{number}") for number in range(200)]
    for request in requests:
        doorstep.send(request)
    doorstep.open()
    assert link.taken[1:] == requests
