"""Where lives run."""

from .choosing import NAMES, Dispatchers
from .dispatcher import Dispatcher
from .thread import ThreadDispatcher

__all__ = ("NAMES", "Dispatcher", "Dispatchers", "ThreadDispatcher")
