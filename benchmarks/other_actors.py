"""Where the sides of `benchmarks.actors` that are not in our own environment come from: a second one, and Erlang.

What lives here: making them ready, and the command of each side. None of them is a dependency of ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree, which

from benchmarks.other_supervisors import Unavailable

__all__ = ("STRANGERS", "command_of", "python_with")

WAIT = 600.0  # seconds for an installation
STRANGERS = {"thespian": "thespian==4.0.1", "xoscar": "xoscar==0.12.2"}


def command_of(side: str, cores: int, folder: Path, *, install: bool) -> list[str]:
    """Give the command that is this side. `folder`: for what is built on the way.

    Errors: Unavailable; without `install` also if it has not been installed before.
    """
    if side == "Erlang":
        return _erlang(cores, folder)
    if side in STRANGERS:
        return [str(python_with(STRANGERS[side], install=install)), "-m", "benchmarks.actor_strangers", side]
    return [sys.executable, "-m", "benchmarks.actor_peers", side]


def _erlang(cores: int, folder: Path) -> list[str]:
    if which("erl") is None or which("erlc") is None:
        raise Unavailable("no `erl` and `erlc` on the PATH (apt-get install erlang-base)")
    source = Path(__file__).with_name("actors.erl").resolve()
    try:
        subprocess.run(["erlc", "-o", folder, source], check=True, capture_output=True, timeout=WAIT)
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(_last_words(error)) from error
    return ["erl", "-noshell", "+S", f"{cores}:{cores}", "+P", "2000000", "-pa", str(folder), "-s", "actors", "main"]


def python_with(wanted: str, *, install: bool) -> Path:
    """Give the Python of an environment that has this and nothing of ours; kept in the cache of the user.

    Errors: Unavailable; without `install` also if it has not been installed before.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = ".".join(map(str, sys.version_info[:2]))
    folder = cache / "regrow-benchmarks" / f"{wanted}-python{version}"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python
    if not install:
        raise Unavailable(f"{wanted} is not installed yet; run once without --quick")
    rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=WAIT)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
        subprocess.run(command, check=True, capture_output=True, timeout=WAIT)
        done.touch()
    except (subprocess.SubprocessError, OSError) as error:
        raise Unavailable(_last_words(error)) from error
    return python


def _last_words(error: Exception) -> str:
    said = getattr(error, "stderr", None) or b""
    text = said if isinstance(said, str) else said.decode(errors="replace")
    return (text.strip().splitlines() or [str(error)])[-1]
