"""User values as bytes and back: exact, bounded, and with the place of every fault."""

from __future__ import annotations

import contextlib
import math
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.protocol import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    CodecError,
    Crash,
    ExitStatus,
    Hang,
    RefToken,
    RemoteError,
    RemoteProtocolError,
    Shutdown,
    Signaled,
    decode,
    encode,
    record,
)
from regrow.protocol.codec import decode_first, encoding_for
from regrow.protocol.limits import SHARED_FRAME_BYTES


class Point(NamedTuple):
    x: int
    y: int


class Color(Enum):
    RED = 1


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


@record("test.size")
class Size(Enum):
    SMALL = (1, 2)
    BIG = (3, 4)


@record("test.job")
@dataclass(frozen=True)
class Job:
    name: str
    callback: object = None


@record("test.order")
@dataclass(frozen=True, slots=True)
class Order:
    jobs: list[object]
    size: Size = Size.SMALL


@record("test.one")
@dataclass(frozen=True)
class One:
    only: object


@record("test.empty")
@dataclass(frozen=True)
class Empty:
    pass


@record("test.odd")
class Odd(Enum):
    ONE = object()


@record("test.counted")
@dataclass(frozen=True)
class Counted:
    number: int
    total: int = field(init=False, default=0)


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NowhereZone(tzinfo):
    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None


def exactly(left: object, right: object) -> bool:
    """Compare as `==` does, and classes, NaN, and the sign of zero besides."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(exactly, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return len(left) == len(right) and all(
            exactly(a, b) and exactly(left[a], right[b]) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, complex) and isinstance(right, complex):
        return exactly(left.real, right.real) and exactly(left.imag, right.imag)
    if isinstance(left, Job | Order | One) and isinstance(right, Job | Order | One):
        return all(exactly(getattr(left, f.name), getattr(right, f.name)) for f in fields(left))
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return str(left) == str(right)
    if isinstance(left, datetime | time) and isinstance(right, datetime | time):
        return left == right and left.utcoffset() == right.utcoffset() and left.fold == right.fold
    return left == right


exit_reasons = st.one_of(
    st.sampled_from([NORMAL, SHUTDOWN, KILLED, NOPROC]),
    st.builds(Shutdown, st.text()),
    st.builds(Crash, st.text(), st.text(), st.text()),
    st.builds(ExitStatus, st.integers(-128, 255)),
    st.builds(Signaled, st.integers(1, 64), st.booleans()),
    st.builds(Hang, st.text()),
)
fixed_zones = st.one_of(
    st.none(),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))),
)
hashable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**300), 2**300),
    st.text(),
    st.binary(),
    st.uuids(),
    st.datetimes(timezones=fixed_zones),
    st.dates(),
    st.times(timezones=fixed_zones),
    st.timedeltas(),
    exit_reasons,
    st.builds(RefToken, st.text(), st.text(), st.text()),
    st.sampled_from([Size.SMALL, Size.BIG]),
    st.sampled_from([Path("/tmp/x"), Path("a/b"), Path()]),
)
leaves = st.one_of(
    hashable_leaves,
    st.floats(),
    st.decimals(),
    st.complex_numbers(),
)
hashables = st.recursive(
    hashable_leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)),
    max_leaves=6,
)
values = st.recursive(
    st.one_of(leaves, hashables),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(hashables, inner, max_size=4),
        st.sets(hashables, max_size=4),
        st.builds(Job, st.text(), inner),
        st.builds(Order, st.lists(inner, max_size=3), st.sampled_from(Size)),
        st.builds(One, inner),
        st.builds(Empty),
    ),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_what_is_said_comes_back_exactly(value: object) -> None:
    assert exactly(decode(encode(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        -0.0,
        5e-324,
        True,
        1,
        1.0,
        0,
        False,
        2**63,
        2**64 - 1,
        2**64,
        -(2**63),
        -(2**63) - 1,
        1 << 5000,
        {1: "a", 1.5: "b", None: "c", (1, 2): "d", b"k": "e", frozenset({1}): "f"},
        {(1, frozenset({(2, 3)}))},
        frozenset({frozenset({frozenset()})}),
        [[], (), {}, set(), frozenset(), "", b""],
        ((((((1,),),),),),),
        complex(-0.0, math.nan),
        Decimal("-0"),
        Decimal("1E+1000"),
        Decimal("NaN123"),
        Decimal("-Infinity"),
        datetime.max,  # noqa: DTZ901
        datetime.min,  # noqa: DTZ901
        datetime(2024, 10, 27, 2, 30, fold=1),  # noqa: DTZ001
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, seconds=17, microseconds=3))),
        time(2, 30, fold=1),
        date.max,
        timedelta.min,
        timedelta.max,
        uuid5(UUID(int=1), "x"),
        Path("/tmp/\udce9.txt"),
        One(One(None)),
        "\0",
        "\U0001f331",
    ],
    ids=lambda value: type(value).__name__,
)
def test_corners_come_back_exactly(value: object) -> None:
    assert exactly(decode(encode(value)), value)


def test_utc_comes_back_as_the_utc_singleton() -> None:
    back = decode(encode(datetime(2024, 1, 1, tzinfo=UTC)))
    assert isinstance(back, datetime)
    assert back.tzinfo is UTC


def test_a_named_zone_comes_back_as_its_offset() -> None:
    moment = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    back = decode(encode(moment))
    assert isinstance(back, datetime)
    assert back == moment
    assert back.tzinfo == timezone(timedelta(hours=2))


@pytest.mark.parametrize("value", [bytearray(b"abc"), memoryview(b"abc"), memoryview(b"xabcx")[1:4]])
def test_all_kinds_of_bytes_come_back_as_bytes(value: object) -> None:
    assert exactly(decode(encode({"b": value})), {"b": b"abc"})


def test_every_kind_of_buffer_can_be_read() -> None:
    data = encode({"a": (1,)})
    assert decode(data) == decode(bytearray(data)) == decode(memoryview(data)) == {"a": (1,)}


def test_what_was_shared_comes_back_apart() -> None:
    inner: list[object] = []
    back = decode(encode([inner, inner]))
    assert isinstance(back, list)
    assert back[0] is not back[1]


def test_a_timestamp_of_another_msgpack_is_read_as_an_aware_datetime() -> None:
    data = msgpack.packb(msgpack.Timestamp(1, 500_000_000))
    assert decode(data) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "path", "expected"),
        [
            (print, "message", "data, not code"),
            ({"jobs": [1, 2, 3, print]}, "message['jobs'][3]", "data, not code"),
            (Order([Job("a"), Job("b", lambda: 1)]), "message.jobs[1].callback", "data, not code"),
            ({"k": (1, 2, {3: object()})}, "message['k'][2][3]", "a plain value, a @record or a ref"),
            ([Point(1, 2)], "message[0]", "a tuple or a @record (a namedtuple would lose its names)"),
            ([Color.RED], "message[0]", 'an enum registered with @record("tag"), or its .value'),
            ([Level.LOW], "message[0]", 'an enum registered with @record("tag"), or its .value'),
            ([Word.YES], "message[0]", 'an enum registered with @record("tag"), or its .value'),
            ({1: OrderedDict()}, "message[1]", "exactly dict"),
            ([int], "message[0]", "data, not a class"),
            ([deque()], "message[0]", "a plain value, a @record or a ref"),
            ({Color.RED: 1}, "message key <Color.RED: 1>", 'an enum registered with @record("tag"), or its .value'),
            (
                {(1, Color.RED): 1},
                "message key (1, <Color.RED: 1>)[1]",
                'an enum registered with @record("tag"), or its .value',
            ),
            (
                {frozenset({1}), Color.RED},
                "message{<Color.RED: 1>}",
                'an enum registered with @record("tag"), or its .value',
            ),
            (["fine", "\ud800"], "message[1]", "text that UTF-8 can say (surrogates not allowed)"),
            ({"\ud800": 1}, "message key '\\ud800'", "text that UTF-8 can say (surrogates not allowed)"),
            ([memoryview(b"abcd")[::2]], "message[0]", "a contiguous memoryview"),
            ([1 << 600_000], "message[0]", "an integer of at most 65536 bytes"),
            ([PurePosixPath("x")], "message[0]", "a plain value, a @record or a ref"),
            ([threading.Lock()], "message[0]", "a plain value, a @record or a ref"),
            ([datetime(2024, 1, 1, tzinfo=NowhereZone())], "message[0]", "a time whose zone knows its UTC offset"),
            ([time(1, tzinfo=ZoneInfo("Europe/Berlin"))], "message[0]", "a time whose zone knows its UTC offset"),
            (One(One(print)), "message.only.only", "data, not code"),
        ],
    )
    def test_names_the_exact_path_and_what_belongs_there(self, value: object, path: str, expected: str) -> None:
        with pytest.raises(CodecError) as caught:
            encode(value)
        assert (caught.value.path, caught.value.expected) == (path, expected)
        assert path in str(caught.value)

    def test_whatever_is_fine_before_it_is_walked_past(self) -> None:
        fine = [
            {1: 2},
            [3],
            (4,),
            {5},
            frozenset({6}),
            Job("a"),
            Counted(1),
            Size.BIG,
            NORMAL,
            ValueError(1),
            2**80,
            {},
        ]
        with pytest.raises(CodecError) as caught:
            encode([*fine, print])
        assert caught.value.path == f"message[{len(fine)}]"

    def test_the_value_of_an_enum_is_part_of_the_path(self) -> None:
        with pytest.raises(CodecError) as caught:
            encode([Odd.ONE])
        assert caught.value.path == "message[0].value"

    def test_the_root_is_called_as_the_caller_says(self) -> None:
        with pytest.raises(CodecError, match=r"cannot encode arguments\[0\]: expected data, not code"):
            encode([print], root="arguments")

    def test_subclasses_of_text_numbers_and_lists_are_refused(self) -> None:
        for kind, expected in ((str, "exactly str"), (int, "exactly int"), (list, "exactly list")):
            with pytest.raises(CodecError, match=expected):
                encode([type("Sub", (kind,), {})()])

    def test_a_cycle_is_reported_where_it_closes(self) -> None:
        message: dict[str, object] = {"a": 1}
        message["b"] = [{"back": message}]
        with pytest.raises(CodecError) as caught:
            encode(message)
        assert caught.value.path == "message['b'][0]['back']"
        assert caught.value.expected == "no cycle (it is message again)"

    def test_a_cycle_further_down_names_where_it_began(self) -> None:
        inner: list[object] = []
        inner.append((inner,))
        with pytest.raises(CodecError) as caught:
            encode({"a": inner})
        assert caught.value.path == "message['a'][0][0]"
        assert caught.value.expected == "no cycle (it is message['a'] again)"

    def test_a_cycle_through_a_record(self) -> None:
        jobs: list[object] = []
        order = Order(jobs)
        jobs.append(order)
        with pytest.raises(CodecError, match="no cycle"):
            encode(order)

    def test_too_deep_is_refused_with_a_short_path(self) -> None:
        value: object = 1
        for _ in range(3000):
            value = [value]
        with pytest.raises(CodecError, match="at most 1024 levels") as caught:
            encode(value)
        assert len(caught.value.path) < 300

    def test_too_deep_by_what_records_add_is_refused(self) -> None:
        value: object = 1
        for _ in range(600):
            value = One(value)
        with pytest.raises(CodecError, match="recursion limit"):
            encode(value)

    def test_a_value_that_cannot_be_shown_can_still_be_refused(self) -> None:
        with pytest.raises(CodecError) as caught:
            encode({"x": Broken()})
        assert "message['x']" in str(caught.value)

    def test_after_a_refusal_the_next_message_is_whole(self) -> None:
        with pytest.raises(CodecError):
            encode([1, 2, print])
        assert decode(encode([1])) == [1]


class TestRecords:
    def test_unknown_fields_are_ignored(self) -> None:
        data = encode(Job("a")).replace(b"\xa8callback", b"\xa8callbaXX")
        assert decode(data) == Job("a")

    def test_a_missing_field_is_named(self) -> None:
        data = encode(Job("a")).replace(b"\xa4name", b"\xa4nXme")
        with pytest.raises(RemoteProtocolError, match=r"record 'test.job': expected a field 'name'"):
            decode(data)

    def test_an_unknown_tag_is_named(self) -> None:
        data = encode(Job("a")).replace(b"test.job", b"test.jab")
        with pytest.raises(RemoteProtocolError, match=r"is its module imported.*'test.jab'"):
            decode(data)

    def test_an_unknown_member_of_an_enum_is_refused(self) -> None:
        data = encode(Size.SMALL).replace(b"\x01\x02", b"\x01\x09")
        with pytest.raises(RemoteProtocolError, match=r"record 'test.size'"):
            decode(data)


class TestRefs:
    class Ref:
        def __init__(self, urn: str) -> None:
            self.urn = urn

    def say(self, value: object) -> RefToken | None:
        return RefToken(value.urn, "name", "here") if isinstance(value, TestRefs.Ref) else None

    def test_refs_become_tokens_and_refs_again(self) -> None:
        data = encode({"to": (TestRefs.Ref("u1"), 5)}, refs=self.say)
        assert decode(data) == {"to": (RefToken("u1", "name", "here"), 5)}
        back = decode(data, refs=lambda token: TestRefs.Ref(token.urn + "!"))
        assert isinstance(back, dict)
        assert back["to"][0].urn == "u1!"

    def test_what_is_no_ref_is_still_refused(self) -> None:
        with pytest.raises(CodecError, match=r"message\[1\]"):
            encode([TestRefs.Ref("u"), object()], refs=self.say)

    def test_the_callable_of_one_call_is_gone_in_the_next(self) -> None:
        encode(TestRefs.Ref("u"), refs=self.say)
        with pytest.raises(CodecError):
            encode(TestRefs.Ref("u"))

    def test_encoding_may_encode(self) -> None:
        def say(value: object) -> RefToken | None:
            assert decode(encode((1,))) == (1,)
            return self.say(value)

        assert decode(encode([TestRefs.Ref("a"), TestRefs.Ref("b")], refs=say)) == [
            RefToken("a", "name", "here"),
            RefToken("b", "name", "here"),
        ]


class TestExceptions:
    def back(self, error: BaseException) -> RemoteError:
        value = decode(encode({"error": error}))
        assert isinstance(value, dict)
        assert isinstance(value["error"], RemoteError)
        return value["error"]

    def test_an_exception_comes_back_as_data(self) -> None:
        try:
            raise KeyError("missing", 7)
        except KeyError as raised:
            back = self.back(raised)
        assert back.crash.type == "KeyError"
        assert back.arguments == ("missing", 7)
        assert "test_an_exception_comes_back_as_data" in back.crash.traceback
        assert str(back) == "KeyError: ('missing', 7)"

    def test_arguments_that_cannot_be_said_are_shown(self) -> None:
        back = self.back(ValueError(1, print, [object], (2,)))
        assert back.arguments == (1, "<built-in function print>", "[<class 'object'>]", (2,))

    def test_an_exception_that_fails_to_show_itself_still_comes(self) -> None:
        class HostileError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

            def __reduce__(self) -> str:
                raise RuntimeError("no pickle")

            @property
            def args(self) -> tuple[object, ...]:  # type: ignore[override]
                raise RuntimeError("no args")

        back = self.back(HostileError(Broken(), threading.Lock()))
        assert "text unavailable" in back.crash.text
        assert len(back.arguments) == 2
        assert "__repr__ raised RuntimeError" in str(back.arguments[0]) or "Broken" in str(back.arguments[0])

    def test_an_exception_that_is_its_own_argument(self) -> None:
        error = ValueError()
        error.args = (error, [error], "x")
        back = self.back(error)
        assert isinstance(back.arguments[0], RemoteError)
        assert back.arguments[0].arguments == ()
        assert back.arguments[2] == "x"

    def test_passing_it_on_does_not_change_it(self) -> None:
        first = self.back(ValueError("x", (1,)))
        second = self.back(first)
        assert (second.crash, second.arguments) == (first.crash, first.arguments)

    def test_text_that_utf8_cannot_say_is_escaped(self) -> None:
        assert self.back(ValueError("\ud800")).crash.text == "\\ud800"

    def test_long_texts_are_cut_in_the_middle(self) -> None:
        crash = self.back(ValueError("a" * 100_000 + "z")).crash
        assert len(crash.text) < 17_000
        assert crash.text.endswith("z")
        assert "characters cut" in crash.text

    def test_many_arguments_are_bounded(self) -> None:
        assert len(self.back(ValueError(*range(1000))).arguments) == 32

    def test_interrupts_are_exceptions_too(self) -> None:
        assert self.back(KeyboardInterrupt()).crash.type == "KeyboardInterrupt"
        assert str(self.back(KeyboardInterrupt())) == "KeyboardInterrupt"


def ext(code: int, data: bytes = b"") -> bytes:
    return bytes([0xC7, len(data), code]) + data


class TestBrokenInput:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\xc1",
            b"\x01\x02",
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
            b"\xdb\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x01",
            b"\xa2\xff\xff",
            b"\x91" * 5000,
            b"\x81\x00" * 5000,
            b"\x91\xc7\x00\x01" * 3,
            (b"\x92" + ext(1)) * 2000,
            b"\xdc\xff\xff" * 1000,
            b"\x81\x90\x01",
            ext(99, b"x"),
            ext(-1 & 0xFF, b"\x00"),
            ext(-1 & 0xFF, b"\xff" * 12),
            ext(32, b"\x00"),
            ext(1),
            b"\x91" + ext(99, b""),
            b"\x92\x01" + ext(1),
            b"\x81\x01" + ext(1),
            b"\x92" + ext(1) + ext(2),
            b"\x92" + ext(2) + b"\x90",
            b"\x92" + ext(3) + b"\x80",
            b"\x91" + ext(4),
            b"\x93" + ext(4) + b"\x01\x80",
            b"\x93" + ext(4) + b"\xa8test.job\x90",
            b"\x91" + ext(5),
            b"\x95" + ext(5) + b"\x01\x02\x03\x04",
            b"\x91" + ext(6),
            b"\x92" + ext(6) + b"\xa5crash",
            b"\x92" + ext(6) + b"\x90",
            b"\x95" + ext(6) + b"\xa5crash\x01\x02\x03",
            b"\x93" + ext(6) + b"\xa6normal\x01",
            b"\x91" + ext(7),
            b"\x94" + ext(7) + b"\x01\x02\x03",
            ext(16, b"\x01" * 200)[:50],
            ext(17, b"nonsense"),
            ext(17, b"\xff"),
            ext(17, b"1E+99999999999999999999999999"),
            ext(18, b"short"),
            ext(19, b"02024-13-01"),
            ext(19, b"92024-12-01"),
            ext(19, b""),
            ext(20, b"\x00\x00\x00\x00"),
            ext(20, b"\x00"),
            ext(21, b"0nonsense"),
            ext(22, b"\xff\xff\xff\x7f" * 3),
            ext(23, b"x"),
            ext(24, b"a\x00b")[:2],
            b"\xc8\x00\x00\x01",
        ],
        ids=lambda data: data[:12].hex() or "empty",
    )
    def test_is_an_error_of_the_peer(self, data: bytes) -> None:
        with pytest.raises(RemoteProtocolError):
            decode(data)
        with pytest.raises(RemoteProtocolError):
            decode(data, refs=lambda token: token)

    @pytest.mark.parametrize("problem", [MemoryError, RecursionError])
    def test_what_does_not_fit_into_this_process_is_refused(self, problem: type[Exception]) -> None:
        def refs(token: RefToken) -> object:
            raise problem

        with pytest.raises(RemoteProtocolError, match=f"a value that fits .{problem.__name__}"):
            decode(encode(RefToken("u")), refs=refs)

    def test_an_integer_of_megabytes_is_refused(self) -> None:
        size = 70_000
        with pytest.raises(RemoteProtocolError):
            decode(b"\xc9" + size.to_bytes(4, "big") + b"\x10" + bytes(size))

    def test_what_is_claimed_is_bounded_before_it_is_allocated(self) -> None:
        claim = b"\xdd" + (2_000_000).to_bytes(4, "big")
        with pytest.raises(RemoteProtocolError, match="max_array_len"):
            decode(claim + bytes(2_000_000))
        bomb = (b"\xdd" + (999_999).to_bytes(4, "big")) * 300_000
        with pytest.raises(RemoteProtocolError):
            decode(bomb)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=200))
    def test_nothing_but_our_errors_comes_of_random_bytes(self, data: bytes) -> None:
        with contextlib.suppress(RemoteProtocolError):
            decode(data)

    @settings(max_examples=60, deadline=None)
    @given(values, st.data())
    def test_nothing_but_our_errors_comes_of_changed_bytes(self, value: object, data: st.DataObject) -> None:
        packed = bytearray(encode(value))
        for _ in range(data.draw(st.integers(1, 3))):
            packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(RemoteProtocolError):
            decode(bytes(packed))


def test_many_threads_may_encode_at_once() -> None:
    failures: list[object] = []

    def work(number: int) -> None:
        for count in range(200):
            value = {"n": (number, count), "s": {number}}
            if decode(encode(value)) != value:
                failures.append(value)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_a_large_message_keeps_no_large_buffer() -> None:
    assert decode(encode(bytes(3_000_000))) == bytes(3_000_000)


class TestManyAtOnce:
    """`decode_first`: whatever the bytes are, it reads what `decode` reads, or leaves it to that."""

    @pytest.mark.parametrize(
        "values",
        [
            [],
            [{"id": number, "kind": "tick"} for number in range(300)],
            [(1, 2), {3}, One(4), None, [Decimal(5)], b"\xc7\x00"],
            [2**80, "ü", -1.5],
        ],
    )
    def test_reads_all_as_if_one_by_one(self, values: list[object]) -> None:
        assert decode_first([encode(value) for value in values]) == values

    def test_refs_are_made_of_tokens(self) -> None:
        bodies = [encode(RefToken("urn:1", "one", "mine")), encode(2)]
        assert decode_first(bodies, refs=lambda token: token.urn if isinstance(token, RefToken) else None) == [
            "urn:1",
            2,
        ]

    @pytest.mark.parametrize(
        "bad",
        [b"", b"\xc1", b"\x92\x01", b"\x01\x02", b"\xc7\x00\x01", b"\x93\xc7\x00\x04\x01\x02", b"\xc7\x01\x7f\x00"],
        ids=["nothing", "no msgpack", "too little", "too much", "a stray mark", "a bad record", "no known extension"],
    )
    def test_stops_at_the_latest_where_one_cannot_be_read(self, bad: bytes) -> None:
        good = [encode(number) for number in range(5)]
        assert [0, 1, 2, 3, 4][: len(read := decode_first([*good, bad, encode(6), b"\x07"]))] == read

    def test_what_two_make_up_together_is_the_message_of_neither(self) -> None:
        assert decode_first([b"\x92\x01", b"\x02\x03"]) == []
        assert decode_first([b"\x01", b"\x92\x01", b"\x02\x03", b"\x04"])[1:] == []

    def test_more_than_share_a_frame_is_left(self) -> None:
        assert decode_first([encode(b"x" * SHARED_FRAME_BYTES), encode(1)]) == []

    @given(st.lists(st.binary(max_size=12), max_size=8))
    @settings(max_examples=300, deadline=None)
    def test_agrees_with_decode_whatever_the_bytes_are(self, bodies: list[bytes]) -> None:
        read = decode_first(bodies)
        assert repr(read) == repr([decode(body) for body in bodies[: len(read)]])


class TestOneSide:
    """`encoding_for`: as `encode`, for one who says refs always in the same way."""

    @pytest.mark.parametrize("value", [{"id": 1}, (1, {2}), One(3), None])
    def test_says_what_encode_says(self, value: object) -> None:
        assert encoding_for(lambda _value: None)(value) == encode(value)

    def test_says_refs_in_its_own_way(self) -> None:
        said = encoding_for(lambda value: RefToken("urn:1", "one", "mine") if value is print else None)
        assert said([print]) == encode([RefToken("urn:1", "one", "mine")])
        with pytest.raises(CodecError, match=r"message\['a'\]"):
            said({"a": open})
        assert said(1) == encode(1)

    def test_may_be_asked_again_while_it_is_at_it(self) -> None:
        inner: list[bytes] = []

        def say(_value: object) -> RefToken:
            inner.append(said([1, "within"]))
            return RefToken("urn:1", "one", "mine")

        said = encoding_for(say)
        assert said(["before", print, "after"]) == encode(["before", RefToken("urn:1", "one", "mine"), "after"])
        assert inner == [encode([1, "within"])]
