"""Environment data reaches every process that starts, through all generations, as it is at that time."""

from __future__ import annotations

from hosted_actors import Order
from hosting_bench import WAIT, Bench

from regrow.actors import ActorExited
from regrow.actors.hosting import HostedRef


def found(ref: HostedRef) -> object:
    return ref.ask(Order("environment"), timeout=WAIT)


def test_a_process_has_what_was_set_when_it_started(bench: Bench) -> None:
    data = bench.system.environment_data
    data["site"], data["order"] = ("Paris", 1), Order("known over there")
    first = bench.start()
    data["site"] = "London"
    del data["order"]
    second = bench.start()
    assert found(first) == {"site": ("Paris", 1), "order": Order("known over there")}
    assert found(second) == {"site": "London"}


def test_a_restart_has_what_is_set_now(bench: Bench) -> None:
    data = bench.system.environment_data
    data["version"] = 1
    ref = bench.start()
    data["version"] = 2
    assert found(ref) == {"version": 1}
    ref.kill()
    bench.events.wait(ActorExited, lambda event: event.ref is ref)
    bench.begin(bench.spec(), ref=ref).get(timeout=WAIT)
    assert found(ref) == {"version": 2}


def test_what_it_starts_itself_inherits_it_with_what_it_has_set(bench: Bench) -> None:
    bench.system.environment_data["site"] = "Paris"
    ref = bench.start()
    ref.ask(Order("set_environment", ("own", [1])), timeout=WAIT)
    inner = ref.ask(Order("nested_environment", bench.launcher), timeout=2 * WAIT)
    assert inner == {"site": "Paris", "own": [1]}
    assert dict(bench.system.environment_data) == {"site": "Paris"}
