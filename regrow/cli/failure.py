"""How a verb ends when it cannot do what it was asked: a message for people, and an exit code for programs."""

from __future__ import annotations

from typing import IO, Any

import click

__all__ = ("Failure",)


class Failure(click.ClickException):
    """Ends the command with `exit_code`; the message goes to stderr as it is, it may have several lines."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares a class variable and means a default

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message."""
        click.echo(f"regrow: {self.format_message()}", file=file, err=file is None)
