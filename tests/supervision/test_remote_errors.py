"""What a refusal from another process is rebuilt from, and when it is left as it came."""

from __future__ import annotations

from regrow.protocol.exits import SHUTDOWN, Crash
from regrow.protocol.remote_error import RemoteError
from regrow.supervision import (
    AlreadyStarted,
    CannotReconfigure,
    ChildRestarting,
    FailedToStartChild,
    InvalidSpec,
    NotOffered,
    SpecProblem,
    SupervisorStopping,
)
from regrow.supervision.remote_errors import local_error


def remote(name: str, *arguments: object) -> RemoteError:
    return RemoteError(Crash(name, "said there"), arguments)


def ours(name: str, *arguments: object) -> RemoteError:
    return remote(f"regrow.supervision.errors.{name}", *arguments)


def test_refusals_are_the_same_as_those_of_this_process() -> None:
    problem = SpecProblem("child", "a ChildSpec", "5")
    for error, wanted in [
        (ours("ChildRestarting", "db"), ChildRestarting("db")),
        (ours("AlreadyStarted", "db", None), AlreadyStarted("db")),
        (ours("FailedToStartChild", "db", SHUTDOWN), FailedToStartChild("db", SHUTDOWN)),
        (ours("InvalidSpec", (problem,)), InvalidSpec([problem])),
        (ours("SupervisorStopping", "top"), SupervisorStopping("top")),
        (ours("NotOffered", "top", "delete_child", "why"), NotOffered("top", "delete_child", "why")),
        (ours("CannotReconfigure", "top", "why"), CannotReconfigure("top", "why")),
    ]:
        found = local_error(error)
        assert (type(found), str(found), found.args) == (type(wanted), str(wanted), wanted.args)


def test_what_is_not_ours_stays_remote() -> None:
    for name in ("builtins.ValueError", "other.errors.ChildRestarting", "ChildRestarting"):
        error = remote(name, "db")
        assert local_error(error) is error


def test_what_has_lost_its_arguments_stays_remote() -> None:
    for error in (
        ours("ChildRestarting"),
        ours("ChildRestarting", "db", "more"),
        ours("FailedToStartChild", "db", "<a reason that cannot be said>"),
        ours("InvalidSpec", ("no problem",)),
        ours("InvalidSpec", None),
    ):
        assert local_error(error) is error
