"""`regrow demo`: CPU-heavy functions over real input, processes killed under them, heartbeats that stay punctual."""

from regrow.cli.demo.verb import command

__all__ = ("command",)
