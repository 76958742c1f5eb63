"""The soak of actors runs, finds nothing, and would find something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "benchmarks.actors_soak", "--seconds=1.5", "--seed=1"]

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.mark.parametrize("dispatcher", ["thread", "pool", "asyncio"])
def test_no_message_is_lost_reordered_or_answered_twice_while_actors_are_ended_at_random(dispatcher: str) -> None:
    done = subprocess.run(
        [*COMMAND, f"--dispatchers={dispatcher}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=55
    )
    if f"{dispatcher}: not available" in done.stdout:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "epochs" in done.stdout


def test_the_soak_objects_to_a_runtime_that_forgets_what_waits_when_an_actor_ends() -> None:
    """With the bus deaf to dead letters all those messages are missing in its books."""
    program = (
        "import sys; from regrow.actors import bus, DeadLetter; publish = bus.EventBus.publish; "
        "bus.EventBus.publish = lambda self, event: None if type(event) is DeadLetter else publish(self, event); "
        "from benchmarks import actors_soak; actors_soak.SETTLE = 2.0; sys.exit(actors_soak.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *COMMAND[3:], "--dispatchers=thread"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "OBJECTION" in done.stdout
