"""The one readable report of a tree that gave up: who, how often, in what time, why, and after which waits.

What lives here: text. What must not: collecting (`history.py`).
"""

from __future__ import annotations

from typing import Final

from regrow.actors import ExitReport
from regrow.observe.allowance import allowance_text
from regrow.observe.history import ENDS_MAX, End, GaveUp, History
from regrow.protocol.exits import Crash, ExitReason
from regrow.supervision.errors import FailedToStartChild
from regrow.supervision.policy import format_duration

__all__ = ("gave_up_text", "post_mortem", "reason_tail", "start_failure_text")

_TRACEBACK_LINES: Final = 12  # the innermost frames: where it happened
_STDERR_LINES: Final = 8
_STACK_LINES: Final = 40  # of all threads; those of the user come before ours
_REASONS_SHOWN: Final = 5
_DELAYS_SHOWN: Final = 12


def post_mortem(history: History) -> str:
    """Explain why a tree gave up, the supervisor that was first to do so in full, those above it in one line each."""
    gave_up = history.gave_up
    if not gave_up:
        return "the tree ended; no supervisor gave up"
    # A supervisor that gives up ends; its parent restarts it, until the parent gives up too. The latest one is the
    # root; what happened at the bottom is the last one that gave up because of a child that is not a supervisor.
    names = {item.event.supervisor for item in gave_up}
    bottom = next((item for item in reversed(gave_up) if _path(item) not in names), gave_up[-1])
    above = gave_up[gave_up.index(bottom) + 1 :]
    then = [
        f"then {_path(item)} was one restart too many for {item.event.supervisor} ({_allowed(item)})" for item in above
    ]
    return "\n".join([gave_up_text(bottom), *then])


def gave_up_text(item: GaveUp) -> str:
    """Explain one supervisor that gave up."""
    window = [end for end in item.ends if item.at - end.at <= item.event.max_seconds] or list(item.ends[-1:])
    span = format_duration(window[-1].at - window[0].at) if len(window) > 1 else format_duration(0)
    verb = "failed to start or ended" if any(not end.ready for end in window) else "ended"
    times = f"{len(window)} time{'' if len(window) == 1 else 's'} in {span}"
    if len(window) == ENDS_MAX < item.total:  # those before are not kept, only counted
        times = f"{item.total} times, the last {len(window)} in {span}"
    lines = [f"{_path(item)} {verb} {times}; {item.event.supervisor} allows {_allowed(item)}"]
    delays = list(item.delays)[-_DELAYS_SHOWN:]
    restarts = f"{item.restarts} restart{'' if item.restarts == 1 else 's'}, "
    if len(delays) < item.restarts:
        restarts += f"the last {len(delays)} "
    waits = ", ".join(format_duration(delay) for delay in delays)
    lines.append(f"  {restarts}after waits of {waits}" if delays else "  no restart was tried")
    if item.ends:
        last = item.ends[-1]
        lines.append(f"  last reason: {last.reason}{'' if last.ready else ' (before it was ready)'}")
        lines += [f"    {line}" for line in reason_tail(last.reason)]
        lines += _last_words(last)
        earlier = list(dict.fromkeys(str(end.reason) for end in list(item.ends)[:-1] if end.reason != last.reason))
        lines += [f"  before that: {reason}" for reason in earlier[-_REASONS_SHOWN:]]
    return "\n".join(lines)


def start_failure_text(history: History) -> str:
    """Explain why a tree did not start: the child at the bottom; that its supervisors failed with it is no news."""
    failures = history.start_failures
    own = FailedToStartChild.__qualname__
    for path, end in reversed(failures):
        if not (isinstance(end.reason, Crash) and end.reason.type.endswith(own)):
            return "\n".join(
                [f"{path} failed to start: {end.reason}", *(f"  {line}" for line in reason_tail(end.reason))]
            )
    return ""


def reason_tail(reason: ExitReason) -> list[str]:
    """Give the last lines of the traceback of a crash; of other reasons there is none."""
    if not isinstance(reason, Crash) or not reason.traceback:
        return []
    lines = reason.traceback.rstrip().splitlines()
    return lines if len(lines) <= _TRACEBACK_LINES else ["...", *lines[-_TRACEBACK_LINES:]]


def _last_words(end: End) -> list[str]:
    report = end.report
    if report is None:
        return []
    lines = [f"  {about}"] if (about := _about_process(report)) else []
    if report.in_hand:
        lines.append(f"  message in hand: {report.in_hand}")
    stacks = (report.stack_dump or "").splitlines()
    if stacks and stacks[-1] not in report.stderr_tail:
        lines.append("  where its threads were:")
        lines += [f"    {line}" for line in stacks[:_STACK_LINES]]
    if report.stderr_tail:
        lines.append("  its last lines on stderr:")
        lines += [f"    {line}" for line in report.stderr_tail[-_STDERR_LINES:]]
    return lines


def _about_process(report: ExitReport) -> str:
    if report.pid is None:
        return ""
    facts = [f"process {report.pid}"]
    if report.incarnation is not None:
        facts.append(f"life {report.incarnation}")
    if report.uptime is not None:
        facts.append(f"ready for {format_duration(report.uptime)}")
    if report.resident_bytes is not None:
        facts.append(f"{report.resident_bytes >> 20} MiB resident when last seen")
    if report.oom in {"likely", "possible"}:
        facts.append(f"{'likely' if report.oom == 'likely' else 'perhaps'} killed because memory ran out")
    return ", ".join(facts)


def _path(item: GaveUp) -> str:
    return f"{item.event.supervisor}/{item.event.child_id}"


def _allowed(item: GaveUp) -> str:
    return allowance_text(item.event.intensity)
