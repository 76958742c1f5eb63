"""The user code of the demo: CPU-heavy functions over real source files, and one that will not let go of the GIL.

What lives here: plain importable functions, as any user would write them. What must not: the machinery of the demo.
Runs in: an executor, a hosted process. They block, that is their point.
"""

from __future__ import annotations

import ast
import io
import lzma
import tokenize
import zlib
from collections import Counter
from pathlib import Path

from regrow.actors.roles.logger import logger

__all__ = ("compress", "count_tokens", "hold_the_gil", "measure_complexity")

_BRANCHES = (
    ast.If,
    ast.For,
    ast.While,
    ast.ExceptHandler,
    ast.With,
    ast.BoolOp,
    ast.IfExp,
    ast.comprehension,
    ast.match_case,
)


def measure_complexity(path: str) -> dict[str, int]:
    """Parse a source file and count functions, classes, branches and the deepest nesting."""
    try:
        tree = ast.parse(Path(path).read_bytes(), filename=path)
    except (SyntaxError, ValueError):  # the library ships files that are wrong on purpose, to test parsers
        return {"unparsable": 1}
    logger.info("measured", path=path)
    kinds: Counter[str] = Counter()
    deepest = 0
    pending: list[tuple[ast.AST, int]] = [(tree, 0)]
    while pending:
        node, depth = pending.pop()
        deepest = max(deepest, depth)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds["functions"] += 1
        elif isinstance(node, ast.ClassDef):
            kinds["classes"] += 1
        elif isinstance(node, _BRANCHES):
            kinds["branches"] += 1
        pending.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return {**kinds, "depth": deepest}


def count_tokens(path: str) -> dict[str, int]:
    """Tokenize a source file; give the count of each kind of token."""
    data = Path(path).read_bytes()
    try:
        return dict(Counter(tokenize.tok_name[token.type] for token in tokenize.tokenize(io.BytesIO(data).readline)))
    except (SyntaxError, tokenize.TokenError):
        return {"unparsable": 1}


def compress(path: str) -> dict[str, int]:
    """Compress a source file twice, fast and hard; give the sizes in bytes."""
    data = Path(path).read_bytes()
    logger.debug("compressing", path=path, bytes=len(data))
    return {"bytes": len(data), "zlib": len(zlib.compress(data, 6)), "lzma": len(lzma.compress(data, preset=2))}


def hold_the_gil(terms: int) -> int:
    """Add up `terms` numbers in one C call, which never lets another thread of its process run."""
    return sum(range(terms))
