"""What an actor does when it is its turn: be born, handle messages one at a time, run its hook, end.

What lives here: what messages and exceptions mean to the life they meet. Everything runs on the actor's own thread.
The one broad `except` of an actor's thread is here: it turns whatever escapes into a Crash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import NORMAL, Crash, ExitReason, Normal, crash_of
from .actor import Actor, Cause
from .births import resolve_start
from .child_spec import Start
from .control import ActorExit, Ignore, Reply
from .describe import Describe
from .errors import ActorDeadError
from .events import HookFailed
from .mailbox import CLOSED, Envelope
from .pykka_seam import PROXY_MESSAGES, ActorStop, bind_actor, bind_ref, handle_proxy
from .signals import ExitSignal, StopRequest

if TYPE_CHECKING:
    from .futures import AskFuture
    from .life import Life

__all__ = ("run_turn",)


class _End(BaseException):
    """Carries the end that a signal has decided out to where messages are handled."""

    def __init__(self, cause: Cause, reason: ExitReason) -> None:
        super().__init__(cause, reason)
        self.cause = cause
        self.reason = reason


def run_turn(life: Life) -> bool:
    """Run until nothing is left to do. True: idle, the mailbox will wake it. False: over."""
    if not life.born:
        life.born = True
        if not life.is_over():
            _be_born(life)
    while not life.is_over():
        if life.continuations:
            envelope = life.continuations.popleft()
            life.mailbox.in_hand = envelope
        else:
            taken = life.mailbox.take()
            if taken is None:
                return True
            if taken is CLOSED:
                return False
            envelope = taken
            if life.is_over():  # killed after the message was taken and before it was handled
                life.bury(envelope)
                return False
        if envelope.timer is None or life.timers.accept(envelope.timer):
            _handle(life, envelope)
    return False


def _be_born(life: Life) -> None:
    try:
        actor = _construct(life)
        actor.on_start()
        if not life.start_deferred:
            life.settle_started(actor.start_info)
    except Ignore:
        _end(life, Cause.DECLINED, NORMAL, ignored=True)
    except ActorExit as chosen:
        _end(life, Cause.KILLED if chosen.killed else Cause.DECLINED, chosen.reason)
    except BaseException as error:  # noqa: BLE001 - let it crash: it becomes the exit reason
        if life.actor is not None:
            life.actor._heed(error, "start")
        _end(life, Cause.START_FAILED, _crash(error), error=error)


def _construct(life: Life) -> Actor:
    cls, start = resolve_start(life.birth.start)
    actor = cls.__new__(cls, *start.args, **start.kwargs)
    actor._life = life
    bind_ref(life.ref, actor, life.mailbox, life.stopped)
    bind_actor(life.ref, actor)
    life.actor = actor
    actor.__init__(*start.args, **start.kwargs)  # type: ignore[misc]
    actor._constructed()
    life.birth = replace(life.birth, start=Start(cls))  # what it was started with is its own affair from here on
    return actor


def _handle(life: Life, envelope: Envelope) -> None:
    future = envelope.reply_to
    try:
        answer = _receive(life, envelope.message)
    except Reply as reply:
        answer = reply
    except _End as end:
        _end(life, end.cause, end.reason, future=future, stopped=type(envelope.message) is ActorStop)
        return
    except ActorExit as chosen:
        _end(life, Cause.KILLED if chosen.killed else Cause.EXITED, chosen.reason, future=future)
        return
    except BaseException as error:  # noqa: BLE001 - let it crash: it becomes the exit reason
        stays_owed = future is None or future.deferred or type(envelope.message) is ActorStop
        if life.actor is None or not life.actor._heed(error, "tell" if stays_owed else "ask"):
            cause = Cause.CRASHED if isinstance(error, Exception) else Cause.INTERRUPTED
            _end(life, cause, _crash(error), error=error, future=future)
            return
        answer = Reply(error)
    if future is not None and not future.deferred:
        if type(envelope.message) is ActorStop and not isinstance(answer, Reply):
            life.answer_when_over(future)  # it has work to finish first, see on_stop_request
        else:
            _answer(future, answer)


def _answer(future: AskFuture[Any], answer: object) -> None:
    if isinstance(answer, Reply):
        answer = answer.answer
        if isinstance(answer, BaseException):
            future.try_fail(answer)
            return
    future.try_set(answer)


def _receive(life: Life, message: object) -> object:
    actor = life.actor
    if actor is None:
        raise AssertionError("a turn without an actor")
    kind = type(message)
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(life, actor, message)
    if kind in PROXY_MESSAGES:
        return handle_proxy(actor, message)
    return actor.on_receive(message)


def _receive_exit(life: Life, actor: Actor, message: ExitSignal) -> object:
    """Decide what an exit signal does. Source: the signal rules of erlang:exit/2 and gen_server's of the parent."""
    signal = message.exit
    parent = life.birth.parent
    if actor.trap_exit:
        if signal.sender is not None and signal.sender is parent:
            actor.stop_deadline = None
            actor.on_stop_request(signal.reason)
            return None
        return actor.on_receive(signal)
    if isinstance(signal.reason, Normal) and signal.sender is not life.ref:
        return None
    raise _End(Cause.SIGNALED, signal.reason)


def _receive_stop_request(_life: Life, actor: Actor, message: StopRequest) -> object:
    _ask_to_stop(actor, message.reason, message.deadline)
    return None


def _receive_stop(_life: Life, actor: Actor, _message: object) -> object:
    _ask_to_stop(actor, NORMAL, None)
    return None


def _ask_to_stop(actor: Actor, reason: ExitReason, deadline: float | None) -> None:
    actor.stop_deadline = deadline
    try:
        actor.on_stop_request(reason)
    except ActorExit as chosen:
        if chosen.killed:
            raise
        raise _End(Cause.STOPPED, chosen.reason) from None


def _receive_describe(_life: Life, actor: Actor, _message: Describe) -> object:
    try:
        return actor.describe()
    except Exception as error:
        raise Reply(error) from error  # to be looked at must not end anybody


_SPECIAL: Final[dict[type[object], Callable[[Life, Actor, Any], object]]] = {
    ExitSignal: _receive_exit,
    StopRequest: _receive_stop_request,
    ActorStop: _receive_stop,
    Describe: _receive_describe,
}


def _end(
    life: Life,
    cause: Cause,
    reason: ExitReason,
    *,
    error: BaseException | None = None,
    future: AskFuture[Any] | None = None,
    stopped: bool = False,
    ignored: bool = False,
) -> None:
    """Close the mailbox, answer who waits, run the hook that the cause demands, announce."""
    life.close(reason, stop=future if stopped else None)
    if future is not None and not stopped:
        # SystemExit and the like are this actor's own affair: raised in the asker they would end it as well.
        answer = error if isinstance(error, Exception) else ActorDeadError(life.ref, reason)
        future.try_fail(answer)
    if life.actor is not None and not life.is_over():
        reason = _run_hook(life, life.actor, cause, reason, error)
    life.end(reason, error=error, ignored=ignored)


def _run_hook(life: Life, actor: Actor, cause: Cause, reason: ExitReason, error: BaseException | None) -> ExitReason:
    """Run the one hook of this cause. What on_stop raises is the reason from then on; on_failure changes nothing."""
    hook = actor._hook_for(cause)
    try:
        if hook == "on_stop":
            actor.on_stop()
        elif hook == "on_failure" and error is not None:
            actor.on_failure(type(error), error, error.__traceback__)
    except ActorExit as chosen:
        return chosen.reason if hook == "on_stop" else reason
    except BaseException as failure:  # noqa: BLE001 - as above, in a hook
        if hook is not None:
            actor._heed(failure, hook)
        if hook == "on_stop":
            return _crash(failure)
        life.system.bus.publish(HookFailed(life.ref, life.incarnation, "on_failure", _crash(failure)))
    return reason


def _crash(error: BaseException) -> Crash:
    """Turn what was raised into a reason, without our own frames: they say nothing, and to format them is slow.

    Two thirds of the 0.2 ms went into them, on the way to every restart.
    """
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename == __file__:
        inner = inner.tb_next
    if inner is not None:  # else it is a mistake of ours
        error.__traceback__ = inner
    return crash_of(error)
