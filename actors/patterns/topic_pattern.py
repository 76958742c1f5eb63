"""Topics and the patterns that match them: words between dots. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ("TopicPattern", "check_topic")

ONE: Final = "*"
ANY: Final = "**"


def check_topic(topic: str) -> None:
    """Refuse what is no topic. Errors: ValueError.

    >>> check_topic("orders.eu.created")
    """
    words = topic.split(".")
    if not all(words) or any("*" in word for word in words):
        raise ValueError(f"topic {topic!r}: expected words between dots, without *")


class TopicPattern:
    """A topic in which `*` stands for any one word and `**` for any number of words, none too.

    Errors: ValueError for empty words, and for a `*` inside of a word.
    >>> TopicPattern("orders.*.created").matches("orders.eu.created")
    True
    >>> TopicPattern("orders.**").matches("orders")
    True
    """

    __slots__ = ("_plain", "_words", "text")

    def __init__(self, text: str) -> None:
        words = text.split(".")
        for word in words:
            if not word or ("*" in word and word not in (ONE, ANY)):
                raise ValueError(f"topic pattern {text!r}: expected words, * or ** between dots, got {word!r}")
        self.text = text
        self._words = words
        self._plain = "*" not in text

    def matches(self, topic: str) -> bool:
        """Say whether it means this topic. Shape: O(words of the pattern x words of the topic) at worst."""
        if self._plain:
            return topic == self.text
        return self._match(topic.split("."))

    def _match(self, topic: list[str]) -> bool:
        pattern = self._words
        at = seen = 0
        star = -1  # where the latest ** is; what it stands for grows as the rest does not fit
        after = 0
        while seen < len(topic):
            if at < len(pattern) and pattern[at] == ANY:
                star, after = at, seen
                at += 1
            elif at < len(pattern) and pattern[at] in (ONE, topic[seen]):
                at += 1
                seen += 1
            elif star >= 0:
                after += 1
                at, seen = star + 1, after
            else:
                return False
        return all(word == ANY for word in pattern[at:])

    def __repr__(self) -> str:
        return f"TopicPattern({self.text!r})"
