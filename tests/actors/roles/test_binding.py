"""Arguments from the wire meet a signature: what fits is what the function expects, what does not is named."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, NewType, TypedDict

import pydantic
import pytest

from regrow.actors.roles.binding import Arguments, Binder
from regrow.actors.roles.calling import outcome_of_value
from regrow.actors.roles.executor.runner import invocation_of
from regrow.actors.roles.invocation import Invocation
from regrow.actors.roles.messages import FunctionTarget, RunFunction
from regrow.actors.roles.plain_values import plain
from regrow.protocol.codec import decode
from regrow.protocol.session.messages import Failure, Success

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]


@dataclass
class Size:
    width: int
    height: int = 1

    def __post_init__(self) -> None:
        if self.width < 0:
            raise ValueError("width below 0")


@dataclass
class Box:
    name: str
    sizes: list[Size] = field(default_factory=list)
    inside: Box | None = None


class Address(TypedDict, total=False):
    street: str
    number: int


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Order(pydantic.BaseModel):
    items: list[int]


UserId = NewType("UserId", int)


def pack(box: Box, times: int = 1) -> None: ...
def several(*sizes: Size, **more: int) -> None: ...
def named(ctx: Invocation, n: int, /, text: str = "") -> None: ...
def at_the_end(n: int, *, run: Invocation) -> None: ...
def unknown(x: Unknown, n: int) -> None: ...
def untyped(x, y: object) -> None: ...  # type: ignore[no-untyped-def]
def odd(x: [1, 2]) -> None: ...  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeForm]


def run() -> Invocation:
    order = RunFunction(
        request_id="r1", function=FunctionTarget(name="f", target=""), arguments=b"", incarnation=1, headers={}
    )
    return invocation_of(order, now=lambda: 0.0, log=lambda *_: None, report=lambda *_: None)


def bound(function: Callable[..., object], *args: object, **kwargs: object) -> Arguments:
    found = Binder(function).bind(args, kwargs, run())
    assert not isinstance(found, Failure), found
    return found


def refused(function: Callable[..., object], *args: object, **kwargs: object) -> str:
    found = Binder(function).bind(args, kwargs, run())
    assert isinstance(found, Failure)
    assert found.kind == "bad_arguments"
    return found.text


def test_maps_become_the_dataclasses_that_the_annotations_name() -> None:
    box = {"name": "b", "sizes": [{"width": 2}], "inside": {"name": "c"}}
    assert bound(pack, box) == ((Box("b", [Size(2)], Box("c")),), {})
    assert bound(pack, Box("b"), times=2) == ((Box("b"), 2), {})
    assert bound(several, {"width": 1}, {"width": 2}, a=1) == ((Size(1), Size(2)), {"a": 1})


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ({"name": 1}, "pack(): box.name: expected str, got 1"),
        ({"name": "b", "sizes": [{"width": 1}, {"width": "wide"}]}, "box.sizes[1].width: expected int, got 'wide'"),
        ({"name": "b", "inside": {"name": None}}, "box.inside.name: expected str, got None"),
        ({}, "box.name: expected a value"),
        ({"name": "b", "weight": 3}, "box: expected one of the fields of Box (name, sizes, inside), got 'weight'"),
        ({"name": "b", "sizes": [{"width": -1}]}, "box.sizes[0]: expected a Size (width below 0)"),
        (7, "box: expected a map of the fields of Box, got 7"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(box: object, words: str) -> None:
    assert words in refused(pack, box)


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (float, 1, "1"),
        (int, 1, 1.5),
        (bytes, b"x", "x"),
        (int | None, None, "x"),
        (list[int], [1], {"a": 1}),
        (tuple[int, str], (1, "a"), [1]),
        (dict[str, int], {"a": 1}, {"a": "b"}),
        (Mapping[str, int], {"a": 1}, 3),
        (Literal["a", "b"], "a", "c"),
        (Annotated[int, "metres"], 1, "x"),
        (UserId, 1, "x"),
        (Address, {"street": "s", "more": 1}, {"number": "x"}),
    ],
)
def test_annotations_are_what_they_say(annotation: object, good: object, bad: object) -> None:
    def function(x: object) -> None: ...

    function.__annotations__["x"] = annotation
    assert bound(function, good) == ((good,), {})
    assert "x" in refused(function, bad)


def test_arrays_become_what_the_annotation_says() -> None:
    def function(x: tuple[int, ...], y: set[str], z: Sequence[int]) -> None: ...

    assert bound(function, [1, 2], ["a"], [3]) == (((1, 2), {"a"}, [3]), {})


def test_values_become_members_of_an_enum() -> None:
    def function(x: Color) -> None: ...

    assert bound(function, "red") == ((Color.RED,), {})
    assert "expected one of 'red', 'blue', got 'green'" in refused(function, "green")


def test_maps_become_pydantic_models() -> None:
    def function(order: Order) -> None: ...

    function.__annotations__["order"] = Order
    assert bound(function, {"items": [1]}) == ((Order(items=[1]),), {})
    assert "order.items[1]: expected a Order (" in refused(function, {"items": [1, "two"]})


def test_what_cannot_be_resolved_is_left_alone_and_spoils_nothing_else() -> None:
    assert bound(unknown, object, 1)[0][1] == 1
    assert "n: expected int" in refused(unknown, 1, "one")
    assert bound(untyped, 1, "x") == ((1, "x"), {})
    assert bound(odd, 1) == ((1,), {})
    assert bound(math.gcd, 4, 6) == ((4, 6), {})


def test_a_parameter_annotated_as_invocation_gets_the_run() -> None:
    (given, number, text), more = bound(named, 5, text="x")
    assert isinstance(given, Invocation)
    assert (number, text, more) == (5, "x", {})
    assert isinstance(bound(at_the_end, 5)[1]["run"], Invocation)
    assert "unexpected keyword argument 'run'" in refused(at_the_end, 5, run="mine")
    assert "missing a required argument: 'n'" in refused(at_the_end)


def test_nothing_is_checked_without_validation_but_the_run_comes() -> None:
    found = Binder(at_the_end, validate=False).bind(("five",), {}, run())
    assert not isinstance(found, Failure)
    assert found[0] == ("five",)
    assert isinstance(found[1]["run"], Invocation)


def test_results_with_dataclasses_and_models_are_maps() -> None:
    outcome = outcome_of_value((Box("b", [Size(2)]), Order(items=[1])))
    assert isinstance(outcome, Success)
    box = {"name": "b", "sizes": [{"width": 2, "height": 1}], "inside": None}
    assert decode(outcome.value) == (box, {"items": [1]})
    assert plain({"a": Size}) == {"a": Size}
