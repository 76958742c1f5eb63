"""One call: everything that can go wrong is an outcome that says what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import pytest

from regrow.actors.roles.calling import FunctionTable, decode_arguments, outcome_of_error, outcome_of_value
from regrow.actors.roles.messages import FunctionTarget
from regrow.actors.roles.outcomes import failure_of, outcome_from_bytes, outcome_to_bytes
from regrow.protocol.codec import decode, encode
from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.session.messages import Failure, Outcome, Success


class BadWordsError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "outcome", [Success(b""), Success(b"\x00" * 1000), Failure("deadline", "T", "text", "trace", True)]
)
def test_outcomes_come_back_as_they_were(outcome: Outcome) -> None:
    assert outcome_from_bytes(outcome_to_bytes(outcome)) == outcome


@pytest.mark.parametrize("value", [None, [], [True], [True, "text"], [False, "nonsense", "T", "t", "", False]])
def test_what_is_no_outcome_is_refused(value: object) -> None:
    with pytest.raises(RemoteProtocolError, match="outcome"):
        outcome_from_bytes(encode(value))


def test_an_exception_without_words_is_still_an_outcome() -> None:
    failure = failure_of("error", BadWordsError())
    assert "ValueError" in failure.text


def target(path: str, name: str = "f") -> FunctionTarget:
    return FunctionTarget(name=name, target=path)


def test_a_function_is_found_by_its_path_and_kept() -> None:
    table = FunctionTable()
    found = table.find(target("math:gcd"))
    assert not isinstance(found, Failure)
    assert found(12, 18) == 6
    assert table.find(target("never:looked.at")) is found


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("", "unknown_function", "'f'"),
        ("no_such_module_of_ours:f", "not_importable", "no_such_module_of_ours"),
        ("math:no_such_function", "not_importable", "no_such_function"),
        ("math:pi", "not_importable", "float"),
    ],
)
def test_what_is_not_there_is_named(path: str, kind: str, words: str) -> None:
    failure = FunctionTable().find(target(path))
    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert words in failure.text


@pytest.mark.parametrize("line", ["raise RuntimeError('broken at import')", "import sys; sys.exit('broken at import')"])
def test_a_module_that_fails_to_import_says_its_own_error(tmp_path: Path, line: str) -> None:
    name = f"broken_module_{abs(hash(line))}"
    (tmp_path / f"{name}.py").write_text(line)
    entry = FunctionTarget(name="f", target=f"{name}:f", entry=str(tmp_path))
    try:
        failure = FunctionTable().find(entry)
    finally:
        sys.path.remove(str(tmp_path))
    assert isinstance(failure, Failure)
    assert failure.kind == "not_importable"
    assert "broken at import" in failure.text


def test_arguments_are_positional_and_named() -> None:
    assert decode_arguments(encode(((1, 2), {"x": 3}))) == ((1, 2), {"x": 3})


@pytest.mark.parametrize("data", [b"", b"\xc1garbage", encode([1]), encode(((), {1: 2})), encode("text")])
def test_what_are_no_arguments_is_a_failure(data: bytes) -> None:
    failure = decode_arguments(data)
    assert isinstance(failure, Failure)
    assert failure.kind == "bad_arguments"


def test_a_result_is_encoded() -> None:
    outcome = outcome_of_value({"a": (1, 2)})
    assert isinstance(outcome, Success)
    assert decode(outcome.value) == {"a": (1, 2)}


def test_a_result_that_cannot_be_said_names_the_path() -> None:
    outcome = outcome_of_value({"rows": [1, object()]})
    assert isinstance(outcome, Failure)
    assert outcome.kind == "bad_result"
    assert "rows" in outcome.text
    assert "[1]" in outcome.text


def test_a_result_beyond_what_the_wire_carries_is_refused_with_both_sizes() -> None:
    outcome = outcome_of_value(b"x" * (9 << 20))
    assert isinstance(outcome, Failure)
    assert outcome.type == "ResultTooLarge"


def takes_one(n: int) -> int:
    return n


def raises_type_error(_n: int) -> NoReturn:
    raise TypeError("inside")


def test_arguments_that_do_not_fit_are_the_callers_fault() -> None:
    with pytest.raises(TypeError) as raised:
        takes_one(1, 2)  # type: ignore[call-arg]
    failure = outcome_of_error(raised.value, takes_one, (1, 2), {})
    assert failure.kind == "bad_arguments"
    assert "takes_one(n: 'int')" in failure.text


def test_a_type_error_of_the_functions_own_is_its_error() -> None:
    with pytest.raises(TypeError) as raised:
        raises_type_error(1)
    assert outcome_of_error(raised.value, raises_type_error, (1,), {}).kind == "error"
