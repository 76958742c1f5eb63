"""A stage for the core of a DynamicSupervisor: children are told apart by the ids that it gives them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from regrow.actors.child_spec import ChildSpec, Delays
from regrow.supervision import requests as ask
from regrow.supervision.backoff import NO_BACKOFF
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.errors import SupervisionError
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import Result, StartedChild
from tests.supervision.stage import OFTEN, Stage


@dataclass(frozen=True, slots=True)
class FakeRef:
    """What the core needs of a ref."""

    urn: str
    alive: bool = True

    def is_alive(self) -> bool:
        return self.alive


class DynamicStage(Stage):
    """Plays every child of one DynamicSupervisor, which has booted already."""

    def __init__(
        self, *, intensity: RestartIntensity = OFTEN, backoff: Delays = NO_BACKOFF, seed: int = 0, **more: Any
    ) -> None:
        super().__init__()
        self.core = DynamicCore(DynamicSpec(intensity, backoff, name="top", **more), random.Random(seed))
        self.boot()

    def ref(self, child_id: str) -> Any:
        return FakeRef(f"urn:{child_id}")

    def add(self, spec: ChildSpec) -> str:
        """Start a child that becomes ready, and give its id."""
        return self.id_of(self.ask(ask.StartChild(spec)))

    def add_with(self, *args: object) -> str:
        return self.id_of(self.ask(ask.StartChildWith(args)))

    def id_of(self, answer: Result | SupervisionError) -> str:
        assert isinstance(answer, StartedChild), answer
        return answer.child_id

    def terminate(self, child_id: str) -> Result | SupervisionError:
        return self.ask(ask.TerminateChild(self.ref(child_id)))
