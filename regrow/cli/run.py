"""`regrow run`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from regrow.cli.options import app_dir_option, control_option, duration, log_options, watchdog

__all__ = ("command",)


@click.command("run")
@click.argument("target")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    envvar="REGROW_POLICY",
    show_envvar=True,
    help="One more policy file, whose [policy] tables are laid over the tree.",
)
@click.option(
    "--grace",
    callback=duration,
    default="25s",
    show_default=True,
    envvar="REGROW_GRACE",
    show_envvar=True,
    help="How long the tree may take to stop, before it is killed.",
)
@click.option(
    "--watchdog",
    "watchdog_seconds",
    callback=watchdog,
    envvar="REGROW_WATCHDOG",
    show_envvar=True,
    help="End this process if it hangs for so long, so that whoever started it starts it anew. [default: never]",
)
@control_option("Control socket (mode 0600). [default: PID.sock in $XDG_RUNTIME_DIR/regrow or /tmp/regrow-UID]")
@app_dir_option
@log_options
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    *,
    policy: Path | None,
    grace: float,
    watchdog_seconds: float | None,
    control: Path | None,
    app_dir: Path,
    log_level: str,
    log_format: Literal["text", "json"],
) -> None:
    """Start the tree of TARGET and stay in the foreground until it ends.

    TARGET is a policy file ("shop.toml") or a tree in a module ("shop.tree:tree").
    SIGTERM and SIGINT stop it in reverse order within the grace; a second one kills what is left.
    SIGHUP, as `regrow reload`, has it follow its changed policy files.

    Exit codes: 0 ended or stopped in order, 1 the tree gave up, 2 usage or policy, 3 it did not start,
    130 and 143 stopped by SIGINT or SIGTERM, but not in order.
    """
    from loguru import logger

    from regrow.actors import ActorSystem
    from regrow.cli.control_path import default_control_path
    from regrow.cli.logs import configure_log
    from regrow.cli.runner import Runner
    from regrow.cli.targets import import_from, load_target
    from regrow.observe.log import attach_logger

    import_from(app_dir)
    loaded = load_target(target, overrides=policy)
    path = control if control is not None else default_control_path(os.getpid(), create=True)
    end_log = configure_log(log_level.upper(), log_format, own_events=False)
    try:
        system = ActorSystem(loaded.root)
        detach = attach_logger(system.bus, logger, log_level.upper())
        try:
            if watchdog_seconds is not None:
                system.hosting.watchdog_seconds = watchdog_seconds
            code = Runner(loaded, grace=grace, logger=logger, control=path).run(system)
        finally:
            detach()
    finally:
        end_log()
    ctx.exit(code)
