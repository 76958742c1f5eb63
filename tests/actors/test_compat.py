"""Programs written for pykka that change one import: what goes on as it was, and each switch that ends it."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorSystem,
    AskFuture,
    ChildSpec,
    Down,
    MailboxFull,
    MailboxOptions,
    SpawnOptions,
    Start,
    StartError,
    compat,
    default_system,
)
from regrow.actors.compat import ActorRegistry, PykkaActor
from regrow.actors.program_hold import ProgramHold
from regrow.actors.testing import Hold, Probe
from regrow.protocol.exits import KILLED, NORMAL, Crash
from regrow.supervision import NO_BACKOFF, ChildStarted, SupervisorHandle, SupervisorSpec
from tests.actors.pykka_program import WAIT, Diary, LegacyHooks
from tests.supervision.trees import ref_of

ROOT = Path(__file__).parents[2]


class Legacy(LegacyHooks, PykkaActor):
    """Written for pykka: calls its constructor by name, and has names that our actors use for something else."""

    def __init__(self, diary: Diary | None = None, fail_in: str = "", hold: Hold | None = None) -> None:
        super().__init__()
        self.diary = diary or Diary()
        self.fail_in = fail_in
        self.hold = hold
        self._note("__init__")

    def on_start(self) -> None:
        if self.hold is not None:
            self.hold()
        super().on_start()


@pytest.fixture(autouse=True)
def default_system_is_shut_down() -> Iterator[None]:
    yield
    assert default_system().shutdown() == ()
    assert pykka.ActorRegistry.get_all() == []


def test_compat_has_every_name_that_pykka_has() -> None:
    assert set(pykka.__all__) <= set(compat.__all__)
    assert issubclass(compat.ThreadingActor, Actor)
    assert issubclass(compat.ThreadingActor, compat.Actor)
    assert compat.ThreadingFuture is AskFuture
    assert isinstance(PykkaActor._create_future(), compat.ThreadingFuture)


def test_start_returns_before_on_start_does_and_a_message_waits_for_it() -> None:
    hold, diary = Hold(), Diary()
    ref = Legacy.start(diary, hold=hold)
    hold.wait_reached()
    assert diary.entries == ["__init__"]
    answer = ref.ask("hello", block=False)
    hold.release()
    assert answer.get(timeout=WAIT) == "hello"


def test_start_waits_for_on_start_with_start_waits() -> None:
    class Waiting(Legacy):
        start_waits = True

    diary = Diary()
    Waiting.start(diary)
    assert diary.entries == ["__init__", "on_start"]
    with pytest.raises(OSError, match="on_start"):
        Waiting.start(fail_in="on_start")


def test_an_on_start_may_take_longer_than_any_start_timeout() -> None:
    class Looking(Legacy):
        def on_start(self) -> None:
            assert self._life is not None
            self.timer = self._life.start_timer

    assert Looking.start().ask(lambda actor: actor.timer) is None


def test_start_raises_what_the_constructor_raises_and_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    with pytest.raises(OSError, match="__init__"):
        Legacy.start(diary, fail_in="__init__")
    assert diary.entries == ["__init__"]
    assert caplog.messages == []
    assert default_system().roots == ()


@pytest.mark.parametrize("our_way", [False, True])
def test_a_failed_on_start_runs_on_failure_only_with_on_failure_at_start(our_way: bool) -> None:
    class Failing(Legacy):
        on_failure_at_start = our_way

    diary, exits = Diary(), default_system().bus.collect(ActorExited)
    ref = Failing.start(diary, fail_in="on_start")
    assert ref.actor_stopped.wait(WAIT)
    exits.get(timeout=WAIT)
    assert diary.entries == ["__init__", "on_start", *(["on_failure"] if our_way else [])]
    assert not ref.is_alive()


@pytest.mark.parametrize("by", ["ask", "proxy"])
def test_an_error_in_an_ask_goes_to_the_asker_and_it_lives_on(by: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ref = Legacy.start()
    with pytest.raises(ValueError, match="told to"):
        ref.ask(ValueError("told to")) if by == "ask" else ref.proxy().fail().get(timeout=WAIT)
    assert ref.ask("still here") == "still here"
    assert [(r.name, r.levelname) for r in caplog.records] == [("pykka", "INFO")]
    assert caplog.messages == [f"Exception returned from {ref} to caller:"]


def test_an_error_in_an_ask_is_the_end_with_crash_on_ask(probe: Probe) -> None:
    class Crashing(Legacy):
        crash_on_ask = True

    diary = Diary()
    ref = probe.system.spawn(Crashing, diary)
    probe.monitor(ref)
    with pytest.raises(ValueError, match="told to"):
        ref.ask(ValueError("told to"))
    assert isinstance(probe.expect(Down).reason, Crash)
    assert diary.entries == ["__init__", "on_start", "on_failure"]


def test_an_actor_of_ours_can_have_that_rule_too(system: ActorSystem, probe: Probe) -> None:
    class Tolerant(Actor):
        crash_on_ask = False

        def on_receive(self, message: object) -> object:
            if message == "defer":
                self.defer_reply()
            raise ValueError(message)

    ref = system.spawn(Tolerant)
    probe.monitor(ref)
    for _ in range(2):
        with pytest.raises(ValueError, match="ask"):
            ref.ask("ask", timeout=WAIT)
    with pytest.raises(ValueError, match="defer"):  # nobody would ever answer what it has taken over: it ends
        ref.ask("defer", timeout=WAIT)
    assert isinstance(probe.expect(Down).reason, Crash)


def test_an_error_in_a_tell_is_its_end_told_once_in_pykkas_words(
    system: ActorSystem, probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    ref = system.spawn(Legacy, diary, fail_in="on_failure")
    probe.monitor(ref)
    ref.tell(ValueError("told to"))
    assert str(probe.expect(Down).reason) == "crash: ValueError: told to"
    assert diary.entries == ["__init__", "on_start", "on_failure"]
    assert [(r.name, r.levelname) for r in caplog.records] == [("pykka", "ERROR")] * 2
    assert caplog.messages == [f"Unhandled exception in {ref}:"] * 2


def test_without_log_as_pykka_its_end_is_told_in_our_words(
    system: ActorSystem, probe: Probe, caplog: pytest.LogCaptureFixture
) -> None:
    class Quiet(Legacy):
        log_as_pykka = False

    ref = system.spawn(Quiet)
    probe.monitor(ref)
    ref.tell(ValueError("told to"))
    probe.expect(Down)
    assert {record.name for record in caplog.records} == {"regrow.actors"}
    assert "ended in life 1" in caplog.text


@pytest.mark.parametrize("by", ["ask", "tell"])
def test_system_exit_stops_all_actors_and_answers_the_asker(by: str) -> None:
    diary, other = Diary(), Diary()
    bystander, ref = Legacy.start(other), Legacy.start(diary)
    if by == "tell":
        ref.tell(SystemExit(1))
    else:
        with pytest.raises(ActorDeadError):
            ref.ask(SystemExit(1), timeout=WAIT)
    diary.wait_for("on_stop")
    other.wait_for("on_stop")
    assert bystander.actor_stopped.wait(WAIT)
    assert "on_failure" not in diary.entries


def test_system_exit_in_a_circle_of_asks_does_not_hang() -> None:
    one, other = Legacy.start(), Legacy.start()

    def ask_one(_actor: Legacy) -> object:
        return one.ask(SystemExit(1))

    with pytest.raises(ActorDeadError):
        other.ask(ask_one, timeout=WAIT)
    assert other.actor_stopped.wait(WAIT)


def test_system_exit_ends_this_actor_alone_without_base_exception_stops_all(probe: Probe) -> None:
    class Alone(Legacy):
        base_exception_stops_all = False

    diary = Diary()
    bystander, ref = Legacy.start(), Alone.start(diary)
    with pytest.raises(ActorDeadError):
        ref.ask(SystemExit(1), timeout=WAIT)
    diary.wait_for("on_failure")
    assert bystander.ask("alive") == "alive"


def test_it_is_registered_after_its_constructor_and_left_before_its_last_hook() -> None:
    seen: list[tuple[str, int, bool]] = []

    class Looking(PykkaActor):
        def __init__(self) -> None:
            super().__init__()
            self._look("__init__")

        def on_start(self) -> None:
            self._look("on_start")

        def on_stop(self) -> None:
            self._look("on_stop")

        def _look(self, where: str) -> None:
            seen.append((where, len(ActorRegistry.get_by_class(Looking)), self.actor_stopped.is_set()))

    ref = Looking.start()
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
    ref.stop()
    assert seen == [("__init__", 0, False), ("on_start", 1, False), ("on_stop", 0, True)]


def test_in_a_system_of_ones_own_it_is_registered_too(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    assert pykka.ActorRegistry.get_all() == [ref]
    ref.kill()
    assert pykka.ActorRegistry.get_all() == []


def test_names_that_our_actors_use_are_its_own(system: ActorSystem, probe: Probe) -> None:
    class Names(Legacy):
        def __init__(self) -> None:
            super().__init__()
            for name in ("name", "parent", "ref", "system", "incarnation", "_alive"):
                setattr(self, name, "mine")

        def exit(self) -> str:  # type: ignore[override]
            return "exit"

        def end(self) -> None:
            self.stop()

    ref = system.spawn(Names)
    probe.monitor(ref)
    proxy: Any = ref.proxy()
    assert [proxy.name.get(), proxy.parent.get(), proxy.ref.get(), proxy.exit().get()] == ["mine"] * 3 + ["exit"]
    proxy.end().get()
    assert probe.expect(Down).reason == NORMAL
    assert ref.actor_urn not in {ref.actor_urn for ref in pykka.ActorRegistry.get_all()}


def test_names_that_it_does_not_use_are_ours(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    assert ref.ask(lambda actor: (actor.system, actor.ref, actor.name)) == (system, ref, "Legacy")


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_started_by_an_actor_it_lives_in_the_same_system(system: ActorSystem) -> None:
    outer = system.spawn(Legacy)
    inner = outer.ask(lambda _actor: Legacy.start())
    assert inner.system is system
    assert inner.ask("x") == "x"


def test_killed_in_its_constructor_start_says_so() -> None:
    class Killed(PykkaActor):
        def __init__(self) -> None:
            super().__init__()
            self.actor_ref.kill()  # type: ignore[attr-defined]

    with pytest.raises(StartError, match="killed"):
        Killed.start()


def test_a_supervisor_restarts_it_behind_the_same_ref_and_proxy(system: ActorSystem) -> None:
    starts = system.bus.collect(ChildStarted)
    spec = SupervisorSpec(children=[ChildSpec(id="legacy", start=Start(Legacy))], backoff=NO_BACKOFF)
    handle = SupervisorHandle.start(system, spec)
    ref = ref_of(handle, "legacy")
    proxy: Any = ref.proxy()
    ref.tell(ValueError("crash"))
    while getattr(starts.get(timeout=WAIT), "life", 0) != 2:
        pass
    with pytest.raises(ValueError, match="told to"):
        proxy.fail().get(timeout=WAIT)
    assert pykka.ActorRegistry.get_by_class(Legacy) == [ref]
    handle.stop(timeout=WAIT)


def test_what_an_abandoned_one_raises_is_nobodys_affair(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    bystander, ref = Legacy.start(), system.spawn(Legacy)
    probe.monitor(ref)

    def late(_actor: Legacy) -> None:
        hold()
        raise SystemExit(1)

    ref.tell(late)
    hold.wait_reached()
    ref.kill()
    assert probe.expect(Down).reason == KILLED
    hold.release()
    assert bystander.ask("alive") == "alive"


def test_a_broadcast_passes_over_the_dead_and_reaches_all_others(system: ActorSystem, monkeypatch: Any) -> None:
    told: list[str] = []

    class Listener(PykkaActor):
        def on_receive(self, message: Any) -> Any:
            told.append(message)

    full = SpawnOptions(mailbox=MailboxOptions(maxsize=1))
    hold = Hold()
    one, dead, busy, last = (
        Listener.start(), Listener.start(), system.spawn(Legacy, options=full), Listener.start()
    )  # fmt: skip
    busy.tell(hold)
    hold.wait_reached()
    busy.tell("fills it")
    dead.stop()
    everybody = [one, dead, busy, last]
    monkeypatch.setattr(ActorRegistry, "get_all", lambda: everybody)
    with pytest.raises(MailboxFull):
        ActorRegistry.broadcast("all")
    monkeypatch.setattr(ActorRegistry, "get_by_class", lambda _cls: [one, dead])
    ActorRegistry.broadcast("class", Listener)
    monkeypatch.setattr(ActorRegistry, "get_by_class_name", lambda _name: [dead, last])
    ActorRegistry.broadcast("name", "Listener")
    one.ask("sync")
    last.ask("sync")
    hold.release()
    assert sorted(told) == ["all", "all", "class", "name", "sync", "sync"]


def run_program(text: str) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(text)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.system
def test_a_program_goes_on_while_its_actors_live() -> None:
    done = run_program("""
        import threading
        from regrow.actors import compat as pykka

        class Worker(pykka.ThreadingActor):
            def on_receive(self, message):
                threading.main_thread().join()
                print("after main")
                self.stop()

            def on_stop(self):
                print("stopped")

        Worker.start().tell("work")
        """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "after main\nstopped\n", "")


@pytest.mark.system
def test_a_program_ends_although_its_daemons_live_and_they_are_stopped() -> None:
    done = run_program("""
        from regrow.actors import compat as pykka

        class Worker(pykka.ThreadingActor):
            use_daemon_thread = True

            def on_stop(self):
                print("stopped")

        Worker.start()
        """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_a_hold_has_one_thread_while_it_is_held() -> None:
    hold = ProgramHold()
    before = set(threading.enumerate())
    for holder in ("one", "other", "one"):
        hold.take(holder)
    (thread,) = set(threading.enumerate()) - before
    assert not thread.daemon
    hold.drop("one")
    hold.drop("nobody")
    assert len(hold) == 1
    assert thread.is_alive()
    hold.drop("other")
    thread.join(WAIT)
    assert not thread.is_alive()
    hold.take("again")
    hold.drop("again")


@pytest.mark.system
def test_a_fork_takes_no_hold_along() -> None:
    done = run_program("""
        import os
        from regrow.actors.program_hold import ProgramHold

        hold = ProgramHold()
        hold.take("parent")
        child = os.fork()
        if child == 0:
            hold.take("child")
            print(len(hold), flush=True)
            hold.drop("child")
        else:
            print(os.waitpid(child, 0)[1])
            hold.drop("parent")
        """)
    assert (done.returncode, done.stdout) == (0, "1\n0\n"), done.stderr


def test_an_ask_without_a_timeout_waits_for_ever_in_the_default_system_as_pykkas_do() -> None:
    assert default_system().ask_timeout is None
    assert ActorSystem().ask_timeout == 5.0
