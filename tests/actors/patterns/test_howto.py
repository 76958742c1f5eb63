"""The pieces of code in the how-to of the patterns run, as one program."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "howto" / "use-patterns.md"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_runs() -> None:
    pieces = [piece for piece in PYTHON.findall(PAGE.read_text(encoding="utf-8")) if not piece.startswith("--8<--")]
    assert len(pieces) > 6
    namespace: dict[str, object] = {"__name__": "page"}
    exec(compile("\n".join(pieces), str(PAGE), "exec", dont_inherit=True), namespace)
    assert "report" in namespace
