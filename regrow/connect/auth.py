"""Who may connect: shared tokens, compared in a time that does not tell how much of one was right."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

__all__ = ("Tokens",)


class Tokens:
    """The tokens that are good; several, so that one can be replaced without a gap. None at all lets everybody in."""

    def __init__(self, tokens: str | Iterable[str]) -> None:
        given = (tokens,) if isinstance(tokens, str) else tuple(tokens)
        if any(not token for token in given):
            raise ValueError("token: expected a text of at least one character, got an empty one")
        self._tokens = tuple(token.encode() for token in given)

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def __repr__(self) -> str:
        return f"<{len(self._tokens)} tokens>"

    def admits(self, token: str) -> bool:
        """Say whether `token` is one of them. Always compares with each."""
        offered = token.encode()
        good = [hmac.compare_digest(offered, known) for known in self._tokens]
        return any(good) or not self._tokens
