"""When, after whom and where a request may run: delays, keys, labels, affinity, retention, and repeated submissions."""

from __future__ import annotations

import pytest

from regrow.connect.broker import BrokerSettings, PeerJoined, PeerLeft
from regrow.connect.broker.labels import fits, label_problem, label_set, label_text
from regrow.connect.broker.requests import RequestState
from regrow.connect.store import ForgetRequest, SaveRequest
from regrow.protocol.limits import HEADERS_MAX_BYTES, LABELS_MAX, NAME_MAX_CHARS
from regrow.protocol.session.messages import (
    Ack,
    Await,
    Cancel,
    Connect,
    ErrorMessage,
    Failure,
    Invoke,
    Settled,
    Submit,
    Terms,
)
from tests.connect.broker_bench import Bench, stored


def labelled_worker(bench: Bench, name: str, labels: dict[str, str], capacity: int = 1) -> str:
    connect = Connect(
        role="worker", token="", instance=name, epoch=1, functions=("f",), capacity=capacity, labels=labels
    )
    bench.do(PeerJoined(name, connect))
    return name


def invoked(bench: Bench, to: str = "") -> list[str]:
    return [invoke.request_id for invoke in bench.said(Invoke, to)]


# ── delays ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_delayed_request_is_accepted_now_and_runs_later(bench: Bench) -> None:
    bench.worker()
    bench.submit(terms=Terms(delay_ms=5_000))
    assert invoked(bench) == []
    bench.advance(4.9)
    assert invoked(bench) == []
    bench.advance(0.2)
    assert invoked(bench) == ["r1"]
    assert bench.invoke().attempt == 1


def test_a_delay_goes_on_after_a_restart() -> None:
    bench = Bench()
    bench.core.restore([stored("r1", submitted=97.0, terms=Terms(delay_ms=5_000))], bench.now)
    bench.worker()
    bench.advance(1.9)
    assert invoked(bench) == []
    bench.advance(0.2)
    assert invoked(bench) == ["r1"]


def test_a_delay_that_was_over_while_the_gateway_was_away_is_over() -> None:
    bench = Bench()
    bench.core.restore([stored("r1", submitted=1.0, terms=Terms(delay_ms=5_000))], bench.now)
    bench.worker()
    assert invoked(bench) == ["r1"]


def test_a_delayed_request_can_be_cancelled(bench: Bench) -> None:
    bench.worker()
    bench.submit(terms=Terms(delay_ms=5_000))
    bench.say("c1", Cancel(request_id="r1"))
    assert bench.failure().kind == "cancelled"
    bench.advance(10.0)
    assert invoked(bench) == []


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_requests_with_one_key_run_one_after_the_other_in_order(bench: Bench) -> None:
    worker = bench.worker(capacity=10)
    for number in range(1, 4):
        bench.submit(f"r{number}", terms=Terms(key="customer-7"))
    bench.submit("r4", terms=Terms(key="customer-8"))
    bench.submit("r5")
    assert invoked(bench) == ["r1", "r4", "r5"]
    bench.finish(worker, bench.said(Invoke)[0])
    assert invoked(bench) == ["r1", "r4", "r5", "r2"]
    bench.finish(worker, bench.invoke())
    assert invoked(bench)[-1] == "r3"


def test_the_next_one_with_a_key_waits_until_the_one_before_is_settled_over_its_retries(bench: Bench) -> None:
    worker = bench.worker(capacity=10)
    bench.submit("r1", terms=Terms(key="k"))
    bench.submit("r2", terms=Terms(key="k"))
    bench.finish(worker, bench.invoke(), Failure("executor_died", "Died", "", retryable=True))
    assert invoked(bench) == ["r1"]
    bench.advance(10.0)
    assert invoked(bench) == ["r1", "r1"]
    bench.finish(worker, bench.invoke())
    assert invoked(bench) == ["r1", "r1", "r2"]


def test_a_key_may_have_so_many_under_way(bench: Bench) -> None:
    worker = bench.worker(capacity=10)
    for number in range(1, 5):
        bench.submit(f"r{number}", terms=Terms(key="k", key_concurrency=2))
    assert invoked(bench) == ["r1", "r2"]
    bench.finish(worker, bench.said(Invoke)[1])
    assert invoked(bench) == ["r1", "r2", "r3"]


def test_one_that_waits_for_its_key_can_be_cancelled_and_the_others_go_on(bench: Bench) -> None:
    worker = bench.worker(capacity=10)
    for number in range(1, 4):
        bench.submit(f"r{number}", terms=Terms(key="k"))
    bench.say("c1", Cancel(request_id="r2"))
    bench.finish(worker, bench.invoke())
    assert invoked(bench) == ["r1", "r3"]


def test_a_key_of_one_function_is_not_that_of_another(bench: Bench) -> None:
    bench.worker("w1", "f", "g", capacity=10)
    bench.submit("r1", terms=Terms(key="k"))
    bench.submit("r2", "g", terms=Terms(key="k"))
    assert invoked(bench) == ["r1", "r2"]


def test_a_worker_that_takes_its_request_up_again_keeps_its_place_in_the_lane_after_a_restart() -> None:
    bench = Bench()
    key = Terms(key="k")
    bench.core.restore(
        [stored("r1", terms=key), stored("r2", terms=key, instance="w1", lease_id=7, attempts=1)], bench.now
    )
    bench.worker("w2", capacity=10)
    assert invoked(bench) == []
    bench.worker("w1")
    bench.advance(60.0)  # its lease runs out: it runs again, and the other one still waits
    assert set(invoked(bench)) == {"r2"}


def test_nothing_is_left_of_a_key_when_its_requests_are_settled(bench: Bench) -> None:
    worker = bench.worker(capacity=10)
    for number in range(100):
        bench.submit(f"r{number}", terms=Terms(key=f"k{number}"))
        bench.finish(worker, bench.invoke())
        bench.commands.clear()
    assert len(bench.core._book.lanes) == 0


# ── labels and affinity ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_goes_to_a_worker_that_has_what_it_needs(bench: Bench) -> None:
    labelled_worker(bench, "plain", {})
    labelled_worker(bench, "gpu", {"gpu": "a100", "zone": "b"})
    bench.submit("r1", terms=Terms(labels={"gpu": "a100"}))
    bench.submit("r2", terms=Terms(labels={"gpu": "a100"}))
    bench.submit("r3")
    assert invoked(bench, "gpu") == ["r1"]
    assert invoked(bench, "plain") == ["r3"]
    bench.finish("plain", bench.said(Invoke, "plain")[0])
    assert invoked(bench, "plain") == ["r3"]  # r2 waits for what it needs
    bench.finish("gpu", bench.said(Invoke, "gpu")[0])
    assert invoked(bench, "gpu") == ["r1", "r2"]


def test_what_waits_for_a_label_does_not_hold_up_what_needs_none(bench: Bench) -> None:
    bench.submit("r1", terms=Terms(labels={"gpu": "a100"}))
    bench.submit("r2")
    labelled_worker(bench, "plain", {})
    assert invoked(bench) == ["r2"]


def test_a_need_that_nobody_ever_had_fails_after_the_grace_as_an_unknown_function_does() -> None:
    bench = Bench(BrokerSettings(unknown_function_grace=5.0))
    bench.client()
    labelled_worker(bench, "plain", {"gpu": "h100"})
    bench.submit("r1", terms=Terms(labels={"gpu": "a100"}))
    bench.advance(5.1)
    assert bench.failure().kind == "unknown_function"
    assert "serves 'f' with gpu=a100" in bench.failure().text


def test_a_need_that_somebody_had_waits_for_him(bench: Bench) -> None:
    labelled_worker(bench, "gpu", {"gpu": "a100"})
    bench.submit("r1", terms=Terms(labels={"gpu": "a100"}))
    bench.submit("r2", terms=Terms(labels={"gpu": "a100"}))
    bench.advance(5.1)
    assert invoked(bench) == ["r1"]
    assert bench.said(Settled) == []


def test_least_busy_holds_among_those_that_have_what_is_needed(bench: Bench) -> None:
    for number in range(3):
        labelled_worker(bench, f"gpu{number}", {"gpu": "a100", "host": f"h{number}"}, capacity=2)
    labelled_worker(bench, "plain", {}, capacity=2)
    for number in range(6):
        bench.submit(f"r{number}", terms=Terms(labels={"gpu": "a100"}))
    assert [len(invoked(bench, f"gpu{number}")) for number in range(3)] == [2, 2, 2]
    assert invoked(bench, "plain") == []


def test_an_affinity_goes_where_it_went_before_while_there_is_room(bench: Bench) -> None:
    for name in ("w1", "w2", "w3"):
        labelled_worker(bench, name, {}, capacity=2)
    bench.submit("r1", terms=Terms(affinity="model-a"))
    (first,) = [name for name in ("w1", "w2", "w3") if invoked(bench, name)]
    bench.submit("r2", terms=Terms(affinity="model-a"))
    assert invoked(bench, first) == ["r1", "r2"]
    bench.submit("r3", terms=Terms(affinity="model-a"))  # no room there: anybody is better than waiting
    assert invoked(bench, first) == ["r1", "r2"]
    assert len(invoked(bench)) == 3


def test_labels_of_workers_that_come_and_go_do_not_pile_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.connect.broker.leases._LABELLED_KEPT", 10)
    for number in range(50):
        labelled_worker(bench, f"w{number}", {"host": f"h{number}"})
        bench.do(PeerLeft(f"w{number}"))
    assert len(bench.core._desk._ever_labelled) == 10


def test_labels_as_text() -> None:
    assert label_text({"b": "2", "a": "1"}) == "a=1,b=2"
    assert label_set("a=1,b=2") == {"a=1", "b=2"}
    assert fits("", frozenset())
    assert not fits("a=1", frozenset())
    assert label_problem({"a": "1"}) == ""


# ── how long, and again ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("ttl_ms", "kept"), [(1_000, 1.0), (3_600_000, 3600.0), (10**15, 7200.0), (0, 0.0)])
def test_a_request_may_say_how_long_its_result_is_kept(ttl_ms: int, kept: float) -> None:
    bench = Bench(BrokerSettings(result_retention=60.0, max_result_retention=7200.0))
    bench.client()
    worker = bench.worker()
    bench.submit("r1", terms=Terms(result_ttl_ms=ttl_ms))
    bench.finish(worker, bench.invoke())
    bench.advance(max(0.0, kept - 0.1))
    if kept:
        assert bench.core._book.get("r1") is not None
    forgotten = bench.advance(0.2)
    assert bench.core._book.get("r1") is None
    assert ForgetRequest(request_id="r1") in bench.commands
    assert forgotten or not kept


def test_beyond_the_room_the_oldest_result_goes_first_however_long_it_may_stay() -> None:
    bench = Bench(BrokerSettings(max_results=2))
    bench.client()
    worker = bench.worker()
    for number, ttl in enumerate((3_600_000, None, 3_600_000, None)):
        bench.submit(f"r{number}", terms=Terms(result_ttl_ms=ttl))
        bench.finish(worker, bench.invoke())
        bench.advance(1.0)
    kept = [f"r{number}" for number in range(4) if bench.core._book.get(f"r{number}") is not None]
    assert kept == ["r2", "r3"]


def test_the_same_request_again_is_the_same_and_another_one_of_its_id_is_refused(bench: Bench) -> None:
    bench.worker()
    bench.submit("r1", terms=Terms(fingerprint=b"one"))
    bench.submit("r1", terms=Terms(fingerprint=b"one"))
    assert len(bench.said(Invoke)) == 1
    assert bench.said(ErrorMessage) == []
    bench.say("c1", Submit(request_id="r1", function="f", arguments=b"", terms=Terms(fingerprint=b"other")))
    (error,) = bench.said(ErrorMessage)
    assert (error.scope, error.code, error.request_id) == ("request", "idempotency_conflict", "r1")


def test_headers_go_along_to_the_worker(bench: Bench) -> None:
    bench.worker()
    bench.submit(terms=Terms(headers={"traceparent": "00-1-2-01"}))
    assert bench.invoke().headers == {"traceparent": "00-1-2-01"}


def test_the_terms_are_saved_with_the_request(bench: Bench) -> None:
    terms = Terms(key="k", delay_ms=5)
    bench.submit(terms=terms)
    (saved,) = [command for command in bench.commands if isinstance(command, SaveRequest)]
    assert saved.terms == terms


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(delay_ms=-1), "delay_ms: expected 0 to"),
        (Terms(delay_ms=10_000), "deadline_ms: expected more than the delay of 10000, got 9000"),
        (Terms(key_concurrency=0), "key_concurrency: expected 1 to"),
        (Terms(key="k" * (NAME_MAX_CHARS + 1)), "key: expected at most 255 characters, got 256"),
        (Terms(affinity="a" * 256), "affinity: expected at most 255 characters, got 256"),
        (Terms(result_ttl_ms=-1), "result_ttl_ms: expected at least 0, got -1"),
        (Terms(fingerprint=bytes(65)), "fingerprint: expected at most 64 bytes, got 65"),
        (Terms(headers={"h": "x" * HEADERS_MAX_BYTES}), "headers: expected at most 32 with 2048 bytes"),
        (Terms(headers={f"h{n}": "" for n in range(33)}), "headers: expected at most 32"),
        (Terms(labels={f"l{n}": "x" for n in range(LABELS_MAX + 1)}), "labels: expected at most 32, got 33"),
        (Terms(labels={"gpu": "a,b=c"}), "got 'gpu'='a,b=c'"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(bench: Bench, terms: Terms, words: str) -> None:
    bench.submit(deadline_ms=9_000, terms=terms)
    failure = next(m.outcome for m in bench.said(Settled))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.type) == ("rejected", "BadTerms")
    assert words in failure.text
    assert bench.core._book.open == 0


def test_a_request_that_waits_for_its_key_is_counted_as_queued(bench: Bench) -> None:
    bench.worker(capacity=10)
    for number in range(3):
        bench.submit(f"r{number}", terms=Terms(key="k"))
        bench.say("w1@1", Ack(request_id=f"r{number}", lease_id=0))
    bench.say("c1", Await(request_ids=("r2",)))
    assert bench.core.status()["queued"] == 2
    assert bench.core._book.need("r2").state is RequestState.QUEUED
