"""Actors written for pykka, unchanged, in lives of ours: what goes on as in pykka, and what they gain."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pykka
import pytest

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorSystem,
    BadTarget,
    ChildSpec,
    Down,
    Reply,
    Start,
    StartFailed,
    default_system,
)
from regrow.actors.testing import Hold, Probe
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash
from regrow.supervision import NO_BACKOFF, ChildStarted, SupervisorHandle, SupervisorSpec
from tests.actors.pykka_program import WAIT, Diary, LegacyHooks
from tests.supervision.trees import ref_of


class Legacy(LegacyHooks, pykka.ThreadingActor):
    """Has members with names that our own actors use for something else."""

    use_daemon_thread = True

    def __init__(self, diary: Diary | None = None, *, fail_in: str = "") -> None:
        pykka.ThreadingActor.__init__(self)  # sets pykka's own address once more
        self.diary = diary or Diary()
        self.fail_in = fail_in
        self.name = "legacy"
        self.system = self.parent = self.link = "a string"
        self.urn_at_birth = self.actor_urn
        self.count = 0

    def on_stop(self) -> None:
        self.diary.note(f"stopped: {self.actor_stopped.is_set()}")
        super().on_stop()

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def add_later(self, number: int) -> None:
        self.actor_ref.proxy().add.defer(number)

    def end(self) -> None:
        self.stop()


class WithLoop(pykka.ThreadingActor):
    def _actor_loop(self) -> None:
        """Handle nothing."""


def test_messages_proxies_and_its_own_ref_work(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    assert ref.ask("hello") == "hello"
    proxy = ref.proxy()
    assert proxy.add(2).get(timeout=WAIT) == 2
    proxy.count = 5
    proxy.add_later(1).get(timeout=WAIT)
    assert proxy.add(0).get(timeout=WAIT) == 6
    assert proxy.name.get(timeout=WAIT) == "legacy"
    assert ref.ask(lambda actor: actor.actor_ref) is ref
    assert proxy.urn_at_birth.get(timeout=WAIT) == ref.actor_urn
    assert ref.ask(lambda actor: actor.actor_inbox.empty()) is True
    assert ref.ask(lambda actor: isinstance(actor, Legacy)) is True
    assert ref.ask(str) == f"Legacy ({ref.actor_urn})"


def test_an_error_in_an_ask_goes_to_the_asker_and_it_lives_on(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    with pytest.raises(ValueError, match="mine"):
        ref.ask(ValueError("mine"))
    with pytest.raises(ValueError, match="told to"):
        ref.proxy().fail().get(timeout=WAIT)
    assert ref.ask("still here") == "still here"


@pytest.mark.parametrize("by", ["tell", "defer"])
def test_an_error_in_a_tell_is_its_end_and_on_failure_runs(system: ActorSystem, probe: Probe, by: str) -> None:
    diary = Diary()
    ref = system.spawn(Legacy, diary)
    probe.monitor(ref)
    if by == "tell":
        ref.tell(ValueError("told to"))
    else:
        ref.proxy().fail.defer()
    assert str(probe.expect(Down).reason) == "crash: ValueError: told to"
    assert diary.entries == ["on_start", "on_failure"]


def test_what_a_start_raises_reaches_who_starts_it_and_on_failure_does_not_run(system: ActorSystem) -> None:
    diary = Diary()
    with pytest.raises(OSError, match="on_start"):
        system.spawn(Legacy, diary, fail_in="on_start")
    assert diary.entries == ["on_start"]
    assert pykka.ActorRegistry.get_by_class(Legacy) == []


def test_system_exit_ends_this_actor_alone_and_answers_the_asker(system: ActorSystem) -> None:
    ref, bystander = system.spawn(Legacy), system.spawn(Legacy)
    with pytest.raises(ActorDeadError) as caught:
        ref.ask(SystemExit(1), timeout=WAIT)
    assert isinstance(caught.value.reason, Crash)
    assert bystander.ask("alive") == "alive"


@pytest.mark.parametrize("how", ["stop", "shutdown", "itself"])
def test_it_is_stopped_with_its_hook_and_actor_stopped_set_before(system: ActorSystem, probe: Probe, how: str) -> None:
    diary = Diary()
    ref = system.spawn(Legacy, diary)
    probe.monitor(ref)
    ways: dict[str, Callable[[], object]] = {
        "stop": ref.stop,
        "shutdown": ref.shutdown,
        "itself": ref.proxy().end,
    }
    ways[how]()
    assert probe.expect(Down).reason == (SHUTDOWN if how == "shutdown" else NORMAL)
    assert diary.entries == ["on_start", "stopped: True", "on_stop"]


def test_what_on_stop_raises_is_its_exit_reason(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Legacy, fail_in="on_stop")
    probe.monitor(ref)
    ref.shutdown()
    assert str(probe.expect(Down).reason) == "crash: OSError: on_stop"


def test_it_is_in_pykkas_registry_while_it_lives(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    seen: list[object] = []
    assert pykka.ActorRegistry.get_by_class(Legacy) == [ref]
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert ref.actor_class is Legacy
    system.bus.subscribe(lambda _: seen.extend(pykka.ActorRegistry.get_all()), ActorExited)
    assert pykka.ActorRegistry.stop_all(timeout=WAIT) == [True]
    assert seen == []


def test_in_the_default_system_it_is_in_the_registry_once() -> None:
    ref = default_system().spawn(Legacy)
    assert pykka.ActorRegistry.get_all() == [ref]
    assert default_system().shutdown() == ()
    assert pykka.ActorRegistry.get_all() == []


def test_a_reply_is_an_answer_in_it_too(system: ActorSystem) -> None:
    ref = system.spawn(Legacy)
    assert ref.ask(Reply("an answer")) == "an answer"


def test_a_kill_takes_it_out_of_the_registry_and_tells_threads_of_its_own(system: ActorSystem, probe: Probe) -> None:
    hold, stopped = Hold(), threading.Event()
    ref = system.spawn(Legacy)
    probe.monitor(ref)

    def start_thread(actor: Legacy) -> None:
        def wait() -> None:
            if actor.actor_stopped.wait(WAIT):
                stopped.set()

        threading.Thread(target=wait, daemon=True).start()
        hold()

    ref.tell(start_thread)
    hold.wait_reached()
    ref.kill()
    assert probe.expect(Down).reason == KILLED
    assert stopped.wait(WAIT)
    assert pykka.ActorRegistry.get_all() == []
    hold.release()


def test_a_restart_is_a_new_object_behind_the_same_ref_and_proxy(system: ActorSystem) -> None:
    starts = system.bus.collect(ChildStarted)
    spec = SupervisorSpec(children=[ChildSpec(id="legacy", start=Start(Legacy))], backoff=NO_BACKOFF)
    handle = SupervisorHandle.start(system, spec)
    ref = ref_of(handle, "legacy")
    proxy = ref.proxy()
    proxy.add(3).get(timeout=WAIT)
    ref.tell(ValueError("crash"))
    while getattr(starts.get(timeout=WAIT), "life", 0) != 2:
        pass
    assert proxy.add(1).get(timeout=WAIT) == 1
    assert pykka.ActorRegistry.get_by_class(Legacy) == [ref]
    handle.stop(timeout=WAIT)
    assert pykka.ActorRegistry.get_all() == []


def test_a_class_with_a_loop_of_its_own_is_refused(system: ActorSystem, probe: Probe) -> None:
    with pytest.raises(BadTarget, match="WithLoop"):
        system.spawn(WithLoop)
    system.begin(ChildSpec(id="x", start=Start(WithLoop)), parent=None, ref=None, on_outcome=probe.outcome)
    assert "expected an Actor class" in str(probe.expect(StartFailed).reason)
