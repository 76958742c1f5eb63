"""What a handler raises to say something to the runtime, instead of failing."""

from __future__ import annotations

from typing import Final

from ..protocol.exits import ExitReason

__all__ = ("GIVEN_AWAY", "ActorExit", "Ignore", "NeverBegan", "Reply")


class Reply(Exception):
    """Answer the asker and live on: `raise Reply(error)`, or return it.

    An exception inside is raised in the asker, any other value is returned to it.
    """

    def __init__(self, answer: object) -> None:
        super().__init__(answer)
        self.answer = answer


class Ignore(Exception):
    """Raised in on_start: this actor does not want to run, and that is no failure.

    Source: OTP gen_server init/1 returning `ignore`.
    """


class NeverBegan(BaseException):
    """A coroutine was taken back before its first step."""


GIVEN_AWAY: Final = object()
"""In hand where the message was until it was stashed, or forwarded: who has it now answers."""


class ActorExit(BaseException):
    """Ends the actor that raises it with `reason`; made by `Actor.exit`. Passes every `except Exception`.

    `killed` means that no hook runs any more.
    """

    def __init__(self, reason: ExitReason, *, killed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.killed = killed
