"""Signed tokens: who somebody is, what for and until when, said in a text that only a holder of the key can make.

    regrow1.KEY_ID.PAYLOAD.MAC      payload and MAC in urlsafe base64; HMAC-SHA256 over all that is before it

What lives here: keys, tokens, and what makes one good, pure: the time and what is random come in as arguments.
What must not: files (`key_file.py`), what a role needs (`auth.py`). Times are seconds since 1970, because an expiry has
to mean the same after a restart and on other hosts.
No JWT: a token that names its own algorithm has been the hole in too many of them (RFC 8725 section 2.1).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from regrow.protocol.errors import RegrowError

__all__ = ("MAX_CHARS", "Claims", "Key", "KeyRing", "Scope", "TokenExpired", "TokenRefused", "unverified")

MAX_CHARS: Final = 1024
"""A longer text is no token, and is not looked at."""

_PREFIX: Final = "regrow1"
_ISSUED_LEEWAY: Final = 60.0  # seconds that the clock of who signs may be ahead of ours
_SECRET_BYTES: Final = (32, 64)  # at least the digest's length (RFC 2104 section 3), at most its block
_TIME_MAX: Final = 2**40
_SHAPE: Final = re.compile(rf"({_PREFIX}\.([A-Za-z0-9_-]{{1,32}})\.([A-Za-z0-9_-]{{1,900}}))\.([A-Za-z0-9_-]{{43}})")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:/-]{0,63}")  # nothing that a log line would have to escape
_TOKEN_ID: Final = re.compile(r"[0-9a-f]{16,64}")
_FIELDS: Final = {"sub", "scp", "iat", "exp", "jti"}  # named as in RFC 7519 and RFC 9068


class Scope(StrEnum):
    """What a token is good for: to connect as a worker, as a client, or as anything."""

    WORKER = "worker"
    CLIENT = "client"
    ADMIN = "admin"


class TokenRefused(RegrowError):
    """No good token. It says the same for all that can be wrong with one, so that nobody learns from it."""

    def __init__(self) -> None:
        super().__init__("the token is not valid here")


class TokenExpired(TokenRefused):
    """A token that was good until `claims.expires_at`. For our own log: the peer is told what all others are told."""

    def __init__(self, claims: Claims) -> None:
        super().__init__()
        self.claims = claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. Errors: ValueError for what no token may say."""

    subject: str  # who it is; shown in logs and in the status, where the token never is
    scopes: frozenset[Scope]
    issued_at: int
    expires_at: int
    token_id: str  # random, in hex, so that no two tokens are the same

    def __post_init__(self) -> None:
        if not _SUBJECT.fullmatch(self.subject):
            raise ValueError(f"subject: expected 1 to 64 letters, digits and ._@:/-, got {self.subject[:80]!r}")
        if not self.scopes:
            raise ValueError("scopes: expected at least one of worker, client, admin, got none")
        if not 0 <= self.issued_at < self.expires_at < _TIME_MAX:
            raise ValueError(f"expires_at: expected a time after {self.issued_at}, got {self.expires_at}")
        if not _TOKEN_ID.fullmatch(self.token_id):
            raise ValueError(f"token_id: expected 16 to 64 hex digits, got {self.token_id[:80]!r}")


@dataclass(frozen=True, slots=True)
class Key:
    """One secret and the name by which tokens say that it signed them. Errors: ValueError for a weak one."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise ValueError(f"key id: expected 1 to 32 letters, digits, _ and -, got {self.id[:80]!r}")
        least, most = _SECRET_BYTES
        if not least <= len(self.secret) <= most:
            raise ValueError(f"key {self.id}: expected {least} to {most} bytes, got {len(self.secret)}")


_NOBODYS: Final = Key("-", bytes(_SECRET_BYTES[0]))  # stands in for a key that is not known, so that it takes as long


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key that signs, and the one before it, whose tokens are good as well until they expire."""

    signing: Key
    previous: Key | None = None

    def __post_init__(self) -> None:
        if self.previous is not None and self.previous.id == self.signing.id:
            raise ValueError(f"keys: expected two ids, got {self.signing.id!r} twice")

    @property
    def keys(self) -> tuple[Key, ...]:
        """Those whose tokens are good."""
        return (self.signing,) if self.previous is None else (self.signing, self.previous)

    def rotated(self, key: Key) -> KeyRing:
        """Give the ring in which `key` signs, and ours is the previous one. Errors: ValueError for an id we have."""
        return KeyRing(key, self.signing)

    def sign(self, claims: Claims) -> str:
        """Make the token."""
        said = {
            "sub": claims.subject,
            "scp": sorted(claims.scopes),
            "iat": claims.issued_at,
            "exp": claims.expires_at,
            "jti": claims.token_id,
        }
        payload = _text(json.dumps(said, separators=(",", ":")).encode())
        signed = f"{_PREFIX}.{self.signing.id}.{payload}"
        return f"{signed}.{_mac(self.signing, signed)}"

    def verify(self, token: str, now: float) -> tuple[Claims, Key]:
        """Give what a good token says and the key that signed it. Errors: TokenRefused, and nothing else.

        The MAC is compared, as text, before anything of the payload is read; for an unknown key too.
        """
        signed, key_id, payload, mac = _parts(token)
        key = next((key for key in self.keys if key.id == key_id), _NOBODYS)
        genuine = hmac.compare_digest(_mac(key, signed), mac)
        if not genuine or key is _NOBODYS:
            raise TokenRefused
        claims = _claims(payload)
        if claims.issued_at > now + _ISSUED_LEEWAY:
            raise TokenRefused
        if now >= claims.expires_at:
            raise TokenExpired(claims)
        return claims, key


def unverified(token: str) -> tuple[str, Claims]:
    """Give the key id and the claims, whoever made the token: for showing it. Errors: TokenRefused."""
    _, key_id, payload, _ = _parts(token)
    return key_id, _claims(payload)


def _parts(token: str) -> tuple[str, str, str, str]:
    """Give what is signed, the key id, the payload and the MAC. Errors: TokenRefused."""
    shape = _SHAPE.fullmatch(token) if len(token) <= MAX_CHARS else None
    if shape is None:
        raise TokenRefused
    return shape[1], shape[2], shape[3], shape[4]


def _claims(payload: str) -> Claims:
    try:
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if not isinstance(said, dict) or said.keys() != _FIELDS:
            raise TokenRefused
        kinds = (("sub", str), ("scp", list), ("iat", int), ("exp", int), ("jti", str))
        if any(type(said[name]) is not kind for name, kind in kinds):  # True is no time
            raise TokenRefused
        return Claims(
            subject=said["sub"],
            scopes=frozenset(Scope(name) for name in said["scp"]),
            issued_at=said["iat"],
            expires_at=said["exp"],
            token_id=said["jti"],
        )
    except (ValueError, RecursionError):
        raise TokenRefused from None  # its text and its cause would quote the token


def _mac(key: Key, signed: str) -> str:
    return _text(hmac.digest(key.secret, signed.encode("ascii"), hashlib.sha256))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
