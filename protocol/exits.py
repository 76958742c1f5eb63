"""Exit reasons: why something that lived has ended, and the one classifier of them.

What lives here: the sum type `ExitReason`, its classifier, its wire form. What must not: who restarts what.
Source: Erlang/OTP exit reasons; `ExitStatus` and `Signaled` map POSIX wait statuses, `Hang` our watchdog's verdict.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Final, Never, TypeAlias

from .crash_text import TracebackText, traceback_of
from .errors import RemoteProtocolError
from .limits import CRASH_TEXT_MAX_CHARS, CRASH_TRACEBACK_MAX_CHARS

__all__ = (
    "KILLED",
    "NOPROC",
    "NORMAL",
    "SHUTDOWN",
    "Crash",
    "ExitReason",
    "ExitStatus",
    "Hang",
    "Killed",
    "NoProc",
    "Normal",
    "Shutdown",
    "Signaled",
    "crash_of",
    "exit_from_wire",
    "exit_to_wire",
    "is_abnormal",
)


@dataclass(frozen=True, slots=True)
class Normal:
    """It finished what it had to do."""

    def __str__(self) -> str:
        return "normal"


@dataclass(frozen=True, slots=True)
class Shutdown:
    """It was asked to stop, by its supervisor or by itself; `detail` says why, in words."""

    detail: str | None = None

    def __str__(self) -> str:
        return "shutdown" if self.detail is None else f"shutdown: {self.detail}"


@dataclass(frozen=True, slots=True)
class Killed:
    """It was killed without a chance to clean up."""

    def __str__(self) -> str:
        return "killed"


@dataclass(frozen=True, slots=True)
class NoProc:
    """There was nothing alive to watch."""

    def __str__(self) -> str:
        return "noproc"


class Crash:
    """An exception escaped; carried as data, so that it crosses process boundaries. Frozen, as the other reasons are.

    `traceback` may be given as what spells it out: that is done when it is first read.
    """

    __slots__ = ("_traceback", "text", "type")
    __match_args__ = ("type", "text", "traceback")

    type: str
    text: str
    _traceback: TracebackText

    def __init__(self, type: str, text: str, traceback: TracebackText = "") -> None:  # noqa: A002 - the field's name
        keep = object.__setattr__
        keep(self, "type", type)
        keep(self, "text", text)
        keep(self, "_traceback", traceback)

    @property
    def traceback(self) -> str:
        """As Python prints it; "" if there is none."""
        spelled: TracebackText = self._traceback
        if not isinstance(spelled, str):
            spelled = _spelled_out(spelled)
            object.__setattr__(self, "_traceback", spelled)
        return spelled

    def __setattr__(self, name: str, value: object) -> Never:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> Never:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Crash):
            return NotImplemented
        return other is self or (
            (self.type, self.text) == (other.type, other.text) and self.traceback == other.traceback
        )

    def __hash__(self) -> int:
        return hash((self.type, self.text))

    def __repr__(self) -> str:  # without the traceback: kilobytes on one line, wherever a reason is in a repr
        return f"Crash(type={self.type!r}, text={self.text!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return Crash, (self.type, self.text, self.traceback)

    def __str__(self) -> str:
        return f"crash: {self.type}: {self.text}" if self.text else f"crash: {self.type}"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """An OS process ended with this code without the handshake of a clean stop; code 0 is abnormal too."""

    code: int

    def __str__(self) -> str:
        return f"exit status {self.code}"


@dataclass(frozen=True, slots=True)
class Signaled:
    """An OS process was ended by a signal that we did not send as part of a stop."""

    signo: int
    core_dumped: bool = False

    def __str__(self) -> str:
        try:
            name = signal.Signals(self.signo).name
        except ValueError:
            name = f"signal {self.signo}"
        return f"{name} (core dumped)" if self.core_dumped else name


@dataclass(frozen=True, slots=True)
class Hang:
    """It was ended because it made no progress; `verdict` is the watchdog's (blocked, deadlocked, stopped...)."""

    verdict: str

    def __str__(self) -> str:
        return f"hang: {self.verdict}"


ExitReason: TypeAlias = Normal | Shutdown | Killed | NoProc | Crash | ExitStatus | Signaled | Hang

NORMAL: Final = Normal()
SHUTDOWN: Final = Shutdown()
KILLED: Final = Killed()
NOPROC: Final = NoProc()

_CLEAN: Final = (Normal, Shutdown)  # a tuple: to ask for a union takes twice as long

_BY_KIND: Final[dict[str, type[ExitReason]]] = {
    "normal": Normal,
    "shutdown": Shutdown,
    "killed": Killed,
    "noproc": NoProc,
    "crash": Crash,
    "exit_status": ExitStatus,
    "signaled": Signaled,
    "hang": Hang,
}
_KINDS: Final = {cls: kind for kind, cls in _BY_KIND.items()}
_FIELD_TYPES: Final[dict[type[ExitReason], tuple[tuple[type, ...], ...]]] = {
    Normal: (),
    Shutdown: ((str, type(None)),),
    Killed: (),
    NoProc: (),
    Crash: ((str,), (str,), (str,)),
    ExitStatus: ((int,),),
    Signaled: ((int,), (bool,)),
    Hang: ((str,),),
}


def is_abnormal(reason: ExitReason) -> bool:
    """Say whether a transient child that ended so is to be restarted. The only classifier.

    Source: OTP supervisor, do_restart/3: normal, shutdown and {shutdown, Term} are clean, all else is not.
    >>> is_abnormal(SHUTDOWN), is_abnormal(KILLED), is_abnormal(ExitStatus(0))
    (False, True, True)
    """
    return not isinstance(reason, _CLEAN)


def crash_of(exc: BaseException) -> Crash:
    """Turn an exception into data: type name, text, formatted traceback, each bounded. Never raises, whatever it is."""
    cls = type(exc)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    try:
        text = str(exc)
    except BaseException as error:  # noqa: BLE001  # user code; a report must not fail on what it reports
        text = f"<text unavailable: __str__ raised {type(error).__name__}>"
    try:
        traceback = traceback_of(exc, name.removeprefix("__main__."), text)
    except BaseException as error:  # noqa: BLE001  # user code; a report must not fail on what it reports
        traceback = _unavailable(error)
    if isinstance(traceback, str):
        traceback = _sayable(traceback, CRASH_TRACEBACK_MAX_CHARS)
    return Crash(name, _sayable(text, CRASH_TEXT_MAX_CHARS), traceback)


def _spelled_out(late: Callable[[], str]) -> str:
    try:
        return _sayable(late(), CRASH_TRACEBACK_MAX_CHARS)
    except Exception as error:  # noqa: BLE001  # a loader of source lines may be anybody's
        return _unavailable(error)


def _unavailable(error: BaseException) -> str:
    return f"<traceback unavailable: {type(error).__name__}>"


def exit_to_wire(reason: ExitReason) -> list[object]:
    """Give `[kind, *fields]`, plain values that any codec can carry."""
    fields = [_plain(getattr(reason, name)) for name in reason.__match_args__]
    return [_KINDS[type(reason)], *fields]


def exit_from_wire(value: object) -> ExitReason:
    """Read what `exit_to_wire` wrote. Errors: RemoteProtocolError naming what was expected and got."""
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], str) or value[0] not in _BY_KIND:
        raise RemoteProtocolError("exit reason", expected=f"[kind, ...] with kind in {sorted(_BY_KIND)}", got=value)
    cls, fields = _BY_KIND[value[0]], value[1:]
    types = _FIELD_TYPES[cls]
    if len(fields) > len(types) or any(type(got) not in wanted for got, wanted in zip(fields, types, strict=False)):
        raise RemoteProtocolError("exit reason", expected=f"the fields of {cls.__name__}", got=value)
    try:
        return cls(*fields)
    except TypeError as error:
        raise RemoteProtocolError("exit reason", expected=f"the fields of {cls.__name__}", got=value) from error


def _plain(value: object) -> object:
    """Turn `signal.SIGKILL` into 9 and the like: codecs refuse what only extends a plain class."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, str) else value


def _sayable(text: str, limit: int) -> str:
    """Take the middle out of a text that is too long, and what UTF-8 cannot say, so that it fits into any message."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters cut ...\n{text[-half:]}"
