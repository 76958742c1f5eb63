"""The units and the manifest of examples/deploy say what the commands understand, and their times fit together."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from regrow.cli import exit_codes
from regrow.cli.gateway import command as gateway
from regrow.cli.worker import command as worker

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
END_SECONDS = 10.0  # what a tree may take to end after its grace: 8 s, and a margin


def settings(name: str) -> dict[str, str]:
    """Read a unit; of a key that is there twice, the last counts."""
    lines = (DEPLOY / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.mark.parametrize(
    ("unit", "command", "grace"),
    [("regrow-worker.service", worker, "--grace"), ("regrow-gateway.service", gateway, "--drain-timeout")],
)
def test_a_unit_calls_the_command_as_it_is_and_waits_for_it_longer_than_it_takes(
    unit: str, command: click.Command, grace: str
) -> None:
    found = settings(unit)
    words = shlex.split(found["ExecStart"])
    options = {opt for param in command.params for opt in param.opts}
    assert {word for word in words if word.startswith("--")} <= options
    assert words[1] == command.name
    variables = {param.envvar for param in command.params if isinstance(param, click.Option)}
    assert {word.partition("=")[0] for word in found["Environment"].split()} <= variables
    assert seconds(found["TimeoutStopSec"]) >= seconds(words[words.index(grace) + 1]) + END_SECONDS
    assert (found["Type"], found["KillMode"]) == ("notify", "mixed")


def test_what_cannot_be_mended_by_another_start_is_not_started_again() -> None:
    final = settings("regrow-worker.service")["RestartPreventExitStatus"].split()
    assert [int(code) for code in final] == [exit_codes.USAGE, exit_codes.UNREACHABLE]
    assert settings("regrow-gateway.service")["RestartPreventExitStatus"] == str(exit_codes.USAGE)


def test_the_pod_waits_longer_than_its_worker_drains_and_probes_what_it_answers() -> None:
    manifest, image = (DEPLOY / "worker.yaml").read_text(), (DEPLOY / "Dockerfile").read_text()
    (grace,) = re.findall(r'"--grace", "(\d+)s"', image)
    (wait,) = re.findall(r"terminationGracePeriodSeconds: (\d+)", manifest)
    assert float(wait) >= float(grace) + END_SECONDS
    (port,) = re.findall(r'"--http", "0\.0\.0\.0:(\d+)"', image)
    assert set(re.findall(r"(?:port|containerPort): (\d+)", manifest)) == {port}
    assert set(re.findall(r"path: (/\w+)", manifest)) == {"/healthz", "/readyz"}
    assert re.search(r"^USER (?!root)", image, re.MULTILINE)
