"""Where a worker instance keeps what must outlive its processes: its id and its outbox.

What lives here: the directory, its lock, the instance id. With a directory of the user's, results that were owed when
the worker ended are delivered by its next run under the same id; without one, a temporary directory lives as long as
the worker. One whose worker was SIGKILLed can never be adopted; a later worker of the same user sweeps it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from regrow.connect.worker_errors import WorkerMisused

__all__ = ("StateDir",)

_PREFIX: Final = "regrow-worker-"
_SWEPT_MAX: Final = 256  # leftovers looked at by one start
_SWEPT_AGE: Final = 60.0  # seconds; a younger one may be about to be locked by who made it


class StateDir:
    """An open state directory. Errors: WorkerMisused if it cannot be used, or another worker has it."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._temporary = path is None
        self._lock = -1
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX)) if path is None else Path(path)
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.instance = self._instance()
        except BlockingIOError as error:
            os.close(self._lock)
            raise WorkerMisused(
                f"state_dir {self.path}: expected a directory of its own, another worker has it"
            ) from error
        except OSError as error:
            if self._lock >= 0:
                os.close(self._lock)
            raise WorkerMisused(
                f"state_dir {path or tempfile.gettempdir()}: expected a directory that can be written to, got {error}"
            ) from error
        if self._temporary:
            _sweep(self.path)

    @property
    def outbox(self) -> Path:
        """The file of the outbox."""
        return self.path / "outbox.sqlite"

    def close(self, *, keep: bool) -> None:
        """Let go of it. A temporary directory is removed, unless it holds something (`keep`)."""
        if self._lock < 0:
            return
        os.close(self._lock)
        self._lock = -1
        if self._temporary and not keep:
            shutil.rmtree(self.path, ignore_errors=True)

    def _instance(self) -> str:
        file = self.path / "instance"
        with suppress(FileNotFoundError):
            known = file.read_text(encoding="ascii", errors="replace").strip()
            if known:  # else whoever made it had no room, or no time
                return known
        instance = uuid.uuid4().hex
        file.write_text(instance + "\n", encoding="ascii")
        return instance


def _sweep(mine: Path) -> None:
    """Remove temporary directories of this user that no worker has locked any more. What cannot be removed, stays."""
    now = mine.stat().st_mtime  # by the clock of the file system
    for path in islice(mine.parent.glob(f"{_PREFIX}*"), _SWEPT_MAX):
        with suppress(OSError):
            found = path.lstat()
            if found.st_uid != os.getuid() or now - found.st_mtime < _SWEPT_AGE:
                continue
            lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
