"""Who may connect, as what: shared tokens and signed ones, compared in a time that tells nothing about them."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

from regrow.connect.key_file import read_key_file
from regrow.connect.signed_tokens import Key, KeyRing, Scope, TokenRefused

__all__ = ("EVERYTHING", "Doorkeeper", "Right", "Tokens")


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


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody who was let in may do. `key` is the one that vouches for it, None if there is none to withdraw."""

    scopes: frozenset[Scope]
    subject: str = ""  # who it is, empty if the token does not say
    expires_at: float = math.inf  # seconds since 1970
    key: Key | None = None

    def covers(self, role: str) -> bool:
        """Say whether its holder may connect in this role."""
        return Scope.ADMIN in self.scopes or role in self.scopes


EVERYTHING: Final = Right(frozenset(Scope))
"""What a shared token gives, and no token where none is asked for."""


class Doorkeeper:
    """Shared tokens and signed ones, the latter by the keys of a ring, or of a file that can be read again.

    Runs in: the gateway's loop. Only the constructor and `reload` read the file, which blocks for a moment.
    """

    def __init__(
        self, tokens: str | Iterable[str], keys: KeyRing | str | PathLike[str] | None, epoch: Callable[[], float]
    ) -> None:
        """Errors: ValueError, KeyFileError."""
        self._tokens = Tokens(tokens)
        self._file = None if keys is None or isinstance(keys, KeyRing) else Path(keys)
        self._ring = keys if isinstance(keys, KeyRing) else None
        self._epoch = epoch
        self.reload()

    def __bool__(self) -> bool:
        return bool(self._tokens) or self._ring is not None

    @property
    def file(self) -> Path | None:
        """Where the keys are read from, None if from no file."""
        return self._file

    def reload(self) -> None:
        """Read the keys again; those that were good stay so if that fails. Errors: KeyFileError."""
        if self._file is not None:
            self._ring = read_key_file(self._file)

    def right_of(self, token: str) -> Right:
        """Say what a token gives the right to. Errors: TokenRefused."""
        if (self._tokens or self._ring is None) and self._tokens.admits(token):
            return EVERYTHING
        if self._ring is None:
            raise TokenRefused
        claims, key = self._ring.verify(token, self._epoch())
        return Right(claims.scopes, claims.subject, claims.expires_at, key)

    def expired(self, right: Right) -> bool:
        """Say whether its time is over."""
        return right.expires_at <= self._epoch()

    def withdrawn(self, right: Right) -> bool:
        """Say whether its key is not good any more."""
        return right.key is not None and (self._ring is None or right.key not in self._ring.keys)
