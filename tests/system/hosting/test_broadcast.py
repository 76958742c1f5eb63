"""One message to many hosted processes, of which some are not what they were."""

from __future__ import annotations

import os
import signal

from hosted_actors import Order
from hosting_bench import WAIT, Bench

from regrow.actors import ActorExited, DeadLetter
from regrow.actors.hosting import OutboxFull


def test_all_get_it_and_what_comes_before_and_after_keeps_its_order(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    refs = [bench.start() for _ in range(3)]
    for ref in refs:
        ref.tell(Order("tell", (home, ("before", ref))))
    assert bench.system.hosting.broadcast(refs, Order("tell", (home, "all" * 100_000))).sent == 3
    for ref in refs:
        ref.tell(Order("tell", (home, ("after", ref))))
    got = [inbox.get(timeout=WAIT) for _ in range(9)]
    assert got.count("all" * 100_000) == 3
    for ref in refs:
        assert got.index(("before", ref)) < got.index(("after", ref))


def test_who_has_died_is_passed_over_and_is_in_a_dead_letter(bench: Bench) -> None:
    dead, alive = bench.start(), bench.start()
    dead.kill()
    bench.events.wait(ActorExited, lambda event: event.ref is dead)
    home, inbox = bench.mailbox()
    result = bench.system.hosting.broadcast([dead, home, alive], Order("tell", (home, 1)))
    assert result.sent == 2
    assert [failure.ref for failure in result.failures] == [dead]
    letter = bench.events.wait(DeadLetter, lambda letter: letter.to is dead)
    assert letter.message == Order("tell", (home, 1))
    assert {repr(inbox.get(timeout=WAIT)) for _ in range(2)} == {"1", repr(Order("tell", (home, 1)))}


def test_one_that_reads_nothing_is_full_and_the_others_get_it_all(zygote_bench: Bench) -> None:
    bench = zygote_bench
    stopped, alive = bench.start(), bench.start()
    assert stopped.pid is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    chunk = [bytes(8_000_000)]
    try:
        for _ in range(20):
            result = bench.system.hosting.broadcast([stopped, alive], chunk)
            if not result:
                break
            assert alive.ask("read", timeout=WAIT) == "read"
        assert result.sent == 1
        assert isinstance(result.failures[0].error, OutboxFull)
        assert bench.events.wait(DeadLetter).to is stopped
        assert alive.ask("still here", timeout=WAIT) == "still here"
    finally:
        os.kill(stopped.pid, signal.SIGCONT)


def test_a_hosted_actor_tells_many_at_home(bench: Bench) -> None:
    caller = bench.start()
    boxes = [bench.mailbox() for _ in range(3)]
    sent = caller.ask(Order("broadcast", ([ref for ref, _ in boxes], "from afar")), timeout=WAIT)
    assert sent == 3
    assert [inbox.get(timeout=WAIT) for _, inbox in boxes] == ["from afar"] * 3
