"""Where a worker instance keeps what must outlive its processes: its id and its outbox.

What lives here: the directory, its lock, the instance id. With a directory of the user's, results that were owed when
the worker ended are delivered by its next run under the same id; without one, a temporary directory lives as long as
the worker.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from pathlib import Path

from regrow.connect.worker_errors import WorkerMisused

__all__ = ("StateDir",)


class StateDir:
    """An open state directory. Errors: WorkerMisused if another worker has it."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._temporary = path is None
        self.path = Path(tempfile.mkdtemp(prefix="regrow-worker-")) if path is None else Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise WorkerMisused(
                f"state_dir {self.path}: expected a directory of its own, another worker has it"
            ) from error
        self.instance = self._instance()

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
        if file.exists():
            return file.read_text(encoding="ascii").strip()
        instance = uuid.uuid4().hex
        file.write_text(instance + "\n", encoding="ascii")
        return instance
