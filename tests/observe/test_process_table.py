"""The table of processes, at several widths and for other programs."""

from __future__ import annotations

import pytest

from regrow.observe.process_rows import ProcessRow
from regrow.observe.process_table import WIDTH_MIN, plain_lines, table_lines


def row(depth: int, name: str, pid: int | None, **more: object) -> ProcessRow:
    rest = {"state": "ready", "kind": "actor"} | more
    return ProcessRow(depth=depth, path=f"shop/{name}" if depth else name, name=name, pid=pid, **rest)  # type: ignore[arg-type]


USED = {"resident_bytes": 25 * 2**20, "own_bytes": 19 * 2**20, "cpu_seconds": 0.42, "cpu_percent": 5.75, "age": 90.0}
ROWS = (
    row(0, "shop", 100, kind="host", state="running", **USED),
    row(1, "catalog", 101, verdict="healthy", in_flight=0, restarts=0, incarnation=1, uptime=3700.0, **USED),
    row(
        1,
        "pool",
        102,
        verdict="busy",
        in_flight=12,
        in_hand="RunFunction with a rather long description",
        in_hand_seconds=75.2,
        restarts=2,
        incarnation=3,
        uptime=80.0,
        **USED,
    ),
    row(2, "inner/worker", None, state="starting", verdict="healthy", in_flight=1, incarnation=1, restarts=0),
    row(1, "[zygote]", 104, kind="zygote", state="running", **USED),
)


def test_a_wide_screen_shows_all() -> None:
    assert table_lines(ROWS, 200) == [
        "NAME              PID  STATE     VERDICT  MSGS  MEM  OWN  CPU%   TIME  RESTARTS/LIFE     UP  IN HAND",
        "shop              100  running   -           -  25M  19M   5.8  420ms              -  1m30s  -",
        "├ catalog         101  ready     healthy     0  25M  19M   5.8  420ms            0/1  1h01m  -",
        (
            "├ pool            102  ready     busy       12  25M  19M   5.8  420ms            2/3  1m20s"
            "  1m15s RunFunction with a rather long description"
        ),
        "│ └ inner/worker    -  starting  healthy     1    -    -     -      -            0/1      -  -",
        "└ [zygote]        104  running   -           -  25M  19M   5.8  420ms              -  1m30s  -",
    ]


def test_on_80_columns_the_least_important_ones_are_left_out() -> None:
    assert table_lines(ROWS, 80) == [
        "NAME              PID  STATE     VERDICT  MSGS  MEM  CPU%     UP  IN HAND",
        "shop              100  running   -           -  25M   5.8  1m30s  -",
        "├ catalog         101  ready     healthy     0  25M   5.8  1h01m  -",
        "├ pool            102  ready     busy       12  25M   5.8  1m20s  1m15s RunFunc…",
        "│ └ inner/worker    -  starting  healthy     1    -     -      -  -",
        "└ [zygote]        104  running   -           -  25M   5.8  1m30s  -",
    ]


def test_on_a_very_narrow_one_names_and_numbers_stay() -> None:
    lines = table_lines(ROWS, 1)
    assert lines[0].split() == ["NAME", "PID"]
    assert max(map(len, lines)) <= WIDTH_MIN


@pytest.mark.parametrize("width", range(WIDTH_MIN, 220, 7))
def test_no_line_is_longer_than_the_screen_is_wide(width: int) -> None:
    assert max(map(len, table_lines(ROWS, width))) <= width


def test_columns_in_which_nobody_has_anything_are_left_out() -> None:
    assert table_lines(ROWS[:1], 200)[0].split() == ["NAME", "PID", "STATE", "MEM", "OWN", "CPU%", "TIME", "UP"]


def test_long_names_are_cut_last() -> None:
    deep = (ROWS[0], row(1, "a" * 100, 7, in_hand="b" * 100))
    line = table_lines(deep, 80)[2]
    assert len(line) <= 80
    assert line.startswith("└ aaaaaaaaaaaaaaaa")
    assert line.count("…") == 2


def test_what_others_say_cannot_move_the_cursor() -> None:
    sly = (row(0, "a\x1b[2Jb", 7, in_hand="x\ny\x07"),)
    for lines in (table_lines(sly, 100), plain_lines(sly)):
        assert len(lines) == 2
        assert all(line.isprintable() for line in lines)


def test_a_pipe_gets_paths_and_fields_without_blanks_but_the_last() -> None:
    lines = plain_lines(ROWS)
    assert lines[0].split(maxsplit=11) == [
        *("NAME", "PID", "STATE", "VERDICT", "MSGS", "MEM", "OWN", "CPU%", "TIME", "RESTARTS/LIFE", "UP", "IN HAND")
    ]
    assert [line.split(maxsplit=11)[0] for line in lines[1:]] == [
        *("shop", "shop/catalog", "shop/pool", "shop/inner/worker", "shop/[zygote]")
    ]
    assert lines[3].split(maxsplit=11)[11] == "1m15s RunFunction with a rather long description"
    spaced = plain_lines((row(1, "[redis server]", 7),))[1]
    assert spaced.split()[:2] == ["shop/[redis_server]", "7"]


def test_nobody_is_a_heading() -> None:
    assert table_lines((), 80) == ["NAME  PID  STATE"]


def test_letters_that_take_two_columns_or_none_keep_the_others_in_line() -> None:
    rows = [
        row(0, "店", 1, kind="host", in_hand="注文を処理しています", in_flight=1),
        row(1, "cafe\u0301", 2),
        row(1, "plain", 3),
    ]
    assert table_lines(rows, 60) == [
        "NAME     PID  STATE  MSGS  IN HAND",
        "店         1  ready     1  注文を処理しています",
        "├ cafe\u0301     2  ready     -  -",
        "└ plain    3  ready     -  -",
    ]
    assert table_lines(rows, 44)[1] == "店         1  ready     1  注文を処理してい…"
    assert [line.index("ready") for line in plain_lines(rows)[1:]] == [16, 18, 17]  # letters, not columns
