"""What a function returned, as values that the codec carries: dataclasses and pydantic models as maps.

What lives here: the one conversion, pure. Records (`@regrow.record`) stay what they are: both ends know them.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable

from ...protocol.records import record_for_type

__all__ = ("plain",)


def plain(value: object) -> object:
    """Give the value with each dataclass and each pydantic model in it as a map of its fields.

    >>> import dataclasses
    >>> Point = dataclasses.make_dataclass("Point", ["x", "y"])
    >>> plain([Point(1, Point(2, 3))])
    [{'x': 1, 'y': {'x': 2, 'y': 3}}]
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value) is list:
        return [plain(item) for item in value]
    if type(value) is tuple:
        return tuple(plain(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and record_for_type(type(value)) is None:
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    if isinstance(model, type) and isinstance(value, model):
        dump: Callable[[], dict[str, object]] = value.model_dump  # type: ignore[attr-defined]
        return plain(dump())
    return value
