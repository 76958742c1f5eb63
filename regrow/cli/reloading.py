"""Reading the policy files of a running tree again, and having the tree follow them.

What lives here: one reload at a time, from the files to what has changed, and the log of it. What must not: signals and
sockets (runner.py); how a supervisor follows (supervision/reconfigure.py).
One that is asked for while another is under way may be about an edit that the other has not read, so it is done next.
A mistake anywhere in the files, also a start of this process that cannot be imported, and nothing at all changes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from regrow.actors.child_spec import ChildSpec, Isolation
from regrow.actors.errors import ActorDeadError
from regrow.cli.importing import wrong_starts, wrong_waits
from regrow.cli.targets import Target
from regrow.protocol.errors import RegrowError
from regrow.supervision.difference import differences
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.partition_spec import PartitionSpec
from regrow.supervision.policy import Mistake, Policy, PolicyError
from regrow.supervision.policy.supervisors import described_children
from regrow.supervision.requests import Reconfigure
from regrow.supervision.results import Reconfigured
from regrow.supervision.spec import SupervisorSpec

if TYPE_CHECKING:
    from regrow.actors.ref import ActorRef

__all__ = ("CLOSE_TIMEOUT", "KNOWN_MAX", "Change", "Reload", "Reloader", "changes_of")

CLOSE_TIMEOUT: Final = 1.0
"""Seconds that a reload gets to notice that its tree has ended."""

KNOWN_MAX: Final = 16
"""Reloads that can be asked about: whoever waits for one asks for it several times a second."""

_WORDS: Final = {
    "changed": "new policy",
    "restarted": "restarted",
    "added": "added",
    "removed": "removed",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a reload has done at a path. `trouble`: it is not what was asked for."""

    path: str
    what: str
    trouble: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(slots=True)
class Reload:
    """One reload, under way until `over` is set; then there are `mistakes`, or `changes`, which may be none."""

    number: int
    why: str = "reload"
    begun: bool = False  # guarded by the lock of its Reloader
    over: threading.Event = field(default_factory=threading.Event)
    mistakes: list[str] = field(default_factory=list)
    usage: bool = False  # the mistakes are those of the files
    changes: list[Change] = field(default_factory=list)

    def plain(self) -> dict[str, object]:
        """Give it as plain values."""
        changes = [{"path": change.path, "what": change.what, "trouble": change.trouble} for change in self.changes]
        over = self.over.is_set()
        return {
            "reload": self.number,
            "over": over,
            "mistakes": self.mistakes if over else [],
            "usage": self.usage,
            "changes": changes if over else [],
        }


class Reloader:
    """Reloads the policy of one tree. Runs in: a thread a reload, regrow-reload, so that nobody waits for it."""

    def __init__(
        self,
        target: Target,
        *,
        prepare: Callable[[SupervisorSpec], SupervisorSpec],
        say: Callable[[str, str], None],
    ) -> None:
        self.root: ActorRef | None = None  # set when the tree is there
        self._target = target
        self._prepare = prepare
        self._say = say
        self._lock = threading.Lock()
        self._known: deque[Reload] = deque(maxlen=KNOWN_MAX)  # by number; the latest may be waiting for its turn
        self._thread: threading.Thread | None = None

    def begin(self, why: str) -> Reload:
        """Begin a reload; while one is under way, give the one that follows it, for all who ask. Never blocks."""
        with self._lock:
            last = self._known[-1] if self._known else None
            if last is not None and not last.over.is_set() and not last.begun:
                return last
            reload = Reload(1 if last is None else last.number + 1, why)
            self._known.append(reload)
            if last is not None and not last.over.is_set():
                self._say("INFO", f"{why}: a reload is under way, this one comes after it")
                return reload
            reload.begun = True
            self._thread = threading.Thread(target=self._run, args=(reload,), name="regrow-reload", daemon=True)
            self._thread.start()
            return reload

    def find(self, number: int) -> Reload | None:
        """Look up one of the latest reloads by its number."""
        with self._lock:
            return next((reload for reload in self._known if reload.number == number), None)

    def close(self) -> None:
        """Wait for the reload in hand; its tree has ended, so that it ends too."""
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT)

    def _run(self, reload: Reload) -> None:
        following: Reload | None = reload
        while following is not None:
            try:
                self._do(following)
            finally:
                following = self._next_after(following)

    def _next_after(self, done: Reload) -> Reload | None:
        with self._lock:  # so that nobody who asks sees this thread busy when it is about to end
            done.over.set()
            latest = self._known[-1]
            latest.begun = True
            return None if latest is done else latest

    def _do(self, reload: Reload) -> None:
        why = reload.why
        files = ", ".join(str(path) for path in self._target.files)
        try:
            if not files:
                raise RegrowError(f"{self._target.root} has no policy file to read again")
            self._say("INFO", f"{why}: reading {files} again")
            spec, policies = self._target.read_again()
            mistakes = list(self._wrong_imports(spec, policies))
            if mistakes:
                raise PolicyError(mistakes)
            reload.changes = list(changes_of(self._follow(self._prepare(spec)), self._target.root))
            self._target = replace(self._target, spec=spec)
            self._report(reload.changes)
        except Exception as error:  # noqa: BLE001 - the one of this thread: whoever asked has to hear of it
            reload.usage = isinstance(error, PolicyError)
            known = isinstance(error, RegrowError)
            reload.mistakes = (str(error) if known else f"{type(error).__name__}: {error}").splitlines()
            self._say("ERROR", f"{why}: nothing has changed: {reload.mistakes[0]}")
            for line in reload.mistakes[1:]:
                self._say("ERROR", line)

    def _follow(self, spec: SupervisorSpec) -> Reconfigured:
        if self.root is None:
            raise RegrowError(f"{self._target.root} has not started yet")
        self.root.system.hosting.reload()  # processes that start from here on run the code that is there now
        try:
            answer: object = self.root.ask(Reconfigure(spec))  # as long as its stops and starts take
        except ActorDeadError as error:
            raise RegrowError(f"{self._target.root} has ended") from error
        if not isinstance(answer, Reconfigured):
            raise AssertionError(f"expected a Reconfigured, got {answer!r}")
        return answer

    def _wrong_imports(self, spec: SupervisorSpec, policies: tuple[Policy, ...]) -> Iterator[Mistake]:
        """Check waits, and the starts that are new in this process; those of others are imported there alone."""
        new = {child.start.target for child in _new_children(self._target.spec, spec, self._target.root)}
        for policy in policies:
            named = [one for one in policy.starts() if one[2] in new or one[0][-1] == "with_arguments"]
            yield from wrong_starts(policy.file, named)
            yield from wrong_waits(policy.file, policy.waits())

    def _report(self, changes: list[Change]) -> None:
        if not changes:
            self._say("INFO", "reloaded: nothing has changed")
            return
        self._say("INFO", f"reloaded: {len(changes)} change{'' if len(changes) == 1 else 's'}")
        for change in changes:
            self._say("WARNING" if change.trouble else "INFO", f"  {change}")


def _new_children(old: SupervisorSpec, new: SupervisorSpec, root: str) -> Iterator[ChildSpec]:
    """Give the children of this process that a reload would start, as far as their specs are known here."""
    todo = [(root, new)]
    changed = differences(old, new, root)
    for path, spec in todo:
        change = changed.get(path)
        fresh = set() if change is None else {*change.added, *change.restarted}
        for child in spec.children:
            inner = child.start.args[0] if child.start.args else None
            if isinstance(inner, SupervisorSpec):
                todo.append((f"{path}/{child.id}", inner))
            elif child.isolation is Isolation.THREAD and isinstance(inner, DynamicSpec | PartitionSpec):
                yield from (one for one in described_children(inner) if one.isolation is Isolation.THREAD)
            elif child.id in fresh and child.isolation is Isolation.THREAD:
                yield child


def changes_of(result: Reconfigured, path: str) -> Iterator[Change]:
    """Give all that was done, parents first."""
    todo = [(path, result)]
    for here, done in todo:
        if done.own:
            yield Change(here, f"new {', '.join(done.own)}")
        if done.reordered:
            yield Change(here, "new order of its children")
        for kind, word in _WORDS.items():
            for child_id in getattr(done, kind):
                failed = done.failed.get(child_id) if kind in {"restarted", "added"} else None
                note = "" if failed is None else f", but its first start has failed: {failed}"
                if kind == "changed" and child_id in done.stopped:
                    note = ", for its next start: it does not run"
                yield Change(f"{here}/{child_id}", word + note, trouble=failed is not None)
        for child_id, why in done.refused.items():
            yield Change(f"{here}/{child_id}", f"goes on as it was: {why}", trouble=True)
        todo += [(f"{here}/{child_id}", inner) for child_id, inner in done.inside.items()]
