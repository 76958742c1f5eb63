"""The books of `benchmarks.actors_soak`, and the judge who reads them: what became of every message.

What lives here: what senders, actors and the bus write down, and the rules. It knows nothing of mailboxes or lives;
the rules are those that the documentation promises. What must not: threads, actors, chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

__all__ = ("Answer", "Asked", "Books", "Message", "Told", "Verdict", "judge")

MOST_WORDS = 20  # objections that are written out


class Told(NamedTuple):
    """A message without an answer. `number` grows with each message of a sender, whoever gets it."""

    epoch: int
    sender: int
    number: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that has to be answered, with itself."""

    epoch: int
    sender: int
    number: int
    later: bool  # the answer is given by somebody else, after the handler


Message: TypeAlias = Told | Asked


class Answer(Protocol):
    """What the asker holds."""

    def outcome(self) -> tuple[str, object]:
        """Give what it was: "value", "dead", "full", "error" (all with what came), or "none"."""

    @property
    def times(self) -> int:
        """How often it was said that there is an answer."""


@dataclass(slots=True)
class Books:
    """What was written down; every list is only appended to, so that any thread may."""

    told: list[tuple[Hashable, Told]] = field(default_factory=list)  # to whom, before it is sent
    refused: list[Told] = field(default_factory=list)  # tell raised ActorDeadError
    full: list[Message] = field(default_factory=list)  # tell or ask raised MailboxFull
    asked: list[tuple[Hashable, Asked, Answer]] = field(default_factory=list)
    handled: list[tuple[Hashable, int, Message]] = field(default_factory=list)  # by whom, in which life
    dead: list[tuple[Hashable, object]] = field(default_factory=list)  # events of the bus
    cut: Counter[Hashable] = field(default_factory=Counter[Hashable])  # kills that found a told message in hand

    def under_way(self) -> int:
        """Give how many messages have not come to anything yet."""
        waiting: set[object] = {message for _, message in self.told}
        waiting.difference_update([message for _, _, message in self.handled])
        waiting.difference_update([message for _, message in self.dead])
        waiting.difference_update(self.full)
        return len(waiting) + sum(answer.outcome()[0] == "none" for _, _, answer in self.asked)


@dataclass(slots=True)
class Verdict:
    """What the judge found. No objections: every message is accounted for."""

    objections: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter[str])

    def object(self, words: str) -> None:
        """Note that a rule was broken."""
        self.counts["objections"] += 1
        if len(self.objections) < MOST_WORDS:
            self.objections.append(words)


def judge(books: Books, epoch: int, *, cut_may_lose: bool = False) -> Verdict:
    """Judge one epoch, of which nothing is under way any more.

    `cut_may_lose`: a told message that a kill found in hand may be gone, as where a kill cancels the handler.
    """
    verdict = Verdict()
    handled = Counter(message for _, _, message in books.handled)
    letters = Counter(message for _, message in books.dead if isinstance(message, Told))
    _judge_handled(books, epoch, handled, verdict)
    _judge_told(books, handled, letters, verdict, cut_may_lose=cut_may_lose)
    _judge_asked(books, handled, verdict)
    _judge_order(books, verdict)
    verdict.counts["handled"] += len(books.handled)
    verdict.counts["dead letters"] += letters.total()
    verdict.counts["refused"] += len(books.refused)
    verdict.counts["mailbox full"] += len(books.full)
    return verdict


def _judge_handled(books: Books, epoch: int, handled: Counter[Message], verdict: Verdict) -> None:
    sent: dict[object, Hashable] = {message: to for to, message in books.told}
    sent_or_asked = sent | {message: to for to, message, _ in books.asked}
    for message, times in handled.items():
        if times > 1:
            verdict.object(f"handled {times} times: {message}")
    full = set(books.full)
    for who, _, message in books.handled:
        if message in full:
            verdict.object(f"handled although its sender got MailboxFull: {message}")
        elif message not in sent_or_asked:
            when = "of an earlier epoch" if message.epoch < epoch else "that nobody has sent"
            verdict.object(f"handled, a message {when}: {message}")
        elif sent_or_asked[message] != who:
            verdict.object(f"handled by {who}, sent to {sent_or_asked[message]}: {message}")
    for who, letter in books.dead:
        if isinstance(letter, Asked):
            verdict.object(f"an ask among the dead letters of {who}: {letter}")
        elif isinstance(letter, Told) and letter not in sent:
            verdict.object(f"a dead letter that was not sent in this epoch: {letter}")


def _judge_told(
    books: Books, handled: Counter[Message], letters: Counter[Told], verdict: Verdict, *, cut_may_lose: bool
) -> None:
    refused, full = set(books.refused), set(books.full)
    missing: Counter[Hashable] = Counter()
    for to, message in books.told:
        verdict.counts["told"] += 1
        done, dead = handled[message], letters[message]
        if dead > 1:
            verdict.object(f"{dead} dead letters of one message: {message}")
        if done and dead:
            verdict.object(f"handled and a dead letter: {message}")
        if message in refused:
            if done:
                verdict.object(f"handled although its sender got ActorDeadError: {message}")
            if not dead:
                verdict.object(f"refused without a dead letter: {message}")
        elif not done and not dead and message not in full:
            missing[to] += 1
            if not cut_may_lose or missing[to] > books.cut[to]:
                verdict.object(f"lost, neither handled nor a dead letter, to {to}: {message}")
            else:
                verdict.counts["cut in hand"] += 1


def _judge_asked(books: Books, handled: Counter[Message], verdict: Verdict) -> None:
    for to, message, answer in books.asked:
        verdict.counts["asked"] += 1
        kind, what = answer.outcome()
        verdict.counts[f"asks: {kind}"] += 1
        if kind == "none":
            verdict.object(f"never answered, by {to}: {message}")
            continue
        if answer.times != 1:
            verdict.object(f"answered {answer.times} times: {message}")
        if kind == "value" and what != message:
            verdict.object(f"answered with the answer to another one, {what!r}: {message}")
        if kind == "value" and handled[message] != 1:
            verdict.object(f"answered with a value, handled {handled[message]} times: {message}")
        if kind == "error":
            verdict.object(f"answered with the error of another one, {what!r}: {message}")
        if kind == "full" and handled[message]:
            verdict.object(f"handled although the mailbox was full: {message}")


def _judge_order(books: Books, verdict: Verdict) -> None:
    last: dict[tuple[Hashable, int, int], int] = {}
    for who, life, message in books.handled:
        way = (who, life, message.sender)
        if message.number < last.get(way, -1):
            verdict.object(f"handled by {who} in life {life} after number {last[way]}: {message}")
        last[way] = message.number
