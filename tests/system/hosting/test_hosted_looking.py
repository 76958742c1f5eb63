"""Hosted processes are looked at as actors of this one are: their state, their numbers, whether they go on."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, stop_process
from test_hosted_process import wait_in_hand

from regrow.actors import ActorDeadError, ActorExited, AskTimeout, LivesElsewhere, Started, StateChanged, Statistics
from regrow.actors.hosting import HostedRef
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import SHUTDOWN
from regrow.protocol.remote_error import RemoteError


def test_a_suspended_one_handles_nothing_of_users_until_it_is_resumed(bench: Bench) -> None:
    ref = bench.start()
    ref.suspend()
    answer = ref.ask("asked", block=False)
    ref.tell("told")
    found = ref.statistics()
    assert (found.state, found.waiting, found.dispatcher) == ("suspended", 2, "thread")
    with pytest.raises(AskTimeout):
        answer.get(timeout=0.05)
    ref.resume()
    assert answer.get(timeout=WAIT) == "asked"
    assert ref.statistics().state in ("idle", "running")
    ref.suspend()
    ref.shutdown()
    assert bench.events.wait(ActorExited).reason == SHUTDOWN


def test_a_state_is_shown_and_can_be_replaced(bench: Bench) -> None:
    ref = bench.start("one", 2)
    friend, _ = bench.mailbox()
    ref.ask(Order("keep", friend), timeout=WAIT)
    state = ref.get_state()
    assert (state["args"], state["kept"], state["deaf"]) == (("one", 2), [friend], False)
    new = ref.replace_state(lambda state: {**state, "args": (3,), "extra": {1, 2}})
    assert (new["args"], new["extra"], new["kept"]) == ((3,), {1, 2}, [friend])
    assert ref.ask(Order("facts"), timeout=WAIT)["args"] == (3,)
    ref.replace_state(lambda state: {name: value for name, value in state.items() if name != "extra"})
    assert "extra" not in ref.get_state()


def test_what_a_replacement_raises_is_raised_here_and_changes_nothing(bench: Bench) -> None:
    ref = bench.start()
    before = ref.get_state()
    with pytest.raises(ZeroDivisionError):
        ref.replace_state(lambda _: 1 / 0)
    with pytest.raises(RemoteError, match="mapping"):
        ref.replace_state(lambda _: 1)
    with pytest.raises(CodecError, match=re.escape("state['new']")):
        ref.replace_state(lambda state: {**state, "new": print})
    assert ref.get_state() == before


def test_a_state_that_cannot_be_sent_says_where_and_the_actor_lives_on(bench: Bench) -> None:
    ref = bench.start()
    ref.ask(Order("lock"), timeout=WAIT)
    for look in (ref.get_state, lambda: ref.replace_state(lambda state: state)):
        with pytest.raises(RemoteError, match=re.escape("cannot encode state['lock']")):
            look()
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_a_state_that_changes_meanwhile_is_shown_again_but_not_for_ever(bench: Bench) -> None:
    ref = bench.start()
    friend, _ = bench.mailbox()
    calls: list[int] = []

    def keep_one(state: dict[str, Any], most: int) -> dict[str, Any]:
        calls.append(len(state["kept"]))
        if len(calls) <= most:
            ref.ask(Order("keep", friend), timeout=WAIT)
        return {**state, "args": ("replaced",)}

    assert len(ref.replace_state(lambda state: keep_one(state, 2))["kept"]) == 2
    assert calls == [0, 1, 2]
    with pytest.raises(StateChanged, match="10 times"):
        ref.replace_state(lambda state: keep_one(state, 100))


def test_the_numbers_of_one_that_is_busy_can_be_had(bench: Bench) -> None:
    ref = bench.start()
    ref.ask("before", timeout=WAIT)
    answer = ref.ask(Order("sleep", 0.5), block=False)
    wait_in_hand(ref)
    ref.tell("waits")
    found = ref.statistics()
    assert (found.state, found.in_hand, found.waiting) == ("running", "Order", 1)
    assert (found.incarnation, found.restarts, found.stashed) == (1, 0, 0)
    assert found.uptime is not None
    answer.get(timeout=WAIT)


def test_the_lives_of_one_that_was_restarted_are_counted(bench: Bench) -> None:
    ref = bench.start()
    ref.kill()
    assert ref.process is not None
    assert ref.process.stopped.wait(WAIT)
    for look in LOOKS:
        with pytest.raises(ActorDeadError):
            look(ref)
    assert isinstance(bench.begin(bench.spec(), ref=ref).get(timeout=WAIT), Started)
    found = ref.statistics()
    assert (found.incarnation, found.restarts) == (2, 1)


def test_one_that_starts_says_so(bench: Bench) -> None:
    bench.begin(bench.spec("hang"))
    (ref,) = bench.system.relations.living()
    assert ref.statistics().state == "starting"
    ref.kill()


def test_one_whose_process_stands_still_is_a_timeout(bench: Bench) -> None:
    ref = bench.start()
    bench.system.ask_timeout = 0.1
    stop_process(ref.pid)
    for look in LOOKS:
        with pytest.raises(AskTimeout):
            look(ref)
    os.kill(ref.pid or 0, signal.SIGCONT)
    bench.system.ask_timeout = WAIT
    ref.resume()
    assert isinstance(ref.statistics(), Statistics)


def test_an_actor_inside_is_looked_at_and_ones_inside_look_at_others(bench: Bench) -> None:
    one, two = bench.start("one"), bench.start("two")
    inner = one.ask(Order("spawn"), timeout=WAIT)
    assert inner.get_state()["args"] == ()
    assert inner.statistics().incarnation == 1
    state, args, new = one.ask(Order("look", two), timeout=WAIT)  # through this process
    assert state in ("idle", "running")
    assert (args, new["args"]) == (("two",), 1)
    assert two.get_state()["args"] == 1
    two.kill()
    with pytest.raises(RemoteError, match="ActorDeadError"):
        one.ask(Order("look", two), timeout=WAIT)


def test_a_trace_is_to_be_had_only_inside(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(LivesElsewhere, match=r"self\.system\.trace"):
        bench.system.trace(ref)


LOOKS = (
    HostedRef.get_state,
    HostedRef.statistics,
    HostedRef.suspend,
    HostedRef.resume,
    lambda ref: ref.replace_state(lambda state: state),
)
