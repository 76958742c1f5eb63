"""Which topics a pattern means, against the same question asked of a regular expression."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regrow.actors.patterns.topic_pattern import TopicPattern, check_topic


@pytest.mark.parametrize(
    ("pattern", "topic", "meant"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*", "a", True),
        ("a.**", "a", True),
        ("a.**", "a.b.c", True),
        ("a.**", "b.a", False),
        ("**", "a.b.c", True),
        ("**.c", "a.b.c", True),
        ("a.**.c", "a.c", True),
        ("a.**.c", "a.c.b", False),
        ("a.b", "a.bb", False),
    ],
)
def test_a_star_is_one_word_and_two_are_any_number(pattern: str, topic: str, meant: bool) -> None:
    assert TopicPattern(pattern).matches(topic) is meant


@pytest.mark.parametrize("pattern", ["", "a.", ".a", "a..b", "a*", "a.b*.c", "***"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="topic pattern"):
        TopicPattern(pattern)


@pytest.mark.parametrize("topic", ["", "a.", "a.*", "**"])
def test_a_topic_that_is_none_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        check_topic(topic)


WORD = st.sampled_from(["a", "b"])


@given(
    st.lists(st.one_of(WORD, st.sampled_from(["*", "**"])), min_size=1, max_size=6),
    st.lists(WORD, min_size=1, max_size=7),
)
@example(["**", "a", "**", "b"], ["a", "b", "a", "b"])
def test_it_means_what_a_regular_expression_means(pattern: list[str], topic: list[str]) -> None:
    parts = {"*": r"\w\.", "**": r"(?:\w\.)*"}
    expression = "".join(parts.get(word, rf"{word}\.") for word in pattern)
    expected = re.fullmatch(expression, "".join(f"{word}." for word in topic)) is not None
    assert TopicPattern(".".join(pattern)).matches(".".join(topic)) is expected
