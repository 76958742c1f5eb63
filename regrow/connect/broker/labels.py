"""What a worker has and a request needs, as text: `gpu=a100,zone=b`, sorted, so that equal needs are equal texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from regrow.protocol.limits import LABELS_MAX, NAME_MAX_CHARS

__all__ = ("fits", "label_problem", "label_set", "label_text")

_WORD: Final = re.compile(rf"[A-Za-z0-9._:/-]{{1,{NAME_MAX_CHARS}}}")


def label_problem(labels: Mapping[str, str]) -> str:
    """Say why these cannot be labels, or nothing.

    >>> label_problem({"gpu": "a 100"})
    "labels: expected names and values of 1 to 255 letters, digits and ._:/-, got 'gpu'='a 100'"
    """
    if len(labels) > LABELS_MAX:
        return f"labels: expected at most {LABELS_MAX}, got {len(labels)}"
    for name, value in labels.items():
        if not _WORD.fullmatch(name) or not _WORD.fullmatch(value):
            shown = f"{name[:80]!r}={value[:80]!r}"
            return f"labels: expected names and values of 1 to {NAME_MAX_CHARS} letters, digits and ._:/-, got {shown}"
    return ""


def label_text(labels: Mapping[str, str]) -> str:
    """Write labels down; none are "".

    >>> label_text({"zone": "b", "gpu": "a100"})
    'gpu=a100,zone=b'
    """
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))


@lru_cache(maxsize=4096)
def label_set(text: str) -> frozenset[str]:
    """Read what `label_text` wrote."""
    return frozenset(text.split(",")) if text else frozenset()


def fits(need: str, has: frozenset[str]) -> bool:
    """Say whether a worker with these labels can take what needs those.

    >>> fits("gpu=a100", label_set("gpu=a100,zone=b")), fits("gpu=a100", label_set("zone=b")), fits("", frozenset())
    (True, False, True)
    """
    return not need or label_set(need) <= has
