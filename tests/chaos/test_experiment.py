"""An experiment that cannot be refuted would be worth nothing."""

import pytest

from regrow.chaos import Experiment, HypothesisRefuted, wait_until


def test_a_claim_that_held_confirms_the_hypothesis() -> None:
    lines: list[str] = []
    with Experiment("drill", "all is well", write=lines.append) as experiment:
        assert experiment.check("nothing lost", True, "0 lost")
    assert any("[held] nothing lost: 0 lost" in line for line in lines)
    assert "confirmed" in lines[-1]


def test_a_claim_that_did_not_hold_is_raised_with_what_was_measured() -> None:
    lines: list[str] = []
    with (
        pytest.raises(HypothesisRefuted, match="nothing lost: 3 lost"),
        Experiment("drill", "all is well", write=lines.append) as experiment,
    ):
        experiment.check("nothing lost", False, "3 lost")
    assert "refuted" in lines[-1]


def test_an_error_inside_is_not_hidden_by_the_report() -> None:
    with pytest.raises(ZeroDivisionError), Experiment("drill", "all is well", write=lambda _: None):
        raise ZeroDivisionError


def test_waiting_for_what_never_comes_names_it() -> None:
    with pytest.raises(HypothesisRefuted, match=r"the moon: expected within 0\.0 s"):
        wait_until(lambda: False, what="the moon", deadline=0.0)


def test_waiting_for_what_is_already_so_returns_at_once() -> None:
    assert wait_until(lambda: True, what="now", deadline=0.0) < 1.0
