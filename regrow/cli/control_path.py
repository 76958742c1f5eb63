"""Where the control sockets of running trees are, and which of them is meant.

What lives here: paths and their safety. What must not: what is said over a socket.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

from regrow.cli import exit_codes
from regrow.cli.failure import Failure

__all__ = ("PATH_BYTES_MAX", "control_directory", "default_control_path", "find_control", "is_answering")

PATH_BYTES_MAX: Final = 107  # sockaddr_un.sun_path of Linux is 108 bytes with the closing zero
_PROBE_TIMEOUT: Final = 1.0


def control_directory(*, create: bool = False) -> Path:
    """Give the directory for control sockets: private to the user, in $XDG_RUNTIME_DIR or the temporary directory.

    Errors: Failure if somebody else owns it, because who owns the directory could stand in for any tree.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    uid = os.getuid()
    directory = Path(runtime) / "regrow" if runtime else Path(tempfile.gettempdir()) / f"regrow-{uid}"
    if create:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"cannot make {directory}: {error.strerror}", exit_code=exit_codes.START_FAILED) from error
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return directory
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise Failure(
            f"{directory}: expected a directory that only user {uid} can write; remove it, or give --control PATH",
            exit_code=exit_codes.START_FAILED,
        )
    return directory


def default_control_path(pid: int, *, create: bool = False) -> Path:
    """Give the path of the control socket of a process."""
    return control_directory(create=create) / f"{pid}.sock"


def find_control(control: Path | None, pid: int | None) -> Path:
    """Give the control socket that is meant; without any hint the only one that answers.

    Errors: Failure (unreachable) if there is none, or more than one to choose from.
    """
    if control is not None:
        return control
    if pid is not None:
        return default_control_path(pid)
    directory = control_directory()
    alive = [path for path in sorted(directory.glob("*.sock")) if is_answering(path)]
    if len(alive) == 1:
        return alive[0]
    if not alive:
        text = f"no running tree found in {directory}; give --control PATH or --pid PID of one, or start it"
    else:
        text = f"several trees are running; give one: --pid {', --pid '.join(path.stem for path in alive)}"
    raise Failure(text, exit_code=exit_codes.UNREACHABLE)


def is_answering(path: Path) -> bool:
    """Say whether somebody listens on a socket; one that a killed process has left refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:  # so many wait already: it is stopped, or hangs, but it is there
            return True
        except OSError:
            return False
        return True
