"""`regrow plot-backoff`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from regrow.cli import exit_codes
from regrow.cli.options import app_dir_option, json_option

if TYPE_CHECKING:
    from regrow.actors.child_spec import Delays
    from regrow.observe.schedule import Schedule
    from regrow.supervision.decay import FailureDecay
    from regrow.supervision.intensity import RestartIntensity
    from regrow.supervision.policy import Policy
    from regrow.supervision.policy.supervisors import AnySpec

__all__ = ("command",)

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "kind": ("WORD", "exponential (default), constant, ladder, decorrelated, akka or tenacity."),
    "initial": ("DURATION", 'Wait before the first restart; "none": it waits as the others do.'),
    "base": ("DURATION", "Shortest wait of exponential and decorrelated."),
    "factor": ("NUMBER", "Growth of exponential."),
    "cap": ("DURATION", "Longest wait of exponential, decorrelated and tenacity."),
    "jitter": ("WORD", "Spread of exponential: full, equal or none."),
    "seconds": ("DURATION", "Wait of constant."),
    "steps": ("LIST", 'Waits of ladder, as in "0,100ms,1s,5s".'),
    "min_backoff": ("DURATION", "Shortest wait of akka."),
    "max_backoff": ("DURATION", "Longest wait of akka, before its spread."),
    "random_factor": ("NUMBER", "Spread of akka, from 0 to 1."),
    "wait": ("IMPORT", "Wait strategy of tenacity, as in shop.waits:slow."),
    "reset_after": ("DURATION", "Life after which the next failure is the first again."),
}
_WINDOW: Final[Mapping[str, tuple[str, str]]] = {
    "max_restarts": ("N", "Restarts that the supervisor forgives."),
    "max_seconds": ("DURATION", "Window of those restarts."),
}
_DECAY: Final[Mapping[str, tuple[str, str]]] = {
    "threshold": ("NUMBER", "Highest count of restarts that it forgives, for a count that decays."),
    "decay": ("DURATION", "Time in which that count halves."),
}


def _flags(command: F) -> F:
    for name, (metavar, text) in reversed({**_FIELDS, **_WINDOW, **_DECAY}.items()):
        flag = f"--{name.replace('_', '-')}"
        command = click.option(
            flag, name, metavar=metavar, envvar=f"REGROW_PLOT_{name.upper()}", show_envvar=True, help=text
        )(command)
    return command


def _count(flag: str, default: int, text: str) -> Callable[[F], F]:
    name = flag.removeprefix("--").upper()
    return click.option(
        flag,
        type=click.IntRange(1, 100_000),
        default=default,
        show_default=True,
        envvar=f"REGROW_PLOT_{name}",
        show_envvar=True,
        help=text,
    )


@click.command("plot-backoff")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    envvar="REGROW_PLOT_POLICY",
    show_envvar=True,
    help="Policy file with the tree of a child; the flags are laid over what it says.",
)
@click.option("--path", envvar="REGROW_PLOT_PATH", show_envvar=True, help="Path of that child, as in root/db.")
@_flags
@_count("--restarts", 12, "How many restarts to show.")
@_count("--runs", 1000, "How often to play them, for the spread.")
@click.option(
    "--seed", type=int, default=0, show_default=True, envvar="REGROW_PLOT_SEED", show_envvar=True, help="Of the jitter."
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REGROW_PLOT_SVG",
    show_envvar=True,
    help="Write the drawing to this file.",
)
@json_option
@app_dir_option
def command(
    policy: Path | None,
    *,
    path: str | None,
    restarts: int,
    runs: int,
    seed: int,
    svg: Path | None,
    as_json: bool,
    app_dir: Path,
    **fields: str | None,
) -> None:
    """Draw when a child that dies at once would be restarted, and when its supervisor would give up.

    Without --policy it is a child of a supervisor that is told nothing else.

    Exit codes: 0, 2 mistakes in the flags or in the policy file.
    """
    from regrow.cli.targets import import_from
    from regrow.observe.allowance import allowance_text
    from regrow.observe.schedule import play
    from regrow.observe.schedule_view import backoff_text, giving_up_text

    import_from(app_dir)
    delays, intensity = _chosen(policy, path, {name: text for name, text in fields.items() if text is not None})
    schedule = play(delays, intensity, restarts=restarts, runs=runs, seed=seed)
    title = f"{path}: {backoff_text(delays)}" if path else backoff_text(delays)
    allowed = allowance_text(intensity)
    notes = (f"Allowed: {allowed}.", giving_up_text(schedule))
    if svg is not None:
        _write(svg, schedule, title, notes)
    if as_json:
        shown = {"path": path, "backoff": backoff_text(delays), "allowed": allowed, **schedule.to_json()}
        click.echo(json.dumps(shown, indent=2))
        return
    _show(schedule, title, notes)
    if svg is not None:
        click.echo(f"wrote {svg}")


def _show(schedule: Schedule, title: str, notes: Sequence[str]) -> None:
    import sys

    from rich.console import Console

    from regrow.observe.schedule_view import schedule_table

    console = Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    console.print(title, style="bold")
    console.print()
    console.print(schedule_table(schedule))
    console.print()
    for note in notes:
        console.print(note)


def _write(path: Path, schedule: Schedule, title: str, notes: Sequence[str]) -> None:
    from regrow.cli.failure import Failure
    from regrow.observe.schedule_svg import schedule_svg

    try:
        path.write_text(schedule_svg(schedule, title=title, notes=notes), encoding="utf-8")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}", exit_code=exit_codes.USAGE) from error


def _chosen(
    file: Path | None, path: str | None, fields: Mapping[str, str]
) -> tuple[Delays, RestartIntensity | FailureDecay]:
    """Give what counts for the child. Errors: UsageError for flags, Failure for the file."""
    from regrow.supervision.backoff import Backoff, TenacityBackoff
    from regrow.supervision.intensity import RestartIntensity
    from regrow.supervision.policy.kinds import changed_backoff, changed_intensity

    found: tuple[Delays, RestartIntensity | FailureDecay] = (Backoff(), RestartIntensity())
    if (file is None) != (path is None):
        raise click.UsageError("--policy and --path belong together.")
    if file is not None and path is not None:
        found = _in_policy(file, path)
    backoff = {name: text for name, text in fields.items() if name in _FIELDS}
    intensity = {name: text for name, text in fields.items() if name not in _FIELDS}
    if intensity:
        intensity["kind"] = "decay" if intensity.keys() & _DECAY.keys() else "window"
    given = _checked(backoff, intensity)
    try:
        delays = changed_backoff(found[0], given["backoff"])
        allowed = changed_intensity(found[1], given["intensity"])
    except ValueError as error:
        name, _, text = str(error).partition(":")
        raise click.UsageError(f"--{name.replace('_', '-')}:{text}") from error
    problem = delays.problem() if isinstance(delays, TenacityBackoff) else ""
    if problem and isinstance(delays, TenacityBackoff):
        raise click.UsageError(f"--wait: expected {problem}, got {delays.wait!r}")
    return delays, allowed


def _checked(backoff: Mapping[str, str], intensity: Mapping[str, str]) -> dict[str, Mapping[str, object]]:
    """Read the flags as a policy file would be read. Errors: UsageError with every mistake."""
    from regrow.supervision.policy import PolicyError, parse_policy

    lines = ['[policy."flags"]', 'restart = "permanent"']
    for name, table in (("backoff", backoff), ("intensity", intensity)):
        inside = ", ".join(f"{key} = {_toml(key, text)}" for key, text in table.items())
        lines += [f"{name} = {{ {inside} }}"] if table else []
    try:
        [rule] = parse_policy("\n".join(lines), file="flags").rules
    except PolicyError as error:
        mistakes = []
        for mistake in error.mistakes:  # whose key is policy.flags.backoff.base
            flag = mistake.key.rpartition(".")[2].replace("_", "-")
            hint = f"; did you mean {mistake.suggestion}?" if mistake.suggestion else ""
            given = f", got {mistake.given}" if mistake.given else ""
            mistakes.append(f"--{flag}: expected {mistake.expected}{given}{hint}")
        raise click.UsageError("\n".join(mistakes)) from error
    tables: dict[str, Mapping[str, object]] = {}
    for name in ("backoff", "intensity"):
        found = rule.values.get(name)
        tables[name] = found if isinstance(found, dict) else {}
    return tables


def _toml(key: str, text: str) -> str:
    if key == "steps":
        return f"[{', '.join(_toml('', step.strip()) for step in text.split(','))}]"
    try:
        number = float(text)
    except ValueError:
        return json.dumps(text)
    return str(int(number)) if number.is_integer() else repr(number)


def _in_policy(file: Path, path: str) -> tuple[Delays, RestartIntensity | FailureDecay]:
    from regrow.cli.failure import Failure
    from regrow.cli.targets import read_policy
    from regrow.supervision.policy import PolicyError

    policy = read_policy(file)
    try:
        found = _children(policy)
    except PolicyError as error:
        raise Failure(str(error), exit_code=exit_codes.USAGE) from error
    if path in found:
        return found[path]
    from regrow.supervision.policy.mistakes import nearest

    guess = nearest(path, found)
    hint = f"; did you mean {guess}?" if guess else ""
    what = "the path of a child" if path == policy.root else f"one of {', '.join(found) or 'no children'}"
    raise Failure(f"{file}: --path: expected {what}, got {path}{hint}", exit_code=exit_codes.USAGE)


def _children(policy: Policy) -> dict[str, tuple[Delays, RestartIntensity | FailureDecay]]:
    """Give, by path, the backoff of every child of the tree and the intensity of its supervisor."""
    from regrow.supervision.policy.apply import inner_spec
    from regrow.supervision.policy.supervisors import described_children

    found: dict[str, tuple[Delays, RestartIntensity | FailureDecay]] = {}

    def visit(spec: AnySpec, above: str) -> None:
        for child in described_children(spec):
            path = f"{above}/{child.id}"
            found[path] = (child.backoff or spec.backoff, spec.intensity)
            inner = inner_spec(child)
            if inner is not None:
                visit(inner, path)

    visit(policy.tree(), policy.root)
    return found
