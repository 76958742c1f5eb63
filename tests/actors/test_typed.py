"""Typed calls: what they do, and what type checkers say about them."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    Down,
    ask_call,
    await_call,
    call,
    tell_call,
    typed_proxy,
)
from regrow.actors.compat import PykkaActor
from regrow.actors.testing import Hold, Probe
from regrow.protocol.exits import Crash

ROOT = Path(__file__).parents[2]
WAIT = 5.0


class Counter(Actor):
    def __init__(self) -> None:
        self.sum = 0

    def add(self, number: int, *, twice: bool = False) -> int:
        self.sum += number * (2 if twice else 1)
        return self.sum

    def wait(self, hold: Hold) -> str:
        return hold()

    def fail(self) -> None:
        raise ValueError("told to")


class Louder(Counter):
    def add(self, number: int, *, twice: bool = False) -> int:
        return super().add(number * 100, twice=twice)


class Legacy(PykkaActor):
    def add(self, number: int) -> int:
        return number + 1


def stray(_actor: Counter) -> int:
    return 1


def test_a_call_gives_a_future_of_the_answer(system: ActorSystem) -> None:
    ref = system.spawn(Counter)
    assert call(ref, Counter.add, 2).get(timeout=WAIT) == 2
    assert call(ref, Counter.add, number=3, twice=True).get(timeout=WAIT) == 8


def test_a_call_can_wait_be_awaited_or_be_told(system: ActorSystem) -> None:
    ref = system.spawn(Counter)
    assert ask_call(ref, Counter.add, 1) == 1
    tell_call(ref, Counter.add, 1)

    async def main() -> tuple[int, int]:
        return await await_call(ref, Counter.add, 1), await call(ref, Counter.add, 1)

    assert asyncio.run(main()) == (3, 4)


def test_a_typed_proxy_calls_in_the_same_ways(system: ActorSystem) -> None:
    ref = system.spawn(Counter)
    counter = typed_proxy(ref)
    counter.tell(Counter.add, 1)
    assert counter.ask(Counter.add, 1, twice=True) == 3
    assert counter.call(Counter.add, 1).get(timeout=WAIT) == 4
    assert repr(counter) == f"<TypedProxy {ref}>"


def test_a_typed_proxy_waits_as_long_as_it_is_told_to(system: ActorSystem) -> None:
    hold = Hold()
    counter = typed_proxy(system.spawn(Counter), timeout=0.0)
    with pytest.raises(AskTimeout):
        counter.ask(Counter.wait, hold)
    hold.release()


def test_the_actors_own_method_is_called(system: ActorSystem) -> None:
    ref: ActorRef[Louder] = system.spawn(Louder)
    assert ask_call(ref, Counter.add, 2) == 200


def test_what_the_method_raises_means_what_it_means_in_an_ask_and_a_tell(system: ActorSystem, probe: Probe) -> None:
    for way in (ask_call, tell_call):
        ref = system.spawn(Counter)
        probe.monitor(ref)
        if way is ask_call:
            with pytest.raises(ValueError, match="told to"):
                ask_call(ref, Counter.fail)
        else:
            tell_call(ref, Counter.fail)
        assert isinstance(probe.expect(Down).reason, Crash)
        with pytest.raises(ActorDeadError):
            ask_call(ref, Counter.fail)


def test_actors_with_pykkas_rules_are_called_too(system: ActorSystem) -> None:
    assert ask_call(system.spawn(Legacy), Legacy.add, 1) == 2


def test_what_is_no_method_of_it_is_refused_in_the_caller(system: ActorSystem) -> None:
    ref = system.spawn(Counter)
    for wrong in (stray, lambda _actor: 1):
        with pytest.raises(TypeError, match=r"call of Counter .*: expected a method of Counter, got <function"):
            call(ref, wrong)
    assert ask_call(ref, Counter.add, 1) == 1


CHECKED = """
from typing import assert_type
from dataclasses import dataclass
from regrow.actors import Actor, ActorRef, ActorSystem, AskFuture
from regrow.actors.handles import handles
from regrow.actors.typed import TypedProxy, ask_call, await_call, call, tell_call, typed_proxy

@dataclass(frozen=True)
class Ping:
    text: str

class Named(Actor):
    def label(self) -> str:
        return ""

class Counter(Named):
    def add(self, number: int, *, twice: bool = False) -> int:
        return number

    async def later(self, number: int) -> float:
        return 1.0

    @handles(Ping)
    def on_ping(self, message: Ping) -> str:
        return message.text

    @handles(Ping, int)
    def on_either(self, message: Ping | int) -> None: ...

    @handles(Ping)  # wrong
    def on_wrong(self, message: int) -> None: ...

def answers(ref: ActorRef[Counter], proxy: TypedProxy[Counter]) -> None:
    assert_type(call(ref, Counter.add, 2), AskFuture[int])
    assert_type(call(ref, Counter.add, 2).get(timeout=1.0), int)
    assert_type(ask_call(ref, Counter.add, 2, twice=True), int)
    assert_type(ask_call(ref, Counter.later, 2), float)
    assert_type(ask_call(ref, Named.label), str)
    assert_type(proxy.ask(Counter.add, 2), int)
    assert_type(proxy.call(Counter.later, number=2), AskFuture[float])
    assert_type(typed_proxy(ref), TypedProxy[Counter])
    assert_type(Counter().on_ping(Ping("")), str)

async def awaited(ref: ActorRef[Counter]) -> None:
    assert_type(await call(ref, Counter.add, 2), int)
    assert_type(await await_call(ref, Counter.later, 2), float)

def spawned(system: ActorSystem) -> None:
    assert_type(ask_call(system.spawn(Counter), Counter.add, 1), int)

def refused(ref: ActorRef[Counter], proxy: TypedProxy[Counter], named: ActorRef[Named]) -> None:
    call(ref, Counter.add, "2")  # wrong
    call(ref, Counter.add)  # wrong
    ask_call(ref, Counter.add, 2, thrice=True)  # wrong
    ask_call(ref, str.upper)  # wrong
    ask_call(named, Counter.add, 2)  # wrong
    tell_call(ref, Counter.add, None)  # wrong
    proxy.ask(Counter.later, "2")  # wrong
    proxy.tell(Counter.add)  # wrong
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is in the group of lint")
def test_mypy_finds_every_wrong_call_and_no_other(tmp_path: Path) -> None:
    program = tmp_path / "checked.py"
    program.write_text(textwrap.dedent(CHECKED), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary", str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    found = {int(line) for line in re.findall(r"checked\.py:(\d+): error:", done.stdout)}
    wrong = {number for number, line in enumerate(program.read_text().split("\n"), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout + done.stderr
