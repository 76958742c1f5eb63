"""What the state machines have found: each counterexample as a plain test, small enough to read."""

from __future__ import annotations

from regrow.actors.child_spec import ChildSpec, Restart, Start
from regrow.supervision import requests as ask
from regrow.supervision.results import Reconfigured
from tests.supervision.stage import Stage


def test_a_temporary_child_whose_arguments_were_let_go_is_the_same_in_the_same_spec() -> None:
    stage = Stage(ChildSpec(id="t", start=Start(object, ("large",)), restart=Restart.TEMPORARY)).boot()
    result = stage.ask(ask.Reconfigure(stage.spec))
    assert result == Reconfigured(kept=("t",))
    assert stage.take_log() == ["start t"]
