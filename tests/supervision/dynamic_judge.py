"""What is right for a supervisor of children that come and go, where it differs from one with fixed children."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regrow.protocol.exits import ExitReason
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import errors as err
from regrow.supervision import events as fact
from regrow.supervision import requests as ask
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.results import ChildInfo, Children
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.states import ChildState
from tests.supervision.judge import Judge
from tests.supervision.naive import ALIVE, comes_back, count_children

if TYPE_CHECKING:
    from tests.supervision.world import Node

__all__ = ("DynamicJudge",)


class DynamicJudge(Judge):
    """Keeps nobody who is down; knows no order but that of coming."""

    def __init__(self, node: Node, spec: DynamicSpec) -> None:
        super().__init__(node, SupervisorSpec(intensity=spec.intensity, backoff=spec.backoff))
        self.dynamic = spec

    def after(self, commands: list[do.Command]) -> None:
        super().after(commands)
        limit = self.dynamic.max_children
        assert limit is None or len(self.order) <= limit
        assert not any(info.state is ChildState.STOPPED for info in self._table().values()), "keeps who is down"
        if self.ending and not self.was_ending and not self.node.core.ended:
            assert all(info.state is ChildState.STOPPING for info in self._table().values()), "all at once"

    def _start(self, order: do.StartLife) -> None:
        assert not self.ending, "a start after the end has begun"
        assert all(life.number < order.life for life in self.node.lives), "a number given twice"
        if order.child_id in self.order:
            self._restart(order)
        else:
            asked = self.event.request if isinstance(self.event, ev.Requested) else None
            assert isinstance(asked, ask.StartChild | ask.StartChildWith)
            given = asked.spec if isinstance(asked, ask.StartChild) else self.dynamic.template
            own = asked.args if isinstance(asked, ask.StartChildWith) else ()
            assert given is not None
            self.order.append(order.child_id)
            self.specs[order.child_id] = order.spec
            assert order.spec.start.args == (*self.dynamic.extra_arguments, *given.start.args, *own)
            assert order.spec.restart is given.restart
        kept = self.specs[order.child_id]
        assert order.spec is kept
        self.withdrawn.discard(order.child_id)
        self.not_before.pop(order.child_id, None)

    def _check_victim(self, child_id: str) -> None:
        named = isinstance(self.event, ev.Requested) and self.event.request == ask.TerminateChild(child_id)
        assert named or (self.ending and not self.was_ending), f"nobody wanted {child_id} stopped"

    def _check_verdict(self, info: ChildInfo, reason: ExitReason, commands: list[do.Command]) -> None:
        said = [command.event for command in commands if isinstance(command, do.Announce)]
        restart = comes_back(info.restart, reason)
        given_up = any(isinstance(event, fact.IntensityReached) for event in said)
        assert (any(isinstance(event, fact.RestartScheduled) for event in said) or given_up) == restart
        assert (do.ForgetChild(info.id) in commands) == (given_up or not restart)

    def _check_answer(self, request: ask.Request, to: object, commands: list[do.Command]) -> None:
        answer = next((c for c in commands if isinstance(c, do.Reply | do.Refuse) and c.to == to), None)
        got = None if answer is None else answer.value if isinstance(answer, do.Reply) else type(answer.error)
        started = [command for command in commands if isinstance(command, do.StartLife)]
        template = self.dynamic.template is not None
        match request:
            case ask.WhichChildren():
                assert isinstance(got, Children)
                assert [info.id for info in got.children] == list(self.seen)[::-1]
            case ask.CountChildren():
                counts = count_children(self.seen.values(), self.readied)
                assert got == (replace(counts, specs=1) if template else counts)
            case ask.StartChild() | ask.StartChildWith():
                full = len(self.seen) == self.dynamic.max_children
                wrong = template != isinstance(request, ask.StartChildWith)
                if self.was_ending:
                    assert got is err.SupervisorStopping
                elif wrong:
                    assert got is err.NotOffered
                else:
                    assert got is (err.MaxChildren if full else None)
                assert len(started) == (got is None)
            case ask.TerminateChild(key) | ask.GetChildSpec(key):
                self._check_named(request, self.seen.get(str(key)), got)
            case _:
                assert got is err.NotOffered

    def _check_named(self, request: ask.Request, info: ChildInfo | None, got: object) -> None:
        if isinstance(request, ask.TerminateChild) and self.was_ending:
            assert got is err.SupervisorStopping
        elif info is None:
            assert got is err.ChildNotFound
        elif isinstance(request, ask.TerminateChild):
            assert (got is None) == (info.state in ALIVE)
