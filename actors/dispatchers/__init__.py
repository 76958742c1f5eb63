"""Where lives run."""

from .dispatcher import Dispatcher, Runnable
from .thread import ThreadDispatcher

__all__ = ("Dispatcher", "Runnable", "ThreadDispatcher")
