"""What an HTTP answer, a close code and an error of the gateway mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regrow.actors.roles.losses import (
    CLOSES,
    CREDENTIAL_CODES,
    STATUSES,
    Loss,
    Reading,
    loss_of_close,
    loss_of_refusal,
    loss_of_status,
    seconds_of,
)
from regrow.protocol.session import close_codes

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "session-protocol.md"
EPOCH = 1_445_412_000.0  # Wed, 21 Oct 2015 07:20:00 GMT

FOLLOWS = {"credentials": "the other token, else never", "fatal": "never"}


def row(number: int, reading: Reading) -> str:
    """Write a reading as the documentation has it."""
    wait = f"after {reading.wait:g} s or more" if reading.wait is not None else "after the backoff"
    return f"| {number} | `{reading.code}` | {FOLLOWS.get(reading.kind, wait)} |"


@pytest.mark.parametrize(
    ("number", "reading"), [*CLOSES.items(), *STATUSES.items()], ids=[str(n) for n in (*CLOSES, *STATUSES)]
)
def test_the_documentation_has_a_row_for_each_number_that_is_known(number: int, reading: Reading) -> None:
    assert row(number, reading) in PAGE.read_text(encoding="utf-8")


def test_the_documentation_has_no_row_for_another_number() -> None:
    rows = re.findall(r"^\| (\d{3,4}) \| `", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted((*CLOSES, *STATUSES))


def test_every_close_code_that_the_gateway_has_of_its_own_is_known() -> None:
    ours = {code for name, code in vars(close_codes).items() if name.isupper() and isinstance(code, int)}
    assert ours <= set(CLOSES)
    final = {code for code, reading in CLOSES.items() if reading.kind in ("fatal", "credentials")}
    assert final == close_codes.FATAL


@pytest.mark.parametrize(
    ("loss", "kind", "code", "wait"),
    [
        (loss_of_status(401, None, "no", EPOCH), "credentials", "unauthorized", None),
        (loss_of_status(403, "9", "", EPOCH), "credentials", "unauthorized", 9.0),
        (loss_of_status(400, None, "unsupported version: expected regrow.v2", EPOCH), "fatal", "unsupported", None),
        (loss_of_status(400, None, "bad", EPOCH), "refused", "http_400", None),
        (loss_of_status(429, None, "", EPOCH), "refused", "http_429", 1.0),
        (loss_of_status(429, "12", "", EPOCH), "refused", "http_429", 12.0),
        (loss_of_status(503, "Wed, 21 Oct 2015 07:28:00 GMT", "", EPOCH), "refused", "http_503", 480.0),
        (loss_of_status(503, "Wed, 21 Oct 2015 07:10:00 GMT", "", EPOCH), "refused", "http_503", 0.0),
        (loss_of_status(502, None, "", EPOCH), "refused", "http_502", None),
        (loss_of_close(1009, "too big"), "refused", "too_big", 1.0),
        (loss_of_close(1012, ""), "closed", "restarting", 0.2),
        (loss_of_close(4999, ""), "closed", "close_4999", None),
        (loss_of_close(None, "no close frame received or sent"), "closed", "lost", None),
        (loss_of_refusal("token_expired", "was good", fatal=True), "credentials", "token_expired", None),
        (loss_of_refusal("stale_epoch", "", fatal=True), "fatal", "stale_epoch", None),
        (loss_of_refusal("try_later", "full", fatal=False), "refused", "try_later", None),
    ],
)
def test_what_is_read_from_a_number_or_a_name(loss: Loss, kind: str, code: str, wait: float | None) -> None:
    assert (loss.kind, loss.code, loss.retry_after) == (kind, code, wait)


@pytest.mark.parametrize("header", ["soon", "", "Wed, 99 Oct 2015 07:28:00 GMT", "nan", "inf", "1e999"])
def test_a_retry_after_that_is_neither_seconds_nor_a_date_is_none(header: str) -> None:
    assert seconds_of(header, EPOCH) is None


def test_a_negative_wish_is_no_wait() -> None:
    assert seconds_of("-5", EPOCH) == 0.0


def test_the_names_of_credentials_are_those_of_the_gateway() -> None:
    assert {CLOSES[code].code for code in (close_codes.UNAUTHORIZED, close_codes.OUT_OF_SCOPE)} < CREDENTIAL_CODES
