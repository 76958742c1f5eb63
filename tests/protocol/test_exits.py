"""Exit reasons: one classifier, a wire form, and crashes that are data whatever the exception does."""

from __future__ import annotations

import copy
import pickle
import signal
import traceback
import weakref
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.exits import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Crash,
    ExitReason,
    ExitStatus,
    Hang,
    Shutdown,
    Signaled,
    crash_of,
    exit_from_wire,
    exit_to_wire,
    is_abnormal,
)
from regrow.protocol.limits import CRASH_TRACEBACK_MAX_CHARS

ROWS: list[tuple[ExitReason, bool, str]] = [
    (NORMAL, False, "normal"),
    (SHUTDOWN, False, "shutdown"),
    (Shutdown("too old"), False, "shutdown: too old"),
    (KILLED, True, "killed"),
    (NOPROC, True, "noproc"),
    (Crash("ValueError", "bad", "Traceback"), True, "crash: ValueError: bad"),
    (Crash("ValueError", ""), True, "crash: ValueError"),
    (ExitStatus(0), True, "exit status 0"),
    (ExitStatus(-1), True, "exit status -1"),
    (Signaled(signal.SIGKILL), True, "SIGKILL"),
    (Signaled(signal.SIGSEGV, True), True, "SIGSEGV (core dumped)"),
    (Signaled(63), True, "signal 63"),
    (Hang("deadlocked"), True, "hang: deadlocked"),
]


@pytest.mark.parametrize(("reason", "abnormal", "text"), ROWS, ids=[row[2] for row in ROWS])
def test_every_reason_is_classified_shown_and_carried(reason: ExitReason, abnormal: bool, text: str) -> None:
    assert is_abnormal(reason) is abnormal
    assert str(reason) == text
    assert exit_from_wire(exit_to_wire(reason)) == reason


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        "normal",
        ["unknown"],
        [["normal"]],
        [{}],
        [1],
        ["normal", 1],
        ["shutdown", 1],
        ["crash"],
        ["crash", "a"],
        ["crash", "a", "b", 1],
        ["crash", "a", "b", "c", "d"],
        ["exit_status", True],
        ["exit_status", "1"],
        ["signaled", 1, 1],
        ["hang", None],
    ],
)
def test_what_is_no_exit_reason_is_refused(wire: object) -> None:
    with pytest.raises(RemoteProtocolError, match="exit reason: expected"):
        exit_from_wire(wire)


def test_fields_with_a_default_may_be_left_out() -> None:
    assert exit_from_wire(["signaled", 9]) == Signaled(9)
    assert exit_from_wire(("shutdown",)) == SHUTDOWN


class TestCrashOf:
    def test_names_type_text_and_traceback(self) -> None:
        try:
            raise LookupError("gone")
        except LookupError as error:
            crash = crash_of(error)
        assert (crash.type, crash.text) == ("LookupError", "gone")
        assert "raise LookupError" in crash.traceback

    def test_a_class_of_a_module_is_named_with_it(self) -> None:
        assert crash_of(RemoteProtocolError("x")).type == "regrow.protocol.errors.RemoteProtocolError"

    def test_survives_a_broken_str(self) -> None:
        class BrokenError(Exception):
            def __str__(self) -> str:
                raise ValueError("no")

        assert crash_of(BrokenError()).text == "<text unavailable: __str__ raised ValueError>"

    def test_survives_a_broken_traceback(self) -> None:
        class BrokenError(Exception):
            @property
            def __notes__(self) -> list[str]:
                raise ZeroDivisionError

        error = BrokenError("x")
        assert "x" in crash_of(error).text

        class WorseError(Exception):
            @property
            def __cause__(self) -> BaseException | None:  # type: ignore[override]
                raise ZeroDivisionError

        assert crash_of(WorseError("x")).traceback == "<traceback unavailable: ZeroDivisionError>"


def _a_part_of_a_line() -> None:
    {}["k"]["j"] + 1  # type: ignore[index]


def _a_whole_line() -> None:
    raise ValueError("no")


def _with_a_cause() -> None:
    try:
        _a_part_of_a_line()
    except KeyError as error:
        raise ValueError("no") from error


def _with_a_context() -> None:
    try:
        _with_a_cause()
    except ValueError:
        _a_whole_line()


def _a_group() -> None:
    raise ExceptionGroup("some", [ValueError(1), TypeError(2)])


def _deep(levels: int = 20) -> None:
    _deep(levels - 1) if levels else _a_whole_line()


def _bad_syntax() -> None:
    compile("1 +", "typed", "exec")


def _a_bad_name() -> None:
    a_nam = 1
    a_name  # type: ignore[name-defined]  # noqa: B018, F821
    del a_nam


def _without_a_text() -> None:
    raise TimeoutError


def _with_notes() -> None:
    error = ValueError("no")
    error.add_note("see there")
    raise error


def _several_lines() -> None:
    raise ValueError(
        "one\n"
        "two"
    )  # fmt: skip


def _hides_its_context() -> None:
    try:
        _a_part_of_a_line()
    except KeyError:
        raise ValueError("no") from None


@pytest.mark.parametrize(
    "fail",
    [
        _a_part_of_a_line,
        _a_whole_line,
        _with_a_cause,
        _with_a_context,
        _a_group,
        _deep,
        _bad_syntax,
        _a_bad_name,
        _without_a_text,
        _with_notes,
        _several_lines,
        _hides_its_context,
    ],
)
def test_a_crash_has_the_traceback_that_python_would_print(fail: Callable[[], None]) -> None:
    with pytest.raises(Exception) as caught:
        fail()
    assert crash_of(caught.value).traceback == "".join(traceback.format_exception(caught.value))


def test_a_crash_keeps_nothing_alive_that_its_frames_had_in_hand() -> None:
    class Big:
        pass

    kept: list[weakref.ref[Big]] = []

    def fail() -> None:
        big = Big()
        kept.append(weakref.ref(big))
        raise ValueError("no")

    def crash() -> Crash:
        try:
            fail()
        except ValueError as error:
            return crash_of(error)
        raise AssertionError("it has not failed")

    made = crash()
    assert kept[0]() is None
    assert "in fail" in made.traceback


def test_what_cannot_be_spelled_out_says_so() -> None:
    def spell() -> str:
        raise OSError("no source")

    assert Crash("T", "x", spell).traceback == "<traceback unavailable: OSError>"


def test_a_late_traceback_is_cut_as_one_that_is_there() -> None:
    assert len(Crash("T", "x", lambda: "x" * 10 * CRASH_TRACEBACK_MAX_CHARS).traceback) < 2 * CRASH_TRACEBACK_MAX_CHARS


def test_a_crash_is_a_value() -> None:
    one, same, other = Crash("T", "x", lambda: "there"), Crash("T", "x", "there"), Crash("T", "x", "elsewhere")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert pickle.loads(pickle.dumps(one)) == same
    assert copy.deepcopy(one) == same
    with pytest.raises(FrozenInstanceError):
        one.text = "y"
    with pytest.raises(FrozenInstanceError):
        del one.text
