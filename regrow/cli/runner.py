"""A tree in the foreground: started, watched, stopped by signals, explained when it gives up.

What lives here: the life of one `regrow run`. What must not: options, loading, log sinks.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from regrow.actors import (
    ActorExited,
    ActorRef,
    ActorSystem,
    ChildSpec,
    ChildType,
    Restart,
    Start,
    Started,
    StartOutcome,
)
from regrow.cli import exit_codes
from regrow.cli.answers import describing, listing
from regrow.cli.control import ControlServer
from regrow.cli.reloading import Reloader
from regrow.cli.targets import Target
from regrow.observe.history import History
from regrow.observe.post_mortem import post_mortem, reason_tail, start_failure_text
from regrow.protocol.exits import KILLED, ExitReason, is_abnormal
from regrow.supervision.child_specs import boot_timeout
from regrow.supervision.events import ShutdownError, ShutdownErrors, Unstopped
from regrow.supervision.policy import format_duration
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.supervisor import Supervisor

if TYPE_CHECKING:
    from loguru import Logger

__all__ = ("Runner",)

RELOAD_WAIT: Final = 0.2  # seconds that one question for a reload may hold up the control socket
HURRY_TIMEOUT: Final = 1.0  # seconds for killing; threads that are busy then are left to the end of the process

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class _Ended:
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class _Stopped:
    """The system is down; `unstopped` are those whose threads or processes still run."""

    unstopped: tuple[ActorRef, ...]


_News: TypeAlias = signal.Signals | StartOutcome | _Ended | _Stopped


class Runner:
    """Runs one tree. Everything that happens comes to the main thread as news, through one queue."""

    def __init__(self, target: Target, *, grace: float, logger: Logger, control: Path | None) -> None:
        self._target = target
        self._spec = _named(target.spec, target.root)
        self._grace = grace
        self._logger = logger
        self._control = control
        # SimpleQueue may be put to from a signal handler; what arrives is bounded by signals and by one end.
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._signal: signal.Signals | None = None  # the first one that asked for the end
        self._stopping = False
        self._hung_up = False  # while the tree started: what it starts may be older than the file
        self._hurried = False
        self._reloader = Reloader(target, prepare=lambda spec: _named(spec, target.root), say=self._say)

    def run(self, system: ActorSystem) -> int:
        """Start the tree, stay until it has ended, and give the exit code.

        Runs in: the main thread (signals). Leaves no thread, socket or process behind, except threads that cannot be
        stopped, which it reports. Errors: Failure if the control socket cannot be had.
        """
        history = History(system.bus, now=system.clock.now)
        with self._signals(), self._controlled(system) as watch:
            root = system.begin(self._child(), parent=None, ref=None, on_outcome=self._news.put)
            watch(root)
            unsubscribe = system.bus.subscribe(self._ended_if(root), ActorExited)
            try:
                return self._live(system, history)
            finally:
                unsubscribe()
                history.close()
                if not self._stopping:
                    self._stop(system, timeout=HURRY_TIMEOUT)
                self._reloader.close()

    def _live(self, system: ActorSystem, history: History) -> int:
        outcome = self._started(system)
        if not isinstance(outcome, Started):
            return self._not_started(outcome, history)
        self._say("INFO", f"{self._target.root} is up")
        self._reloader.root = outcome.ref
        if self._hung_up:
            self._reloader.begin("SIGHUP")
        while True:
            match self._news.get():
                case signal.SIGHUP:
                    self._reloader.begin("SIGHUP")
                case signal.Signals() as signo:
                    return self._end_by_signal(system, signo, history)
                case _Ended(reason):
                    return self._end_by_itself(reason, history)
                case _:
                    raise AssertionError("a tree that is up can only end or be signaled")

    def _started(self, system: ActorSystem) -> StartOutcome:
        """Wait for the outcome of the start; a signal kills what has not started yet."""
        while True:
            news = self._news.get()
            if isinstance(news, signal.Signals):
                if news is signal.SIGHUP:
                    self._hung_up = True
                    self._say("INFO", "SIGHUP while the tree starts: reading the files again when it is up")
                else:
                    self._signal = self._signal or news
                    self._say("WARNING", f"{news.name} while the tree starts: killing it")
                    _kill_all(system)
            elif not isinstance(news, _Ended | _Stopped):
                return news

    def _not_started(self, outcome: StartOutcome, history: History) -> int:
        if self._signal is not None:
            return exit_codes.after_signal(self._signal, in_order=False)
        text = start_failure_text(history)
        if not text:  # the root itself, as one whose spec is wrong
            reason: ExitReason | None = getattr(outcome, "reason", None)
            tail = [] if reason is None else [f"  {line}" for line in reason_tail(reason)]
            text = "\n".join(["it chose not to run" if reason is None else str(reason), *tail])
        click.echo(f"regrow: {self._target.root} did not start\n{_indented(text)}", err=True)
        return exit_codes.START_FAILED

    def _end_by_itself(self, reason: ExitReason, history: History) -> int:
        significant = history.significant_end
        root = self._target.root
        if significant is not None and significant.supervisor == root:
            self._say("INFO", f"{root} has finished: {significant.child_id} ended")
            return exit_codes.OK
        if history.gave_up:
            click.echo(f"regrow: {root} gave up\n{_indented(post_mortem(history))}", err=True)
            return exit_codes.GAVE_UP
        if is_abnormal(reason):
            tail = "".join(f"\n    {line}" for line in reason_tail(reason))
            click.echo(f"regrow: {root} ended: {reason}{tail}", err=True)
            return exit_codes.GAVE_UP
        self._say("INFO", f"{root} has ended: {reason}")
        return exit_codes.OK

    def _end_by_signal(self, system: ActorSystem, signo: signal.Signals, history: History) -> int:
        self._signal = signo
        self._say("INFO", f"{signo.name}: stopping in reverse order, within {format_duration(self._grace)}")
        begun = system.clock.now()
        stopped = self._stop(system, timeout=self._grace)
        took = format_duration(system.clock.now() - begun)
        # A cleanup that failed is told in the log; out of order is what had to be killed, or could not be.
        forced = [item for item in history.trouble if isinstance(item, Unstopped) or item.reason == KILLED]
        known = {item.child_id for item in forced if not isinstance(item, ShutdownErrors)}
        late = [_which(item) for item in forced]
        left = stopped.unstopped if stopped else system.abandoned.refs()
        late += [ref.name for ref in left if ref.name not in known]
        if stopped is None or late or self._hurried:
            what = f": {', '.join(dict.fromkeys(late))}" if late else ""
            self._say("WARNING", f"stopped after {took}, not in order{what}")
            return exit_codes.after_signal(signo, in_order=False)
        self._say("INFO", f"stopped in order after {took}")
        return exit_codes.after_signal(signo, in_order=True)

    def _stop(self, system: ActorSystem, *, timeout: float) -> _Stopped | None:
        """Stop the system while signals are still heard: one more and the rest is killed. None: it did not end."""
        self._stopping = True
        stopper = threading.Thread(
            target=lambda: self._news.put(_Stopped(system.shutdown(timeout))), name="regrow-stop", daemon=True
        )
        stopper.start()
        deadline = time.monotonic() + timeout + HURRY_TIMEOUT
        while True:
            try:
                news = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if isinstance(news, _Stopped):
                stopper.join(HURRY_TIMEOUT)
                return news
            if isinstance(news, signal.Signals) and news is not signal.SIGHUP:
                self._hurried = True
                self._say("WARNING", f"{news.name} again: killing what is left")
                deadline = min(deadline, time.monotonic() + HURRY_TIMEOUT)
                _kill_all(system)

    def _say(self, level: str, text: str) -> None:
        self._logger.log(level, "{}", text)

    def _child(self) -> ChildSpec:
        """The root as a child of nobody: it starts for as long as all below it may take, one after the other."""
        return ChildSpec(
            id=self._target.root,
            start=Start(Supervisor, (self._spec,)),
            restart=Restart.TEMPORARY,
            type=ChildType.SUPERVISOR,
            start_timeout=boot_timeout(self._spec),
        )

    def _ended_if(self, root: ActorRef) -> Callable[[object], None]:
        def hear(event: object) -> None:
            if isinstance(event, ActorExited) and event.ref is root:
                self._news.put(_Ended(event.reason))

        return hear

    @contextmanager
    def _signals(self) -> Generator[None]:
        def hear(signo: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's signature
            self._news.put(signal.Signals(signo))

        before = {signo: signal.signal(signo, hear) for signo in _SIGNALS}
        try:
            yield
        finally:
            for signo, handler in before.items():
                signal.signal(signo, handler)

    @contextmanager
    def _controlled(self, system: ActorSystem) -> Generator[Callable[[ActorRef], None]]:
        """Answer on the control socket, if there is one; gives the function that says which ref is the root."""
        roots: list[ActorRef] = []
        if self._control is None:
            yield roots.append
            return

        def reload(request: Mapping[str, object]) -> dict[str, object]:
            number = request.get("number")
            found = self._reloader.find(number) if isinstance(number, int) else self._reloader.begin("reload")
            if found is None:
                raise ValueError(f"there is no reload {number!r} any more")
            found.over.wait(RELOAD_WAIT)
            return found.plain()

        verbs = {
            "describe": describing(lambda: roots[-1], self._target.root),
            "processes": listing(lambda: system),
            "reload": reload,
        }
        server = ControlServer(self._control, verbs)
        try:
            yield roots.append
        finally:
            server.close()


def _kill_all(system: ActorSystem) -> None:
    for ref in reversed(system.relations.living()):
        ref.kill()


def _named(spec: SupervisorSpec, path: str) -> SupervisorSpec:
    """Name every supervisor by its path, so that its events say where it is."""
    children: list[ChildSpec] = []
    for child in spec.children:
        inner = child.start.args[0] if child.start.args else None
        if isinstance(inner, SupervisorSpec):
            arguments = (_named(inner, f"{path}/{child.id}"), *child.start.args[1:])
            children.append(replace(child, start=replace(child.start, args=arguments)))
        else:
            children.append(child)
    return replace(spec, name=path, children=children)


def _which(item: Unstopped | ShutdownError | ShutdownErrors) -> str:
    if isinstance(item, ShutdownErrors):
        return f"{item.children} of {item.supervisor}"
    return f"{item.supervisor}/{item.child_id}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
