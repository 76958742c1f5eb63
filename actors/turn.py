"""What an actor does when it is its turn: be born, handle messages one at a time, run its hook, end.

What lives here: what messages and exceptions mean to the life they meet. The one broad `except` of an actor is here: it
turns whatever escapes into a Crash. Hooks and handlers may be `async def` where the dispatcher runs coroutines: then a
turn is left with AWAITS, and comes back with what the coroutine gave.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import NORMAL, ExitReason, Normal
from .actor import Actor, Cause
from .beginning import settle_started
from .births import resolve_start
from .child_spec import Start
from .control import GIVEN_AWAY, ActorExit, Ignore, NeverBegan, Reply
from .crash_frames import OUR_FILES, crash_from
from .current import here
from .ending import bury, close, end
from .errors import ActorDeadError, AsyncElsewhere
from .events import HookFailed
from .extras import Batch, extras_of
from .inquiries import INQUIRIES, answer_inquiry
from .mailbox import Envelope
from .pykka_seam import PROXY_MESSAGES, ActorStop, handle_proxy
from .rest import AWAITS, MORE, MOVED, OVER, Rest
from .signals import ExitSignal, StopRequest
from .slow_turn import go_slowly

if TYPE_CHECKING:
    from collections.abc import Callable

    from .futures import AskFuture
    from .life import Life

__all__ = ("run_turn",)


class _End(BaseException):
    """Carries the end that a signal has decided out to where messages are handled."""

    def __init__(self, cause: Cause, reason: ExitReason) -> None:
        super().__init__(cause, reason)
        self.cause = cause
        self.reason = reason


class _Moved(BaseException):
    """Says that the class, known only now, runs elsewhere."""

    def __init__(self, cls: type[Actor], start: Start) -> None:
        super().__init__(cls, start)
        self.cls = cls
        self.start = start


def run_turn(life: Life, limit: int) -> Rest:  # noqa: C901, PLR0912, PLR0915 - what all messages go through
    """Handle up to `limit` messages of users, and all that goes before them; after the last of them, nothing."""
    if not life.born:
        moved = _begin(life)
        if moved:
            return MOVED
    if life.coroutine is not None:
        return AWAITS
    actor = life.actor
    if actor is None or life.is_over():
        return OVER
    extras = life.extras
    if extras is not None and extras.slow:
        return go_slowly(life, extras, limit, _handle, _SPECIAL)
    box = life.mailbox
    user, plain = box.user, box.plain
    pop = user.popleft if plain else box.pop
    receive = actor.on_receive
    left = limit
    try:
        while True:
            if box.urgent is not None:
                if left <= 0:
                    return MORE
                item = box.pop_urgent()
                if item is not None:
                    box.in_hand = item
                    _handle(life, item)
                    if life.awaits():
                        return AWAITS
                    if life.extras is not None and life.extras.slow:
                        return go_slowly(life, life.extras, left, _handle, _SPECIAL)
                    continue
            if not user and (plain or not box.waiting()):
                rest = box.rest()
                if rest is MORE:
                    continue
                return rest
            if left <= 0:
                return MORE
            try:
                item = pop()
            except IndexError:
                continue  # it has been closed at this moment
            left -= 1
            box.in_hand = item
            future: AskFuture[Any] | None = None
            message = item
            if type(item) is Envelope and item.timer is None:
                message, future = item.message, item.reply_to
            if type(message) in _SPECIAL:
                _handle(life, item)
                if life.awaits():
                    return AWAITS
            elif life.ended:  # killed after the message was taken and before it is handled
                bury(life, item)
            else:
                try:
                    answer = receive(message)
                except BaseException as error:  # noqa: BLE001 - let it crash: it becomes the exit reason
                    _raised(life, message, future, error)
                    if life.awaits():
                        return AWAITS
                else:
                    if type(answer) is CoroutineType:
                        _drive(life, message, future, answer)
                        if life.awaits():
                            return AWAITS
                    elif future is not None:
                        _answered(life, message, future, answer)
            box.in_hand = None
    finally:
        life.handled += limit - left


def _begin(life: Life) -> bool:
    """Be born. Gives True if it is to be born elsewhere."""
    life.born = True
    if not life.ended:
        try:
            _be_born(life)
        except _Moved as moved:
            life.move(moved.cls, moved.start)
            return True
    return False


def _be_born(life: Life) -> None:
    try:
        actor = _construct(life)
        returned = _given(actor.on_start)
        if type(returned) is CoroutineType:
            life.dispatcher.drive(life, returned, lambda error, _: _born(life, actor, error))
            return
    except _Moved:
        raise
    except BaseException as error:  # noqa: BLE001 - let it crash: it becomes the exit reason
        _born(life, life.actor, error)
    else:
        _born(life, actor, None)


def _given(hook: Callable[..., object], *args: object) -> object:
    """Run a hook and give what it gives: nothing, or a coroutine if it is `async def`."""
    return hook(*args)


def _born(life: Life, actor: Actor | None, error: BaseException | None) -> None:
    match error:
        case None:
            if actor is not None and not life.start_deferred:
                settle_started(life, actor.start_info)
        case Ignore():
            _end(life, Cause.DECLINED, NORMAL, ignored=True)
        case ActorExit():
            _end(life, Cause.KILLED if error.killed else Cause.DECLINED, error.reason)
        case _:
            if actor is not None:
                actor._heed(error, "start")
            _interrupted(error)
            _end(life, Cause.START_FAILED, crash_from(error), error=error)


def _construct(life: Life) -> Actor:
    if life.start is None:
        raise AssertionError("a life is constructed once")
    cls, start = resolve_start(life.start)
    if cls.dispatcher not in {None, life.dispatcher.name} and life.movable:
        life.system.dispatchers.get(cls.dispatcher)  # a name that nobody knows is the class's mistake
        raise _Moved(cls, start)
    actor = cls.__new__(cls, *start.args, **start.kwargs)
    actor._life = life
    life.ref.actor_class = cls
    life.actor = actor
    actor.__init__(*start.args, **start.kwargs)  # type: ignore[misc]
    actor._constructed()
    if cls.batch_max > 0:
        extras_of(life).batch_max = cls.batch_max
    life.start = None  # what it was started with is its own affair from here on
    return actor


def _handle(life: Life, item: object) -> None:
    if life.ended:
        bury(life, item)
        return
    future: AskFuture[Any] | None = None
    message = item
    if type(item) is Envelope:
        if item.timer is not None and not item.timer.accept():
            return
        message, future = item.message, item.reply_to
    try:
        answer = _receive(life, message)
    except BaseException as error:  # noqa: BLE001 - let it crash: it becomes the exit reason
        _raised(life, message, future, error)
    else:
        if type(answer) is CoroutineType:
            _drive(life, message, future, answer)
        else:
            _answered(life, message, future, answer)


def _drive(life: Life, message: object, future: AskFuture[Any] | None, coroutine: CoroutineType[Any, Any, Any]) -> None:
    def done(error: BaseException | None, answer: object) -> None:
        if error is None:
            _answered(life, message, future, answer)
        elif isinstance(error, NeverBegan) and future is None and life.ended:
            bury(life, message)  # killed before the first step of its handler
        else:
            _raised(life, message, future, error)

    try:
        life.dispatcher.drive(life, coroutine, done)
    except AsyncElsewhere as error:
        _raised(life, message, future, error)


def _answered(life: Life, message: object, future: AskFuture[Any] | None, answer: object) -> None:
    if future is None or future.deferred or life.mailbox.in_hand is GIVEN_AWAY:
        return
    if isinstance(answer, Reply):
        given = answer.answer
        if isinstance(given, BaseException):
            future.try_fail(given)
        else:
            future.try_set(given)
    elif type(message) is ActorStop:
        life.answer_when_over(future)  # it has work to finish first, see on_stop_request
    else:
        future.try_set(answer)


def _raised(life: Life, message: object, future: AskFuture[Any] | None, error: BaseException) -> None:
    if life.mailbox.in_hand is GIVEN_AWAY:
        future = None
    if isinstance(error, Reply):
        _answered(life, message, future, error)
    elif isinstance(error, _End):
        _end(life, error.cause, error.reason, future=future, stopped=type(message) is ActorStop)
    elif isinstance(error, ActorExit):
        stopped = type(message) is ActorStop  # an `async def` on_stop_request exits this way
        _end(life, Cause.KILLED if error.killed else Cause.EXITED, error.reason, future=future, stopped=stopped)
    else:
        stays_owed = future is None or future.deferred or type(message) is ActorStop
        if life.actor is not None and life.actor._heed(error, "tell" if stays_owed else "ask"):
            _answered(life, message, future, Reply(error))
            return
        _interrupted(error)
        cause = Cause.CRASHED if isinstance(error, Exception) else Cause.INTERRUPTED
        _end(life, cause, crash_from(error), error=error, future=future)


def _interrupted(error: BaseException) -> None:
    """Let an interrupt go on to who has lent his thread: it was meant for him, if he is the main thread."""
    if isinstance(error, KeyboardInterrupt) and here().depth:
        here().interrupt = error


def _receive(life: Life, message: object) -> object:
    actor = life.actor
    if actor is None:
        raise AssertionError("a turn without an actor")
    special = _SPECIAL.get(type(message))
    return actor.on_receive(message) if special is None else special(life, actor, message)


def _receive_proxied(_life: Life, actor: Actor, message: object) -> object:
    return handle_proxy(actor, message)


def _receive_exit(life: Life, actor: Actor, message: ExitSignal) -> object:
    """Decide what an exit signal does. Source: the signal rules of erlang:exit/2 and gen_server's of the parent."""
    signal = message.exit
    if actor.trap_exit:
        if signal.sender is not None and signal.sender is life.parent:
            actor.stop_deadline = None
            returned = _given(actor.on_stop_request, signal.reason)
            return returned if type(returned) is CoroutineType else None
        return actor.on_receive(signal)
    if isinstance(signal.reason, Normal) and signal.sender is not life.ref:
        return None
    raise _End(Cause.SIGNALED, signal.reason)


def _receive_stop_request(_life: Life, actor: Actor, message: StopRequest) -> object:
    return _ask_to_stop(actor, message.reason, message.deadline)


def _receive_stop(_life: Life, actor: Actor, _message: object) -> object:
    return _ask_to_stop(actor, NORMAL, None)


def _ask_to_stop(actor: Actor, reason: ExitReason, deadline: float | None) -> object:
    actor.stop_deadline = deadline
    kind = type(actor)
    if kind.on_stop_request is Actor.on_stop_request and kind.exit is Actor.exit:
        raise _End(Cause.STOPPED, reason)  # as the hook would, but at half the price
    try:
        returned = _given(actor.on_stop_request, reason)
    except ActorExit as chosen:
        if chosen.killed:
            raise
        raise _End(Cause.STOPPED, chosen.reason) from None
    return returned if type(returned) is CoroutineType else None


_SPECIAL: Final[dict[type[object], Callable[[Life, Actor, Any], object]]] = {
    Envelope: lambda _life, actor, envelope: actor.on_receive(envelope),  # a user's own, inside of ours
    ExitSignal: _receive_exit,
    StopRequest: _receive_stop_request,
    ActorStop: _receive_stop,
    Batch: lambda _life, actor, batch: actor.on_batch(batch),
    **dict.fromkeys(INQUIRIES, answer_inquiry),
    **dict.fromkeys(PROXY_MESSAGES, _receive_proxied),
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
    if stopped and future is not None:
        life.answer_when_over(future)
    close(life, reason)
    if future is not None and not stopped:
        # SystemExit and the like are this actor's own affair: raised in the asker they would end it as well.
        future.try_fail(error if isinstance(error, Exception) else ActorDeadError(life.ref, reason))
    actor = life.actor
    hook = None if actor is None or life.ended else actor._hook_for(cause)
    if actor is None or hook is None:
        end(life, reason, error=error, ignored=ignored)
        return

    if life.extras is not None:
        life.extras.taps.note("hook", hook)

    def done(failure: BaseException | None, _returned: object = None) -> None:
        last = reason if failure is None else _after_hook(life, actor, hook, reason, failure)
        end(life, last, error=error, ignored=ignored)

    try:
        returned: object = None
        if hook == "on_stop":
            returned = _given(actor.on_stop)
        elif error is not None:
            returned = _given(actor.on_failure, type(error), error, error.__traceback__)
        if type(returned) is CoroutineType:
            life.dispatcher.drive(life, returned, done)
            return
    except BaseException as failure:  # noqa: BLE001 - as above, in a hook
        done(failure)
    else:
        done(None)


def _after_hook(life: Life, actor: Actor, hook: str, reason: ExitReason, failure: BaseException) -> ExitReason:
    """What on_stop raises is the reason from then on; what on_failure raises changes nothing."""
    if isinstance(failure, ActorExit):
        return failure.reason if hook == "on_stop" else reason
    actor._heed(failure, "on_stop" if hook == "on_stop" else "on_failure")
    _interrupted(failure)
    if hook == "on_stop":
        return crash_from(failure)
    life.system.bus.publish(HookFailed(life.ref, life.incarnation, "on_failure", crash_from(failure)))
    return reason


OUR_FILES.update((__file__, go_slowly.__code__.co_filename))
