"""What administrators say about dead letters, and what it leads to: lists, another life, oblivion."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Final

from regrow.connect.broker.book import RequestBook
from regrow.connect.broker.events import Command, Report, Send
from regrow.protocol.session.messages import ChangeDead, DeadLetter, DeadLetters, Failure, ListDead, Submit, Terms

__all__ = ("DeadWords",)

_LISTED: Final = 1000  # at once; an answer has to fit a message
_SHOWN_CHARS: Final = 2000  # of a failure's text


class DeadWords:
    """What has to be done about a word is appended to `out`. Who may say it is for the gateway to know."""

    def __init__(self, out: list[Command], book: RequestBook) -> None:
        self._out = out
        self._book = book

    def said(self, connection: str, message: ListDead | ChangeDead, now: float) -> None:
        """Take one message."""
        if isinstance(message, ListDead):
            self._list(connection, message, now)
        else:
            self._change(connection, message, now)

    def _list(self, connection: str, message: ListDead, now: float) -> None:
        limit = max(1, min(message.limit, _LISTED))
        ids = self._book.kept.dead_ids(message.after)
        wanted = (it for it in ids if message.function in ("", self._book.need(it).function))
        found = list(islice(wanted, limit + 1))
        letters = tuple(self._letter(request_id, now) for request_id in found[:limit])
        answer = DeadLetters(query_id=message.query_id, letters=letters, more=len(found) > limit)
        self._out.append(Send(connection, answer))

    def _letter(self, request_id: str, now: float) -> DeadLetter:
        request = self._book.need(request_id)
        failure = request.outcome
        if not isinstance(failure, Failure):
            raise AssertionError(f"request {request_id} is dead without a failure: {failure}")
        return DeadLetter(
            request_id=request_id,
            function=request.function,
            attempts=request.attempts,
            age_ms=max(0, round((now - request.settled) * 1000)),
            failure=replace(failure, text=failure.text[:_SHOWN_CHARS], traceback=""),
            size=len(request.arguments),
        )

    def _change(self, connection: str, message: ChangeDead, now: float) -> None:
        done = tuple(it for it in dict.fromkeys(message.request_ids) if self._book.kept.is_dead(it))
        for request_id in done:
            request = self._book.need(request_id)
            self._book.forget(request_id)
            if message.what == "retry":
                again = Submit(
                    request_id=request_id,
                    function=request.function,
                    arguments=request.arguments,
                    max_attempts=request.max_attempts,
                    priority=request.priority,
                    terms=None if request.terms == Terms() else replace(request.terms, delay_ms=0),
                )
                self._book.submit(again, now)
        if done:
            self._out.append(Report("info", f"dead letters: {message.what}", {"count": len(done)}))
        answer = DeadLetters(query_id=message.query_id, done=done)
        self._out.append(Send(connection, answer, after_commit=True))
