"""Hosted actors that do not keep up, or whom nobody keeps up with. No test in here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from regrow.actors import Actor, ActorRef


class Crowded(Actor):
    """Its handler waits for a writer at a FIFO."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, Path):
            message.read_bytes()
        return message


class Eager(Actor):
    """Tells somebody as much as there is room for."""

    def on_receive(self, message: object) -> object:
        if not isinstance(message, ActorRef):
            return message
        count = 0
        while count < 100_000 and message.try_tell(count):
            count += 1
        return count


class Patient(Actor):
    """Tells somebody `count` numbers, each as soon as there is room."""

    dispatcher = "asyncio"

    async def on_receive(self, message: object) -> object:
        assert isinstance(message, tuple)
        whom, count = message
        assert isinstance(whom, ActorRef)
        for number in range(count):
            await whom.tell(number)
        await asyncio.sleep(0)
        return count
