"""What owns a descriptor: closed at the end of a `with`, and at the latest when nobody holds it any more."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ("Closing",)


class Closing:
    """A base; `close` may be called twice."""

    __slots__ = ()

    def close(self) -> None:
        """Let go of it in this process."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):  # never opened, or at the end of the interpreter
            self.close()
