"""What tests of actors need: a clock that they move, an address that collects, an actor on strings."""

from .manual_clock import ManualClock
from .probe import Probe
from .puppet import Hold, Puppet, PuppetError, Script, crash, exit_with, hang, kill_self, refuse

__all__ = (
    "Hold",
    "ManualClock",
    "Probe",
    "Puppet",
    "PuppetError",
    "Script",
    "crash",
    "exit_with",
    "hang",
    "kill_self",
    "refuse",
)
