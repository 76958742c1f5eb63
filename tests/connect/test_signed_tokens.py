"""Signed tokens without a gateway: what is good, what is not, that nobody learns why; and the file of their keys."""

from __future__ import annotations

import base64
import hmac
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.cli.token import SCOPES
from regrow.connect import auth, signed_tokens
from regrow.connect.auth import EVERYTHING, Doorkeeper
from regrow.connect.errors import KeyFileError
from regrow.connect.key_file import new_key, read_key_file, rotate_key_file
from regrow.connect.signed_tokens import Claims, Key, KeyRing, Scope, TokenExpired, TokenRefused, unverified

KEY = Key("k1", bytes(range(32)))
RING = KeyRing(KEY)
CLAIMS = Claims(
    subject="build-7",
    scopes=frozenset({Scope.WORKER}),
    issued_at=1_000_000,
    expires_at=1_003_600,
    token_id="0123456789abcdef",
)
TOKEN = RING.sign(CLAIMS)
NOW = 1_000_001.0

WORD = string.ascii_letters + string.digits
subjects = st.builds(str.__add__, st.sampled_from(WORD), st.text(WORD + "._@:/-", max_size=63))
scopes = st.frozensets(st.sampled_from(Scope), min_size=1)
keys = st.builds(Key, st.text(WORD + "_-", min_size=1, max_size=32), st.binary(min_size=32, max_size=64))


@given(keys, subjects, scopes, st.integers(0, 2**39), st.integers(1, 2**38), st.binary(min_size=8, max_size=32))
def test_what_was_signed_is_read_back(
    key: Key, subject: str, scopes: frozenset[Scope], issued: int, life: int, token_id: bytes
) -> None:
    claims = Claims(subject=subject, scopes=scopes, issued_at=issued, expires_at=issued + life, token_id=token_id.hex())
    token = KeyRing(key).sign(claims)
    assert len(token) <= signed_tokens.MAX_CHARS
    assert KeyRing(key).verify(token, issued) == (claims, key)
    assert unverified(token) == (key.id, claims)


@given(st.integers(0, len(TOKEN) * 8 - 1))
def test_whatever_bit_is_flipped_the_token_is_refused(bit: int) -> None:
    data = bytearray(TOKEN.encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TokenRefused, match=r"^the token is not valid here$"):
        RING.verify(data.decode("latin-1"), NOW)


@given(
    st.text() | st.text(alphabet="regow1.kABC_-=", max_size=80) | st.binary().map(lambda data: data.decode("latin-1"))
)
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    for read in (lambda: RING.verify(text, NOW), lambda: unverified(text)):
        with pytest.raises(TokenRefused):
            read()


PAYLOADS = {
    "no json": b"{",
    "no object": b"[1]",
    "too deep": b"[" * 600,
    "a field too many": b'{"sub":"a","scp":["worker"],"iat":1,"exp":9,"jti":"0123456789abcdef","alg":"none"}',
    "a field too few": b'{"sub":"a","scp":["worker"],"iat":1,"jti":"0123456789abcdef"}',
    "an unknown scope": b'{"sub":"a","scp":["root"],"iat":1,"exp":9,"jti":"0123456789abcdef"}',
    "a scope that is a list": b'{"sub":"a","scp":[[]],"iat":1,"exp":9,"jti":"0123456789abcdef"}',
    "no scope": b'{"sub":"a","scp":[],"iat":1,"exp":9,"jti":"0123456789abcdef"}',
    "a time that is none": b'{"sub":"a","scp":["worker"],"iat":true,"exp":9,"jti":"0123456789abcdef"}',
    "an endless time": b'{"sub":"a","scp":["worker"],"iat":1,"exp":1e999,"jti":"0123456789abcdef"}',
    "a line break": b'{"sub":"a\\nb","scp":["worker"],"iat":1,"exp":9,"jti":"0123456789abcdef"}',
    "no utf-8": b"\xff\xfe",
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_payload_that_makes_no_sense_is_refused_even_if_it_is_signed(payload: bytes) -> None:
    signed = f"regrow1.k1.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}"
    mac = base64.urlsafe_b64encode(hmac.digest(KEY.secret, signed.encode(), "sha256")).rstrip(b"=").decode()
    with pytest.raises(TokenRefused) as refused:
        RING.verify(f"{signed}.{mac}", 2)
    assert refused.value.__cause__ is None


def test_a_token_is_good_until_the_second_of_its_expiry() -> None:
    assert RING.verify(TOKEN, CLAIMS.expires_at - 0.001)[0] == CLAIMS
    with pytest.raises(TokenExpired) as expired:
        RING.verify(TOKEN, CLAIMS.expires_at)
    assert expired.value.claims == CLAIMS
    assert str(expired.value) == str(TokenRefused())


def test_the_clock_of_who_signs_may_be_a_minute_ahead() -> None:
    assert RING.verify(TOKEN, CLAIMS.issued_at - 60)[0] == CLAIMS
    with pytest.raises(TokenRefused):
        RING.verify(TOKEN, CLAIMS.issued_at - 61)


def test_a_token_outlives_one_rotation_and_not_two() -> None:
    once = RING.rotated(Key("k2", bytes(32)))
    assert once.verify(TOKEN, NOW) == (CLAIMS, KEY)
    twice = once.rotated(Key("k3", bytes(32)))
    with pytest.raises(TokenRefused):
        twice.verify(TOKEN, NOW)
    assert twice.verify(once.sign(CLAIMS), NOW)[1].id == "k2"


def test_another_key_of_the_same_name_does_not_vouch() -> None:
    with pytest.raises(TokenRefused):
        KeyRing(Key("k1", bytes(32))).verify(TOKEN, NOW)


def test_nobody_can_sign_with_the_key_that_stands_in_for_unknown_ones() -> None:
    with pytest.raises(TokenRefused):
        RING.verify(KeyRing(Key("-", bytes(32))).sign(CLAIMS), NOW)


@pytest.mark.parametrize("key_id", ["k1", "nobodys"])
def test_a_mac_is_made_and_compared_whether_or_not_the_key_is_known(
    key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    original = hmac.compare_digest

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return original(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    with pytest.raises(TokenRefused):
        RING.verify(KeyRing(Key(key_id, bytes(32))).sign(CLAIMS), NOW)
    assert compared == [(43, 43)]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Key("k", bytes(31)), "32 to 64 bytes, got 31"),
        (lambda: Key("k", bytes(65)), "got 65"),
        (lambda: Key("a b", bytes(32)), "key id"),
        (lambda: KeyRing(KEY, KEY), "'k1' twice"),
        (lambda: replace(CLAIMS, subject="a\nb"), "subject"),
        (lambda: replace(CLAIMS, scopes=frozenset()), "scopes"),
        (lambda: replace(CLAIMS, expires_at=CLAIMS.issued_at), "expires_at"),
        (lambda: replace(CLAIMS, expires_at=2**50), "expires_at"),
        (lambda: replace(CLAIMS, token_id="x"), "token_id"),
    ],
)
def test_what_no_key_and_no_token_may_be_is_refused_by_name(make: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()  # type: ignore[operator]


def test_secrets_are_in_no_repr() -> None:
    assert "secret" not in repr(RING)
    assert repr(RING) == "KeyRing(signing=Key(id='k1'), previous=None)"
    assert TOKEN not in repr(Doorkeeper("plain", RING, lambda: NOW).__dict__)
    assert "plain" not in repr(Doorkeeper("plain", RING, lambda: NOW).__dict__)


# ── the doorkeeper ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_shared_tokens_may_do_everything_beside_signed_ones() -> None:
    keeper = Doorkeeper(["old", "older"], RING, lambda: NOW)
    assert keeper.right_of("older") is EVERYTHING
    assert EVERYTHING.covers("worker")
    assert EVERYTHING.covers("client")
    right = keeper.right_of(TOKEN)
    assert (right.subject, right.covers("worker"), right.covers("client")) == ("build-7", True, False)


def test_keys_alone_let_nobody_in_without_a_token() -> None:
    keeper = Doorkeeper((), RING, lambda: NOW)
    assert keeper
    for token in ("", "guess"):
        with pytest.raises(TokenRefused):
            keeper.right_of(token)


def test_neither_tokens_nor_keys_let_everybody_in() -> None:
    keeper = Doorkeeper((), None, lambda: NOW)
    assert not keeper
    assert keeper.right_of("anything") is EVERYTHING


def test_an_admin_may_connect_as_anything() -> None:
    right = Doorkeeper((), RING, lambda: NOW).right_of(RING.sign(replace(CLAIMS, scopes=frozenset({Scope.ADMIN}))))
    assert (right.covers("worker"), right.covers("client")) == (True, True)


def test_the_scopes_of_the_command_are_those_of_the_tokens() -> None:
    assert tuple(Scope) == SCOPES
    assert auth.Scope is Scope


# ── the key file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_file_is_made_private_and_rotated(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first = rotate_key_file(path, new_key())
    assert (path.stat().st_mode & 0o777, read_key_file(path)) == (0o600, first)
    second = rotate_key_file(path, new_key())
    assert second.previous == first.signing
    third = rotate_key_file(path, new_key())
    assert (third.previous, read_key_file(path)) == (second.signing, third)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_of_a_link_what_it_points_at_is_rotated(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    rotate_key_file(tmp_path / "keys", new_key())
    ring = rotate_key_file(tmp_path / "link", new_key())
    assert (tmp_path / "link").is_symlink()
    assert read_key_file(tmp_path / "keys") == ring


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620])
def test_a_file_that_others_can_read_is_refused_with_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys"
    rotate_key_file(path, new_key())
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"got {mode:04o}"):
        read_key_file(path)
    with pytest.raises(KeyFileError, match=f"got {mode:04o}"):
        rotate_key_file(path, new_key())


SECRET = base64.b64encode(b"s" * 32).decode()
BROKEN = {
    "nothing": ("# nothing\n\n", "1 or 2 keys"),
    "three": ("".join(f"k{n} {SECRET}\n" for n in range(3)), "got 3"),
    "one word": (SECRET, "line 1: .*1 words"),
    "no base64": ("k1 %%%", "line 1: .*something else"),
    "too short": ("k1 " + SECRET[:8], "32 to 64 bytes"),
    "swapped": (f"{SECRET} k111", "line 1"),
    "twice": (f"k1 {SECRET}\nk1 {SECRET}\n", "twice"),
    "bytes": ("k1 \xff\xff", "line 1"),
    "huge": ("#" * 5000, "at most 4096"),
}


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_none_is_refused_without_quoting_it(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=says) as refused:
        read_key_file(path)
    assert SECRET[:8] not in str(refused.value)


def test_no_file_and_no_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="nowhere"):
        read_key_file(tmp_path / "nowhere")
    with pytest.raises(KeyFileError, match="nowhere/keys"):
        rotate_key_file(tmp_path / "nowhere" / "keys", new_key())
