"""The report of a tree that gave up, and the history that it is made of."""

from __future__ import annotations

from regrow.actors.bus import EventBus
from regrow.actors.signals import ExitReport
from regrow.observe.history import ENDS_MAX, History
from regrow.observe.post_mortem import post_mortem
from regrow.protocol.exits import KILLED, Crash, ExitReason, Signaled
from regrow.supervision.events import (
    BackoffWasReset,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartScheduled,
    ShutdownErrors,
    SupervisionEvent,
    Unstopped,
)

TRACE = "Traceback (most recent call last):\n" + "".join(f"  frame {n}\n" for n in range(20)) + "ValueError: no disk\n"


def rows(*lines: str) -> str:
    return "\n".join(lines)


class Story:
    """Publishes events at times."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.seconds = 100.0
        self.history = History(self.bus, now=lambda: self.seconds)

    def tell(self, event: SupervisionEvent, *, after: float = 0.0) -> None:
        self.seconds += after
        self.bus.publish(event)

    def failed(self, path: str, reason: ExitReason, *, after: float = 0.0) -> None:
        supervisor, _, child = path.rpartition("/")
        self.tell(ChildStartFailed(supervisor=supervisor, child_id=child, life=1, reason=reason), after=after)

    def ended(self, path: str, reason: ExitReason, *, report: object = None, expected: bool = False) -> None:
        supervisor, _, child = path.rpartition("/")
        self.tell(
            ChildTerminated(
                supervisor=supervisor, child_id=child, life=1, reason=reason, expected=expected, report=report
            )
        )

    def scheduled(self, path: str, delay: float) -> None:
        supervisor, _, child = path.rpartition("/")
        self.tell(RestartScheduled(supervisor=supervisor, child_id=child, delay=delay, failures=1, group=(child,)))

    def gave_up(self, path: str, restarts: int = 3) -> None:
        supervisor, _, child = path.rpartition("/")
        self.tell(IntensityReached(supervisor=supervisor, child_id=child, max_restarts=restarts, max_seconds=5.0))


def test_a_crash_loop_is_told_with_its_count_its_time_its_waits_and_the_end_of_its_traceback() -> None:
    story = Story()
    story.ended("shop/db", Signaled(9))
    for delay in (0.0, 0.2, 0.4):
        story.scheduled("shop/db", delay)
        story.failed("shop/db", Crash("ValueError", "no disk", TRACE), after=delay + 0.1)
    story.gave_up("shop/db")
    assert post_mortem(story.history) == rows(
        "shop/db failed to start or ended 4 times in 900ms; shop allows 3 restarts in 5s",
        "  3 restarts, after waits of 0s, 200ms, 400ms",
        "  last reason: crash: ValueError: no disk (before it was ready)",
        "    ...",
        *(f"      frame {n}" for n in range(9, 20)),
        "    ValueError: no disk",
        "  before that: SIGKILL",
    )


def test_ends_outside_of_the_window_are_not_counted() -> None:
    story = Story()
    story.ended("shop/db", Crash("Old", "long ago"))
    story.seconds += 60
    story.ended("shop/db", Crash("E", "a"))
    story.seconds += 1
    story.ended("shop/db", Crash("E", "a"))
    story.gave_up("shop/db", restarts=1)
    assert post_mortem(story.history).splitlines()[0] == "shop/db ended 2 times in 1s; shop allows 1 restart in 5s"


def test_the_last_words_of_a_process_are_part_of_it() -> None:
    story = Story()
    report = ExitReport(
        pid=7,
        incarnation=3,
        uptime=2.5,
        resident_bytes=80 << 20,
        oom="likely",
        stderr_tail=("loading", "out of memory"),
        in_hand="Resize(9)",
        stack_dump="Thread 0x07 (most recent call first):\n  in resize",
    )
    story.ended("shop/model", Signaled(9), report=report)
    story.gave_up("shop/model", restarts=0)
    assert post_mortem(story.history) == rows(
        "shop/model ended 1 time in 0s; shop allows 0 restarts in 5s",
        "  no restart was tried",
        "  last reason: SIGKILL",
        "  process 7, life 3, ready for 2.5s, 80 MiB resident when last seen, likely killed because memory ran out",
        "  message in hand: Resize(9)",
        "  where its threads were:",
        "    Thread 0x07 (most recent call first):",
        "      in resize",
        "  its last lines on stderr:",
        "    loading",
        "    out of memory",
    )


def test_a_chain_of_supervisors_is_told_from_the_bottom() -> None:
    story = Story()
    for _ in range(2):
        story.failed("shop/pool/reader", Crash("E", "a"))
        story.gave_up("shop/pool/reader", restarts=0)
        story.gave_up("shop/pool", restarts=1)
    first, *_, last = post_mortem(story.history).splitlines()
    assert first.startswith("shop/pool/reader failed to start")
    assert last == "then shop/pool was one restart too many for shop (1 restart in 5s)"


def test_memory_is_bounded_and_a_reset_forgets_the_waits() -> None:
    story = Story()
    for _ in range(10 * ENDS_MAX):
        story.ended("shop/db", Crash("E", "a"))
        story.scheduled("shop/db", 1.0)
    child = story.history.child("shop", "db")
    assert (len(child.ends), len(child.delays), child.total) == (ENDS_MAX, ENDS_MAX, 10 * ENDS_MAX)
    story.tell(BackoffWasReset(supervisor="shop", child_id="db", life=1))
    assert not story.history.child("shop", "db").delays


def test_a_long_loop_is_counted_to_its_end_though_only_the_last_of_it_is_kept() -> None:
    story = Story()
    for _ in range(100):
        story.ended("shop/db", Crash("E", "a"))
        story.scheduled("shop/db", 0.001)
    story.ended("shop/db", Crash("E", "a"))
    story.gave_up("shop/db", 100)
    told = post_mortem(story.history).splitlines()
    assert told[0] == "shop/db ended 101 times, the last 32 in 0s; shop allows 100 restarts in 5s"
    assert told[1].startswith("  100 restarts, the last 12 after waits of 1ms, 1ms")


def test_ends_that_were_asked_for_are_no_failures_and_what_did_not_stop_is_kept() -> None:
    story = Story()
    story.ended("shop/db", Crash("E", "a"), expected=True)
    assert story.history.child("shop", "db").total == 0
    unstopped = Unstopped(supervisor="shop", child_id="db", life=1)
    story.tell(unstopped)
    assert story.history.trouble == (unstopped,)
    killed = ShutdownErrors(supervisor="shop/crowd", reason=KILLED, children=3)
    story.tell(killed)
    assert story.history.trouble == (unstopped, killed)
    story.history.close()
    story.tell(unstopped)
    assert len(story.history.trouble) == 2
