"""What the service logs is silent until the program asks for it, in whatever order things are imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENT = """
import regrow
{before}
client = regrow.Client("ws://127.0.0.1:1")
{after}
try:
    client.invoke("f", timeout=0.05)
except regrow.RegrowError:
    pass
client.close()
"""
ENABLE = 'from loguru import logger; logger.enable("regrow")'


@pytest.mark.parametrize(
    ("before", "after", "heard"),
    [("", "", False), (ENABLE, "", True), ("", ENABLE, True)],
    ids=["nobody asked", "asked before the client was imported", "asked afterwards"],
)
def test_nothing_is_logged_unless_the_program_enables_it(before: str, after: str, heard: bool) -> None:
    source = CLIENT.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=True)
    assert ("regrow.connect" in done.stderr) is heard, done.stderr
