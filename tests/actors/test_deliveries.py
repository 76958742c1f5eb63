"""The order of what is sent, and that nobody waits for another one's callback."""

from __future__ import annotations

import threading

from regrow.actors import ActorSystem
from regrow.actors.current import current_life
from regrow.actors.deliveries import Deliveries
from regrow.actors.testing import Puppet


def test_what_is_added_while_sending_is_sent_after_it_by_the_same_call() -> None:
    deliveries = Deliveries()
    sent: list[int] = []

    def first() -> None:
        deliveries.add(lambda: sent.append(2))
        deliveries.deliver()  # a callback that changes something itself
        sent.append(1)

    deliveries.add(first)
    deliveries.deliver()
    assert sent == [1, 2]


def test_nobody_waits_for_another_ones_callback_and_nothing_is_left() -> None:
    deliveries = Deliveries()
    sent: list[str] = []
    reached, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        reached.set()
        go_on.wait(5)
        sent.append("slow")

    deliveries.add(slow)
    sender = threading.Thread(target=deliveries.deliver)
    sender.start()
    assert reached.wait(5)
    deliveries.add(lambda: sent.append("quick"))
    deliveries.deliver()  # returns although the other one still sends
    assert sent == []
    go_on.set()
    sender.join(5)
    assert sent == ["slow", "quick"]


def test_whoever_is_told_finds_no_actor_running(system: ActorSystem) -> None:
    deliveries = Deliveries()
    running: list[object] = []

    def tell(puppet: Puppet) -> bool:
        deliveries.add(lambda: running.append(current_life()))
        deliveries.deliver()
        running.append(current_life())
        return current_life() is puppet.ref.cell

    ref = system.spawn(Puppet)
    assert ref.ask(tell) is True
    assert running == [None, ref.cell]
