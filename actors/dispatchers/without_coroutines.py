"""What the dispatchers have in common whose hooks and handlers run on threads, and to their end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import AsyncElsewhere

if TYPE_CHECKING:
    from ..life import Life

__all__ = ("WithoutCoroutines",)


class WithoutCoroutines:
    """No `async def`, and code that nobody can take back."""

    name: str
    runs_coroutines = False

    def would_block(self) -> bool:
        """Never: others have threads of their own, or another one takes their work over."""
        return False

    def drive(
        self,
        life: Life,
        coroutine: Coroutine[Any, Any, object],
        done: Callable[[BaseException | None, object], None],
    ) -> NoReturn:
        """Refuse. Errors: AsyncElsewhere."""
        del done
        coroutine.close()
        raise AsyncElsewhere(life.ref, self.name)

    def cut(self, life: Life) -> None:
        """Nothing can be done: a thread cannot be ended from outside."""

    def rescue(self) -> None:
        """Nothing to do: there is always a thread, or one to come."""
