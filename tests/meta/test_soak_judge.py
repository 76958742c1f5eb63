"""The judge of the soak of actors objects to each thing that must not happen, and to nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchmarks.actor_judge import Asked, Books, Told, judge

ONE = Told(3, 0, 1)
TWO = Told(3, 0, 2)
ASK = Asked(3, 1, 5, later=False)


@dataclass
class Outcome:
    kind: str
    what: object = None
    times: int = 1

    def outcome(self) -> tuple[str, object]:
        return self.kind, self.what


def good() -> Books:
    """One message handled, one a dead letter, one ask answered."""
    books = Books()
    books.told += [("a", ONE), ("a", TWO)]
    books.asked.append(("a", ASK, Outcome("value", ASK)))
    books.handled += [("a", 1, ONE), ("a", 1, ASK)]
    books.dead.append(("a", TWO))
    books.refused.append(TWO)
    return books


def objections(books: Books, *, cut_may_lose: bool = False) -> list[str]:
    return judge(books, 3, cut_may_lose=cut_may_lose).objections


def test_nothing_is_objected_to_when_everything_has_come_to_something() -> None:
    assert objections(good()) == []
    assert good().under_way() == 0


def test_a_message_that_came_to_nothing_is_lost() -> None:
    books = good()
    books.handled.remove(("a", 1, ONE))
    assert books.under_way() == 1
    (words,) = objections(books)
    assert words.startswith("lost, neither handled nor a dead letter, to a")


def test_one_in_hand_at_a_kill_may_be_gone_where_kills_cancel_and_only_as_many_as_were_killed() -> None:
    books = good()
    books.handled.remove(("a", 1, ONE))
    books.cut["a"] = 1
    assert objections(books, cut_may_lose=True) == []
    assert len(objections(books)) == 1
    books.told.append(("a", Told(3, 0, 9)))
    assert len(objections(books, cut_may_lose=True)) == 1
    books.cut["a"], books.cut["b"] = 0, 5
    assert len(objections(books, cut_may_lose=True)) == 2


def test_a_message_handled_twice_is_objected_to() -> None:
    books = good()
    books.handled.append(("a", 2, ONE))
    assert objections(books) == [f"handled 2 times: {ONE}"]


def test_a_message_that_was_handled_is_no_dead_letter() -> None:
    books = good()
    books.dead.append(("a", ONE))
    assert objections(books) == [f"handled and a dead letter: {ONE}"]


def test_one_message_is_one_dead_letter() -> None:
    books = good()
    books.dead.append(("a", TWO))
    assert objections(books) == [f"2 dead letters of one message: {TWO}"]


def test_what_was_refused_is_a_dead_letter_and_is_not_handled() -> None:
    books = good()
    books.dead.clear()
    assert objections(books) == [f"refused without a dead letter: {TWO}"]
    books.handled.append(("a", 1, TWO))
    assert f"handled although its sender got ActorDeadError: {TWO}" in objections(books)


def test_what_found_a_full_mailbox_is_not_handled() -> None:
    books = good()
    books.full.append(ONE)
    assert objections(books) == [f"handled although its sender got MailboxFull: {ONE}"]


def test_messages_of_one_sender_are_handled_in_order_within_a_life_only() -> None:
    books = good()
    books.told.append(("a", Told(3, 0, 0)))
    books.handled.append(("a", 2, Told(3, 0, 0)))
    assert objections(books) == []
    books.told.append(("a", Told(3, 1, 4)))
    books.handled.append(("a", 1, Told(3, 1, 4)))
    assert objections(books) == [f"handled by a in life 1 after number 5: {Told(3, 1, 4)}"]


def test_a_message_of_an_earlier_epoch_or_of_nobody_is_objected_to() -> None:
    books = good()
    books.handled.append(("a", 1, Told(2, 0, 7)))
    books.handled.append(("a", 1, Told(3, 0, 8)))
    assert objections(books) == [
        f"handled, a message of an earlier epoch: {Told(2, 0, 7)}",
        f"handled, a message that nobody has sent: {Told(3, 0, 8)}",
    ]


def test_a_message_reaches_whom_it_was_sent_to() -> None:
    books = good()
    books.handled[0] = ("b", 1, ONE)
    assert objections(books) == [f"handled by b, sent to a: {ONE}"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Outcome("none"), "never answered"),
        (Outcome("value", ASK, times=2), "answered 2 times"),
        (Outcome("value", ONE), "answered with the answer to another one"),
        (Outcome("error", ValueError()), "answered with the error of another one"),
        (Outcome("full"), "handled although the mailbox was full"),
    ],
)
def test_an_ask_is_answered_once_and_with_its_own_answer(answer: Outcome, words: str) -> None:
    books = good()
    books.asked[0] = ("a", ASK, answer)
    (said,) = objections(books)
    assert said.startswith(words)


def test_an_ask_that_was_answered_with_a_value_was_handled_and_one_to_the_dead_need_not_be() -> None:
    books = good()
    books.handled.remove(("a", 1, ASK))
    assert objections(books) == [f"answered with a value, handled 0 times: {ASK}"]
    books.asked[0] = ("a", ASK, Outcome("dead"))
    assert objections(books) == []


def test_an_ask_is_never_a_dead_letter() -> None:
    books = good()
    books.dead.append(("a", ASK))
    assert objections(books) == [f"an ask among the dead letters of a: {ASK}"]
