"""A program whose actors note what they do, run by `regrow run`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.system.logged_program import LoggedProgram, environment
from tests.system.waiting import WAIT

APP = '''
import sys
import threading
import time

from regrow.actors import Actor, ChildSpec, Start
from regrow.protocol.exits import NORMAL
from regrow.supervision import Restart, SupervisorSpec


def note(file, word):
    with open(file, "a") as notes:
        notes.write(f"{word} {time.monotonic()}\\n")


class Steady(Actor):
    def __init__(self, file, name):
        self.file, self.name_ = file, name

    def on_start(self):
        note(self.file, f"start:{self.name_}")

    def on_stop(self):
        note(self.file, f"stop:{self.name_}")


class Stubborn(Actor):
    def on_stop(self):
        print("the mule stays", file=sys.stderr, flush=True)
        threading.Event().wait(60)


class Slow(Actor):
    def on_start(self):
        threading.Event().wait(60)


class Dies(Actor):
    """Is ready once, and dies; every later start fails."""

    lives = 0

    def __init__(self, file):
        self.file = file

    def on_start(self):
        note(self.file, "start:dies")
        Dies.lives += 1
        if Dies.lives > 1:
            raise ValueError("no disk")
        self.send_after(0.05, "die")

    def on_receive(self, message):
        note(self.file, "dies:dies")
        raise RuntimeError("the first time")


class Done(Actor):
    def on_start(self):
        self.send_after(0.05, "done")

    def on_receive(self, message):
        self.exit(NORMAL)


def tree():
    return SupervisorSpec(children=[ChildSpec(id="a", start=Start(Stubborn)), ChildSpec(id="b", start=Start(Done))])
'''


class App:
    """A directory with the actors above, and whatever runs in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes = directory / "notes"
        self.running: list[LoggedProgram] = []
        (directory / "app.py").write_text(APP)

    def steady(self, *names: str) -> str:
        lines = [
            f'[[tree.child]]\nid = "{name}"\nstart = "app:Steady"\nargs = ["{self.notes}", "{name}"]\n'
            for name in names
        ]
        return "\n".join(lines)

    def policy(self, text: str, name: str = "shop.toml") -> str:
        (self.directory / name).write_text(text)
        return name

    def run(self, *args: str) -> LoggedProgram:
        return self.run_verb("run", *args)

    def run_verb(self, *args: str) -> LoggedProgram:
        log = self.directory / "stderr.log"
        env = environment(self.directory)
        command = LoggedProgram(self.directory, log, *args, stdout=subprocess.DEVNULL, env=env)
        self.running.append(command)
        return command

    def call(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "regrow.cli", *args],
            cwd=self.directory,
            env=environment(self.directory),
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )

    def noted(self) -> list[str]:
        return [line.split()[0] for line in self.notes.read_text().splitlines()]

    def times(self, word: str) -> list[float]:
        lines = [line.split() for line in self.notes.read_text().splitlines()]
        return [float(at) for what, at in lines if what == word]

    def close(self) -> None:
        for command in self.running:
            if command.process.poll() is None:
                command.process.kill()
                command.process.wait(WAIT)
