"""Requests that died are kept with their arguments, can be looked at, run again, and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regrow.cli.main import regrow
from regrow.connect import Client, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.broker.retry import RetryPolicy
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import ExecutorDied, Refused
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.key_file import new_key
from regrow.connect.signed_tokens import Claims, KeyRing, Scope
from regrow.connect.store import ForgetRequest, MemoryStore, Store
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.codec import encode
from regrow.protocol.session.messages import ChangeDead, DeadLetters, Failure, Invoke, ListDead, Outcome, Success, Terms
from tests.connect.broker_bench import Bench
from tests.connect.fake_peer import TOKEN, FakeWorker, on_a_loop, served_on_another_loop
from tests.connect.test_client import client

DIED = Failure("executor_died", "Signaled", "killed by SIGSEGV", "a long traceback", retryable=True)


def kill(bench: Bench, worker: str, request_id: str, function: str = "f", **more: object) -> None:
    """Have a request die at its first and only attempt."""
    bench.submit(request_id, function, max_attempts=1, **more)
    bench.finish(worker, bench.invoke(), DIED)


def listed(bench: Bench, **more: object) -> DeadLetters:
    bench.say("c1", ListDead(query_id="q", **more))  # type: ignore[arg-type]
    return bench.said(DeadLetters)[-1]


def ids(answer: DeadLetters) -> list[str]:
    return [letter.request_id for letter in answer.letters]


def test_the_dead_are_listed_with_what_killed_them_the_oldest_first(bench: Bench) -> None:
    worker = bench.worker()
    kill(bench, worker, "r1")
    bench.advance(2.5)
    kill(bench, worker, "r2")
    answer = listed(bench)
    assert ids(answer) == ["r1", "r2"]
    first = answer.letters[0]
    assert (first.function, first.attempts, first.age_ms, first.size) == ("f", 1, 2500, 0)
    assert (first.failure.kind, first.failure.text, first.failure.traceback) == ("executor_died", DIED.text, "")
    assert not answer.more


def test_what_failed_for_good_at_once_or_went_well_is_no_dead_letter(bench: Bench) -> None:
    worker = bench.worker()
    bench.submit("r1")
    bench.finish(worker, bench.invoke(), Failure("error", "ValueError", "no"))
    bench.submit("r2")
    bench.finish(worker, bench.invoke())
    assert ids(listed(bench)) == []


def test_a_long_list_comes_in_pages_and_by_function(bench: Bench) -> None:
    worker = bench.worker("w1", "f", "g")
    for number in range(5):
        kill(bench, worker, f"r{number}", "fg"[number % 2])
    page = listed(bench, limit=2)
    assert (ids(page), page.more) == (["r0", "r1"], True)
    page = listed(bench, limit=2, after="r1")
    assert (ids(page), page.more) == (["r2", "r3"], True)
    assert ids(listed(bench, limit=2, after="r3")) == ["r4"]
    assert ids(listed(bench, function="g")) == ["r1", "r3"]
    assert ids(listed(bench, after="nobody knows", limit=10**9)) == [f"r{number}" for number in range(5)]


def test_a_retried_one_runs_again_under_its_id_from_its_first_attempt_on(bench: Bench) -> None:
    worker = bench.worker()
    kill(bench, worker, "r1", terms=Terms(headers={"a": "b"}), deadline_ms=60_000)
    bench.say("c1", ChangeDead(query_id="q", what="retry", request_ids=("r1", "r1", "unknown")))
    assert bench.said(DeadLetters)[-1].done == ("r1",)
    again = bench.invoke()
    assert (again.request_id, again.attempt, again.deadline_ms, again.headers) == ("r1", 1, None, {"a": "b"})
    bench.finish(worker, again, Success(b"ok"))
    assert ids(listed(bench)) == []
    assert bench.core._book.need("r1").outcome == Success(b"ok")


def test_a_dropped_one_is_forgotten_and_what_lives_cannot_be_dropped(bench: Bench) -> None:
    worker = bench.worker()
    kill(bench, worker, "r1")
    bench.submit("r2")
    bench.say("c1", ChangeDead(query_id="q", what="drop", request_ids=("r1", "r2")))
    assert bench.said(DeadLetters)[-1].done == ("r1",)
    assert ForgetRequest(request_id="r1") in bench.commands
    assert bench.core._book.get("r1") is None
    assert bench.core._book.get("r2") is not None


def test_they_are_kept_longer_than_results_and_not_for_ever() -> None:
    bench = Bench(BrokerSettings(result_retention=10.0, dead_retention=100.0))
    bench.client()
    worker = bench.worker()
    kill(bench, worker, "r1")
    bench.submit("r2")
    bench.finish(worker, bench.invoke())
    bench.advance(99.0)
    assert bench.core._book.get("r2") is None
    assert ids(listed(bench)) == ["r1"]
    bench.advance(2.0)
    assert ids(listed(bench)) == []
    assert bench.core._agenda.due() is None or bench.core._book.kept.dead == 0


def test_beyond_the_room_for_them_the_oldest_is_forgotten() -> None:
    bench = Bench(BrokerSettings(max_dead=2))
    bench.client()
    worker = bench.worker()
    for number in range(4):
        kill(bench, worker, f"r{number}")
        bench.advance(1.0)
    assert ids(listed(bench)) == ["r2", "r3"]


# ── over a gateway ───────────────────────────────────────────────────────────────────────────────────────────────────


def mortal(worker: FakeWorker, invoke: Invoke) -> Outcome:
    """Die until the worker is told better."""
    return Success(encode("well")) if worker.connect.instance == "healed" else DIED


def gateway(store: Store | None = None, keys: KeyRing | None = None) -> Gateway:
    options = GatewayOptions(
        broker=BrokerSettings(), retry=RetryPolicy(base=0.01), close_timeout=0.2, drain_timeout=0.2
    )
    return Gateway(token=() if keys else TOKEN, keys=keys, store=store or MemoryStore(), options=options)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_dead_letter_survives_the_gateway_and_runs_again_with_its_arguments(kind: str, tmp_path: Path) -> None:
    memory = MemoryStore()

    def store() -> Store:
        return memory if kind == "memory" else SqliteStore(tmp_path / "q.db")

    @on_a_loop
    async def play() -> None:
        async with gateway(store()) as up, FakeWorker(up.url, mortal), client(up.url) as c:
            with pytest.raises(ExecutorDied):
                await c.invoke("f", "argument")
            (letter,) = await c.dead.list()
            assert (letter.attempts, letter.size > 0) == (3, True)
        async with gateway(store()) as up, FakeWorker(up.url, mortal, instance="healed") as worker, client(up.url) as c:
            (again,) = await c.dead.list()
            assert again.size == letter.size
            assert await c.dead.retry([letter.request_id, "unknown"]) == [letter.request_id]
            assert await c.result(letter.request_id) == "well"
            assert worker.invokes[0].arguments == encode((("argument",), {}))
            assert await c.dead.list() == []
        async with gateway(store()) as up, client(up.url) as c:
            assert await c.dead.list() == []
            assert await c.result(letter.request_id) == "well"

    play()


@on_a_loop
async def test_only_administrators_see_and_change_them() -> None:
    ring = KeyRing(new_key())

    def token(scope: Scope) -> str:
        return ring.sign(
            Claims(subject="s", scopes=frozenset({scope}), issued_at=0, expires_at=2**33, token_id="0" * 16)
        )

    async with gateway(keys=ring) as up:
        async with client(up.url, token(Scope.CLIENT)) as c:
            with pytest.raises(Refused, match="out_of_scope: the token is not for administrators"):
                await c.dead.list()
            with pytest.raises(Refused, match="out_of_scope"):
                await c.dead.drop(["r1"])
            assert (await c.status())["dead_kept"] == 0  # its connection goes on
        async with client(up.url, token(Scope.ADMIN)) as c:
            assert await c.dead.list() == []


# ── from the shell ───────────────────────────────────────────────────────────────────────────────────────────────────


def invoke(*args: str) -> Result:
    return CliRunner().invoke(regrow, ["dlq", *args, "--token", TOKEN])


def test_the_command_lists_retries_and_drops() -> None:
    def f(what: str) -> str:
        raise ValueError(what)

    with served_on_another_loop(lambda: gateway(), f=f) as url:
        with Client(url, token=TOKEN, options=ClientOptions(close_timeout=0.2)) as c:
            assert invoke("list", url).output == ""
            done = invoke("retry", url, "nothing")
            assert (done.exit_code, done.stdout) == (1, "0 run again\n")
            assert "expected dead letters, there are none of the ids nothing" in done.stderr
            assert invoke("drop", url, "--all").output == "0 dropped\n"
            assert c.dead.list() == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("retry", "ws://127.0.0.1:1"), "expected REQUEST_IDS or --all, and not both"),
        (("drop", "ws://127.0.0.1:1", "r1", "--all"), "expected REQUEST_IDS or --all, and not both"),
        (("drop", "ws://127.0.0.1:1", "r1", "--function", "f"), "--function: expected --all beside it"),
        (("list", "http://x"), "expected ws://HOST:PORT"),
        (("list", "ws://127.0.0.1:1", "--limit", "0"), "--limit"),
    ],
)
def test_wrong_usage_of_the_command_is_named(args: tuple[str, ...], words: str) -> None:
    done = invoke(*args)
    assert done.exit_code == 2
    assert words in done.output
