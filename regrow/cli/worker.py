"""`regrow worker`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regrow.cli import exit_codes
from regrow.cli.options import (
    app_dir_option,
    control_option,
    dial_options,
    duration,
    log_options,
    proxy_named,
    tokens_text,
)

if TYPE_CHECKING:
    from regrow.cli.logs import LogFormat
    from regrow.connect.worker import Worker

__all__ = ("command",)


@click.command("worker")
@click.argument("app")
@click.option(
    "--url",
    multiple=True,
    envvar="REGROW_URL",
    show_envvar=True,
    help="The gateway, or several, the first one preferred; by default what APP says.",
)
@click.option(
    "--token",
    multiple=True,
    callback=tokens_text,
    envvar="REGROW_TOKEN",
    show_envvar=True,
    help="What the gateway wants to know, or @FILE; a second one is presented where the first is refused.",
)
@click.option("--name", envvar="REGROW_NAME", show_envvar=True, help="What the gateway calls this worker.")
@click.option(
    "--label",
    multiple=True,
    metavar="NAME=VALUE",
    envvar="REGROW_LABELS",
    show_envvar=True,
    help="What requests may ask a worker to have; may be given several times. Added to what APP says.",
)
@click.option(
    "--capacity",
    type=click.IntRange(1),
    envvar="REGROW_CAPACITY",
    show_envvar=True,
    help="How many functions may run at once; by default what APP says, or one a core.",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="REGROW_STATE_DIR",
    show_envvar=True,
    help="Where results wait for the gateway; kept over runs. By default a temporary directory.",
)
@click.option(
    "--grace",
    callback=lambda ctx, param, value: None if value is None else duration(ctx, param, value),
    envvar="REGROW_GRACE",
    show_envvar=True,
    help="How long SIGTERM waits for what runs. [default: what APP says, or 25s]",
)
@click.option(
    "--http",
    metavar="HOST:PORT",
    envvar="REGROW_WORKER_HTTP",
    show_envvar=True,
    help="Answer GET /healthz, /readyz and /metrics there. [default: what APP says, or nowhere]",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1),
    envvar="REGROW_MAX_ATTEMPTS",
    show_envvar=True,
    help="Give up when so many dials in a row have failed. [default: what APP says, or never]",
)
@click.option(
    "--give-up-after",
    callback=lambda ctx, param, value: None if value is None else duration(ctx, param, value),
    envvar="REGROW_GIVE_UP_AFTER",
    show_envvar=True,
    help="Give up when there was no session for so long. [default: what APP says, or never]",
)
@dial_options
@control_option("Control socket (mode 0600). [default: PID.sock in $XDG_RUNTIME_DIR/regrow or /tmp/regrow-UID]")
@app_dir_option
@log_options
def command(  # one for each option
    app: str,
    *,
    url: tuple[str, ...],
    token: tuple[str, ...],
    name: str | None,
    label: tuple[str, ...],
    capacity: int | None,
    state_dir: Path | None,
    grace: float | None,
    http: str | None,
    max_attempts: int | None,
    give_up_after: float | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    proxy: str | None,
    control: Path | None,
    app_dir: Path,
    log_level: str,
    log_format: LogFormat,
) -> int:
    """Run the worker of APP until SIGTERM or SIGINT: "package.module:worker", or "path/to/file.py[:worker]".

    The first signal drains: nothing new, what runs is finished, results are delivered. A second one ends it now.

    Exit codes: 0 ended in order, 1 it gave up, 2 wrong usage, 3 it did not start, 4 the gateway refused it for good,
    130 or 143 ended by a signal, but not in order.
    """
    from dataclasses import replace

    from regrow.cli.failure import Failure
    from regrow.cli.logs import configure_log
    from regrow.cli.targets import import_from
    from regrow.connect.worker_errors import WorkerError
    from regrow.connect.worker_run import exit_code_of, serve

    import_from(app_dir)
    worker = _load(app)
    worker.url = url or worker.url
    worker.token = token or worker.token
    worker.name = name or worker.name
    worker.capacity = capacity or worker.capacity
    worker.state_dir = state_dir or worker.state_dir
    if label:
        worker.options = replace(worker.options, labels={**worker.options.labels, **_labels(label)})
    if grace is not None:
        worker.options = replace(worker.options, drain_grace=grace)
    if http is not None:
        worker.options = replace(worker.options, http=_address(http))
    if max_attempts is not None:
        worker.options = replace(worker.options, max_attempts=max_attempts)
    if give_up_after is not None:
        worker.options = replace(worker.options, give_up_after=give_up_after)
    if ca_file is not None:
        worker.options = replace(worker.options, ca_file=str(ca_file))
    if cert_file is not None or key_file is not None:  # a key of another certificate is of no use
        cert, key = (None if path is None else str(path) for path in (cert_file, key_file))
        worker.options = replace(worker.options, cert_file=cert, key_file=key)
    if proxy is not None:
        worker.options = replace(worker.options, proxy=proxy_named(proxy))
    end_log = configure_log(log_level, log_format)
    try:
        with _controlled(worker, control):
            return serve(worker)
    except WorkerError as error:
        raise Failure(str(error), exit_code=exit_code_of(error)) from error
    finally:
        end_log()


def _labels(given: tuple[str, ...]) -> dict[str, str]:
    """Read what --label says. Errors: UsageError."""
    from regrow.connect.broker.labels import label_problem

    labels: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"--label: expected NAME=VALUE, got {each!r}")
        labels[name] = value
    if problem := label_problem(labels):
        raise click.UsageError(f"--{problem}")
    return labels


def _address(http: str) -> str:
    """Check what --http says. Errors: UsageError."""
    from regrow.connect.admin_http import parse_address

    try:
        parse_address(http)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return http


@contextmanager
def _controlled(worker: Worker, control: Path | None) -> Generator[None]:
    """Let others look at it meanwhile, if a socket for that can be had; one that was asked for has to be.

    Errors: Failure.
    """
    import os

    from loguru import logger

    from regrow.cli.answers import describing, listing
    from regrow.cli.control import ControlServer
    from regrow.cli.control_path import default_control_path
    from regrow.cli.failure import Failure

    verbs = {
        "describe": describing(lambda: worker.root.ref, worker.name),
        "processes": listing(lambda: worker.system),
    }
    server: ControlServer | None = None
    try:
        server = ControlServer(control or default_control_path(os.getpid(), create=True), verbs)
    except Failure as error:
        if control is not None:
            raise
        logger.warning("nobody can look at this worker from outside: {}", error)
    try:
        yield
    finally:
        if server is not None:
            server.close()


def _load(app: str) -> Worker:
    """Find the worker. Errors: Failure (usage) with what was expected."""
    from regrow.actors.hosting.errors import NotImportable
    from regrow.actors.hosting.import_path import resolve
    from regrow.cli.failure import Failure
    from regrow.connect.worker import Worker
    from regrow.connect.worker_errors import WorkerError

    try:
        found = resolve(_target(app))
    except NotImportable as error:
        raise Failure(f"{error.subject}: {error.why}", exit_code=exit_codes.USAGE) from error
    except WorkerError as error:  # made wrongly at the top level of the module
        raise Failure(f"{app}: {error}", exit_code=exit_codes.USAGE) from error
    if not isinstance(found, Worker):
        raise Failure(f"{app}: expected a regrow.Worker, got {found!r}", exit_code=exit_codes.USAGE)
    return found


def _target(app: str) -> str:
    """Give the import path of APP, and let imports find a file."""
    from regrow.cli.failure import Failure
    from regrow.cli.targets import import_from

    place, _, attribute = app.partition(":")
    if place.endswith(".py") or "/" in place:
        file = Path(place)
        if not file.is_file():
            raise Failure(f"{place}: no such file", exit_code=exit_codes.USAGE)
        import_from(file.parent)
        place = file.stem
    return f"{place}:{attribute or 'worker'}"
