"""PartitionSupervisor: its handle, its sizes, and what happens when something below it ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    ChildSpec,
    NameTaken,
    Reply,
    Restart,
    SpawnOptions,
    Start,
)
from regrow.actors.testing import Hold, Puppet, Script, crash, exit_with
from regrow.protocol.exits import NOPROC, NORMAL, Crash
from regrow.supervision import (
    NO_BACKOFF,
    BadPartitionCount,
    ChildStarted,
    ChildTerminated,
    FailedToStartChild,
    InvalidSpec,
    NoPartitions,
    PartitionHandle,
    PartitionSpec,
    PartitionSupervisor,
    ResizeUnderWay,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    partition_supervisor_child,
    supervise,
)
from regrow.supervision.partition_supervisor import AskPartitionTable
from tests.supervision.facts import Facts
from tests.supervision.stage import OFTEN

WAIT = 5.0


class Cell(Actor):
    def __init__(self, *args: object) -> None:
        self.args = args

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        return self.args


def spec(partitions: int | None = 3, **more: Any) -> PartitionSpec:
    more.setdefault("child", supervise(Cell, "x"))
    more.setdefault("with_arguments", lambda args, number: (*args, number))
    return PartitionSpec(name="cache", partitions=partitions, intensity=OFTEN, backoff=NO_BACKOFF, **more)


def numbers(handle: PartitionHandle, *keys: object) -> list[object]:
    return [handle.route(key).ask("args", timeout=WAIT)[1] for key in keys]


# Finding


def test_keys_lead_to_partitions_and_names_do_too(system: ActorSystem) -> None:
    handle = PartitionHandle.start(system, spec())
    assert numbers(handle, 0, 1, 2, 3, -4, True) == [0, 1, 2, 0, 1, 1]
    assert handle.route("a") is handle.route("a")
    assert handle.route(2) is system.whereis("cache/2")
    assert handle.partitions() == 3
    assert handle.ref is system.whereis("cache")
    assert repr(handle) == "PartitionHandle('cache')"
    assert handle.count_children().active == 3


def test_a_restarted_partition_is_found_under_the_same_ref(system: ActorSystem, facts: Facts) -> None:
    handle = PartitionHandle.start(system, spec())
    ref = handle.route(1)
    ref.tell(ValueError("crash"))
    facts.wait(ChildStarted, child_id="1", times=2)
    assert handle.route(1) is ref
    assert numbers(handle, 1) == [1]


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_between_two_lives_a_partition_refuses_messages_and_the_others_do_not(system: ActorSystem) -> None:
    hold, lives = Hold(), []

    class Slow(Cell):
        def on_start(self) -> None:
            lives.append(self.incarnation)
            if self.incarnation > 1:
                hold()

    handle = PartitionHandle.start(system, spec(child=supervise(Slow, "x")))
    handle.route(1).tell(ValueError("crash"))
    hold.wait_reached()
    assert numbers(handle, 0, 2) == [0, 2]
    hold.release()
    assert numbers(handle, 1) == [1]
    assert sorted(lives) == [1, 1, 1, 2]


def test_a_handle_may_be_made_before_the_supervisor_and_by_anybody(system: ActorSystem) -> None:
    early = PartitionHandle(system, "cache")
    with pytest.raises(ActorDeadError, match="partition supervisor 'cache' not found") as caught:
        early.route(1)
    assert caught.value.reason == NOPROC
    PartitionHandle.start(system, spec())
    assert numbers(early, 1) == [1]


def test_a_handle_follows_the_supervisor_into_its_next_life(system: ActorSystem, facts: Facts) -> None:
    child = partition_supervisor_child(spec(with_arguments=None))
    assert (child.id, child.name) == ("cache", "cache")
    top = SupervisorHandle.start(system, SupervisorSpec(children=[child], backoff=NO_BACKOFF, intensity=OFTEN))
    handle = PartitionHandle(system, "cache")
    before = handle.route(1)
    assert handle.resize(2) == 3
    handle.ref.kill()
    facts.wait(ChildStarted, child_id="cache", times=2)
    assert handle.partitions() == 3
    assert handle.route(1) is not before
    assert handle.route(1).ask("args") == ("x",)
    top.stop(timeout=WAIT)
    with pytest.raises(ActorDeadError):
        handle.partitions()


def test_a_handle_follows_a_supervisor_that_somebody_has_started_anew(system: ActorSystem) -> None:
    handle = PartitionHandle.start(system, spec())
    handle.stop(timeout=WAIT)
    PartitionHandle.start(system, spec(2))
    assert handle.partitions() == 2


def test_somebody_else_under_the_name_is_told_apart(system: ActorSystem) -> None:
    system.spawn(Puppet, options=SpawnOptions(name="cache"))
    with pytest.raises(ValueError, match="'cache': expected the name of a PartitionSupervisor, got that of cache"):
        PartitionHandle(system, "cache").route(1)
    with pytest.raises(NameTaken):
        PartitionHandle.start(system, spec())


def test_a_key_that_cannot_be_hashed_is_refused(system: ActorSystem) -> None:
    handle = PartitionHandle.start(system, spec())
    with pytest.raises(TypeError, match="key: expected an int, str"):
        handle.route({"a": 1})


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_partition_that_was_not_started_yet_is_not_found(system: ActorSystem) -> None:
    hold = Hold()

    class Late(Cell):
        def on_start(self) -> None:
            if self.args[1] == 1:
                hold()

    starter = threading.Thread(target=PartitionHandle.start, args=(system, spec(child=supervise(Late, "x"))))
    starter.start()
    hold.wait_reached()
    handle = PartitionHandle(system, "cache")
    assert numbers(handle, 0) == [0]
    with pytest.raises(ActorDeadError, match="partition 2 of 'cache' not found"):
        handle.route(2)
    hold.release()
    starter.join(WAIT)
    assert numbers(handle, 2) == [2]


def test_a_child_that_is_added_by_hand_is_no_partition(system: ActorSystem) -> None:
    handle = PartitionHandle.start(system, spec(2))
    handle.supervisor.start_child(supervise(Cell, "extra", id="extra"))
    assert numbers(handle, 0, 1, 2) == [0, 1, 0]
    assert handle.ref.ask(AskPartitionTable()).size == 2


# Resizing


def test_fewer_partitions_get_all_keys_and_the_others_end_last_first(system: ActorSystem, facts: Facts) -> None:
    handle = PartitionHandle.start(system, spec(4))
    gone = [handle.route(2), handle.route(3)]
    assert handle.resize(2) == 4
    assert numbers(handle, 0, 1, 2, 3) == [0, 1, 0, 1]
    assert not any(ref.is_alive() for ref in gone)
    assert [info.id for info in handle.which_children()] == ["1", "0"]
    assert handle.resize(2) == 2
    assert handle.resize(4) == 2
    assert numbers(handle, 2, 3) == [2, 3]
    assert [info.id for info in handle.which_children()] == ["3", "2", "1", "0"]


def test_a_crash_in_a_group_does_not_bring_partitions_back(system: ActorSystem, facts: Facts) -> None:
    handle = PartitionHandle.start(system, spec(3, strategy=Strategy.ONE_FOR_ALL))
    handle.resize(2)
    handle.route(0).tell(ValueError("crash"))
    facts.wait(ChildStarted, child_id="1", times=2)
    assert handle.count_children().specs == 2


def test_partitions_that_are_over_already_can_be_given_up(system: ActorSystem, facts: Facts) -> None:
    child = ChildSpec(id="x", start=Script().start, restart=Restart.TEMPORARY)
    handle = PartitionHandle.start(system, spec(2, child=child, with_arguments=None))
    ref = handle.route(1)
    ref.tell(exit_with(Crash("X", "boom")))
    facts.wait(ChildTerminated)
    assert handle.resize(0) == 2
    with pytest.raises(NoPartitions, match="'cache' has no partitions now: expected a resize to 1 or more first"):
        handle.route(1)
    assert handle.resize(2) == 0
    assert handle.route(1).is_alive()


@pytest.mark.parametrize("wrong", [-1, 4, True, 2.0, "2", None])
def test_only_what_it_has_started_with_can_be_given_up_and_taken_back(system: ActorSystem, wrong: Any) -> None:
    handle = PartitionHandle.start(system, spec())
    with pytest.raises(BadPartitionCount, match=r"'cache': expected 0 to 3 partitions, as many as it started with"):
        handle.resize(wrong)
    assert handle.partitions() == 3


def test_a_partition_that_does_not_come_back_leaves_those_before_it_in_use(system: ActorSystem) -> None:
    broken = threading.Event()

    class Moody(Cell):
        def on_start(self) -> None:
            if broken.is_set() and self.args[1] == 2:
                raise ValueError("not again")

    handle = PartitionHandle.start(system, spec(4, child=supervise(Moody, "x")))
    handle.resize(1)
    broken.set()
    with pytest.raises(FailedToStartChild, match="child '2' failed to start: crash: ValueError: not again"):
        handle.resize(4)
    assert handle.partitions() == 2
    broken.clear()
    assert handle.resize(4) == 2
    assert numbers(handle, 3) == [3]


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_keys_go_elsewhere_before_the_partition_has_ended_and_nobody_resizes_meanwhile(system: ActorSystem) -> None:
    hold = Hold()

    class Slow(Cell):
        def on_stop(self) -> None:
            if self.args[1] == 1:
                hold()

    handle = PartitionHandle.start(system, spec(2, child=supervise(Slow, "x")))
    resizer = threading.Thread(target=handle.resize, args=(1,))
    resizer.start()
    hold.wait_reached()
    assert numbers(handle, 0, 1) == [0, 0]
    with pytest.raises(ResizeUnderWay, match="'cache' is being resized by somebody else"):
        handle.resize(2, timeout=0.01)
    hold.release()
    resizer.join(WAIT)
    assert handle.resize(2) == 1


# Specs


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_what_a_resize_that_was_not_done_in_time_has_left_is_taken_back_by_the_next(system: ActorSystem) -> None:
    hold = Hold()

    class Slow(Cell):
        def on_stop(self) -> None:
            if self.args[1] == 3:
                hold()

    handle = PartitionHandle.start(system, spec(4, child=supervise(Slow, "x")))
    with pytest.raises(AskTimeout):
        handle.resize(2, timeout=0.01)
    assert [info.id for info in handle.which_children()] == ["3", "2", "1", "0"]
    assert numbers(handle, 2, 3) == [0, 1]
    hold.wait_reached()
    hold.release()
    assert handle.resize(4) == 2
    assert numbers(handle, 0, 1, 2, 3) == [0, 1, 2, 3]
    assert [info.id for info in handle.which_children()] == ["3", "2", "1", "0"]


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_partition_cannot_resize_itself_away_and_nothing_is_done(system: ActorSystem) -> None:
    class Resizer(Cell):
        def on_receive(self, message: object) -> object:
            if not isinstance(message, int):
                return self.args
            try:
                return PartitionHandle(self.system, "cache").resize(message)
            except CallingSelf as error:
                return Reply(error)

    handle = PartitionHandle.start(system, spec(4, child=supervise(Resizer, "x")))
    with pytest.raises(CallingSelf, match="cache -> cache/1 -> cache"):
        handle.route(1).ask(1, timeout=WAIT)
    assert numbers(handle, 0, 1, 2, 3) == [0, 1, 2, 3]
    assert handle.route(1).ask(2, timeout=WAIT) == 4
    assert handle.route(1).ask(4, timeout=WAIT) == 2
    assert numbers(handle, 0, 1, 2, 3) == [0, 1, 2, 3]


def test_by_default_there_are_as_many_as_processors(system: ActorSystem) -> None:
    handle = PartitionHandle.start(system, spec(None))
    assert handle.partitions() == spec(None).size >= 1


def test_all_mistakes_are_told_at_once() -> None:
    wrong: Any = PartitionSpec(
        name="",
        child=supervise(Cell, name="one", significant=True, restart="temporary"),
        partitions=0,
        with_arguments=3,  # type: ignore[arg-type]
        strategy="all",  # type: ignore[arg-type]
        backoff=None,  # type: ignore[arg-type]
    )
    with pytest.raises(InvalidSpec) as caught:
        partition_supervisor_child(wrong)
    assert [problem.where for problem in caught.value.problems] == [
        "name",
        "partitions",
        "with_arguments",
        "child.name",
        "strategy",
        "backoff",
        "child ('Cell').significant",
    ]


def test_arguments_that_are_no_tuple_are_found_before_the_start(system: ActorSystem) -> None:
    wrong: Any = spec(with_arguments=lambda args, number: args if number == 0 else [number])
    with pytest.raises(InvalidSpec, match=r"with_arguments\(args, 1\): expected a tuple of arguments, got \[1\]"):
        PartitionHandle.start(system, wrong)
    with pytest.raises(InvalidSpec, match="child: expected a ChildSpec, got None"):
        PartitionHandle.start(system, spec(child=None))
    with pytest.raises(InvalidSpec, match="partition supervisor: expected a PartitionSpec, got 'cache'"):
        system.spawn(PartitionSupervisor, "cache")


def test_a_partition_that_does_not_start_fails_the_start(system: ActorSystem) -> None:
    with pytest.raises(FailedToStartChild, match=r"child '0' failed to start: .* told to crash"):
        child = ChildSpec(id="x", start=Script(on_start=crash()).start)
        PartitionHandle.start(system, spec(child=child, with_arguments=None))
    assert system.roots == ()


def test_the_copies_differ_in_id_name_and_arguments_only() -> None:
    child = ChildSpec(id="x", start=Start(Cell, ("a",), {}), restart=Restart.TRANSIENT, start_timeout=2.0)
    copy = spec(2, child=child).child_of(1)
    assert (copy.id, copy.name, copy.start.args) == ("1", "cache/1", ("a", 1))
    assert (copy.restart, copy.start_timeout) == (Restart.TRANSIENT, 2.0)


def test_a_ref_of_a_partition_is_a_plain_ref(system: ActorSystem, facts: Facts) -> None:
    ref: ActorRef[Any] = PartitionHandle.start(system, spec(1)).route("any")
    ref.exit(NORMAL)
    assert ref.ask("args", timeout=WAIT) == ("x", 0)
