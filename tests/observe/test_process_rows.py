"""Rows of processes: what hosts know, put together with what the kernel counts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from regrow.actors.hosting.seen import ProcessKind, ProcessSeen
from regrow.actors.hosting.usage import Usage
from regrow.observe.process_rows import ProcessRow, rows_from_json, rows_of, with_cpu_between

HOST = ProcessSeen(kind=ProcessKind.HOST, path="shop", pid=1)
IDLE = Usage(name="python", state="S", cpu_seconds=2.0, age=40.0, resident_bytes=3000, own_bytes=1000)


def actor(path: str, pid: int | None, state: str = "ready", verdict: str = "healthy") -> ProcessSeen:
    return ProcessSeen(kind=ProcessKind.ACTOR, path=path, pid=pid, state=state, verdict=verdict)


def drawn(rows: tuple[ProcessRow, ...]) -> list[str]:
    return [f"{'  ' * row.depth}{row.name}" for row in rows]


def test_children_are_below_their_hosts_by_path_and_zygotes_and_spares_are_last() -> None:
    below = {
        1: [
            ProcessSeen(kind=ProcessKind.SPARE, pid=9),
            ProcessSeen(kind=ProcessKind.ZYGOTE, pid=8),
            actor("shop/w10", 4),
            actor("shop/w2", 3),
            actor("shop/pool/a", 2),
        ],
        2: [actor("shop/pool/a/inner/x", 5)],
    }
    rows = rows_of(HOST, below, {})
    assert drawn(rows) == ["shop", "  pool/a", "    inner/x", "  w2", "  w10", "  [zygote]", "  [spare]"]
    assert [row.path for row in rows][-2:] == ["shop/[zygote]", "shop/[spare]"]


def test_one_that_is_not_launched_yet_has_a_row_without_a_number() -> None:
    (_, row) = rows_of(HOST, {1: [actor("shop/a", None, state="starting")]}, {})
    assert (row.pid, row.state, row.resident_bytes, row.cpu_percent) == (None, "starting", None, None)


def test_a_name_that_does_not_begin_with_its_host_s_is_shown_in_full() -> None:
    assert rows_of(HOST, {1: [actor("shopping/a", 2)]}, {})[1].name == "shopping/a"


@pytest.mark.parametrize(("letter", "verdict"), [("T", "stopped"), ("t", "traced"), ("S", "healthy"), ("R", "healthy")])
def test_the_kernel_s_plain_word_comes_before_the_latest_verdict(letter: str, verdict: str) -> None:
    (_, row) = rows_of(HOST, {1: [actor("shop/a", 2)]}, {2: replace(IDLE, state=letter)})
    assert row.verdict == verdict


def test_one_that_is_over_and_not_reaped_has_ended() -> None:
    dead = Usage(name="x", state="Z", cpu_seconds=0.0, age=1.0)
    (_, row) = rows_of(HOST, {1: [actor("shop/a", 2)]}, {2: dead})
    assert (row.state, row.resident_bytes) == ("ended", None)


def test_a_stopped_program_and_a_stopped_zygote_are_said_to_be() -> None:
    below = {1: [ProcessSeen(kind=ProcessKind.ZYGOTE, pid=2)]}
    assert rows_of(HOST, below, {2: replace(IDLE, state="T")})[1].verdict == "stopped"
    assert rows_of(HOST, below, {2: IDLE})[1].verdict is None


def test_who_only_the_kernel_knows_is_called_as_the_kernel_does() -> None:
    other = ProcessSeen(kind=ProcessKind.OTHER, pid=2, state="unknown")
    row = rows_of(HOST, {1: [other]}, {2: replace(IDLE, name="redis server")})[1]
    assert (row.name, row.path, row.state, row.kind) == ("[redis server]", "shop/[redis server]", "unknown", "other")


def test_no_process_has_two_rows_whoever_claims_it() -> None:
    rows = rows_of(HOST, {1: [actor("shop/a", 2)], 2: [actor("shop/b", 1), actor("shop/c", 2)]}, {})
    assert [row.pid for row in rows] == [1, 2]


def test_the_processor_is_counted_from_the_beginning_of_a_process_or_between_two_looks() -> None:
    before = rows_of(HOST, {1: [actor("shop/a", 2), actor("shop/b", 3)]}, {1: IDLE, 2: IDLE, 3: IDLE})
    assert [row.cpu_percent for row in before] == [5.0, 5.0, 5.0]
    later = replace(IDLE, cpu_seconds=3.0, age=42.0)
    another = replace(IDLE, cpu_seconds=0.5, age=1.0)  # that got the number of one that has ended
    after = rows_of(
        HOST,
        {1: [actor("shop/a", 2), actor("shop/b", 3), actor("shop/c", 4)]},
        {1: IDLE, 2: later, 3: another, 4: IDLE},
    )
    assert [row.cpu_percent for row in with_cpu_between(after, before, 2.0)] == [0.0, 50.0, 50.0, 5.0]
    assert with_cpu_between(after, before, 0.0) == after


def test_json_can_be_read_back_and_has_all_fields() -> None:
    rows = rows_of(HOST, {1: [actor("shop/a", 2)]}, {2: IDLE})
    assert rows_from_json(json.loads(json.dumps([row.to_json() for row in rows]))) == rows
    assert rows_from_json([rows[0].to_json() | {"shoe_size": 43}]) == rows[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pid": "7"},
        {"depth": None},
        {"name": 3},
        {"cpu_percent": "much"},
        {"in_flight": 1.5},
        {"restarts": True},
        {"cpu_percent": float("nan")},
        {"uptime": float("inf")},
        {"in_flight": 10**400},
        {"depth": 1},
        {"depth": -1},
    ],
)
def test_what_is_no_row_is_refused_with_its_field(wrong: dict[str, object]) -> None:
    good = rows_of(HOST, {}, {})[0].to_json()
    with pytest.raises(TypeError, match=f"{next(iter(wrong))}: expected"):
        rows_from_json([good | wrong])


def test_a_row_without_its_name_is_refused() -> None:
    with pytest.raises(TypeError, match="name"):
        rows_from_json([{"depth": 0}])


def test_a_row_below_one_that_is_not_there_is_refused() -> None:
    rows = [row.to_json() for row in rows_of(HOST, {1: [actor("shop/a", 2)]}, {2: IDLE})]
    with pytest.raises(TypeError, match="depth: expected 0 to 2, got 100000000"):
        rows_from_json([*rows, rows[1] | {"depth": 10**8}])
