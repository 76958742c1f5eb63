"""What is said to be proved is proved by a test that exists."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROOFS = TESTS / "system" / "service" / "README.md"


def test_every_test_that_is_named_as_a_proof_exists() -> None:
    named = re.findall(r"([\w/]+\.py)::(\w+)", PROOFS.read_text(encoding="utf-8"))
    assert len(named) > 20
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (TESTS / file).is_file() or f"def {name}(" not in (TESTS / file).read_text(encoding="utf-8")
    ]
    assert missing == []
