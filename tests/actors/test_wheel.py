"""The timer wheel against a list that is searched from one end to the other."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.wheel import REACH, WIDTHS, TimerWheel, WheelTimer

# Around the widths and reaches of the levels, where a timer goes to one slot or to another, and anywhere between.
EDGES = [0.0, *WIDTHS, *REACH, 1 / 128, 15 / 16, 1e5, 1e7]
delays = st.one_of(
    st.sampled_from(EDGES),
    st.sampled_from(EDGES).map(lambda edge: edge * (1 + 2**-40)),
    st.sampled_from(EDGES).map(lambda edge: edge * (1 - 2**-40)),
    st.floats(-1, 1),
    st.floats(0, 100),
    st.floats(0, 1e6),
    st.integers(0, 20).map(float),  # many at the same time
)
passing = delays.map(abs)
steps = st.one_of(
    st.tuples(st.just("add"), delays | st.just(inf)),
    st.tuples(st.just("cancel"), st.floats(0, 1)),
    st.tuples(st.just("pass"), passing),
    st.tuples(st.just("fire one"), passing),
    st.just(("pass to next", 0.0)),
)


@dataclass
class Naive:
    """What a wheel should do, in the plainest way."""

    timers: dict[int, float] = field(default_factory=dict)

    def due(self, now: float) -> int | None:
        number = self.first()
        return None if number is None or self.timers[number] > now else number

    def first(self) -> int | None:
        coming = [number for number, when in self.timers.items() if when < inf]
        return min(coming, key=lambda number: (self.timers[number], number), default=None)


@given(st.floats(-1e4, 1e6), st.lists(steps, max_size=60))
def test_it_does_what_a_plain_list_does(start: float, script: list[tuple[str, float]]) -> None:
    now, wheel, model = start, TimerWheel(start), Naive()
    timers: list[WheelTimer] = []
    fired: list[int] = []

    def fire_one() -> bool:
        expected = model.due(now)
        callback = wheel.due(now)
        if callback is not None:
            callback()
            assert fired[-1] == expected
            del model.timers[fired[-1]]
        else:
            assert expected is None
        return callback is not None

    for what, value in script:
        if what == "add":
            number = len(timers)
            timers.append(wheel.add(now + value, lambda number=number: fired.append(number)))  # type: ignore[misc]
            model.timers[number] = now + value
        elif what == "cancel" and timers:
            number = int(value * (len(timers) - 1))
            assert timers[number].cancel() is (model.timers.pop(number, None) is not None)
        elif what == "fire one":
            now += value
            fire_one()
        elif what.startswith("pass"):
            due = wheel.next_due()
            now = max(now, due) if what == "pass to next" and due is not None else now + value
            while fire_one():
                pass
        first = model.first()
        assert wheel.next_due() == (None if first is None else model.timers[first])
        assert len(wheel) == len(model.timers)


@pytest.mark.parametrize("delay", [0.0, 0.001, 0.1, 10.0, 100.0, 2000.0, 1e6, 1e12, 1e300, inf])
def test_a_cancelled_timer_keeps_nothing_alive(delay: float) -> None:
    class Kept:
        def fire(self) -> None:
            raise AssertionError("it was cancelled")

    wheel, kept = TimerWheel(1e6), Kept()
    gone = weakref.ref(kept)
    timer = wheel.add(1e6 + delay, kept.fire)
    del kept
    assert gone() is not None
    assert timer.cancel()
    assert gone() is None
    assert not timer.cancel()
    assert (len(wheel), wheel.next_due()) == (0, None)


def test_a_callback_may_cancel_another_that_is_due_at_the_same_time() -> None:
    wheel = TimerWheel(0.0)
    fired: list[str] = []
    others: list[WheelTimer] = []
    wheel.add(1.0, lambda: fired.append("one"))
    wheel.add(1.0, lambda: others[0].cancel())
    others.append(wheel.add(1.0, lambda: fired.append("two")))
    wheel.add(1.0, lambda: fired.append("three"))
    while (callback := wheel.due(1.0)) is not None:
        callback()
    assert fired == ["one", "three"]


def test_clearing_forgets_timers_near_and_far_and_it_can_be_used_again() -> None:
    wheel = TimerWheel(0.0)
    timers = [wheel.add(delay, lambda: None) for delay in (0.0, 0.5, 50.0, 5000.0, 1e6)]
    wheel.clear()
    assert (len(wheel), wheel.next_due(), wheel.due(1e9)) == (0, None, None)
    assert not any(timer.cancel() for timer in timers)
    wheel.add(1e9 + 1, lambda: None)
    assert wheel.next_due() == 1e9 + 1


def test_slots_that_were_emptied_do_not_pile_up() -> None:
    wheel = TimerWheel(0.0)
    for second in range(5000):
        wheel.add(second + 30.5, lambda: None).cancel()
        assert wheel.due(float(second)) is None
    assert sum(len(level.slots) + len(level.indexes) for level in wheel._levels) < 100


def test_the_earliest_of_a_slot_is_found_again_when_it_was_cancelled() -> None:
    wheel = TimerWheel(0.0)
    timers = [wheel.add(100.9 - n / 10, lambda: None) for n in range(9)]
    for timer in reversed(timers):
        assert wheel.next_due() == timer.when
        timer.cancel()
    assert wheel.next_due() is None


def test_others_may_be_cancelled_while_the_earliest_is_looked_for() -> None:
    wheel = TimerWheel(0.0)
    slot_mates: list[WheelTimer] = []

    class Nosy(WheelTimer):
        """Cancels another one whenever somebody looks at its time, as other threads might."""

        def __getattribute__(self, name: str) -> object:
            if name == "when" and slot_mates:
                slot_mates.pop().cancel()
            return super().__getattribute__(name)

    first = wheel.add(100.0, lambda: None)
    for n in range(5):
        wheel.place(Nosy(100.5 + n / 100, {}), lambda: None)
    slot_mates += [wheel.add(100.9, lambda: None) for _ in range(5)]
    first.cancel()
    assert wheel.next_due() == 100.5
    assert slot_mates == []
    assert len(wheel) == 5
