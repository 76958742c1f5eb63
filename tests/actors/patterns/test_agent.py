"""State behind an address."""

from __future__ import annotations

import asyncio

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    Down,
    SpawnOptions,
    Started,
    default_system,
)
from regrow.actors.patterns import AgentRef
from regrow.actors.testing import Hold, Probe
from regrow.protocol import Crash


def zero() -> int:
    return 0


def add(state: int, more: int) -> int:
    return state + more


@pytest.fixture
def counter(system: ActorSystem) -> AgentRef[int]:
    return AgentRef[int].spawn(system, zero)


def test_it_keeps_what_functions_make_of_its_state(counter: AgentRef[int]) -> None:
    assert counter.get(lambda state: state) == 0
    counter.update(add, 2)
    counter.cast(add, 3)
    assert counter.get(add, 10) == 15
    assert counter.get_and_update(lambda state: (f"was {state}", 7)) == "was 5"
    assert counter.get(str) == "7"


def test_keyword_arguments_reach_the_function(counter: AgentRef[int]) -> None:
    counter.update(add, more=4)
    assert counter.get(add, more=1) == 5


def test_functions_run_one_at_a_time_where_the_state_lives(counter: AgentRef[int]) -> None:
    def step(state: int) -> int:
        return state + 1

    for _ in range(100):
        counter.cast(step)
    assert counter.get(lambda state: state) == 100
    with pytest.raises(CallingSelf):
        counter.get(lambda _state: counter.get(lambda state: state))


def test_what_a_function_raises_reaches_the_asker_and_ends_the_agent(counter: AgentRef[int], probe: Probe) -> None:
    probe.monitor(counter.ref)
    with pytest.raises(ZeroDivisionError):
        counter.get(lambda state: 1 // state)
    assert isinstance(probe.expect(Down).reason, Crash)
    with pytest.raises(ActorDeadError):
        counter.get(lambda state: state)
    with pytest.raises(ActorDeadError):
        counter.cast(add, 1)


def test_a_failed_update_leaves_no_half_state_behind_in_a_new_life(system: ActorSystem, probe: Probe) -> None:
    spec = AgentRef.child_spec("counter", (int, "5"), name="counter")
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    counter = AgentRef[int].named(system, "counter")
    counter.update(add, 1)
    with pytest.raises(ZeroDivisionError):
        counter.update(lambda state: state // 0)
    system.begin(spec, parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.fish(Started)
    assert counter.get(lambda state: state) == 5


def test_get_and_update_wants_a_pair(counter: AgentRef[int]) -> None:
    with pytest.raises(TypeError, match=r"expected \(answer, new state\), got 3"):
        counter.get_and_update(lambda state: 3)  # type: ignore[arg-type, return-value]


def test_a_first_state_that_cannot_be_made_is_a_failed_start(system: ActorSystem) -> None:
    def fail() -> int:
        raise KeyError("no")

    with pytest.raises(KeyError):
        AgentRef[int].spawn(system, fail)


def test_a_name_that_nobody_has_is_nobody(system: ActorSystem) -> None:
    with pytest.raises(ActorDeadError, match="counter not found"):
        AgentRef[int].named(system, "counter").get(lambda state: state)
    AgentRef[int].spawn(system, zero, options=SpawnOptions(name="counter"))
    assert AgentRef[int].named(system, "counter").get(lambda state: state) == 0


def test_stop_handles_what_it_was_sent_before(counter: AgentRef[int]) -> None:
    seen: list[int] = []

    def note(state: int) -> int:
        seen.append(state)
        return state + 1

    counter.cast(note)
    counter.cast(note)
    assert counter.stop()
    assert seen == [0, 1]
    assert not counter.stop()


def test_it_can_be_awaited_and_waited_for_with_another_timeout(counter: AgentRef[int]) -> None:
    async def run() -> int:
        return await counter.asking(add, 1)

    assert asyncio.run(run()) == 1
    hold = Hold()
    late = counter.asking(lambda _state: hold())
    with pytest.raises(AskTimeout):
        late.get(timeout=0.05)
    hold.release()
    assert late.get(timeout=5.0) == "released"


def test_start_makes_one_in_the_default_system() -> None:
    agent = AgentRef.start(add, 1, more=2)
    try:
        assert agent.get(lambda state: state) == 3
        assert agent.ref.system is default_system()
    finally:
        default_system().shutdown(5.0)
