"""The file in which the keys of signed tokens are kept: read, refused if others can read it, rotated in one step.

    # the first key signs, the second one is still good
    k-4f1d0c2a  vQ0sZ...

What lives here: the file. What must not: what a key is good for (`signed_tokens.py`).
Texts of errors never quote a line: it may be the secret.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Final

from regrow.connect.errors import KeyFileError
from regrow.connect.signed_tokens import Key, KeyRing

__all__ = ("new_key", "read_key_file", "rotate_key_file")

_MAX_BYTES: Final = 4096
_MAX_KEYS: Final = 2
_FORBIDDEN: Final = stat.S_IRWXO | stat.S_IWGRP  # a group may read: that is how kubernetes mounts a secret
_HEAD: Final = (
    "# Keys of signed tokens: the first one signs, the second one is still good. `regrow token new-key` rotates.\n"
)


def new_key() -> Key:
    """Make a key from what the operating system has for such things."""
    return Key(f"k-{secrets.token_hex(4)}", secrets.token_bytes(32))


def read_key_file(path: Path) -> KeyRing:
    """Read the keys. Blocks for a small file. Errors: KeyFileError."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise KeyFileError(path, error.strerror or type(error).__name__) from error
    if os.name == "posix" and mode & _FORBIDDEN:
        raise KeyFileError(path, f"expected a mode that lets no others in, such as 0600, got {mode:04o}")
    if len(data) > _MAX_BYTES:
        raise KeyFileError(path, f"expected at most {_MAX_BYTES} bytes, got more")
    numbered = enumerate(data.decode("ascii", errors="replace").splitlines(), 1)
    lines = [(number, line.split()) for number, line in numbered if line.strip() and not line.lstrip().startswith("#")]
    if not 1 <= len(lines) <= _MAX_KEYS:
        raise KeyFileError(path, f"expected 1 or 2 keys, one a line, got {len(lines)}")
    keys = [_key(path, number, words) for number, words in lines]
    try:
        return KeyRing(*keys)
    except ValueError as error:
        raise KeyFileError(path, str(error)) from error


def rotate_key_file(path: Path, key: Key) -> KeyRing:
    """Let `key` sign from now on, and the one that did be the second one; make the file, mode 0600, if there is none.

    Whoever reads it meanwhile finds the old one or the new one. Errors: KeyFileError.
    """
    place = path.resolve()  # of a link, what it points at is replaced
    try:
        ring = read_key_file(place).rotated(key) if place.exists() else KeyRing(key)
    except ValueError as error:
        raise KeyFileError(path, str(error)) from error
    text = _HEAD + "".join(f"{key.id}  {base64.b64encode(key.secret).decode('ascii')}\n" for key in ring.keys)
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KeyFileError(path, error.strerror or type(error).__name__) from error
    return ring


def _key(path: Path, number: int, words: list[str]) -> Key:
    expected = "expected an id and a secret in base64"
    if len(words) != 2:
        raise KeyFileError(path, f"line {number}: {expected}, got {len(words)} words")
    try:
        secret = base64.b64decode(words[1], validate=True)
    except ValueError:
        raise KeyFileError(path, f"line {number}: {expected}, got something else") from None
    try:
        return Key(words[0], secret)
    except ValueError:  # its text names the id, which is the secret if the two were swapped
        raise KeyFileError(
            path, f"line {number}: expected an id of 1 to 32 letters, digits, _ and -, and 32 to 64 bytes in base64"
        ) from None
