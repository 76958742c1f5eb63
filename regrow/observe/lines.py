"""The words for each event: level, text, and whom it is about.

What lives here: one pure function and its table. What must not: loggers, rates.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from regrow.actors import ActorRef
from regrow.actors import events as runtime
from regrow.actors.bus import SubscriberFailed
from regrow.actors.hosting import events as hosting
from regrow.observe.allowance import allowance_text
from regrow.protocol.exits import is_abnormal
from regrow.supervision import events as supervision
from regrow.supervision.policy import format_duration

__all__ = ("Line", "line_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What to log of an event. `subject` is whom lines are counted for; `always` passes every rate."""

    level: str
    text: str
    subject: Hashable
    context: Mapping[str, object] = field(default_factory=dict)
    always: bool = False
    said_by_child: bool = False  # not about a child, but from it


def line_of(event: object) -> Line | None:
    """Give the line of an event, None for one that is not for logs."""
    write = _LINES.get(type(event))
    return None if write is None else write(event)


def _about(event: Any, level: str, text: str, *, always: bool = False) -> Line:
    path = f"{event.supervisor}/{event.child_id}"
    context = {"event": type(event).__name__, "supervisor": event.supervisor, "child": event.child_id}
    return Line(level=level, text=f"{path} {text}", subject=path, context=context, always=always)


def _child_started(event: supervision.ChildStarted) -> Line:
    return _about(event, "INFO", "is running" if not event.restarts else f"is running again, restart {event.restarts}")


def _child_terminated(event: supervision.ChildTerminated) -> Line:
    if event.expected:
        return _about(event, "DEBUG", f"has stopped ({event.reason})")
    return _about(event, "WARNING" if is_abnormal(event.reason) else "INFO", f"ended: {_short(event.reason)}")


def _restart_scheduled(event: supervision.RestartScheduled) -> Line:
    others = [child for child in event.group if child != event.child_id]
    with_others = f", together with {', '.join(others)}" if others else ""
    when = f"in {format_duration(event.delay)}" if event.delay else "now"
    return _about(event, "INFO", f"restarts {when} (failure {event.failures} in a row{with_others})")


def _intensity_reached(event: supervision.IntensityReached) -> Line:
    allowed = allowance_text(event.intensity)
    return _about(event, "ERROR", f"was one restart too many; {event.supervisor} gives up ({allowed})", always=True)


def _actor(event: Any, level: str, text: str) -> Line:
    return _of(event.ref, event, level, text)


def _of(ref: ActorRef, event: object, level: str, text: str) -> Line:
    return Line(level=level, text=f"{ref.name} {text}", subject=ref.urn, context={"event": type(event).__name__})


def _log_received(event: runtime.LogReceived) -> Line:
    record = event.record
    trace = f"\n{record.exception.traceback.rstrip()}" if record.exception and record.exception.traceback else ""
    context = {**record.context, "event": "LogReceived", "pid": record.pid, "source": record.source}
    return Line(
        level=record.level,
        text=f"[{event.ref.name}] {record.text}{trace}",
        subject=(event.ref.name, "log"),
        context=context,
        said_by_child=True,
    )


def _output_captured(event: runtime.OutputCaptured) -> Line:
    return Line(
        level="INFO",
        text=f"[{event.ref.name} {event.stream}] {event.line}",
        subject=(event.ref.name, "output"),
        context={"event": "OutputCaptured", "stream": event.stream},
        said_by_child=True,
    )


def _dead_letter(event: runtime.DeadLetter) -> Line:
    text = f"was sent a {type(event.message).__name__} that nobody will handle: {event.why}"
    return _of(event.to, event, "DEBUG", text)


def _subscriber_failed(event: SubscriberFailed) -> Line:
    name = getattr(event.subscriber, "__qualname__", repr(event.subscriber))
    text = f"subscriber {name} raised {type(event.error).__name__}: {event.error} (told once)"
    return Line(level="ERROR", text=text, subject="bus", context={"event": "SubscriberFailed"}, always=True)


def _callback_failed(event: runtime.CallbackFailed) -> Line:
    text = f"a callback of the clock or of a start raised: {_short(event.reason)}"
    return Line(level="ERROR", text=text, subject="clock", context={"event": "CallbackFailed"})


def _hosting_warning(event: hosting.HostingWarning) -> Line:
    return Line(level="WARNING", text=event.text, subject="hosting", context={"event": "HostingWarning"})


def _hosting_fault(event: hosting.HostingFault) -> Line:
    whose = "" if event.ref is None else f" of {event.ref.name}"
    text = f"a callback{whose} raised in the thread of hosted processes: {_short(event.reason)}"
    return Line(level="ERROR", text=text, subject="hosting", context={"event": "HostingFault"})


def _hang_suspected(event: hosting.HangSuspected) -> Line:
    until = "" if event.limit is None else f"; it is ended after {format_duration(event.limit)}"
    return _hang(event, "WARNING", f"has been {event.verdict} for {_seconds(event)}{_hand(event)}{until}")


def _hang_ended(event: hosting.HangEnded) -> Line:
    why = event.verdict if event.why == event.verdict else f"the {event.why} is over; {event.verdict}"
    allowed = format_duration(event.limit)
    return _hang(event, "ERROR", f"is ended ({why}) after {_seconds(event)}, {allowed} are allowed{_hand(event)}")


def _hang(event: Any, level: str, text: str) -> Line:
    context = {"event": type(event).__name__, "verdict": event.verdict, "in_hand": event.in_hand}
    return Line(level=level, text=f"{event.ref.name} {text}", subject=event.ref.urn, context=context)


def _process_replaced(event: hosting.ProcessReplaced) -> Line:
    clean = not is_abnormal(event.reason)
    how = "" if clean else f"; the old one has died of what it had to finish: {_short(event.reason)}"
    return _actor(event, "INFO" if clean else "WARNING", f"has a new process ({event.why}){how}")


def _seconds(event: Any) -> str:
    return format_duration(round(event.seconds, 1))


def _hand(event: Any) -> str:
    return "" if event.in_hand is None else f", with {event.in_hand} in hand"


def _short(reason: object) -> str:
    """The first line, cut: the traceback is for the report at the end, not for every line."""
    text = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    return text if len(text) <= 300 else f"{text[:297]}..."


_LINES: Final[dict[type[object], Callable[[Any], Line]]] = {
    supervision.SupervisorStarted: lambda event: Line(
        level="DEBUG",
        text=f"{event.supervisor} is running, all of its children have started",
        subject=event.supervisor,
        context={"event": "SupervisorStarted", "supervisor": event.supervisor},
    ),
    supervision.ChildStarted: _child_started,
    supervision.ChildStartFailed: lambda event: _about(event, "WARNING", f"failed to start: {_short(event.reason)}"),
    supervision.ChildTerminated: _child_terminated,
    supervision.RestartScheduled: _restart_scheduled,
    supervision.BackoffWasReset: lambda event: _about(event, "DEBUG", "is stable; its next failure is the first again"),
    supervision.IntensityReached: _intensity_reached,
    supervision.SupervisorLeftDown: lambda event: _about(
        event, "WARNING", f"gave up and stays down with all below it, as it is {event.restart}", always=True
    ),
    supervision.SignificantChildEnded: lambda event: _about(
        event, "INFO", f"ended ({event.reason}) and ends {event.supervisor}, because it is significant", always=True
    ),
    supervision.ShutdownError: lambda event: _about(event, "WARNING", f"did not stop cleanly: {_short(event.reason)}"),
    supervision.ShutdownErrors: lambda event: Line(
        level="WARNING",
        text=f"{event.children} children of {event.supervisor} did not stop cleanly: {_short(event.reason)}",
        subject=event.supervisor,
        context={"event": "ShutdownErrors", "supervisor": event.supervisor, "children": event.children},
    ),
    supervision.Unstopped: lambda event: _about(
        event, "ERROR", "could not be stopped; its thread is abandoned and may still run", always=True
    ),
    runtime.ActorAbandoned: lambda event: _actor(
        event, "WARNING", "was ended while its code ran; the thread goes on, fenced"
    ),
    runtime.AbandonedEnded: lambda event: _actor(event, "INFO", "was abandoned, and its thread has ended now"),
    runtime.HookFailed: lambda event: _actor(event, "WARNING", f"raised in {event.hook}: {_short(event.reason)}"),
    runtime.CallbackFailed: _callback_failed,
    runtime.DeadLetter: _dead_letter,
    runtime.LogReceived: _log_received,
    runtime.OutputCaptured: _output_captured,
    SubscriberFailed: _subscriber_failed,
    hosting.HostingWarning: _hosting_warning,
    hosting.HostingFault: _hosting_fault,
    hosting.LogsLost: lambda event: _actor(event, "WARNING", f"ended, and {event.count} of its log records are lost"),
    hosting.HangSuspected: _hang_suspected,
    hosting.HangEnded: _hang_ended,
    hosting.HangRecovered: lambda event: _actor(event, "INFO", f"gets on again, after {_seconds(event)}"),
    hosting.StacksDumped: lambda event: _actor(event, "INFO", f"is here:\n{event.stacks.rstrip()}"),
    hosting.ProcessReplaced: _process_replaced,
    hosting.ReplacementFailed: lambda event: _actor(
        event, "WARNING", f"is worn out ({event.why}) and stays: another did not become ready: {_short(event.reason)}"
    ),
    hosting.MessageQuarantined: lambda event: Line(
        level="ERROR",
        text=f"{event.ref.name} gets {event.in_hand} no more: {len(event.reports)} of its processes died of it",
        subject=event.ref.urn,
        context={"event": "MessageQuarantined", "in_hand": event.in_hand, "digest": f"{event.digest:016x}"},
    ),
    hosting.CommandEnded: lambda event: _actor(event, "DEBUG", f"(pid {event.pid}) ended: {_short(event.reason)}"),
}
