"""Whatever bytes a peer sends, each parser and each table keeps its promises; `make soak` looks longer."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_targets import TARGETS
from regrow.connect.broker import BrokerCore
from regrow.protocol.host.protocol import LinkProtocol
from regrow.protocol.session.protocol import SessionProtocol


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=600))
@example(data=b"")
@example(data=bytes(600))
@example(data=b"\xff" * 600)
def test_no_bytes_break_a_promise(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_long_scripts_break_no_promise(target: str) -> None:
    rng = random.Random(20240611)
    for _ in range(40):
        TARGETS[target](rng.randbytes(6000))


REACHED: dict[str, tuple[type, str, set[str]]] = {
    "session_table": (
        SessionProtocol,
        "receive",
        {"Hello", "Connect", "Ready", "Invoke", "Result", "Drain", "Closing", "Submit"},
    ),
    "broker": (
        BrokerCore,
        "receive",
        {"Invoke", "Accepted", "Settled", "ResultAck", "Lease", "ErrorMessage", "SaveLease", "SaveOutcome"},
    ),
    "host_link": (LinkProtocol, "receive_data", {"Hello", "Init", "Ready", "Stop", "Tell", "Reply"}),
}
"""Per target what decides, and what has to come out of it."""


@pytest.mark.parametrize("target", REACHED)
def test_scripts_reach_what_lies_behind_the_handshake(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would keep promises that nobody tries."""
    core, method, wanted = REACHED[target]
    real = getattr(core, method)
    reached: set[str] = set()

    def watched(*args: object) -> object:
        out = real(*args)
        results = out if isinstance(out, list | tuple) else [out]
        reached.update(type(getattr(each, "message", each)).__name__ for each in results)
        return out

    monkeypatch.setattr(core, method, watched)
    rng = random.Random(1)
    for _ in range(600):
        TARGETS[target](rng.randbytes(rng.choice((60, 600, 3000))))
        if wanted <= reached:
            return
    assert not wanted - reached
