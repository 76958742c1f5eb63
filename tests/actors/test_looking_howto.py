"""The snippets of the pages about actors work as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["look-into-actors.md"])
def test_the_snippets_of_a_page_run_one_after_the_other(page: str) -> None:
    text = "\n".join(PYTHON.findall((HOWTO / page).read_text(encoding="utf-8")))
    exec(compile(text, page, "exec"), {"__name__": "howto"})
