"""What on-call engineers read: one line a fact, the path in it, and no flood."""

from __future__ import annotations

import logging
from typing import get_args

import pytest

from regrow.actors import ActorExited, ActorSystem, Restart
from regrow.actors.testing import ManualClock, crash
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash
from regrow.supervision import (
    NO_BACKOFF,
    Backoff,
    BackoffWasReset,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    DynamicSpec,
    DynamicSupervisorHandle,
    FailureDecay,
    IntensityReached,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    SignificantChildEnded,
    SupervisionEvent,
    Supervisor,
    SupervisorHandle,
    SupervisorLeftDown,
    SupervisorSpec,
    SupervisorStarted,
    Unstopped,
    supervisor_child,
)
from regrow.supervision.events import ShutdownErrors, SupervisorReconfigured
from regrow.supervision.report_log import REASON_MAX_CHARS, level_of, log_reports, text_of
from regrow.supervision.results import Reconfigured
from tests.supervision.facts import Facts
from tests.supervision.trees import below, puppet, ref_of

POOL = "root/pool"
DISK = Crash("ValueError", "no\n  disk", "a traceback")

LINES = [
    ("DEBUG", "root/pool: all children are started", SupervisorStarted(supervisor=POOL)),
    (
        "INFO",
        "root/pool: follows a new spec: new intensity, backoff; restarted db; added web; changed below in; new order",
        SupervisorReconfigured(
            supervisor=POOL,
            result=Reconfigured(
                own=("intensity", "backoff"),
                restarted=("db",),
                added=("web",),
                reordered=True,
                inside={"in": Reconfigured(own=("strategy",))},
            ),
        ),
    ),
    (
        "WARNING",
        "root/pool: follows a new spec: new policy of a, b, c, d, e, f, g, h and 2 more; removed db; refused by in",
        SupervisorReconfigured(
            supervisor=POOL,
            result=Reconfigured(changed=tuple("abcdefghij"), removed=("db",), refused={"in": "no"}),
        ),
    ),
    (
        "DEBUG",
        "root/pool/db: running, life 2, restarts so far: 1",
        ChildStarted(supervisor=POOL, child_id="db", life=2, restarts=1),
    ),
    (
        "DEBUG",
        "root/pool/db: stable in life 2, its next failure counts as the first",
        BackoffWasReset(supervisor=POOL, child_id="db", life=2),
    ),
    (
        "INFO",
        "root/pool/db: ended on its own in life 2: crash: ValueError: no disk",
        ChildTerminated(supervisor=POOL, child_id="db", life=2, reason=DISK, expected=False),
    ),
    (
        "DEBUG",
        "root/pool/db: ended on its own in life 2: normal",
        ChildTerminated(supervisor=POOL, child_id="db", life=2, reason=NORMAL, expected=False),
    ),
    (
        "DEBUG",
        "root/pool/db: stopped in life 2: killed",
        ChildTerminated(supervisor=POOL, child_id="db", life=2, reason=KILLED, expected=True),
    ),
    (
        "WARNING",
        "root/pool/db: did not start, life 3: crash: ValueError: no disk",
        ChildStartFailed(supervisor=POOL, child_id="db", life=3, reason=DISK),
    ),
    (
        "WARNING",
        "root/pool/db: restarts now, failure 1 in a row: life 2 ended with crash: ValueError: no disk",
        RestartScheduled(
            supervisor=POOL, child_id="db", delay=0.0, failures=1, group=("db",), life=2, reason=DISK, restarts=0
        ),
    ),
    (
        "WARNING",
        "root/pool/db: restarts in 0.4 s with web, failure 3 in a row",
        RestartScheduled(supervisor=POOL, child_id="db", delay=0.4, failures=3, group=("db", "web")),
    ),
    (
        "WARNING",
        "root/pool/db: restarts in 12 s with 2 others, failure 9 in a row",
        RestartScheduled(supervisor=POOL, child_id="db", delay=12.0, failures=9, group=("db", "web", "api")),
    ),
    (
        "INFO",
        "root/pool/db: significant, so root/pool ends with it: normal",
        SignificantChildEnded(supervisor=POOL, child_id="db", reason=NORMAL),
    ),
    (
        "ERROR",
        "root/pool/db: was to stop in life 4 and ended otherwise: killed",
        ShutdownError(supervisor=POOL, child_id="db", life=4, reason=KILLED),
    ),
    (
        "ERROR",
        "root/pool: 3 children were to stop and ended otherwise: killed",
        ShutdownErrors(supervisor=POOL, reason=KILLED, children=3),
    ),
    (
        "ERROR",
        "root/pool/db: killed in life 4, but it still runs and is given up",
        Unstopped(supervisor=POOL, child_id="db", life=4),
    ),
    (
        "WARNING",
        "root/pool/db: gave up in life 4 and stays down with all below it, as it is transient",
        SupervisorLeftDown(supervisor=POOL, child_id="db", life=4, restart=Restart.TRANSIENT),
    ),
    (
        "ERROR",
        "root/pool: gives up, db was one restart too many (allowed: a count of 2.5 restarts that halves every 30 s)",
        IntensityReached(
            supervisor=POOL, child_id="db", max_restarts=2, max_seconds=150.0, decay=FailureDecay(2.5, 30.0)
        ),
    ),
    (
        "ERROR",
        "root/pool: gives up, db was one restart too many (allowed: 3 restarts in 5 s), life 9 ended with shutdown",
        IntensityReached(
            supervisor=POOL, child_id="db", max_restarts=3, max_seconds=5.0, life=9, reason=SHUTDOWN, restarts=3
        ),
    ),
]


@pytest.mark.parametrize(("level", "text", "event"), LINES, ids=[text for _, text, _ in LINES])
def test_every_fact_is_one_line(level: str, text: str, event: object) -> None:
    assert logging.getLevelName(level_of(event)) == level
    assert text_of(event) == text


def test_every_event_has_its_line() -> None:
    assert {type(event) for _, _, event in LINES} == set(get_args(SupervisionEvent))


def test_a_long_reason_is_cut() -> None:
    event = ChildStartFailed(supervisor=POOL, child_id="db", life=1, reason=Crash("E", "x" * 10_000))
    assert len(text_of(event)) < REASON_MAX_CHARS + 100


def test_what_is_no_report_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="expected an event of a supervisor, got 'hello'"):
        text_of("hello")


# In a running system


def loop(system: ActorSystem, facts: Facts, times: int) -> SupervisorHandle:
    """Crash one child so many times."""
    spec = SupervisorSpec(children=[puppet("a")], backoff=NO_BACKOFF, intensity=RestartIntensity(1000, 1.0))
    handle = SupervisorHandle.start(system, SupervisorSpec(children=[supervisor_child("pool", spec)]))
    for number in range(times):
        facts.wait(ChildStarted, child_id="a", times=number + 1)
        pool = handle.which_child("pool")
        assert pool is not None
        assert pool.ref is not None
        child = SupervisorHandle(pool.ref).which_child("a")
        assert child is not None
        assert child.ref is not None
        child.ref.tell(crash())
    facts.wait(ChildStarted, child_id="a", times=times + 1)
    return handle


def test_a_crash_loop_is_its_first_lines_and_a_count_in_the_log_and_complete_on_the_bus(
    system: ActorSystem, clock: ManualClock, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="regrow"):
        loop(system, facts, 100)
        assert len([line for line in caplog.messages if line.startswith("root/pool/a: restarts now")]) == 5
        assert len([line for line in caplog.messages if line.startswith("root/pool/a (Puppet")]) == 5
        clock.advance(10.0)
        assert sorted(caplog.messages[-2:]) == [
            "root/pool/a: and 95 more ends in the last 10 s",
            "root/pool/a: and 95 more reports in the last 10 s",
        ]
    assert len(caplog.messages) == 12
    assert len(facts.all(RestartScheduled, supervisor="root/pool")) == 100
    assert len(facts.all(ChildTerminated, supervisor="root/pool")) == 100


def test_the_shutdown_of_a_system_says_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    system = ActorSystem("test", clock=ManualClock())
    facts = Facts(system)
    loop(system, facts, 7)
    system.shutdown()
    assert "root/pool/a: and 2 more reports in the last 10 s" in caplog.messages


def test_supervisors_of_one_system_share_one_log(system: ActorSystem, caplog: pytest.LogCaptureFixture) -> None:
    for name in "ab":
        SupervisorHandle.start(system, SupervisorSpec(name=name, children=[puppet("x")]))
    assert system.part(log_reports) is system.part(log_reports)
    with caplog.at_level(logging.DEBUG, logger="regrow.supervision"):
        SupervisorHandle.start(system, SupervisorSpec(name="c")).count_children()
    assert caplog.messages == ["c: all children are started"]


# What the events carry


def test_a_restart_says_which_life_has_ended_why_and_how_many_there_were(system: ActorSystem, facts: Facts) -> None:
    spec = SupervisorSpec(
        children=[puppet("a")], intensity=RestartIntensity(1, 5.0), backoff=Backoff(base=0.0, cap=0.0, jitter="none")
    )
    handle = SupervisorHandle.start(system, spec)
    for number in (1, 2):
        facts.wait(ChildStarted, child_id="a", times=number)
        child = handle.which_child("a")
        assert child is not None
        assert child.ref is not None
        child.ref.tell(crash(ValueError(f"no {number}")))
    facts.wait(ActorExited, ref=handle.ref)
    (restart,) = facts.all(RestartScheduled)
    ends = facts.all(ChildTerminated, child_id="a")
    (reached,) = facts.all(IntensityReached)
    assert (restart.life, restart.restarts, str(restart.reason)) == (1, 0, "crash: ValueError: no 1")
    assert [(end.life, end.restarts) for end in ends] == [(1, 0), (2, 1)]
    assert (reached.life, reached.restarts, str(reached.reason)) == (2, 1, "crash: ValueError: no 2")


def test_the_path_of_a_supervisor_leads_to_it_from_the_root(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("leaf")], name="its own name counts for a root")
    outer = SupervisorSpec(children=[supervisor_child("inner", inner)])
    SupervisorHandle.start(system, SupervisorSpec(children=[supervisor_child("outer", outer)]))
    SupervisorHandle.start(system, SupervisorSpec(children=[puppet("x")], name="shop"))
    paths = {event.child_id: event.supervisor for event in facts.all(ChildStarted)}
    assert paths == {"outer": "root", "inner": "root/outer", "leaf": "root/outer/inner", "x": "shop"}


class Shop(Supervisor):
    """A supervisor of somebody's own."""


def test_roots_without_a_name_are_told_apart(system: ActorSystem, facts: Facts) -> None:
    spec = SupervisorSpec(children=[supervisor_child("in", SupervisorSpec(children=[puppet("a")]))])
    for _ in range(2):
        SupervisorHandle.start(system, spec)
    system.spawn(Shop, spec)
    DynamicSupervisorHandle.start(system, DynamicSpec()).start_child(puppet("job"))
    SupervisorHandle.start(system, spec).stop(timeout=5.0)
    SupervisorHandle.start(system, spec)
    said = [f"{event.supervisor}/{event.child_id}" for event in facts.all(ChildStarted)]
    assert said == [
        *("root/in/a", "root/in", "root-2/in/a", "root-2/in", "Shop/in/a", "Shop/in", "root-3/job-1"),
        *("root-4/in/a", "root-4/in", "root-5/in/a", "root-5/in"),
    ]
    assert [ref.path for ref in system.roots] == ["root", "root-2", "Shop", "root-3", "root-5"]


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
def test_a_supervisor_that_has_given_up_and_stays_down_is_said_to(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    inner = SupervisorSpec(children=[puppet("a")], intensity=RestartIntensity(0, 5.0))
    pool = supervisor_child("pool", inner, restart=restart)
    top = SupervisorHandle.start(system, SupervisorSpec(children=[pool], name="shop"))
    ref_of(below(top, "pool"), "a").tell(crash(ValueError("once")))
    left = facts.wait(SupervisorLeftDown)
    assert left == SupervisorLeftDown(supervisor="shop", child_id="pool", life=1, restart=restart)
    assert level_of(left) == logging.WARNING
    assert facts.all(RestartScheduled) == []
    assert top.count_children().active == 0


@pytest.mark.parametrize("restart", list(Restart))
def test_one_that_comes_back_or_was_stopped_is_not_said_to_stay_down(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    pool = supervisor_child("pool", SupervisorSpec(children=[puppet("a")]), restart=restart)
    top = SupervisorHandle.start(system, SupervisorSpec(children=[pool], backoff=NO_BACKOFF))
    below(top, "pool").stop(timeout=5.0)
    facts.wait(ChildTerminated, child_id="pool")
    top.stop(timeout=5.0)
    assert facts.all(SupervisorLeftDown) == []
