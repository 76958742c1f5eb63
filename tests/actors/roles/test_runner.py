"""The thread that runs functions: flag, interrupt, and every kind of end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from regrow.actors.clock import monotonic
from regrow.actors.roles.calling import FunctionTable
from regrow.actors.roles.executor.runner import Runner
from regrow.actors.roles.invocation import Invocation, NoInvocation, invocation
from regrow.actors.roles.logger import Logger
from regrow.actors.roles.messages import FunctionTarget, RunFunction
from regrow.actors.roles.outcomes import outcome_from_bytes
from regrow.protocol.codec import decode, encode
from regrow.protocol.session.messages import Failure, Outcome, Success

WAIT = 5.0


class Stage:
    def __init__(self) -> None:
        self.inside = threading.Event()
        self.outcomes: SimpleQueue[tuple[str, Outcome]] = SimpleQueue()
        self.progress: list[tuple[object, ...]] = []
        functions: dict[str, Callable[..., object]] = {
            "add": lambda a, b: a + b,
            "fail": self.fail,
            "quit": self.quit,
            "heed": self.heed,
            "spin": self.spin,
            "stubborn": self.stubborn,
            "who": lambda: (invocation().request_id, invocation().attempt),
            "report": lambda: invocation().progress(1, 2, "half"),
            "slowly": self.slowly,
        }
        self.runner = Runner(
            "regrow-test-runner",
            FunctionTable(functions),
            context=self.context,
            finished=lambda run, outcome: self.outcomes.put((run.request_id, outcome_from_bytes(outcome))),
        )

    def context(self, run: RunFunction) -> Invocation:
        return Invocation(
            request_id=run.request_id,
            function=run.function.name,
            attempt=run.attempt,
            deadline=None if run.deadline is None else monotonic() + run.deadline,
            logger=Logger(lambda *record: None),
            report=lambda *report: self.progress.append(report),
            now=monotonic,
        )

    def run(self, name: str, *args: object, request: str = "r1") -> None:
        function = FunctionTarget(name=name, target="")
        self.runner.submit(
            RunFunction(request_id=request, function=function, arguments=encode((args, {})), incarnation=1, attempt=2)
        )

    def outcome(self) -> Outcome:
        return self.outcomes.get(timeout=WAIT)[1]

    def fail(self) -> None:
        raise LookupError("not here")

    def quit(self) -> None:
        raise SystemExit(3)

    def heed(self) -> str:
        self.inside.set()
        assert invocation().wait_cancelled(WAIT)
        invocation().check()
        return "went on"

    def spin(self) -> None:
        self.inside.set()
        deadline = monotonic() + WAIT
        while monotonic() < deadline:
            pass

    def stubborn(self) -> None:
        self.inside.set()
        deadline = monotonic() + WAIT
        try:
            while monotonic() < deadline:
                pass
        except Exception:
            raise AssertionError("except Exception must not catch an interrupt") from None

    async def slowly(self) -> str:
        return "async"


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    assert stage.runner.close()


def failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def value(outcome: Outcome) -> object:
    assert isinstance(outcome, Success), outcome
    return decode(outcome.value)


def test_a_function_returns(stage: Stage) -> None:
    stage.run("add", 1, 2)
    assert value(stage.outcome()) == 3


def test_an_async_function_gets_a_loop_of_its_own(stage: Stage) -> None:
    stage.run("slowly")
    assert value(stage.outcome()) == "async"


def test_an_exception_is_an_outcome_with_its_traceback(stage: Stage) -> None:
    stage.run("fail")
    ended = failure(stage.outcome())
    assert (ended.kind, ended.type, ended.text) == ("error", "LookupError", "'not here'") or ended.text == "not here"
    assert "in fail" in ended.traceback


def test_a_function_that_exits_ends_itself_alone(stage: Stage) -> None:
    stage.run("quit")
    assert failure(stage.outcome()).type == "SystemExit"
    stage.run("add", 1, 1)
    assert value(stage.outcome()) == 2


def test_the_invocation_is_known_inside_and_only_there(stage: Stage) -> None:
    stage.run("who")
    assert value(stage.outcome()) == ("r1", 2)
    with pytest.raises(NoInvocation):
        invocation()


def test_progress_goes_to_whoever_reports_it(stage: Stage) -> None:
    stage.run("report")
    stage.outcome()
    assert stage.progress == [("r1", 1, 2, "half")]


def test_a_function_may_heed_its_flag(stage: Stage) -> None:
    stage.run("heed")
    assert stage.inside.wait(WAIT)
    stage.runner.cancel("r1", "the client left")
    ended = failure(stage.outcome())
    assert (ended.kind, ended.text) == ("cancelled", "the client left")


@pytest.mark.parametrize("name", ["spin", "stubborn"])
def test_a_function_that_does_not_heed_is_interrupted(stage: Stage, name: str) -> None:
    stage.run(name)
    assert stage.inside.wait(WAIT)
    assert stage.runner.interrupt("r1", "deadline")
    assert failure(stage.outcome()).kind == "cancelled"
    stage.run("add", 2, 2)
    assert value(stage.outcome()) == 4


def test_an_interrupt_of_another_request_or_of_none_hits_nobody(stage: Stage) -> None:
    assert not stage.runner.interrupt("r1", "nobody")
    stage.run("heed", request="r2")
    assert stage.inside.wait(WAIT)
    assert not stage.runner.interrupt("r1", "not you")
    stage.runner.cancel("r2", "you")
    assert failure(stage.outcome()).kind == "cancelled"


def test_interrupts_that_race_with_the_end_never_hurt_the_next_run(stage: Stage) -> None:
    for turn in range(300):
        stage.run("add", turn, 1, request=f"r{turn}")
        stage.runner.interrupt(f"r{turn}", "race")
        request, outcome = stage.outcomes.get(timeout=WAIT)
        assert request == f"r{turn}"
        assert isinstance(outcome, Success) or outcome.kind == "cancelled"
    stage.run("add", 1, 1)
    assert value(stage.outcome()) == 2


def test_runs_leave_nothing_in_the_interpreter_that_hangs_a_profiler() -> None:
    program = """
import cProfile, faulthandler, threading
from regrow.actors.roles.executor.runner import Interrupted, _let_land, _raise_in

def work():
    try:
        gate.acquire()
        _let_land()
    except Interrupted:
        landed.append(True)

gate, landed = threading.Lock(), []
gate.acquire()
thread = threading.Thread(target=work)
thread.start()
_raise_in(thread, Interrupted)
gate.release()
thread.join()
faulthandler.dump_traceback_later(10, exit=True)
cProfile.Profile().runcall(lambda: [number for number in range(1000) if number])
print(landed)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[True]", "")
